"""Events of a SkillCenter to a client: as a WebSocket that obeys a subscription, and as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

from aiohttp import WSMsgType, web

from node.api.hub import is_set_within
from node.skill_center.feed import Feed, Ready
from protocol import limits
from protocol.errors import DataError, UnavailableError
from protocol.skill_center.events import FRAME_BYTES, Subscription, decode_subscription

LOOK_SECONDS = 1.0  # between looks whether a quiet listener is still there


class Listener:
    """What one client wants and how far it is."""

    def __init__(self, feed: Feed, wanted: Subscription) -> None:
        self._feed = feed
        self.wanted = wanted
        self.position = feed.last if wanted.since is None else wanted.since
        self.bell = asyncio.Event()

    def subscribe(self, wanted: Subscription) -> None:
        """Another wish; `since` moves the position."""
        self.wanted = wanted
        if wanted.since is not None:
            self.position = wanted.since
        self.bell.set()

    async def told(self, is_there: Callable[[], bool]) -> AsyncIterator[list[Ready]]:
        """What this client is told, until the registry stops or the client goes; an empty list is a sign of life."""
        quiet = 0.0
        while not self._feed.closed:
            self.bell.clear()
            batch = await self._feed.after(self.position)
            if batch:
                self.position = batch[-1].n
                quiet = 0.0
                if wanted := [one for one in batch if self.wanted.wants(one.type)]:
                    yield wanted
            elif await is_set_within(self.bell, LOOK_SECONDS):
                continue
            elif not is_there():
                return
            elif (quiet := quiet + LOOK_SECONDS) >= limits.API_KEEP_ALIVE_SECONDS:
                quiet = 0.0
                yield []


@contextmanager
def listening(feed: Feed, since: int | None) -> Iterator[Listener]:
    """A place among the listeners. Raises UnavailableError `api.busy`."""
    if len(feed.bells) >= limits.CENTER_STREAMS:
        raise UnavailableError("api.busy", what="event streams", retry_after=5)
    listener = Listener(feed, Subscription((), since))
    feed.bells.add(listener.bell)
    try:
        yield listener
    finally:
        feed.bells.discard(listener.bell)


async def serve_socket(request: web.Request, feed: Feed, since: int | None) -> web.StreamResponse:
    """A WebSocket: one JSON text for each event; frames of the client are subscriptions."""
    with listening(feed, since) as listener:
        socket = web.WebSocketResponse(
            heartbeat=limits.API_KEEP_ALIVE_SECONDS, max_msg_size=FRAME_BYTES, compress=False
        )
        await socket.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(_send(socket, listener))
                await _hear(socket, listener)
                sender.cancel()
        await socket.close()
    return socket


async def _send(socket: web.WebSocketResponse, listener: Listener) -> None:
    with suppress(ConnectionError, TimeoutError):
        async for batch in listener.told(lambda: not socket.closed):
            for one in batch:
                async with asyncio.timeout(limits.API_STALLED_SECONDS):
                    await socket.send_str(one.text)
    await socket.close()


async def _hear(socket: web.WebSocketResponse, listener: Listener) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return
        if message.type is WSMsgType.TEXT:
            try:
                listener.subscribe(decode_subscription(message.data))
            except DataError as error:
                await socket.close(code=1008, message=error.code.encode())
                return


async def serve_events(request: web.Request, feed: Feed, since: int | None) -> web.StreamResponse:
    """Server-sent events until the client goes."""
    with listening(feed, since) as listener:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            await response.write(b"retry: 1000\n\n")
            async for batch in listener.told(lambda: _is_there(request)):
                lines = [f"id: {one.n}\nevent: {one.type}\ndata: {one.text}\n\n" for one in batch]
                async with asyncio.timeout(limits.API_STALLED_SECONDS):
                    await response.write("".join(lines).encode() or b": still here\n\n")
    if request.transport is not None:
        request.transport.abort()
    return response


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
