"""Tells connected peers that the catalogue changed: digest and number of what that peer may see, nothing else.

Guarantees: a peer hears only of changes in its own view; the number of listeners is bounded, in all and for each address; a slow
listener gets the newest state instead of all of them, and is dropped when it takes nothing; nobody looks while nobody listens.
What a listener hears is a hint: the catalogue it fetches then is the one that is signed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from aiohttp import web

from node.api.hub import is_set_within
from node.api.offers import Offers
from node.api.problems import encode
from protocol import limits
from protocol.errors import OoderError, UnavailableError
from protocol.items import Json

log = logging.getLogger("ooder.api")


class PeerNews:
    """One per node. `read` runs something that blocks on a thread."""

    def __init__(self, offers: Callable[[], Offers], read: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self._offers, self._read = offers, read
        self._listeners: Counter[str] = Counter()
        self._mark: Hashable = None
        self._pulse = asyncio.Event()
        self._wanted = asyncio.Event()
        self.closed = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return self._listeners.total()

    async def run(self) -> None:
        """Look for changes until cancelled, while somebody listens."""
        while True:
            if not self.listeners:
                self._wanted.clear()
                await self._wanted.wait()
            try:
                mark = await self._read(lambda: self._offers().mark())
            except OoderError as error:
                log.warning("what is offered cannot be read: %s", error)
            else:
                if mark != self._mark:
                    self._mark = mark
                    self._pulse.set()
                    self._pulse = asyncio.Event()
            await asyncio.sleep(limits.PEER_NEWS_SECONDS)

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """A place among the listeners. Raises UnavailableError `api.busy`."""
        if self.listeners >= limits.PEER_LISTENERS or self._listeners[address] >= limits.PEER_LISTENERS_EACH:
            raise UnavailableError("api.busy", what="event streams", retry_after=5)
        self._listeners[address] += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._listeners[address] -= 1
            if not self._listeners[address]:
                del self._listeners[address]

    async def state(self, key: str) -> Mapping[str, Json]:
        """`last` and `digest` of what the owner of `key` ("" = a stranger) may see now."""
        found: Mapping[str, Json] = await self._read(lambda: self._offers().head(key))
        return found

    async def tell(self, key: str, write: Callable[[bytes], Awaitable[None]], is_there: Callable[[], bool]) -> None:
        """Write the state now and after every change of it, until the listener goes, takes nothing, the ledger cannot be read, or the
        node stops."""
        said: Mapping[str, Json] = {}
        quiet = 0.0
        step = min(1.0, limits.API_KEEP_ALIVE_SECONDS)
        with suppress(ConnectionError, TimeoutError, OoderError):
            while not self.closed:
                pulse = self._pulse
                now = await self.state(key)
                if now != said:
                    said, quiet = now, 0.0
                    number = str(now["last"]).encode()
                    await _within(write(b"id: %s\nevent: catalogue\ndata: %s\n\n" % (number, encode(dict(now)))))
                while not await is_set_within(pulse, step):
                    if not is_there():
                        return
                    if (quiet := quiet + step) >= limits.API_KEEP_ALIVE_SECONDS:
                        quiet = 0.0
                        await _within(write(b": still here\n\n"))

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self._pulse.set()


async def serve_news(request: web.Request, news: PeerNews, key: str, client: str) -> web.StreamResponse:
    """Server-sent events for the peer at address `client`, until it goes. Raises UnavailableError `api.busy`."""
    with news.place(client):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        transport = request.transport
        if transport is not None:
            transport.set_write_buffer_limits(high=4 * limits.KIB)
        await news.tell(key, response.write, lambda: transport is not None and not transport.is_closing())
    if transport is not None:
        transport.abort()
    return response


async def _within(writing: Awaitable[None]) -> None:
    async with asyncio.timeout(limits.API_STALLED_SECONDS):
        await writing
