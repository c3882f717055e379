"""Which file system a path lies on: locks and syncs of network disks cannot be relied on, so the store refuses them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from protocol.errors import StorageError

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "fuse.sshfs", "fuse.rclone", "fuse.s3fs"})
_MOUNTS = Path("/proc/self/mounts")


def check_local(path: Path) -> None:
    """Raises StorageError `store.network_home` for a path on a network disk."""
    filesystem = filesystem_of(path.resolve(), _mounts())
    if filesystem in NETWORK:
        raise StorageError("store.network_home", path=str(path), filesystem=filesystem)


def filesystem_of(path: Path, mounts: str) -> str:
    """The type of the file system `path` is on, "" when that cannot be told.

    >>> filesystem_of(Path("/net/home/x"), "/dev/sda / ext4 rw 0 0\\nbox:/x /net nfs4 rw 0 0\\n")
    'nfs4'
    """
    best, found = -1, ""
    for line in mounts.splitlines():
        _, _, rest = line.partition(" ")
        place, _, rest = rest.partition(" ")
        point = Path(place.replace("\\040", " "))
        if (point == path or point in path.parents) and len(point.parts) >= best:
            best, found = len(point.parts), rest.partition(" ")[0]
    return found


@lru_cache(maxsize=1)
def _mounts() -> str:
    try:
        return _MOUNTS.read_text("utf-8", "replace")
    except OSError:
        return ""  # not Linux: nothing can be told
