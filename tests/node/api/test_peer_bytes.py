"""A shared tree as one answer: whole, in ranges, never more and never silently less than promised."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest

from node.api import peer_bytes
from node.api.offers import NothingOffered
from node.api.peer_bytes import Span, spans_of
from protocol import limits
from tests.node.api.running import Running

URL = "/peer/v1/trees/sha256:" + "0" * 64
SIZES = (0, 4_000, limits.PEER_PIECE + 70_000, 1, 65_536, 300_000)


class Shares(NothingOffered):
    def __init__(self, files: Sequence[tuple[Path, int]]) -> None:
        self.files_ = files

    def whole(self, digest: str, ask: str = "") -> Sequence[tuple[Path, int]]:
        return self.files_


@pytest.fixture
def whole(node: Running, tmp_path: Path) -> bytes:
    """The bytes that are shared."""
    chance = Random(3)
    files = []
    for number, size in enumerate(SIZES):
        path = tmp_path / f"f{number}"
        path.write_bytes(chance.randbytes(size))
        files.append((path, size))
    node.desk.offers = Shares(files)
    return b"".join(path.read_bytes() for path, _ in files)


async def ask(node: Running, wanted: str = "") -> tuple[int, bytes, str]:
    async with node.client.get(node.peer + URL, headers={"Range": wanted} if wanted else {}) as answer:
        return answer.status, await answer.read(), answer.headers.get("Content-Range", "")


async def test_all_files_and_any_part_of_them_come_in_one_answer(node: Running, whole: bytes) -> None:
    assert await ask(node) == (200, whole, "")
    size = len(whole)
    for start, end in (
        (0, size),
        (3_999, 4_001),
        (4_000, size),
        (4_000 + limits.PEER_PIECE, size - 7),
        (size - 1, size),
    ):
        said = f"bytes {start}-{end - 1}/{size}"
        assert await ask(node, f"bytes={start}-{end - 1}") == (206, whole[start:end], said)
    assert await ask(node, "bytes=-5") == (206, whole[-5:], f"bytes {size - 5}-{size - 1}/{size}")
    async with node.client.head(node.peer + URL) as answer:
        assert answer.status == 200 and answer.content_length == size


@pytest.mark.parametrize("wanted", ["bytes=5-2", "bytes=99999999-", "bytes=0-1,4-5", "lines=1-2", "bytes=-"])
async def test_a_range_that_cannot_be_had_is_an_error(node: Running, whole: bytes, wanted: str) -> None:
    status, body, _ = await ask(node, wanted)
    assert status == 400 and b"api.bad_request" in body and b"Range" in body


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("how", ["shorter", "gone", "link"])
async def test_a_file_that_is_no_longer_what_it_was_breaks_the_answer(
    node: Running, whole: bytes, number: int, how: str, tmp_path: Path
) -> None:
    path = tmp_path / f"f{number}"
    if how == "shorter":
        path.write_bytes(b"x")
    else:
        path.unlink()
    if how == "link":
        path.symlink_to("/etc/hostname")
    with pytest.raises(aiohttp.ClientError):
        await ask(node)


async def test_an_empty_tree_of_bytes_is_an_answer(node: Running, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    node.desk.offers = Shares([(tmp_path / "empty", 0)])
    assert await ask(node) == (200, b"", "")


async def test_who_takes_too_little_is_dropped(node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_bytes, "_SECONDS", 0.2)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(32 * limits.MIB)
    node.desk.offers = Shares([(tmp_path / "large", 32 * limits.MIB)])
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", int(node.peer.rpartition(":")[2])))
        await loop.sock_sendall(slow, f"GET {URL} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await asyncio.sleep(1.0)
        size = 0
        with suppress(ConnectionResetError):
            async with asyncio.timeout(5):
                while data := await loop.sock_recv(slow, limits.MIB):
                    size += len(data)
        assert size < 32 * limits.MIB


def test_spans_cover_what_is_asked_for_once() -> None:
    files = [(Path(str(number)), size) for number, size in enumerate(SIZES)]
    spans = list(spans_of(files, 3_999, 4_000 + limits.PEER_PIECE + 10))
    assert spans == [
        Span(Path("1"), 3_999, 1),
        Span(Path("2"), 0, limits.PEER_PIECE),
        Span(Path("2"), limits.PEER_PIECE, 10),
    ]
