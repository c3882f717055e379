"""Generated and mutated archives: whatever they claim, nothing leaves the folder and nothing odd is left in it.

6,000 archives by default, 60,000 with `-m slow` (in four shards).
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from node.install.files import Files
from node.install.trees import read_tree
from node.install.unpack import unpack_archive
from protocol import limits
from protocol.digest import tree_digest
from protocol.errors import DataError

NAMES = (
    "SKILL.md", "skill.yaml", "a", "A", "a/b", "a/B/c", "a/../b", "../evil", "/tmp/evil", "..", ".", "./x", "", "/", "a//b", "a/", "x" * 121,
    "con", "nul.txt", ".git/config", "GIT~1", "e\u0301", "é", "ﬁ", "fi", "表.md", "a\0b", "a\nb", "C:\\evil", "\u202egpj", "end.", "d/" * 13 + "f",
)  # fmt: skip
TYPES = (tarfile.REGTYPE,) * 12 + (
    tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, tarfile.AREGTYPE, b"Q",
)  # fmt: skip
MODES = (0o644,) * 6 + (0o755, 0o4755, 0o2755, 0o1777, 0, 0o120777, 0o100600, 0o060660)


GOOD = tuple(
    f"{place}{name}" for place in ("", "top/", "top/in/") for name in ("SKILL.md", "skill.yaml", "run.sh", "表.md")
)


def some_name(random: Random) -> str:
    return random.choice(NAMES if random.random() < 0.2 else GOOD)


def some_tar(random: Random) -> bytes:
    out = io.BytesIO()
    layout = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT))
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for _ in range(random.randint(0, 5)):
            info = tarfile.TarInfo(some_name(random).replace("\0", "") or "n")
            info.type = random.choice(TYPES) if random.random() < 0.3 else tarfile.REGTYPE
            info.mode = random.choice(MODES) & 0o7777 if random.random() < 0.2 else 0o755
            info.linkname = random.choice(NAMES).replace("\0", "")
            data = random.randbytes(random.choice((0, 1, 511, 512, 513, 2000))) if info.isreg() else b""
            info.size = len(data)
            try:
                archive.addfile(info, io.BytesIO(data))
            except (ValueError, UnicodeError):
                continue
    return out.getvalue()


def some_zip(random: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(random.randint(0, 5)):
            info = zipfile.ZipInfo("x")
            info.filename = some_name(random)
            info.compress_type = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            info.create_system = random.choice((0, 3, 19))
            info.external_attr = (random.choice(MODES) if random.random() < 0.2 else 0o100644) << 16
            archive.writestr(info, random.choice((b"", b"x", random.randbytes(700), bytes(5000))))
    return out.getvalue()


def mutated(data: bytes, random: Random, block: int) -> bytes:
    raw = bytearray(data)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        if not raw:
            break
        at = random.randrange(len(raw))
        kind = random.randrange(6)
        if kind == 0:
            raw[at] = random.randrange(256)
        elif kind == 1:
            raw[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            del raw[at : at + random.randint(1, 64)]
        elif kind == 3:
            raw[at:at] = raw[: random.randint(1, 64)]
        elif kind == 4:
            start = at // block * block
            raw[at // block * block : start] = raw[start : start + block]
        else:
            width = random.choice((1, 2, 4))
            raw[at : at + width] = random.choice((b"\0", b"\xff", b"7"))[:1] * width
    return bytes(raw)


def tar_repaired(raw: bytes, random: Random) -> bytes:
    """Make the checksums of mutated headers right again now and then, so that the mutation is seen behind them."""
    if random.random() < 0.5:
        return raw
    blocks = [bytearray(raw[at : at + 512]) for at in range(0, len(raw), 512)]
    for block in blocks:
        if len(block) == 512 and block[257:262] == b"ustar":
            block[148:156] = b"        "
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


def check_disk(folder: Path) -> None:
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(place, name))
            assert stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode), (place, name)
            allowed = (0o700,) if stat.S_ISDIR(status.st_mode) else (0o600, 0o700)
            assert stat.S_IMODE(status.st_mode) in allowed, (place, name)
            assert stat.S_ISDIR(status.st_mode) or status.st_nlink == 1


pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ooder-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    yield made
    shutil.rmtree(made)


def fuzz(folder: Path, seed: int, count: int) -> tuple[int, float]:
    """(archives that were accepted, seconds of the slowest)."""
    random = Random(seed)
    accepted, slowest = 0, 0.0
    (folder / "canary").write_text("canary")
    for number in range(count):
        if random.random() < 0.5:
            name, data = "x.zip", mutated(some_zip(random), random, 46)
        else:
            raw = tar_repaired(mutated(some_tar(random), random, 512), random)
            name, data = (
                "x.tar.gz",
                mutated(gzip.compress(raw, 1), random, 64) if random.random() < 0.2 else gzip.compress(raw, 1),
            )
        inside = folder / "in" / "side"
        inside.mkdir(parents=True)
        began = time.perf_counter()
        try:
            with Files().open(inside) as into:
                done = unpack_archive(io.BytesIO(data), name, into)
        except DataError as error:
            assert error.code.startswith("unpack."), (seed, number, error)
        else:
            accepted += 1
            assert done.size <= limits.ITEM_BYTES
            with Files().open(inside / "tree") as tree:
                assert tree_digest(read_tree(tree)) == done.digest, (seed, number)
        slowest = max(slowest, time.perf_counter() - began)
        check_disk(inside)
        assert sorted(os.listdir(folder)) == ["canary", "in"] and os.listdir(folder / "in") == ["side"], (seed, number)
        shutil.rmtree(folder / "in")
    return accepted, slowest


@pytest.mark.parametrize("seed", range(2))
def test_nothing_escapes(seed: int, folder: Path) -> None:
    accepted, slowest = fuzz(folder, seed, 3_000)
    assert accepted > 100, "the generator makes too little that is right"
    assert slowest < 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(100, 104))
def test_nothing_escapes_from_sixty_thousand(seed: int, folder: Path) -> None:
    accepted, slowest = fuzz(folder, seed, 15_000)
    print(f"accepted {accepted} of 15000, slowest {slowest * 1000:.1f} ms")
    assert accepted > 500
    assert slowest < 1
