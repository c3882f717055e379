"""Reading .tar.gz packages strictly: ustar, GNU long names and pax headers, regular files and folders, nothing else.

Sparse files, links, devices, unknown types, a size that lies, data after the end: each is refused. SECURITY 3.3, T15.
POSIX.1-2017 pax, section "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from node.install.members import Budget, Member, check_mode, text_name
from protocol import limits
from protocol.errors import DataError
from protocol.install.paths import shown

_BLOCK = 512
_CHUNK = 256 * limits.KIB
_ZERO = bytes(_BLOCK)
_HARMLESS = (
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
    "uname",
    "gname",
    "comment",
    "hdrcharset",
    "LIBARCHIVE.",
    "SCHILY.",
)
_SPECIAL = {b"3": "character device", b"4": "block device", b"6": "pipe", b"7": "contiguous file", b"S": "sparse file"}


@dataclass(slots=True)
class _Header:
    name: str
    type: bytes
    size: int
    mode: int


class _Stream:
    """Decompressed bytes of a gzip file, counted before they are handed over."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._inflate = zlib.decompressobj(31)
        self._packed = b""
        self._ready = b""
        self._at = 0
        self.member = "tar"

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""
        if self._at == len(self._ready):
            self._ready = self._more()
            self._at = 0
        if not self._at and len(self._ready) <= size:
            data, self._ready = self._ready, b""
            return data
        data = self._ready[self._at : self._at + size]
        self._at += len(data)
        return data

    def exactly(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises DataError `unpack.truncated`."""
        data = self.read(size)
        while len(data) < size:
            part = self.read(size - len(data))
            if not part:
                raise DataError("unpack.truncated", what=shown(self.member))
            data += part
        return data

    def _more(self) -> bytes:
        while True:
            if self._inflate.eof:
                self._packed = self._inflate.unused_data or self._fill()
                if not self._packed:
                    return b""
                self._inflate = zlib.decompressobj(31)
            if not self._packed and not self._fill_packed():
                raise DataError("unpack.truncated", what="gzip")
            try:
                chunk = self._inflate.decompress(self._packed, _CHUNK)
            except zlib.error as error:
                raise DataError("unpack.corrupt", reason=f"gzip: {error}") from None
            self._packed = self._inflate.unconsumed_tail
            if chunk:
                self._budget.count(self.member, 0, len(chunk))
                return chunk

    def _fill_packed(self) -> bool:
        self._packed = self._fill()
        return bool(self._packed)

    def _fill(self) -> bytes:
        data = self._file.read(_CHUNK)
        self._budget.count(self.member, len(data), 0)
        return data


def tar_members(file: BinaryIO, budget: Budget) -> Iterator[Member]:
    """The members of the gzipped tar in `file`, in order. Raises DataError `unpack.*`."""
    stream = _Stream(file, budget)
    count = 0
    while (header := _next_header(stream)) is not None:
        count += 1
        if count > limits.PACKAGE_MEMBERS:
            raise DataError("unpack.too_many_files", limit=limits.PACKAGE_MEMBERS)
        stream.member = header.name
        folder = header.type == b"5" or (header.type == b"\0" and header.name.endswith("/"))
        if folder != header.name.endswith("/") and header.type != b"5":
            raise DataError("unpack.ambiguous", member=shown(header.name), reason="file or folder")
        if folder and header.size:
            raise DataError("unpack.ambiguous", member=shown(header.name), reason="a folder with bytes")
        check_mode(header.name, header.mode)
        chunks = _content(stream, header.size)
        yield Member(header.name, folder, bool(header.mode & 0o100), header.size, chunks)
        for _ in chunks:  # what the caller left over
            pass
    while rest := stream.read(_CHUNK):
        if rest.strip(b"\0"):
            raise DataError("unpack.corrupt", reason="there are bytes after the end")


def _content(stream: _Stream, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise DataError("unpack.truncated", what=shown(stream.member))
        left -= len(chunk)
        yield chunk
    if size % _BLOCK:
        stream.exactly(_BLOCK - size % _BLOCK)


def _next_header(stream: _Stream) -> _Header | None:
    """The next real member with its long name and pax values applied; None at the end."""
    long_name = ""
    values: dict[str, str] = {}
    while (header := _block_header(stream)) is not None:
        if header.type == b"L":
            long_name = text_name(_small(stream, header).rstrip(b"\0"))
        elif header.type == b"x":
            values = _pax(_small(stream, header), header)
        elif header.type == b"g":
            if {"path", "size"} & _pax(_small(stream, header), header).keys():
                raise DataError("unpack.ambiguous", member="pax", reason="a name or size for all members")
        else:
            return _resolved(header, long_name, values)
    if long_name or values:
        raise DataError("unpack.truncated", what="tar")
    return None


def _resolved(header: _Header, long_name: str, values: dict[str, str]) -> _Header:
    name = values.get("path") or long_name or header.name
    if header.type in (b"1", b"2", b"K"):
        raise DataError("unpack.link", member=shown(name))
    if header.type not in (b"0", b"\0", b"5"):
        what = _SPECIAL.get(header.type, f"type {shown(header.type.decode('latin-1'))}")
        raise DataError("unpack.special", member=shown(name), what=what)
    size = header.size
    if "size" in values:
        if not values["size"].isascii() or not values["size"].isdigit() or len(values["size"]) > 12:
            raise DataError("unpack.corrupt", reason=f"size of {shown(name)}")
        size = int(values["size"])
    if size > limits.ITEM_FILE_BYTES:
        raise DataError("unpack.file_too_large", member=shown(name), limit=limits.ITEM_FILE_BYTES)
    return _Header(name, header.type, size, header.mode)


def _block_header(stream: _Stream) -> _Header | None:
    block = stream.read(_BLOCK)
    if not block:
        raise DataError("unpack.truncated", what="tar")
    if len(block) < _BLOCK:
        block += stream.exactly(_BLOCK - len(block))
    if block == _ZERO:
        return None
    declared = _octal(block[148:156])
    if declared != sum(block) - sum(block[148:156]) + 8 * 32:
        raise DataError("unpack.corrupt", reason="checksum of a tar header")
    name = _field(block[:100])
    if block[257:263] == b"ustar\0" and (prefix := _field(block[345:500])):
        name = prefix + b"/" + name
    return _Header(text_name(name), block[156:157], _number(block[124:136]), _octal(block[100:108]))


def _small(stream: _Stream, header: _Header) -> bytes:
    if header.size > limits.TAR_HEADER_BYTES:
        raise DataError("unpack.corrupt", reason=f"a header longer than {limits.TAR_HEADER_BYTES} bytes")
    return b"".join(_content(stream, header.size))


def _pax(data: bytes, header: _Header) -> dict[str, str]:
    values: dict[str, str] = {}
    while data:
        length, _, rest = data.partition(b" ")
        size = int(length) if length.isdigit() and len(length) < 6 else 0
        record = rest[: size - len(length) - 1]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if size <= len(length) + 1 or size > len(data) or not equals or not record.endswith(b"\n"):
            raise DataError("unpack.corrupt", reason="a pax record")
        name = text_name(key)
        if name == "linkpath":
            raise DataError("unpack.link", member=shown(header.name))
        if name in ("path", "size"):
            values[name] = text_name(value)
        elif not name.startswith(_HARMLESS):
            raise DataError("unpack.special", member=shown(header.name), what=f"pax {shown(name)}")
        data = data[size:]
    return values


def _field(raw: bytes) -> bytes:
    return raw.partition(b"\0")[0]


def _octal(raw: bytes) -> int:
    digits = raw.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise DataError("unpack.corrupt", reason="a number in a tar header")
    return int(digits, 8)


def _number(raw: bytes) -> int:
    """Octal, or base 256 when the first bit is set; the result is bounded."""
    value = int.from_bytes(raw[1:], "big") if raw[0] == 0x80 else _octal(raw)
    if value > limits.PACKAGE_BYTES:
        raise DataError("unpack.too_large", limit=limits.ITEM_BYTES)
    return value
