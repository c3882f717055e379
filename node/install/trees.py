"""Reading trees back: which files are really there, with their hashes, and how they differ from what a digest promises."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from node.install.files import Folder, sync_file
from protocol import limits
from protocol.digest import TreeFile
from protocol.errors import IntegrityError

_CHUNK = 1024 * limits.KIB


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: `what` is missing, added, changed, mode, or odd (a link, device, pipe or empty folder)."""

    path: str
    what: str


def read_tree(folder: Folder, *, sync: str = "") -> Iterator[TreeFile]:
    """Every file below `folder`, hashed. With `sync`, each file and each folder, deepest first, is also made to last.

    Raises IntegrityError `store.odd_entry` for anything that is not a regular file or a folder with files in it.
    """
    yield from _read(folder, "", sync, 0)
    if sync:
        folder.sync(f"{sync}.folder")


def _read(folder: Folder, prefix: str, sync: str, depth: int) -> Iterator[TreeFile]:
    names = folder.names()
    if depth > limits.FOLDER_DEPTH or (prefix and not names):
        raise IntegrityError("store.odd_entry", path=_shown(prefix))
    for name in names:
        mode = os.stat(name, dir_fd=folder.fd, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            with folder.open(name) as inner:
                yield from _read(inner, f"{prefix}{name}/", sync, depth + 1)
                if sync:
                    inner.sync(f"{sync}.folder")
        elif stat.S_ISREG(mode):
            yield _read_file(folder, name, prefix + name, sync)
        else:
            raise IntegrityError("store.odd_entry", path=_shown(prefix + name))


def _read_file(folder: Folder, name: str, path: str, sync: str) -> TreeFile:
    fd = folder.open_file(name)
    try:
        mode = os.fstat(fd).st_mode
        content, size = hash_open_file(fd)
        if sync:
            sync_file(folder.files, f"{folder.path}/{name}", fd, f"{sync}.file")
    finally:
        os.close(fd)
    return TreeFile(path, bool(mode & stat.S_IXUSR), size, content)


def hash_open_file(fd: int) -> tuple[str, int]:
    """(hex SHA-256, size in bytes) of what can be read from `fd`."""
    part = os.read(fd, _CHUNK)
    content = hashlib.sha256(part)
    size = len(part)
    while part and (part := os.read(fd, _CHUNK)):
        content.update(part)
        size += len(part)
    return content.hexdigest(), size


def compare(expected: dict[str, TreeFile], actual: dict[str, TreeFile]) -> tuple[Drift, ...]:
    """Every difference, by path."""
    found = []
    for path in sorted(expected.keys() | actual.keys()):
        old, new = expected.get(path), actual.get(path)
        if old is None:
            found.append(Drift(path, "added"))
        elif new is None:
            found.append(Drift(path, "missing"))
        elif (old.size, old.sha256) != (new.size, new.sha256):
            found.append(Drift(path, "changed"))
        elif old.executable != new.executable:
            found.append(Drift(path, "mode"))
    return tuple(found)


def _shown(path: str) -> str:
    return ascii(path)[1:-1]
