"""What the cache of a home holds and weighs, and removing what this node wrote into it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from node.cache_tree import remove_cache
from node.paths import Paths
from protocol.items import Json


class Cleared(NamedTuple):
    """Files and bytes removed, files kept because somebody else put them there."""

    files: int
    size: int
    kept: int


def parts_of(paths: Paths) -> list[dict[str, Json]]:
    """Parts of the cache and the index with files and bytes."""
    parts: list[dict[str, Json]] = []
    for path in (*sorted(paths.cache.glob("*")), paths.index):
        if not path.exists():
            continue
        inside = (
            [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file() and not one.is_symlink()]
        )
        parts.append({"name": path.name, "files": len(inside), "bytes": sum(one.stat().st_size for one in inside)})
    return parts


def remove_parts(paths: Paths) -> Cleared:
    """Remove the cache tree, the mirrors and the index. Raises StorageError."""
    files, size = _totals(paths)
    remove_cache(paths.cache, (paths.mirrors.name, paths.http_cache.name, paths.partial.name))
    for ending in ("", "-wal", "-shm"):
        Path(f"{paths.index}{ending}").unlink(missing_ok=True)
    kept, left = _totals(paths)
    return Cleared(files - kept, size - left, kept)


def _totals(paths: Paths) -> tuple[int, int]:
    parts = parts_of(paths)
    return sum(int(str(part["files"])) for part in parts), sum(int(str(part["bytes"])) for part in parts)
