"""What a package reader hands over: members, one after the other, with their bytes as a stream."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass

from protocol import limits
from protocol.errors import DataError
from protocol.install.paths import shown


@dataclass(frozen=True, slots=True)
class Member:
    """One file or folder of a package. `size` is what was declared; `chunks` must be used up before the next member."""

    name: str
    folder: bool
    executable: bool
    size: int
    chunks: Iterable[bytes]


@dataclass(slots=True)
class Budget:
    """How much one package may still decompress; every reader counts here, byte by byte, before anybody sees the bytes."""

    limit: int
    packed: int = 0
    unpacked: int = 0

    def count(self, member: str, packed: int, unpacked: int) -> None:
        """Add to both counters. Raises DataError `unpack.too_large` or `unpack.ratio`."""
        self.packed += packed
        self.unpacked += unpacked
        if self.unpacked > self.limit:
            raise DataError("unpack.too_large", limit=self.limit)
        if self.unpacked > limits.UNPACK_RATIO_FREE and self.unpacked > limits.UNPACK_RATIO * self.packed:
            raise DataError("unpack.ratio", member=shown(member), limit=limits.UNPACK_RATIO)


def check_mode(name: str, mode: int) -> None:
    """Raises DataError `unpack.link`, `unpack.special` or `unpack.setuid` for a Unix mode no package may carry."""
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise DataError("unpack.link", member=shown(name))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError("unpack.special", member=shown(name), what=stat.filemode(mode)[0])
    if mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        raise DataError("unpack.setuid", member=shown(name))


def text_name(raw: bytes) -> str:
    """A name from an archive. Raises DataError `unpack.name_encoding`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("unpack.name_encoding", member=shown(raw.decode("latin-1"))) from None
