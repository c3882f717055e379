"""Staging: a private folder in which one install collects and unpacks bytes before anything is committed.

The folder is held by a kernel lock on itself, so a folder whose process died is recognised at once and cleaned up by whoever
commits next; a living one is never touched.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from node.install import unpack
from node.install.files import Files, Folder, NewFile, disk_errors
from node.install.hashed import HashedFile
from node.install.unpack import PackedFile, Unpacked
from protocol.errors import DataError
from protocol.install.paths import shown

STAGING = "staging"


class Stage:
    """One private folder and the trees in it, by digest. Use as a context manager; what was not committed is removed."""

    def __init__(self, root: Folder) -> None:
        self._root = root.files.open(root.path)
        with self._root.ensure(STAGING) as staging:
            self.name, self._folder = _new_private(staging)
        self._trees: dict[str, tuple[str, Unpacked]] = {}
        self._count = 0

    @property
    def trees(self) -> dict[str, Unpacked]:
        """digest -> what was unpacked."""
        return {digest: done for digest, (_, done) in self._trees.items()}

    def archive(self, file: BinaryIO, name: str, *, unwrap: bool = True) -> Unpacked:
        """Unpack a package file. Raises DataError `unpack.*`. See `unpack.unpack_archive`."""
        return self._add(lambda into: unpack.unpack_archive(file, name, into, unwrap=unwrap))

    def files(self, files: Iterable[PackedFile | HashedFile]) -> Unpacked:
        """Take files that are in memory. Raises DataError `unpack.*`."""
        return self._add(lambda into: unpack.unpack_files(files, into))

    def folder(self, path: Path, *, skip: frozenset[str] = frozenset()) -> Unpacked:
        """Copy a local folder, following no link. Raises DataError `unpack.*`."""
        try:
            source = Files().open(path)
        except OSError as error:
            raise DataError("unpack.unreadable", member=shown(str(path)), reason=error.strerror or "?") from error
        with source:
            return self._add(lambda into: unpack.copy_folder(source, into, skip=skip))

    def download(self, name: str) -> tuple[NewFile, Path]:
        """A new private file for bytes on their way, and where it is. Raises OSError."""
        file = self._folder.create(f"download-{name}")
        return file, Path(self._folder.path) / f"download-{name}"

    def spare(self) -> Path:
        """Where one new private file may be made; it goes with the stage."""
        return Path(self._folder.path) / f"spare-{secrets.token_hex(8)}"

    def path(self, digest: str) -> Path:
        """The staged tree's root, for checks that read it."""
        return Path(self._folder.path) / self._trees[digest][0] / unpack.TREE

    def open(self, digest: str) -> Folder:
        """The folder that holds a staged tree and its list."""
        return self._folder.open(self._trees[digest][0])

    def move(self, digest: str, to: Folder, name: str) -> None:
        """Give a tree away, for good."""
        self._folder.rename(self._trees.pop(digest)[0], to, name)

    def _add(self, act: Callable[[Folder], Unpacked]) -> Unpacked:
        self._count += 1
        name = f"t{self._count}"
        with disk_errors(self._folder.path):
            try:
                with self._folder.make(name) as into:
                    done = act(into)
            except BaseException:
                with suppress(OSError):  # removed when the stage is closed, or by whoever commits next
                    self._folder.remove(name)
                raise
            if done.digest in self._trees:
                self._folder.remove(name)
            else:
                self._trees[done.digest] = (name, done)
        return done

    def close(self) -> None:
        """Remove what was not committed. What the disk does not let go now goes with the next commit of anybody."""
        if self._folder.fd < 0:
            return
        try:
            with suppress(OSError), self._root.open(STAGING) as staging:
                staging.remove(self.name)
        finally:
            self._folder.close()
            self._root.close()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _new_private(staging: Folder) -> tuple[str, Folder]:
    """A fresh folder that nobody mistakes for an abandoned one."""
    while True:
        name = secrets.token_hex(8)
        try:
            folder = staging.make(name)
        except FileNotFoundError:
            continue  # cleaned up between being made and being opened
        if _hold(folder.fd) and staging.has(name):
            return name, folder
        folder.close()


def remove_abandoned(root: Folder) -> list[str]:
    """Remove the folders whose process is gone; their names."""
    if not root.is_folder(STAGING):
        return []
    gone = []
    with root.open(STAGING) as staging:
        for name in staging.names():
            if staging.is_folder(name):
                with staging.open(name) as folder:
                    abandoned = _hold(folder.fd)
                    if abandoned:
                        staging.remove(name)
                        gone.append(name)
            else:
                staging.remove(name)
    return gone


def _hold(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0


def free_bytes(path: Path) -> int:
    """Bytes this user can still write at `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
