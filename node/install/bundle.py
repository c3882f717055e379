"""Bundles: `export` writes what is installed into one signed file, `import` installs from it on another machine.

What it guarantees: a bundle has trees and a lock and nothing else, so no settings, secrets, local paths or names of this machine
get into one; a bundle of which one byte was changed is refused as a whole before anything of it is unpacked.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from node.install.files import Files, disk_errors
from node.install.stage import Stage
from node.install.store import Store
from node.install.unpack import Unpacked
from protocol import limits
from protocol.errors import IntegrityError, NotFoundError, StorageError
from protocol.identity import PublicKey, SigningKey
from protocol.install.apply import check
from protocol.install.bundle import (
    BLOCK,
    END,
    LOCK,
    MEMBERS,
    SIGNATURE,
    Member,
    decode_members,
    encode_members,
    header,
    malformed,
    open_signature,
    padding,
    sign_bundle,
    tree_name,
)
from protocol.install.lockfile import decode_lock, encode_lock
from protocol.install.model import Generation, Installed, Origin
from protocol.install.universe import Location
from protocol.refs import Ref

_CHUNK = 1024 * limits.KIB


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every byte was checked. `places`: name -> (offset, size) in the file."""

    path: Path
    target: str
    key: PublicKey
    items: tuple[Installed, ...]
    places: Mapping[str, tuple[int, int]]


# --- Writing --------------------------------------------------------------------------------------------------------
def write_bundle(store: Store, target: Ref, key: SigningKey, path: Path, now: float) -> tuple[int, int]:
    """Write the installed `target` with everything it needs to `path`, whole or not at all; (items, bytes).

    Raises NotFoundError `install.not_installed`, IntegrityError `store.drift`, StorageError `store.failed`.
    """
    current = store.current()
    roots = [one for one in current.find(target.kind, target.id) if target.version in ("", one.version)]
    if not roots:
        raise NotFoundError("install.not_installed", ref=str(target))
    items = tuple(_stripped(one, one in roots) for one in current.closure(roots))
    with disk_errors(path), tempfile.TemporaryDirectory(prefix=".ooder-export-", dir=path.parent) as folder:
        scratch = Path(folder)
        (scratch / LOCK).write_text(encode_lock(items), "utf-8")
        members = [_member(LOCK, scratch / LOCK)]
        for digest in sorted({one.digest for one in items if one.digest}):
            packed = scratch / digest[7:]
            _pack(store, digest, packed)
            members.append(_member(tree_name(digest), packed))
        listed = encode_members(members)
        out = scratch / "bundle"
        with out.open("xb") as file:
            _put(file, SIGNATURE, io.BytesIO(sign_bundle(key, str(target), listed, now)))
            _put(file, MEMBERS, io.BytesIO(listed))
            for member in decode_members(listed):
                with (scratch / (LOCK if member.name == LOCK else member.name[6:70])).open("rb") as part:
                    _put(file, member.name, part)
            file.write(END)
            file.flush()
            os.fsync(file.fileno())
        size = out.stat().st_size
        out.replace(path)
    return len(items), size


def _stripped(item: Installed, requested: bool) -> Installed:
    """Without what only this machine knows: its paths, its times."""
    public = tuple(one for one in item.sources if not one.url.startswith("file:"))
    return replace(item, sources=public, first_seen=0.0, required_by=(), requested=requested)


def _member(name: str, path: Path) -> Member:
    with path.open("rb") as file:
        return Member(name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _pack(store: Store, digest: str, path: Path) -> None:
    """A tree as .tar.gz, equal bytes for equal trees; every file is held to the digest while it is read."""
    with (
        Files().open(store.tree(digest)) as root,
        path.open("xb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for file in store.list_files(digest):
            data = (Path(root.path) / file.path).read_bytes()
            if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
                raise IntegrityError("store.drift", count=1, digest=digest, causes=[f"changed: {file.path}"])
            info = tarfile.TarInfo(file.path)
            info.size, info.mode = file.size, 0o755 if file.executable else 0o644
            archive.addfile(info, io.BytesIO(data))


def _put(out: BinaryIO, name: str, part: BinaryIO) -> None:
    size = part.seek(0, io.SEEK_END)
    part.seek(0)
    out.write(header(name, size))
    while chunk := part.read(_CHUNK):
        out.write(chunk)
    out.write(padding(size))


# --- Reading --------------------------------------------------------------------------------------------------------
def read_bundle(path: Path, now: float) -> Bundle:
    """Check every byte of a bundle and read its lock.

    Raises NotFoundError `install.no_package`; DataError `bundle.malformed`, `install.bad_record`, `record.*`; IntegrityError
    `bundle.changed`, `record.bad_signature`; StorageError `store.failed`.
    """
    with _opened(path) as file:
        signature = _small(file, SIGNATURE, limits.RECORD_HTTP_BYTES)
        listed = _small(file, MEMBERS, limits.GENERATION_BYTES)
        members = decode_members(listed)
        record = open_signature(signature, listed, now)
        places: dict[str, tuple[int, int]] = {}
        lock = b""
        for member in members:
            if _header(file, member.name) != member.size:
                raise malformed(f"the size of {member.name}")
            places[member.name] = (file.tell(), member.size)
            content = hashlib.sha256()
            for chunk in _chunks(file, member.size):
                content.update(chunk)
                if member.name == LOCK:
                    lock += chunk
            if content.hexdigest() != member.sha256:
                raise IntegrityError("bundle.changed", member=member.name)
            _end_of_file(file, member.size)
        if file.read(len(END) + 1) != END:
            raise malformed("its end")
    items = check(Generation(0, 0.0, "", items=decode_lock(lock.decode("utf-8", "replace")))).items
    wanted = {tree_name(one.digest) for one in items if one.digest}
    if wanted != places.keys() - {LOCK}:
        raise malformed("the trees are not those of the lock")
    return Bundle(path, record.name, record.key, items, places)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, IsADirectoryError):
        raise NotFoundError("install.no_package", path=str(path)) from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR):
            raise NotFoundError("install.no_package", path=str(path)[:200]) from None
        raise StorageError("store.failed", path=str(path), reason=error.strerror or "") from error


def _small(file: BinaryIO, name: str, limit: int) -> bytes:
    size = _header(file, name)
    if size > limit:
        raise malformed(f"the size of {name}")
    data = b"".join(_chunks(file, size))
    _end_of_file(file, size)
    return data


def _header(file: BinaryIO, name: str) -> int:
    """The size in a header that is exactly the one that is expected."""
    block = file.read(BLOCK)
    try:
        size = int(block[124:135], 8)
    except ValueError:
        raise malformed(f"the header of {name}") from None
    if size < 0 or size > limits.BUNDLE_BYTES or block != header(name, size):
        raise malformed(f"the header of {name}")
    return size


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size:
        chunk = file.read(min(size, _CHUNK))
        if not chunk:
            raise malformed("it ends too early")
        size -= len(chunk)
        yield chunk


def _end_of_file(file: BinaryIO, size: int) -> None:
    if file.read(len(padding(size))) != padding(size):
        raise malformed("padding")


class BundleDeliverer:
    """`bundle:` locations: trees of one bundle that was read before."""

    near = True

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        return await asyncio.to_thread(self.unpack, location.url.removeprefix("bundle:"), stage)

    def unpack(self, name: str, stage: Stage) -> tuple[Unpacked, Origin]:
        """Stage one tree. Raises DataError `unpack.*`, `bundle.malformed`."""
        offset, size = self._bundle.places.get(name, (0, 0))
        if not 0 < size <= limits.PACKAGE_BYTES:
            raise malformed(f"the size of {name}")
        with _opened(self._bundle.path) as file:
            file.seek(offset)
            data = file.read(size)
        done = stage.archive(io.BytesIO(data), name, unwrap=False)
        return done, Origin("bundle", self._bundle.key.principal, sha256=hashlib.sha256(data).hexdigest())
