"""Bytes of downloads that a killed process left behind: `OODER_HOME/cache/partial/<name>/`, so that the next one goes on there.

What it guarantees: one process at a time uses a folder (a kernel lock on it, freed by the kernel on a crash); all of them together
stay within `limits.PARTIAL_BYTES`, none is kept longer than `limits.PARTIAL_SECONDS`. What it leaves to others: whether what is
there is right - nothing in here is believed before its digest is known. A disk that does not take it costs only the going on.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from protocol import limits

_JOURNAL = "journal"
_BATCH = 512 * limits.KIB


class Partials:
    """All folders of one home. Blocking."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, what: str, now: float) -> Held | None:
        """The folder for `what` (a digest or an address), for this process alone; None when another one has it, or the disk does
        not let us."""
        with suppress(OSError):
            self.sweep(now)
            path = self._folder / sha256(what.encode()).hexdigest()[:40]
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if _lock(fd):
                os.utime(fd, (now, now))
                return Held(path, fd)
            os.close(fd)
        return None

    def sweep(self, now: float) -> int:
        """Remove what nobody holds and is too old, and the oldest of what is too much; how many folders went."""
        rows = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                with suppress(FileNotFoundError):
                    rows.append((entry.stat(follow_symlinks=False).st_mtime, Path(entry.path)))
        gone, kept = 0, 0
        for at, path in sorted(rows, reverse=True):
            kept += sum(file.lstat().st_size for file in path.iterdir()) if path.is_dir() else 0
            if abs(now - at) > limits.PARTIAL_SECONDS or kept > limits.PARTIAL_BYTES:
                gone += _remove(path)
        return gone


@dataclass(slots=True)
class Held:
    """One folder, ours until `close`."""

    path: Path
    _fd: int

    def clear(self) -> None:
        """Everything was taken over, or nothing in here is of use."""
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Let others use it; what is in it stays."""
        os.close(self._fd)


class Journal:
    """Parts of a tree (its files end to end) as they come, in one file that only grows: a line `START SIZE`, then the bytes. A torn
    end is not read. Writes in batches; not worth it for what takes less than `after` seconds."""

    def __init__(self, held: Held, after: float = limits.PARTIAL_AFTER_SECONDS) -> None:
        self.after = after
        self._path = held.path / _JOURNAL
        self._writing = threading.Lock()
        self._waiting: list[bytes] = []
        self._size = self._written = 0
        self._broken = False

    def load(self) -> list[tuple[int, bytes]]:
        """Parts of the tree and where they begin, in order."""
        found: list[tuple[int, bytes]] = []
        with suppress(OSError, ValueError), self._path.open("rb") as stream:
            for start, data, end in _records(stream.read(limits.PARTIAL_TREE_BYTES)):
                found.append((start, data))
                self._written = end
        with suppress(OSError):
            os.truncate(self._path, self._written)
        return sorted(found)

    def add(self, start: int, data: bytes) -> bool:
        """Note a part; whether there is enough to be written."""
        if not self._broken:
            self._waiting += (f"{start} {len(data)}\n".encode(), data)
            self._size += len(data)
        return self._size >= _BATCH

    def write(self) -> None:
        """Put what was noted on the disk. Blocking."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        with self._writing:
            self._written += sum(map(len, waiting))
            if self._broken or self._written > limits.PARTIAL_TREE_BYTES:
                return
            try:
                with self._path.open("ab") as file:
                    file.writelines(waiting)
            except OSError:
                self._broken = True
                self._path.unlink(missing_ok=True)  # the disk may be full: nothing of it is needed


def _records(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Start, bytes, and where the record ends. Raises ValueError for what is none."""
    at = 0
    while (end := data.find(b"\n", at, at + 40)) > 0:
        start, size = map(int, data[at:end].split(b" "))
        at = end + 1 + size
        if start < 0 or size < 1 or at > len(data):
            return
        yield start, data[end + 1 : at], at


def _remove(path: Path) -> int:
    """Remove a folder unless somebody holds it; how many went."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        with suppress(OSError):
            path.unlink()  # not made by us
        return 0
    try:
        if not _lock(fd):
            return 0
        shutil.rmtree(path, ignore_errors=True)
        return 1
    finally:
        os.close(fd)


def _lock(fd: int) -> bool:
    """Whether the folder is ours now, and still has a name."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0
