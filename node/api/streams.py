"""Event streams: SSE and WebSocket over the same hub.

A stream begins with a `snapshot`, unless it resumes (`Last-Event-ID` or `since`) where the log still reaches back. Where it does not,
a `gap` event says so and a snapshot follows. Signs of life come every `limits.API_KEEP_ALIVE_SECONDS`; a client that takes nothing
for `limits.API_STALLED_SECONDS` is dropped and finds its place, or a gap, when it comes back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from node.api.hub import Ready, is_set_within, ready
from protocol import limits
from protocol.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node.api.hub import Hub

LOOK_SECONDS = 1.0  # between looks whether a quiet listener is still there


@contextmanager
def listening(hub: Hub) -> Iterator[None]:
    """A place among the listeners. Raises UnavailableError `api.busy`."""
    if hub.listeners >= limits.API_STREAMS:
        raise UnavailableError("api.busy", what="event streams", retry_after=5)
    hub.join()
    try:
        yield
    finally:
        hub.leave()


async def told(hub: Hub, since: int | None, is_there: Callable[[], bool]) -> AsyncIterator[list[Ready]]:
    """What one listener is told, until the node stops or the listener goes; an empty list is a sign of life."""
    position = 0 if since is None else since
    quiet = 0.0
    step = min(LOOK_SECONDS, limits.API_KEEP_ALIVE_SECONDS)
    if since is None:
        first = await hub.snapshot()
        position = first.n
        yield [first]
    while not hub.closed:
        pulse = hub.pulse
        batch = await hub.after(position)
        if batch.gap:
            first = await hub.snapshot()
            yield [_gap(position, first.n), first]
            position = first.n
            continue
        if batch.events:
            yield batch.events
            position = batch.position
        elif batch.position < position:
            position = batch.position
        elif await is_set_within(pulse, step):
            quiet = 0.0
        elif not is_there():
            return
        elif (quiet := quiet + step) >= limits.API_KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield []


def _gap(since: int, last: int) -> Ready:
    return ready({"n": last, "at": 0.0, "type": "gap", "ref": "", "data": {"since": since, "last": last}})


async def serve_events(request: web.Request, hub: Hub, since: int | None) -> web.StreamResponse:
    """Server-sent events until the client goes."""
    with listening(hub):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            await _within(response.write(b"retry: 1000\n\n"))
            async for events in told(hub, since, lambda: _is_there(request)):
                data = b"".join(one.sse for one in events) if events else b": still here\n\n"
                await _within(response.write(data))
    if request.transport is not None:
        request.transport.abort()
    return response


def _is_there(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def serve_socket(request: web.Request, hub: Hub, since: int | None) -> web.StreamResponse:
    """The same over a WebSocket: one JSON text per event. What the client says is not listened to."""
    with listening(hub):
        socket = web.WebSocketResponse(
            heartbeat=limits.API_KEEP_ALIVE_SECONDS, max_msg_size=4 * limits.KIB, compress=False
        )
        await socket.prepare(request)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(_send(socket, hub, since))
                await _drain(socket)
                sender.cancel()
        await socket.close()
    return socket


async def _send(socket: web.WebSocketResponse, hub: Hub, since: int | None) -> None:
    with suppress(ConnectionError, TimeoutError):
        async for events in told(hub, since, lambda: not socket.closed):
            for one in events:
                await _within(socket.send_str(one.json.decode()))
    await socket.close()


async def _drain(socket: web.WebSocketResponse) -> None:
    async for message in socket:
        if message.type is WSMsgType.ERROR:
            return


async def _within(writing: Awaitable[None]) -> None:
    async with asyncio.timeout(limits.API_STALLED_SECONDS):
        await writing
