"""Reading zip packages strictly: the central directory and every local header must tell one and the same story.

Allowed: stored and deflate, one disk, no encryption, no zip64 (packages are far smaller), nothing before the first or after
the last byte, no two members sharing a byte. SECURITY 3.3, T15. APPNOTE 6.3.10 sections 4.3 to 4.5.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from node.install.members import Budget, Member, check_mode, text_name
from protocol import limits
from protocol.errors import DataError
from protocol.install.paths import shown

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_DESCRIPTOR = 0x0008
_STORED, _DEFLATE = 0, 8
_UNIX, _DARWIN = 3, 19
_CHUNK = 256 * limits.KIB


@dataclass(frozen=True, slots=True)
class _Entry:
    raw_name: bytes
    name: str
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


def zip_members(file: BinaryIO, size: int, budget: Budget) -> Iterator[Member]:
    """The members of the zip in `file` (`size` bytes, seekable), in the order of their bytes. Raises DataError `unpack.*`."""
    entries, directory = _central(file, size)
    end = 0
    placed: list[tuple[_Entry, int]] = []
    for entry in sorted(entries, key=lambda entry: entry.offset):
        check_mode(entry.name, entry.mode)
        start = _local(file, entry)
        if entry.offset < end or start + entry.packed > directory:
            raise DataError("unpack.overlap", member=shown(entry.name))
        end = start + entry.packed
        kind = stat.S_IFMT(entry.mode)
        folder = entry.name.endswith("/")
        if (kind and (kind == stat.S_IFDIR) != folder) or (folder and entry.size):
            raise DataError("unpack.ambiguous", member=shown(entry.name), reason="file or folder")
        placed.append((entry, start))
    for entry, start in placed:
        chunks = _bytes(file, entry, start, budget)
        yield Member(entry.name, entry.name.endswith("/"), bool(entry.mode & stat.S_IXUSR), entry.size, chunks)


def _read(file: BinaryIO, size: int, what: str) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise DataError("unpack.truncated", what=what)
    return data


def _directory_start(file: BinaryIO, size: int) -> tuple[int, int]:
    """(offset of the central directory, number of entries)."""
    tail_size = min(size, _END.size + 0xFFFF)
    file.seek(size - tail_size)
    tail = _read(file, tail_size, "end record")
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise DataError("unpack.truncated", what="end record")
    _, disk, first_disk, here, total, length, offset, comment = _END.unpack_from(tail, at)
    position = size - tail_size + at
    if disk or first_disk or here != total or 0xFFFF in (here, total) or 0xFFFFFFFF in (length, offset):
        raise DataError("unpack.corrupt", reason="several disks or zip64")
    if position + _END.size + comment != size or offset + length != position:
        raise DataError("unpack.corrupt", reason="there are bytes that belong to no member")
    if total > limits.PACKAGE_MEMBERS:
        raise DataError("unpack.too_many_files", limit=limits.PACKAGE_MEMBERS)
    return offset, total


def _central(file: BinaryIO, size: int) -> tuple[list[_Entry], int]:
    offset, total = _directory_start(file, size)
    file.seek(offset)
    entries = [_central_entry(file) for _ in range(total)]
    if file.read(4) != b"PK\x05\x06":
        raise DataError("unpack.corrupt", reason="the directory is not as long as it says")
    return entries, offset


def _central_entry(file: BinaryIO) -> _Entry:
    head = _CENTRAL.unpack(_read(file, _CENTRAL.size, "directory"))
    magic, made_by, _, flags, method, _, _, crc, packed, size, names, extras, comments, disk, _, attributes, offset = (
        head
    )
    if magic != b"PK\x01\x02" or disk:
        raise DataError("unpack.corrupt", reason="not a directory entry")
    raw = _read(file, names, "directory")
    extra = _read(file, extras, "directory")
    _read(file, comments, "directory")
    name = text_name(raw)
    if b"\0" in raw or _renamed(extra, raw):
        raise DataError("unpack.ambiguous", member=shown(name), reason="two names")
    if flags & _ENCRYPTED:
        raise DataError("unpack.encrypted", member=shown(name))
    if method not in (_STORED, _DEFLATE):
        raise DataError("unpack.method", member=shown(name), method=method)
    if 0xFFFFFFFF in (packed, size, offset):
        raise DataError("unpack.file_too_large", member=shown(name), limit=limits.ITEM_FILE_BYTES)
    mode = attributes >> 16 if made_by >> 8 in (_UNIX, _DARWIN) else 0
    return _Entry(raw, name, flags, method, crc, packed, size, mode, offset)


def _renamed(extra: bytes, raw: bytes) -> bool:
    """Whether an Info-ZIP Unicode path field (0x7075) gives the member another name."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 0x7075 and extra[at + 9 : at + 4 + length] != raw:
            return True
        at += 4 + length
    return False


def _local(file: BinaryIO, entry: _Entry) -> int:
    """Check the local header against the directory; where the member's bytes start."""
    file.seek(entry.offset)
    head = _LOCAL.unpack(_read(file, _LOCAL.size, shown(entry.name)))
    magic, _, flags, method, _, _, crc, packed, size, names, extras = head
    raw = _read(file, names, shown(entry.name))
    if magic != b"PK\x03\x04" or raw != entry.raw_name or method != entry.method or (flags ^ entry.flags) & ~0x0006:
        raise DataError("unpack.ambiguous", member=shown(entry.name), reason="directory and local header")
    # With a data descriptor the header may leave the three out (0) or, in zip64 style, mark them as elsewhere.
    told = {(entry.crc, entry.packed, entry.size)}
    if flags & _DESCRIPTOR:
        told |= {(0, 0, 0), (0, 0xFFFFFFFF, 0xFFFFFFFF), (entry.crc, 0xFFFFFFFF, 0xFFFFFFFF)}
    if (crc, packed, size) not in told:
        raise DataError("unpack.ambiguous", member=shown(entry.name), reason="sizes")
    return entry.offset + _LOCAL.size + int(names) + int(extras)


def _bytes(file: BinaryIO, entry: _Entry, start: int, budget: Budget) -> Iterator[bytes]:
    file.seek(start)
    crc = size = 0
    source = _inflated(file, entry, budget) if entry.method == _DEFLATE else _stored(file, entry, budget)
    for chunk in source:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if size > entry.size:
            break
        yield chunk
    if size != entry.size:
        raise DataError("unpack.size_lies", member=shown(entry.name), declared=entry.size, actual=size)
    if crc != entry.crc:
        raise DataError("unpack.corrupt", reason=f"checksum of {shown(entry.name)}")


def _stored(file: BinaryIO, entry: _Entry, budget: Budget) -> Iterator[bytes]:
    left = entry.packed
    while left:
        chunk = _read(file, min(left, _CHUNK), shown(entry.name))
        budget.count(entry.name, len(chunk), len(chunk))
        left -= len(chunk)
        yield chunk


def _inflated(file: BinaryIO, entry: _Entry, budget: Budget) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-15)
    left = entry.packed
    waiting = b""
    try:
        while not inflate.eof:
            if not waiting:
                waiting = _read(file, min(left, _CHUNK), shown(entry.name))
                left -= len(waiting)
                if not waiting:
                    raise DataError("unpack.truncated", what=shown(entry.name))
                budget.count(entry.name, len(waiting), 0)
            chunk = inflate.decompress(waiting, _CHUNK)
            waiting = inflate.unconsumed_tail
            if chunk:
                budget.count(entry.name, 0, len(chunk))
                yield chunk
    except zlib.error as error:
        raise DataError("unpack.corrupt", reason=f"{shown(entry.name)}: {error}") from None
    if left or inflate.unused_data or waiting:
        raise DataError("unpack.corrupt", reason=f"{shown(entry.name)} has bytes after its end")
