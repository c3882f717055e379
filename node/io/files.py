"""Folders, for real: walking and reading without being hurt by what lies in them (port `sources.folders.Folders`).

Everything is opened relative to its parent's descriptor with O_NOFOLLOW, so no link is followed and a folder swapped for a
link while we walk is a problem, not an escape. Only regular files are opened, and never read past the limit, so a sparse
gigabyte, a pipe or a device costs nothing. Blocking work runs in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from node.io.folder_watch import FolderWatch
from protocol import limits
from protocol.digest import LEFT_OUT_FILES, LEFT_OUT_FOLDERS, is_left_out
from protocol.items import Problem
from sources.folders import Content, FoundFile, Look

SKIPPED_FOLDERS = LEFT_OUT_FOLDERS | {".git"}
SKIPPED_FILES = LEFT_OUT_FILES
"""Both by the one rule of docs/protocol/digest.md, 1.6."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CHUNK = 256 * limits.KIB

Step = Callable[[str], None]
"""Called with the path of each folder before it is read; tests use it to change the disk in the middle of a walk."""


class RealFolders:
    """The port on the disk of this machine."""

    def __init__(self, *, before_folder: Step | None = None, poll_seconds: float = limits.FOLDER_POLL_SECONDS) -> None:
        self._before_folder = before_folder
        self._poll_seconds = poll_seconds

    def user(self) -> int:
        return os.geteuid()

    async def look(self, root: Path, friends: Sequence[Path] = (), only: frozenset[str] = frozenset()) -> Look:
        return await asyncio.to_thread(walk, root, friends, only, self._before_folder)

    async def read(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        return await asyncio.to_thread(read_files, root, paths, limit)

    async def hashes(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        return await asyncio.to_thread(hash_files, root, paths, limit)

    async def watch(self, roots: Sequence[Path]) -> AsyncIterator[None]:
        async with FolderWatch(roots, SKIPPED_FOLDERS, self._poll_seconds) as watch:
            while True:
                await watch.changed()
                yield


# --- Walking --------------------------------------------------------------------------------------------------------
def walk(
    root: Path,
    friends: Sequence[Path] = (),
    only: frozenset[str] = frozenset(),
    before_folder: Step | None = None,
) -> Look:
    """Look through `root` (blocking). See `Folders.look`."""
    walker = _Walker(root, friends, only, before_folder)
    try:
        # The root itself may be a link: the user named it.
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Look(root, exists=False)
    except OSError as error:
        walker.blocked("", error)
    else:
        identity = _identity(os.fstat(descriptor))
        walker.folder(descriptor, "", 0, own=True)
        try:
            if _identity(root.stat()) != identity:
                walker.blocked("", OSError(0, "it was replaced while it was read"))
        except OSError:
            walker.blocked("", OSError(0, "it went away while it was read"))
    walker.files.sort(key=lambda file: file.path)
    spoiled = tuple(sorted(_shown(path) for path in walker.spoiled))
    return Look(root, tuple(walker.files), tuple(walker.problems), tuple(walker.blind), spoiled=spoiled)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


class _Walker:
    """The state of one walk; at most `FOLDER_DEPTH` descriptors are open at a time."""

    def __init__(self, root: Path, friends: Sequence[Path], only: frozenset[str], before_folder: Step | None) -> None:
        self.files: list[FoundFile] = []
        self.problems: list[Problem] = []
        self.blind: list[str] = []
        self.spoiled: set[str] = set()
        self._root = root
        self._allowed = tuple(os.path.realpath(place) for place in (root, *friends))
        self._only = only
        self._before_folder = before_folder
        self._users = (os.geteuid(), 0)
        self._entries = 0

    def folder(self, descriptor: int, path: str, depth: int, *, own: bool) -> None:
        """Walk one open folder and close it."""
        try:
            own = own and self._is_own(os.fstat(descriptor))
            if self._before_folder:
                self._before_folder(path)
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    self._entries += 1
                    if self._entries > limits.FOLDER_ENTRIES:
                        self._too_many(path)
                        return
                    self._entry(descriptor, entry, f"{path}/{entry.name}" if path else entry.name, depth, own=own)
        except OSError as error:
            self.blocked(path, error)
        finally:
            os.close(descriptor)

    def _entry(self, parent: int, entry: os.DirEntry[str], path: str, depth: int, *, own: bool) -> None:
        try:
            if entry.is_symlink():
                self._link(path)
            elif entry.is_dir(follow_symlinks=False):
                if not is_left_out(entry.name, folder=True) and (depth or not self._only or entry.name in self._only):
                    self._descend(parent, entry.name, path, depth + 1, own=own)
            elif not is_left_out(entry.name, folder=False):
                self._file(entry, path, own=own)
        except FileNotFoundError:
            return  # it went away between being listed and being looked at: not there
        except OSError as error:
            self.report("folder.unreadable", path, reason=_reason(error))

    def _file(self, entry: os.DirEntry[str], path: str, *, own: bool) -> None:
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            self.report("folder.special_file", path)
            return
        if not _is_text(path):
            self.report("folder.bad_name", path)
            self.spoiled.add(path.rpartition("/")[0])
            return
        stamp = f"{status.st_size:x}.{status.st_mtime_ns:x}.{status.st_ctime_ns:x}.{status.st_ino:x}"
        executable = bool(status.st_mode & stat.S_IXUSR)
        self.files.append(FoundFile(path, status.st_size, executable, own and self._is_own(status), stamp))

    def _descend(self, parent: int, name: str, path: str, depth: int, *, own: bool) -> None:
        if depth > limits.FOLDER_DEPTH:
            self.report("folder.too_deep", path, limit=limits.FOLDER_DEPTH)
            return
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=parent)
        except FileNotFoundError:
            return
        except OSError as error:
            self.blocked(path, error)
            return
        self.folder(descriptor, path, depth, own=own)

    def _link(self, path: str) -> None:
        target = os.path.realpath(self._root / path)
        for place in self._allowed:
            if target == place or target.startswith(place + "/"):
                inside = target
                break
        else:
            self.report("folder.link_leaves", path)
            return
        here = os.path.realpath(self._root / path.rpartition("/")[0])
        if here == inside or here.startswith(inside + "/"):
            self.report("folder.link_loops", path)

    def _is_own(self, status: os.stat_result) -> bool:
        return status.st_uid in self._users and not status.st_mode & stat.S_IWOTH

    def _too_many(self, path: str) -> None:
        if "" not in self.blind:
            self.blind.append("")
            self.report("folder.too_many_entries", path, limit=limits.FOLDER_ENTRIES)

    def blocked(self, path: str, error: OSError) -> None:
        """The folder `path` cannot be looked into."""
        self.blind.append(path)
        self.problems.append(Problem("folder.unreadable", path or ".", 0, {"reason": _reason(error)}))

    def report(self, code: str, path: str, **params: str | int) -> None:
        """Remember a remark, unless there are already too many."""
        if len(self.problems) < limits.FOLDER_PROBLEMS:
            self.problems.append(Problem(code, _shown(path), 0, params, fatal=False))


# --- Reading --------------------------------------------------------------------------------------------------------
def read_files(root: Path, paths: Sequence[str], limit: int) -> list[Content]:
    """The bytes of files below `root` (blocking). See `Folders.read`."""
    return _each(root, paths, lambda descriptor, path: _read(descriptor, path, limit))


def hash_files(root: Path, paths: Sequence[str], limit: int) -> list[Content]:
    """The hashes of files below `root` (blocking). See `Folders.hashes`."""
    return _each(root, paths, lambda descriptor, path: _hash(descriptor, path, limit))


def _each(root: Path, paths: Sequence[str], act: Callable[[int, str], Content]) -> list[Content]:
    found: list[Content] = []
    try:
        base = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        return [_failed(path, error) for path in paths]
    try:
        for path in paths:
            try:
                with _opened(base, path) as descriptor:
                    found.append(act(descriptor, path))
            except OSError as error:
                found.append(_failed(path, error))
    finally:
        os.close(base)
    return found


@contextmanager
def _opened(base: int, path: str) -> Iterator[int]:
    """A descriptor of the regular file `path`, reached without following any link below `base`."""
    *folders, name = path.split("/")
    held: list[int] = []
    try:
        for folder in folders:
            held.append(os.open(folder, _FOLDER, dir_fd=held[-1] if held else base))
        held.append(os.open(name, _FILE, dir_fd=held[-1] if held else base))
        if not stat.S_ISREG(os.fstat(held[-1]).st_mode):
            raise OSError(0, "not a regular file")
        yield held[-1]
    finally:
        for descriptor in reversed(held):
            os.close(descriptor)


def _read(descriptor: int, path: str, limit: int) -> Content:
    parts: list[bytes] = []
    left = limit + 1
    while left and (part := os.read(descriptor, min(left, _CHUNK))):
        parts.append(part)
        left -= len(part)
    if not left:
        return _too_large(path, limit)
    data = b"".join(parts)
    return Content(path, data, hashlib.sha256(data).hexdigest())


def _hash(descriptor: int, path: str, limit: int) -> Content:
    if os.fstat(descriptor).st_size > limit:
        return _too_large(path, limit)
    content = hashlib.sha256()
    left = limit + 1
    while left and (part := os.read(descriptor, min(left, _CHUNK))):
        content.update(part)
        left -= len(part)
    return Content(path, sha256=content.hexdigest()) if left else _too_large(path, limit)


def _too_large(path: str, limit: int) -> Content:
    return Content(path, problem=Problem("folder.too_large", path, 0, {"limit": limit}))


def _failed(path: str, error: OSError) -> Content:
    return Content(path, problem=Problem("folder.unreadable", path, 0, {"reason": _reason(error)}))


# --- Words ----------------------------------------------------------------------------------------------------------
def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
