"""Bytes and the SHA-256 of exactly these bytes: taken once, while they come, and still true when they are written.

What it guarantees: the digest cannot be set, only made from what was added; what was added cannot change afterwards; who iterates
gets just that, and then nothing more can be added. So a tree that was judged while it was fetched need not be hashed again when it is
written. What it leaves to others: whether the digest is the wanted one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple


class Hashed:
    """One file's bytes. `add` until it is complete; one thread at a time."""

    __slots__ = ("_content", "_parts", "_sealed", "_size")

    def __init__(self) -> None:
        self._content = hashlib.sha256()
        self._parts: list[bytes] = []
        self._size = 0
        self._sealed = False

    def add(self, part: bytes) -> None:
        """Append; of what could change later (bytearray, memoryview) a copy. Raises ValueError when they were read already."""
        if self._sealed:
            raise ValueError("complete already")
        kept = bytes(part)
        self._content.update(kept)
        self._parts.append(kept)
        self._size += len(kept)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """64 hex digits, of the bytes so far."""
        return self._content.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in order; from now on there are no more."""
        self._sealed = True
        return iter(tuple(self._parts))


class HashedFile(NamedTuple):
    """One file in memory whose digest is known, as `PackedFile` is one whose digest is not."""

    path: str
    executable: bool
    content: Hashed

    @property
    def data(self) -> bytes:
        """All bytes at once."""
        return b"".join(self.content)
