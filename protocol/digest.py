"""The tree digest: one name for the exact content of an item's folder, the same on every machine and through every source.

Normative text: docs/protocol/digest.md, golden values: tests/vectors/tree_digest.json. SECURITY T11: bytes that are about to be
used are checked against it, so where they were fetched from does not matter.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocol.errors import DataError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LINE = re.compile(rb"(644|755) ([0-9a-f]{64}) (0|[1-9][0-9]{0,15}) ([^\n]+)\n")
_TREE = re.compile(r"sha256:[0-9a-f]{64}")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_DOT_GIT = re.compile(r"(?i)\.git[ .]*|git~[0-9]+")

LEFT_OUT_FOLDERS: Final = frozenset(
    {
        ".hg",
        ".svn",
        "node_modules",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
    }
)
"""What machines put beside an item: not walked, not part of any tree (section 1.6). And whatever is `.git` to some file system."""

LEFT_OUT_FILES: Final = frozenset({".DS_Store", "Thumbs.db"})


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One regular file of a tree: posix path relative to the tree's root, `size` in bytes, `sha256` as 64 lowercase hex digits."""

    path: str
    executable: bool
    size: int
    sha256: str


def tree_digest(files: Iterable[TreeFile]) -> str:
    """`sha256:` + 64 hex digits, independent of the order of `files`.

    Raises DataError `digest.bad_path`, `digest.duplicate_path`, `digest.bad_file` or `digest.empty_tree`.
    """
    return list_digest(encode_tree(files))


def in_order(files: Iterable[TreeFile]) -> list[TreeFile]:
    """The files in the order of a tree's list: by the bytes of their paths."""
    return sorted(files, key=lambda file: file.path.encode("utf-8"))


def list_digest(lines: bytes) -> str:
    """The tree digest that a list made by `encode_tree` stands for."""
    return "sha256:" + hashlib.sha256(lines).hexdigest()


def encode_tree(files: Iterable[TreeFile]) -> bytes:
    """The list of a tree that its digest is the hash of: one line per file, sorted. Raises as `tree_digest` does."""
    lines: dict[bytes, bytes] = {}
    for file in files:
        check_tree_path(file.path)
        path = file.path.encode("utf-8")
        if path in lines:
            raise DataError("digest.duplicate_path", path=file.path)
        if file.size < 0 or not _SHA256.fullmatch(file.sha256):
            raise DataError("digest.bad_file", path=file.path)
        mode = b"755" if file.executable else b"644"
        lines[path] = b"%s %s %d %s\n" % (mode, file.sha256.encode("ascii"), file.size, path)
    if not lines:
        raise DataError("digest.empty_tree")
    _check_no_file_is_a_folder(lines)
    return b"".join(lines[path] for path in sorted(lines))


def decode_tree(lines: bytes) -> tuple[TreeFile, ...]:
    """The twin of `encode_tree`. Raises DataError `digest.bad_file` for bytes that `encode_tree` would not write."""
    files = []
    for line in lines.splitlines(keepends=True):
        found = _LINE.fullmatch(line)
        if found is None:
            raise DataError("digest.bad_file", path=ascii(line)[2:-1][:200])
        mode, content, size, path = found.groups()
        files.append(TreeFile(path.decode("utf-8", "replace"), mode == b"755", int(size), content.decode("ascii")))
    if encode_tree(files) != lines:
        raise DataError("digest.bad_file", path="list")
    return tuple(files)


def check_tree_path(path: str) -> str:
    """Return `path` if it can name a file inside a tree. Raises DataError `digest.bad_path`.

    >>> check_tree_path("scripts/run.sh")
    'scripts/run.sh'
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or _FORBIDDEN.search(path):
        raise DataError("digest.bad_path", path=ascii(path)[1:-1][:200])
    return path


def is_left_out(name: str, *, folder: bool) -> bool:
    """Whether a folder or file of this name, anywhere in a tree, is no part of it.

    >>> is_left_out("node_modules", folder=True), is_left_out("node_modules", folder=False), is_left_out(".GIT", folder=False)
    (True, False, True)
    """
    return name in (LEFT_OUT_FOLDERS if folder else LEFT_OUT_FILES) or is_git_folder(name)


def is_git_folder(name: str) -> bool:
    """Whether some file system takes `name` for `.git`."""
    return name[:1] in ".gG" and _DOT_GIT.fullmatch(name) is not None


def belongs(path: str) -> bool:
    """Whether a file of this path (relative, posix) is part of a tree: nothing in its path is left out."""
    *folders, name = path.split("/")
    return not (is_left_out(name, folder=False) or any(is_left_out(one, folder=True) for one in folders))


def is_tree_digest(text: str) -> bool:
    """Whether `text` has the shape of a tree digest."""
    return _TREE.fullmatch(text) is not None


def file_sha256(data: bytes) -> str:
    """The 64 hex digits that stand for one file's content."""
    return hashlib.sha256(data).hexdigest()


def _check_no_file_is_a_folder(paths: Iterable[bytes]) -> None:
    known = set(paths)
    for path in known:
        cut = path.rfind(b"/")
        while cut > 0:
            if path[:cut] in known:
                raise DataError("digest.duplicate_path", path=path[:cut].decode("utf-8"))
            cut = path.rfind(b"/", 0, cut)
