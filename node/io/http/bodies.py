"""Bodies as they arrive: unpacked in small steps, counted before they are handed on, so that a bomb costs no more than its bound."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from protocol import limits
from protocol.errors import DataError, UnavailableError
from protocol.http.exchange import Target

if TYPE_CHECKING:
    import aiohttp

CHUNK = 64 * limits.KIB
_PLAIN = ("", "identity")


class Unpacker:
    """Decodes one body of `coding` ("", identity, gzip, x-gzip or deflate), at most `CHUNK` bytes at a time."""

    def __init__(self, coding: str, target: Target) -> None:
        coding = coding.strip().lower()
        self._target = target
        self._inflate = None
        if coding in ("gzip", "x-gzip", "deflate"):
            self._inflate = zlib.decompressobj(47)
        elif coding not in _PLAIN:
            raise UnavailableError("http.broken", url=target.shown, reason=f"content-encoding {coding[:40]}")

    def feed(self, data: bytes) -> list[bytes]:
        """Decoded pieces, lazily bounded: the caller counts between pieces by asking `more`."""
        if self._inflate is None:
            return [data] if data else []
        return self._step(data)

    @property
    def more(self) -> bytes:
        """Bytes that wait to be unpacked because one step made enough."""
        return self._inflate.unconsumed_tail if self._inflate is not None else b""

    def _step(self, data: bytes) -> list[bytes]:
        assert self._inflate is not None
        try:
            piece = self._inflate.decompress(data, CHUNK)
        except zlib.error as error:
            raise self._broken(str(error)) from None
        return [piece] if piece else []

    def finish(self) -> None:
        """Raises UnavailableError `http.broken` when the body ended too early."""
        if self._inflate is not None and not self._inflate.eof:
            raise self._broken("the packed body is not whole")

    def _broken(self, reason: str) -> UnavailableError:
        return UnavailableError("http.broken", url=self._target.shown, reason=reason[:100])


async def pieces(answer: aiohttp.ClientResponse, target: Target, most: int) -> AsyncIterator[bytes]:
    """The decoded body. Raises DataError `http.too_large` as soon as it passes `most` bytes, UnavailableError `http.broken`."""
    said = answer.headers.get("Content-Length", "")
    coding = answer.headers.get("Content-Encoding", "")
    if said.isdigit() and len(said) < 20 and int(said) > most:
        raise DataError("http.too_large", url=target.shown, limit=most)
    unpacker, total = Unpacker(coding, target), 0
    async for chunk in answer.content.iter_chunked(CHUNK):
        waiting = chunk
        while waiting:
            for piece in unpacker.feed(waiting):
                total += len(piece)
                if total > most:
                    raise DataError("http.too_large", url=target.shown, limit=most)
                yield piece
            waiting = unpacker.more
    unpacker.finish()
