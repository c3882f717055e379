"""What a skill's program sees of the disk: a checked copy of its installed tree, and a folder of its own.

The copy is made anew for every start, from bytes that are compared with the digest while they are copied: what was changed on
the disk is never run, and what the program changes in its copy never reaches the store. Blocking: call from a worker thread.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from protocol.digest import TreeFile
from protocol.errors import IntegrityError, StorageError


class Trees(Protocol):
    """Where installed bytes are; `node.install.store.Store` is one."""

    def tree(self, digest: str) -> Path: ...

    def list_files(self, digest: str) -> tuple[TreeFile, ...]: ...


def make_view(trees: Trees, digest: str, view: Path) -> None:
    """Copy the tree of `digest` to `view`, read only. Raises IntegrityError `store.drift`, StorageError `store.failed`."""
    try:
        files = trees.list_files(digest)
        remove_view(view)
        view.mkdir(mode=0o700, parents=True)
        wrong = [file.path for file in files if not _copy(trees.tree(digest), file, view)]
        if wrong:
            remove_view(view)
            raise IntegrityError("store.drift", digest=digest, count=len(wrong), causes=wrong[:10])
        for folder in [*_folders(view), view]:
            folder.chmod(0o500)
    except OSError as error:
        raise StorageError("store.failed", path=str(view), reason=error.strerror or str(error)) from error


def remove_view(view: Path) -> None:
    """Remove a view, whatever the program did to it."""
    if view.is_symlink():
        view.unlink()
    if view.is_dir():
        view.chmod(0o700)
        for folder in _folders(view):
            folder.chmod(0o700)
        shutil.rmtree(view)


def make_private(folder: Path) -> Path:
    """A folder for this user only. Raises StorageError `home.unwritable`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError("home.unwritable", path=str(folder), reason=error.strerror or str(error)) from error
    return folder


def _folders(view: Path) -> Iterable[Path]:
    """Folders below `view`, each before what is in it (links are not followed)."""
    for root, names, _ in os.walk(view):
        yield from (Path(root) / name for name in names if not (Path(root) / name).is_symlink())


def _copy(tree: Path, file: TreeFile, view: Path) -> bool:
    data = b""
    with suppress(FileNotFoundError), open(_open_plain(tree / file.path), "rb") as source:
        data = source.read(file.size + 1)
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        return False
    target = view / file.path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as out:
        out.write(data)
    target.chmod(0o500 if file.executable else 0o400)
    return True


def _open_plain(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
