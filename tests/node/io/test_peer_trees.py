"""One tree from several peers that serve, break off, lie or fall silent."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from node.io.partials import Journal, Partials
from node.io.peer_trees import Pace, TreeFetch, read_listing
from protocol import limits
from protocol.digest import TreeFile, in_order, tree_digest
from protocol.errors import DataError, IntegrityError, OoderError, UnavailableError

CHANCE = Random(5)
BYTES = {
    "SKILL.md": b"# one\n",
    "empty": b"",
    "model.bin": CHANCE.randbytes(5 * limits.MIB + 7),
    "run.sh": b"#!/bin/sh\n",
}
FILES = [TreeFile(name, name.endswith(".sh"), len(b), hashlib.sha256(b).hexdigest()) for name, b in BYTES.items()]
DIGEST = tree_digest(FILES)
WHOLE = b"".join(BYTES[file.path] for file in in_order(FILES))


class FakePeer:
    """A giver. `breaks`: so many answers end after `after` bytes; `lies`: other bytes; `has`: whether it has the tree."""

    def __init__(self, *, breaks: int = 0, after: int = 1_000, lies: bool = False, has: bool = True) -> None:
        self.breaks, self.after, self.lies, self.has = breaks, after, lies, has
        self.asked: list[tuple[int, int]] = []
        self.sent = 0

    async def listing(self) -> Mapping[str, Any]:
        if not self.has:
            raise UnavailableError("peer.refused", address="x", status=404)
        rows = [
            {"path": f.path, "size": f.size, "digest": f"sha256:{f.sha256}", "executable": f.executable} for f in FILES
        ]
        return {"digest": DIGEST, "files": rows}

    async def piece(self, start: int, end: int) -> AsyncIterator[bytes]:
        self.asked.append((start, end))
        if not self.has:
            raise UnavailableError("peer.refused", address="x", status=404)
        data = WHOLE[start:end]
        broken, self.breaks = self.breaks > 0, max(0, self.breaks - 1)
        for at in range(0, len(data), 64 * 1024):
            await asyncio.sleep(0)
            chunk = data[at : at + 64 * 1024]
            if broken and at + len(chunk) > self.after:
                yield chunk[: max(0, self.after - at)]
                raise UnavailableError("peer.unreachable", address="x", reason="reset")
            self.sent += len(chunk)
            yield bytes(len(chunk)) if self.lies else chunk


async def fetch(*peers: FakePeer, rate: float = 0.0) -> dict[str, bytes]:
    async with asyncio.timeout(10):
        return {one.path: one.data for one in await TreeFetch(peers, DIGEST, Pace(rate)).run()}


async def test_several_peers_share_the_work() -> None:
    peers = [FakePeer(), FakePeer(), FakePeer()]
    assert await fetch(*peers) == BYTES
    assert all(peer.sent for peer in peers) and sum(peer.sent for peer in peers) == sum(map(len, BYTES.values()))


async def test_what_broke_off_goes_on_where_it_stopped() -> None:
    alone = FakePeer(breaks=2, after=200_000)
    assert await fetch(alone) == BYTES
    assert alone.asked == [(0, len(WHOLE)), (200_000, len(WHOLE)), (400_000, len(WHOLE))], "nothing twice"


async def test_many_small_files_are_one_question() -> None:
    alone = FakePeer()
    assert await fetch(alone) == BYTES
    assert alone.asked == [(0, len(WHOLE))]


async def test_a_liar_is_not_listened_to_to_the_end() -> None:
    liar, honest = FakePeer(lies=True), FakePeer()
    assert await fetch(liar, honest) == BYTES
    assert liar.sent < len(WHOLE) / 2


async def test_a_peer_that_is_lost_costs_only_itself() -> None:
    assert await fetch(FakePeer(breaks=99), FakePeer()) == BYTES
    assert await fetch(FakePeer(has=False), FakePeer()) == BYTES
    assert await fetch(FakePeer(), FakePeer(has=False)) == BYTES


@pytest.mark.parametrize("liars", [(0,), (1,), (0, 1), (0, 2)])
async def test_liars_among_several_are_found_out(liars: tuple[int, ...]) -> None:
    peers = [FakePeer(lies=number in liars) for number in range(3)]
    assert await fetch(*peers) == BYTES


async def test_when_nobody_has_it_the_worst_is_said() -> None:
    with pytest.raises(IntegrityError):
        await fetch(FakePeer(lies=True), FakePeer(lies=True))
    with pytest.raises(UnavailableError) as caught:
        await fetch(FakePeer(breaks=99), FakePeer(has=False))
    assert caught.value.code in {"peer.unreachable", "peer.refused"}
    with pytest.raises(OoderError):
        await TreeFetch([FakePeer()], "sha256:" + "0" * 64, Pace(0)).run()


async def test_it_comes_no_faster_than_allowed() -> None:
    began = asyncio.get_running_loop().time()
    assert await fetch(FakePeer(), FakePeer(), rate=20 * limits.MIB) == BYTES
    assert asyncio.get_running_loop().time() - began > 0.2


class Hanging(FakePeer):
    """Falls silent in the middle of the large file."""

    async def piece(self, start: int, end: int) -> AsyncIterator[bytes]:
        async for chunk in super().piece(start, end):
            if self.sent > 4 * limits.MIB:
                await asyncio.sleep(60)
            yield chunk


async def test_a_fetch_that_was_killed_goes_on_from_its_journal(tmp_path: Path) -> None:
    held = Partials(tmp_path).hold(DIGEST, time.time())
    assert held is not None
    file = held.path / "journal"
    work = asyncio.create_task(TreeFetch([Hanging()], DIGEST, Pace(0), Journal(held, after=0.0)).run())
    async with asyncio.timeout(10):
        while not file.exists() or file.stat().st_size < 3 * limits.MIB:
            await asyncio.sleep(0.01)
    as_killed = file.read_bytes()
    work.cancel()
    await asyncio.wait({work})
    file.write_bytes(as_killed + b"5 1000\ntorn")  # in the middle of a write
    second = FakePeer()
    files = await TreeFetch([second], DIGEST, Pace(0), Journal(held, after=0.0)).run()
    assert {one.path: one.data for one in files} == BYTES
    ((start, end),) = second.asked
    assert 3 * limits.MIB <= start < end == len(WHOLE)


async def test_a_journal_of_other_bytes_is_not_believed_and_blames_nobody(tmp_path: Path) -> None:
    held = Partials(tmp_path).hold(DIGEST, time.time())
    assert held is not None
    journal = Journal(held, after=0.0)
    journal.add(1_000, bytes(limits.MIB))
    journal.add(0, bytes(1_000))
    journal.write()
    for text in (b"", b"x y z\n", b"\xff\n", b"-5 -9\n"):
        with (held.path / "journal").open("ab") as file:
            file.write(text)
        files = await TreeFetch([FakePeer()], DIGEST, Pace(0), Journal(held, after=9.0)).run()
        assert {one.path: one.data for one in files} == BYTES


def row(**changes: Any) -> dict[str, Any]:
    return {"path": "a.md", "size": 1, "digest": "sha256:" + "0" * 64, "executable": False, **changes}


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        ["a.md"],
        [[]],
        [row(path="../../.ssh/authorized_keys")],
        [row(path="/etc/passwd")],
        [row(path="a/./b")],
        [row(path="a\\b")],
        [row(path="a\x1b[2J")],
        [row(size=-1)],
        [row(size="many")],
        [row(size=10**400)],
        [row(size=1e999)],
        [row(size=limits.ITEM_FILE_BYTES + 1)],
        [row(path=f"f{number}", size=limits.ITEM_FILE_BYTES) for number in range(99)],
        [row(path=f"f{number}") for number in range(limits.ITEM_FILES + 1)],
        [row(digest="sha256:zz")],
        [row(digest=None)],
        [row(), row()],
        [row(), row(path="a.md/b")],
        [row(path="\ud800")],
        [],
        [row()],  # well formed, but not the tree that was asked for
    ],
)
def test_a_list_that_lies_is_refused_before_any_byte_is_asked_for(rows: Any) -> None:
    with pytest.raises(OoderError) as caught:
        read_listing({"files": rows}, DIGEST)
    assert isinstance(caught.value, DataError | IntegrityError)
