"""Writing files so that each is whole at any moment: beside, synced, renamed. Many at once share the cost of syncing."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileBatch:
    """Collects files in `staging` (same file system as the targets) and puts them in place by `commit`.

    A crash before `commit` changes nothing but leaves files in `staging`, which the next batch removes. A crash within leaves
    some targets new and the others old, each whole. Needs one writer at a time. Raises OSError.
    """

    def __init__(self, staging: Path, *, at_most: int = 512) -> None:
        self._staging = staging
        self._at_most = at_most
        self._waiting: list[tuple[Path, Path]] = []
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700, parents=True)

    def add(self, target: Path, data: bytes) -> None:
        """Write `target`, now or at the latest in `commit`. Its folder must exist then."""
        path = self._staging / str(len(self._waiting))
        descriptor = os.open(path, _OPEN, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        self._waiting.append((path, target))
        if len(self._waiting) >= self._at_most:
            self.commit()

    def commit(self) -> None:
        """Put everything added so far in place; the files' bytes are on the disk before any of them gets its name."""
        if not self._waiting:
            return
        if not _sync_file_system(self._staging):
            for path, _ in self._waiting:
                _sync(path, os.O_RDONLY)
        folders: set[Path] = set()
        for path, target in self._waiting:
            path.replace(target)
            folders.add(target.parent)
        self._waiting.clear()
        if not _sync_file_system(self._staging):
            for folder in folders:
                _sync(folder, os.O_RDONLY | os.O_DIRECTORY)

    def close(self) -> None:
        """Commit and remove the staging folder."""
        self.commit()
        self._staging.rmdir()


def write_file(target: Path, data: bytes) -> None:
    """Write one file whole."""
    batch = FileBatch(target.with_name(f".{target.name}.staging"))
    batch.add(target, data)
    batch.close()


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_file_system(folder: Path) -> bool:
    """One call that puts everything written so far on the disk; False where there is no such call (or it failed)."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return int(syncfs(descriptor)) == 0
    finally:
        os.close(descriptor)
