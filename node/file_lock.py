"""A lock that processes of one home share: a file, locked by the kernel, let go when its holder ends however it ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from protocol.errors import StorageError

BETWEEN_TRIES = 0.05  # seconds, while another process holds the lock


class FileLock:
    """One holder at a time per file, among all processes. Raises StorageError `home.unwritable` when the file cannot be made."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Hold it; others of this process and of other processes wait without holding up the loop."""
        handle = self._open()
        try:
            while not _try(handle):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(BETWEEN_TRIES)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; the thread waits."""
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(self._path), reason=error.strerror or "") from error


def holder(path: Path) -> int | None:
    """The process id that the holder of a lock file wrote into it; None where nobody holds it."""
    try:
        with path.open("r+b") as stream:
            return None if _try(stream.fileno()) else int(stream.read() or 0) or None
    except (OSError, ValueError):
        return None


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
