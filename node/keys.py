"""This node's own key: `OODER_HOME/node.key`, made on first use, for this user only, never printed and never exported.

The file is one line, `ooder-node-key-1 ` and the 32 seed bytes in base64. Everything that signs as this node (bundles, records,
beacons, the peer plane) asks here, so that a node has one name.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from node.paths import Paths
from protocol.errors import StorageError
from protocol.identity import KEY_BYTES, SigningKey

_MARK: Final = b"ooder-node-key-1 "
_LENGTH: Final = len(_MARK) + 44 + 1  # 32 bytes are 44 characters of base64, then a line feed
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def node_key(paths: Paths) -> SigningKey:
    """The key of this home, made when there is none; two processes that ask at once get the same one.

    Raises StorageError `key.file_damaged`, `key.file_open` (others may read it), `home.unwritable`.
    """
    key = read_key(paths)
    if key is None:
        _make(paths)
        key = read_key(paths)
    if key is None:
        raise StorageError("key.file_damaged", path=str(paths.node_key), reason="gone")
    return key


def read_key(paths: Paths, elsewhere: Path | None = None) -> SigningKey | None:
    """The key of this home (or of a file `elsewhere`), None when none was made yet. Raises as `node_key` does."""
    path = elsewhere or paths.node_key
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError("key.file_damaged", path=str(path), reason=error.strerror or "") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise StorageError("key.file_open", path=str(path))
        data = file.read(_LENGTH + 1)
    return SigningKey(_decode(data, path))


def _decode(data: bytes, path: Path) -> bytes:
    """The seed. What is wrong is named; what was read is not."""
    if len(data) == _LENGTH and data.startswith(_MARK) and data.endswith(b"\n"):
        with suppress(binascii.Error):
            seed = base64.b64decode(data[len(_MARK) : -1], validate=True)
            if len(seed) == KEY_BYTES:
                return seed
    raise StorageError("key.file_damaged", path=str(path), reason="not in the form this program writes")


def _make(paths: Paths) -> None:
    """Write a new key beside its place and give it the name only if nobody else was first; on the disk for good."""
    paths.ensure()
    path = paths.node_key
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, _NEW, 0o600), "wb") as file:
            file.write(_MARK + base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink()
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StorageError("home.unwritable", path=str(path), reason=error.strerror or str(error)) from error
