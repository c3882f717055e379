"""From a package of any form to a staged tree: nothing but regular files, written through an open folder, hashed on the way.

What it guarantees: nothing is written outside the given folder; no links, devices or special modes; no two names that some
disk would take for one; bounded files, bytes, depth, ratio and memory, whatever the package claims; the digest is that of the
bytes written. What it leaves to others: where the folder is, syncing (`commit`), and whether the digest is the wanted one.
Forms: .zip/.skill and .tar.gz (opened), .jar (kept whole as one file), a local folder, a list of files. SECURITY 3.3.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, NamedTuple

from node.install.files import Folder
from node.install.hashed import Hashed, HashedFile
from node.install.members import Budget, Member
from node.install.tar_members import tar_members
from node.install.zip_members import zip_members
from protocol import limits
from protocol.digest import TreeFile, encode_tree, list_digest
from protocol.errors import DataError
from protocol.install.paths import Names, check_member, shown

_CHUNK = 256 * limits.KIB
TREE = "tree"
LIST = "files"


class Form(StrEnum):
    """How a package file is packed."""

    ZIP = "zip"
    TAR_GZ = "tar.gz"
    JAR = "jar"


class PackedFile(NamedTuple):
    """One file in memory, for example a git blob."""

    path: str
    executable: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A finished tree. `ignored` names what a local folder held and a tree cannot: links, devices, machinery folders."""

    digest: str
    files: tuple[TreeFile, ...]
    ignored: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def form_of(name: str, head: bytes) -> Form:
    """The form of a package file by its name and its first bytes, which have to agree. Raises DataError `unpack.unknown_form`."""
    lower = name.lower()
    zipped = head[:4] in (b"PK\x03\x04", b"PK\x05\x06")
    if lower.endswith(".jar") and zipped:
        return Form.JAR
    if lower.endswith((".zip", ".skill")) and zipped:
        return Form.ZIP
    if lower.endswith((".tar.gz", ".tgz")) and head[:2] == b"\x1f\x8b":
        return Form.TAR_GZ
    raise DataError("unpack.unknown_form", name=shown(name))


def unpack_archive(file: BinaryIO, name: str, into: Folder, *, unwrap: bool = True) -> Unpacked:
    """Unpack the package `file` (seekable), named `name`, to `into`/tree and write its list to `into`/files.

    With `unwrap`, a package whose only top entry is a folder (as `.skill` files and forge downloads are) is read as that
    folder's content. Raises DataError `unpack.*`; `into` then holds only rubbish and has to be removed.
    """
    size = file.seek(0, io.SEEK_END)
    if size > limits.PACKAGE_BYTES:
        raise DataError("unpack.too_large", limit=limits.PACKAGE_BYTES)
    file.seek(0)
    form = form_of(name, file.read(4))
    file.seek(0)
    if form is Form.JAR:
        return _unpack_members(
            iter([Member(name.rpartition("/")[2], False, False, size, _whole(file))]), into, unwrap=False
        )
    if form is Form.ZIP:
        members = zip_members(file, size, Budget(limits.ITEM_BYTES))
    else:
        members = tar_members(file, Budget(limits.ITEM_BYTES + limits.TAR_OVERHEAD))
    return _unpack_members(members, into, unwrap=unwrap)


def unpack_files(files: Iterable[PackedFile | HashedFile], into: Folder) -> Unpacked:
    """Write files that are in memory, with the same rules and results as an archive."""
    return _unpack_members(map(_memory_member, files), into, unwrap=False)


def _memory_member(file: PackedFile | HashedFile) -> Member:
    if isinstance(file, HashedFile):
        return Member(file.path, False, file.executable, file.content.size, file.content)
    return Member(file.path, False, file.executable, len(file.data), iter([file.data]))


def copy_folder(source: Folder, into: Folder, *, skip: frozenset[str] = frozenset()) -> Unpacked:
    """Copy a local folder, following nothing. Links, special files and names in `skip` are left out and reported."""
    ignored: list[str] = []
    done = _unpack_members(folder_members(source, "", skip, ignored, 0), into, unwrap=False)
    return Unpacked(done.digest, done.files, tuple(ignored))


def _unpack_members(members: Iterator[Member], into: Folder, *, unwrap: bool) -> Unpacked:
    writer = _TreeWriter(into.make(TREE))
    try:
        for member in members:
            writer.add(member)
    finally:
        writer.close()
    files = writer.files
    if not files:
        raise DataError("unpack.empty")
    top = {file.path.partition("/")[0] for file in files}
    if unwrap and len(top) == 1 and all("/" in file.path for file in files):
        files = [TreeFile(f.path.partition("/")[2], f.executable, f.size, f.sha256) for f in files]
        _unwrap(into, top.pop())
    lines = encode_tree(files)
    into.write(LIST, lines)
    return Unpacked(list_digest(lines), tuple(sorted(files, key=lambda file: file.path.encode())))


def _unwrap(into: Folder, name: str) -> None:
    with into.open(TREE) as outer:
        outer.rename(name, into, f"{TREE}.inner")
    into.remove(TREE)
    into.rename(f"{TREE}.inner", into, TREE)


class _TreeWriter:
    """Writes members below one folder; folders come into being only with a file in them."""

    def __init__(self, root: Folder) -> None:
        self.files: list[TreeFile] = []
        self._open: list[tuple[str, Folder]] = [("", root)]
        self._made: set[tuple[str, ...]] = {()}
        self._names = Names()
        self._bytes = 0

    def add(self, member: Member) -> None:
        """Take one member in. Raises DataError `unpack.*`."""
        parts = check_member(member.name)
        if not parts:
            if member.folder:
                return
            raise DataError("unpack.name_empty", member=shown(member.name))
        self._names.add(parts, folder=member.folder)
        if member.folder:
            return
        if len(self.files) >= limits.ITEM_FILES:
            raise DataError("unpack.too_many_files", limit=limits.ITEM_FILES)
        if member.size > limits.ITEM_FILE_BYTES:
            raise DataError("unpack.file_too_large", member=shown(member.name), limit=limits.ITEM_FILE_BYTES)
        self._bytes += member.size
        if self._bytes > limits.ITEM_BYTES:
            raise DataError("unpack.too_large", limit=limits.ITEM_BYTES)
        self.files.append(self._write(self._folder(parts[:-1]), parts, member))

    def _write(self, folder: Folder, parts: tuple[str, ...], member: Member) -> TreeFile:
        hashed = member.chunks if isinstance(member.chunks, Hashed) else None
        content = hashlib.sha256()
        size = 0
        with folder.create(parts[-1], executable=member.executable) as file:
            for chunk in member.chunks:
                size += len(chunk)
                if size > member.size:
                    break
                if hashed is None:
                    content.update(chunk)
                file.write(chunk)
        if size != member.size:
            raise DataError("unpack.size_lies", member=shown(member.name), declared=member.size, actual=size)
        sha256 = content.hexdigest() if hashed is None else hashed.sha256
        return TreeFile("/".join(parts), member.executable, size, sha256)

    def _folder(self, parts: tuple[str, ...]) -> Folder:
        """The open folder for `parts`; the chain to the last one used stays open."""
        shared = 0
        while shared < len(parts) and shared + 1 < len(self._open) and self._open[shared + 1][0] == parts[shared]:
            shared += 1
        while len(self._open) > shared + 1:
            self._open.pop()[1].close()
        for depth in range(shared, len(parts)):
            path = parts[: depth + 1]
            parent = self._open[-1][1]
            folder = parent.open(parts[depth]) if path in self._made else parent.make(parts[depth])
            self._made.add(path)
            self._open.append((parts[depth], folder))
        return self._open[-1][1]

    def close(self) -> None:
        """Give all descriptors back."""
        for _, folder in self._open:
            folder.close()


def _whole(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def folder_members(
    folder: Folder, prefix: str, skip: frozenset[str], ignored: list[str], depth: int
) -> Iterator[Member]:
    """The files of a local folder that belong to an item, following nothing; what was left out goes to `ignored`."""
    if depth > limits.FOLDER_DEPTH:
        raise DataError("unpack.too_deep", member=shown(prefix), limit=limits.FOLDER_DEPTH)
    with _readable(prefix):
        names = folder.names()
    for name in names:
        path = prefix + name
        mode = os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode
        if name in skip or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            if len(ignored) < limits.PACKAGE_MEMBERS:
                ignored.append(shown(path))
        elif stat.S_ISDIR(mode):
            with _readable(path):
                inner = folder.open(name)
            with inner:
                yield from folder_members(inner, f"{path}/", skip, ignored, depth + 1)
        else:
            yield from _file_member(folder, name, path)


def _file_member(folder: Folder, name: str, path: str) -> Iterator[Member]:
    with _readable(path):
        fd = folder.open_file(name)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise DataError("unpack.changed", member=shown(path))
        yield Member(path, False, bool(status.st_mode & stat.S_IXUSR), status.st_size, _fd_chunks(fd))
    finally:
        os.close(fd)


def _fd_chunks(fd: int) -> Iterator[bytes]:
    while chunk := os.read(fd, _CHUNK):
        yield chunk


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError("unpack.unreadable", member=shown(path), reason=error.strerror or "?") from error
