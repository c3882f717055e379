"""The opening through which folders are read: what a look at a folder found, and the port that looks.

`node/io/files.py` is the port for real, `tests/fakes/folders.py` in memory. Paths are posix and relative to a root; whatever
a folder holds, the port answers with values and `Problem`s, never with an exception other than those named here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from protocol.items import Problem


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One regular file. `own`: it and all folders from the root down belong to this user (or root) and no other user can
    write them. `stamp` changes when the file does (size, times, inode)."""

    path: str
    size: int
    executable: bool
    own: bool
    stamp: str


@dataclass(frozen=True, slots=True)
class Look:
    """A look through one root. `files` are sorted by path. `exists` is False when there is no such folder.

    `blind` names the folders ("" = the root) that could not be looked into: what is below them is unknown, not gone.
    `spoiled` names the folders in which a file stands whose name no tree can hold.
    """

    root: Path
    files: tuple[FoundFile, ...] = ()
    problems: tuple[Problem, ...] = ()
    blind: tuple[str, ...] = ()
    exists: bool = True
    spoiled: tuple[str, ...] = ()

    @property
    def gaps(self) -> tuple[str, ...]:
        """Folders of which `files` is not the whole: what contains one has no digest."""
        return self.blind + self.spoiled


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of one file and their SHA-256, or the problem that kept them from being read. `data` is empty when only the
    hash was asked for."""

    path: str
    data: bytes = b""
    sha256: str = ""
    problem: Problem | None = None


class Folders(Protocol):
    """Looks into folders without being hurt and without blocking the loop."""

    def user(self) -> int:
        """The number of this user (uid)."""

    async def look(self, root: Path, friends: Sequence[Path] = (), only: frozenset[str] = frozenset()) -> Look:
        """Walk `root`, or only the folders of these names in it. No link is followed; one that leaves `root` for anywhere but
        `friends` (other roots, seen on their own) is a problem."""

    async def read(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        """The bytes of each of `paths`, in order; a file of more than `limit` bytes is a problem and costs `limit` bytes."""

    async def hashes(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        """Like `read`, without keeping the bytes."""

    def watch(self, roots: Sequence[Path]) -> AsyncIterator[None]:
        """Yields whenever something below `roots` may have changed; bursts are one change. Ends only by cancellation."""
