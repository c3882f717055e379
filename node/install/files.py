"""Every change the installer makes to the disk, one operation at a time, through one door: `Files.do`.

What it guarantees: nothing is followed (O_NOFOLLOW, everything relative to an open folder), nothing existing is written over
(O_EXCL), modes are 0600 or 0700. What it leaves to others: the order of operations, which is what makes a commit safe.
Tests replace `do` to count, kill, fail, record or leave out single operations; there is no other way to the disk in here.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from protocol.errors import StorageError

T = TypeVar("T")

UNFINISHED = ".new"
"""How names end that a replacement was written under; left behind only by a crash."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Op(NamedTuple):
    """One change: `kind` is mkdir, create, write, sync, sync_folder, rename, link, unlink or rmdir. `target` is the new path of
    a rename, the old path of a link, or the octal mode of a new file; `why` names the place in the code of a sync."""

    kind: str
    path: str
    target: str = ""
    data: bytes | memoryview = b""
    why: str = ""


class Files:
    """The disk of this machine."""

    def do(self, op: Op, act: Callable[[], T]) -> T:
        """Carry out one change."""
        return act()

    def open(self, path: Path | str) -> Folder:
        """The folder at `path`. What leads there may contain links (the user chose it), the folder itself may not be one."""
        return Folder(self, str(path), os.open(path, _FOLDER))


class Folder:
    """An open folder. All names are single parts of a path and are never followed."""

    __slots__ = ("fd", "files", "path")

    def __init__(self, files: Files, path: str, fd: int) -> None:
        self.files = files
        self.path = path
        self.fd = fd

    def close(self) -> None:
        """Give the descriptor back."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- Looking ----------------------------------------------------------------------------------------------------
    def names(self) -> list[str]:
        """The names in this folder, sorted."""
        return sorted(os.listdir(self.fd))  # noqa: PTH208 - a descriptor, not a path

    def has(self, name: str) -> bool:
        """Whether something, even a broken link, has this name."""
        return self._mode(name) != 0

    def is_folder(self, name: str) -> bool:
        """Whether the name is a real folder."""
        return stat.S_ISDIR(self._mode(name))

    def _mode(self, name: str) -> int:
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return 0

    def open(self, name: str) -> Folder:
        """An existing sub-folder."""
        return Folder(self.files, f"{self.path}/{name}", os.open(name, _FOLDER, dir_fd=self.fd))

    def open_file(self, name: str) -> int:
        """A descriptor for reading. Never blocks on a pipe."""
        return os.open(name, _READ, dir_fd=self.fd)

    def read(self, name: str, limit: int) -> bytes:
        """A small file. Raises OSError EFBIG when it is longer than `limit` bytes."""
        fd = self.open_file(name)
        try:
            parts: list[bytes] = []
            left = limit + 1
            while left and (part := os.read(fd, left)):
                parts.append(part)
                left -= len(part)
        finally:
            os.close(fd)
        if not left:
            raise OSError(errno.EFBIG, "longer than expected", f"{self.path}/{name}")
        return b"".join(parts)

    # --- Changing ---------------------------------------------------------------------------------------------------
    def make(self, name: str) -> Folder:
        """A new sub-folder, mode 0700, open."""
        path = f"{self.path}/{name}"
        self.files.do(Op("mkdir", path), lambda: os.mkdir(name, 0o700, dir_fd=self.fd))
        return self.open(name)

    def ensure(self, name: str) -> Folder:
        """The sub-folder, made if it is not there."""
        try:
            return self.open(name)
        except FileNotFoundError:
            try:
                return self.make(name)
            except FileExistsError:
                return self.open(name)

    def create(self, name: str, *, executable: bool = False) -> NewFile:
        """A new empty file, mode 0600 or 0700, open for writing."""
        path = f"{self.path}/{name}"
        mode = 0o700 if executable else 0o600
        fd = self.files.do(Op("create", path, f"{mode:o}"), lambda: os.open(name, _NEW, mode, dir_fd=self.fd))
        return NewFile(self.files, path, fd)

    def write(self, name: str, data: bytes, why: str = "") -> None:
        """A new file with this content; with `why`, on the disk for good (its name is not: sync the folder)."""
        with self.create(name) as file:
            file.write(data)
            if why:
                file.sync(why)

    def replace(self, name: str, data: bytes, why: str) -> None:
        """Put `data` under `name` so that every reader sees the old or the new whole, and the new one for good afterwards."""
        fresh = f".{name}{UNFINISHED}"
        if self.has(fresh):
            self.unlink(fresh)
        self.write(fresh, data, f"{why}.file")
        self.rename(fresh, self, name)
        self.sync(f"{why}.folder")

    def rename(self, name: str, to: Folder, new: str) -> None:
        """Move, replacing a file of the new name."""
        op = Op("rename", f"{self.path}/{name}", f"{to.path}/{new}")
        self.files.do(op, lambda: os.rename(name, new, src_dir_fd=self.fd, dst_dir_fd=to.fd))

    def link(self, name: str, to: Folder, new: str) -> None:
        """A second name for the same file."""
        op = Op("link", f"{to.path}/{new}", f"{self.path}/{name}")
        self.files.do(op, lambda: os.link(name, new, src_dir_fd=self.fd, dst_dir_fd=to.fd, follow_symlinks=False))

    def unlink(self, name: str) -> None:
        """Take a file or link away."""
        self.files.do(Op("unlink", f"{self.path}/{name}"), lambda: os.unlink(name, dir_fd=self.fd))

    def remove(self, name: str) -> None:
        """Take away whatever has this name, a folder with all that is in it; nothing there is fine."""
        if self.is_folder(name):
            with self.open(name) as folder:
                for inner in folder.names():
                    folder.remove(inner)
            self.files.do(Op("rmdir", f"{self.path}/{name}"), lambda: os.rmdir(name, dir_fd=self.fd))
        elif self.has(name):
            self.unlink(name)

    def sync(self, why: str) -> None:
        """Make the names in this folder last."""
        self.files.do(Op("sync_folder", self.path, why=why), lambda: os.fsync(self.fd))


class NewFile:
    """A file being written."""

    __slots__ = ("_fd", "_files", "_path")

    def __init__(self, files: Files, path: str, fd: int) -> None:
        self._files = files
        self._path = path
        self._fd = fd

    def write(self, data: bytes | memoryview) -> None:
        """Append all of `data`."""
        self._files.do(Op("write", self._path, data=data), lambda: _write_all(self._fd, data))

    def sync(self, why: str) -> None:
        """Make the content last."""
        sync_file(self._files, self._path, self._fd, why)

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def sync_file(files: Files, path: str, fd: int, why: str) -> None:
    """Make the content of an open file last."""
    files.do(Op("sync", path, why=why), lambda: os.fsync(fd))


def _write_all(fd: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


@contextmanager
def disk_errors(path: Path | str) -> Iterator[None]:
    """What the disk refuses becomes a StorageError `store.failed`; `path` is named when the error names none."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError("store.failed", reason=reason, path=str(error.filename or path)) from error
