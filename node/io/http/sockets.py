"""WebSockets through the same door: text messages of a bounded size, a heartbeat that notices the dead, no redirects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from node.io.http.hop import spoken, wait_turn
from protocol import limits
from protocol.errors import DataError, UnavailableError
from protocol.http.exchange import HttpRequest, Target, header_lines, read_target

if TYPE_CHECKING:
    import aiohttp

    from node.io.http.door import HttpClient


@asynccontextmanager
async def open_socket(client: HttpClient, request: HttpRequest) -> AsyncIterator[AsyncIterator[str]]:
    """Connect, say `request.body` if there is any, and hand out what comes. Raises what `HttpClient.ask` raises."""
    import aiohttp
    import yarl

    target = read_target(request.url)
    door = client.door
    origin = client.origin(target)
    await wait_turn(origin, target, door.clock, limits.HTTP_PATIENCE)
    lines = header_lines(request, client.key_line(target))
    async with spoken(origin, target, client.bounds, door):
        client.judge(target)
        try:
            pool, seconds = await client.pool(), 2 * client.bounds.connect_s
            async with asyncio.timeout(seconds):
                socket = await pool.ws_connect(
                    yarl.URL(target.url, encoded=True),
                    headers={name: lines[name] for name in lines if name not in ("Accept", "Accept-Encoding")},
                    heartbeat=limits.HTTP_HEARTBEAT_SECONDS,
                    max_msg_size=limits.HTTP_MESSAGE_BYTES,
                    proxy=client.bounds.proxy or None,
                    compress=0,
                )
        except TimeoutError:
            raise UnavailableError("http.timed_out", url=target.shown, seconds=seconds) from None
        except aiohttp.WSServerHandshakeError as error:
            if error.status >= 500:
                raise UnavailableError("http.failed", url=target.shown, status=error.status) from None
            raise UnavailableError(
                "http.refused", url=target.shown, status=error.status, reason="no WebSocket"
            ) from None
        if request.body:
            await socket.send_str(request.body.decode())
    try:
        yield _texts(socket, target)
    finally:
        await socket.close()


async def _texts(socket: aiohttp.ClientWebSocketResponse, target: Target) -> AsyncIterator[str]:
    """Text messages until the other side ends it. Raises UnavailableError `http.broken`, DataError `http.too_large`."""
    import aiohttp

    async for message in socket:
        if message.type is aiohttp.WSMsgType.TEXT:
            yield str(message.data)
    if socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
        raise DataError("http.too_large", url=target.shown, limit=limits.HTTP_MESSAGE_BYTES)
    if socket.close_code not in (aiohttp.WSCloseCode.OK, aiohttp.WSCloseCode.GOING_AWAY):
        reason = type(socket.exception()).__name__ if socket.exception() else f"closed with {socket.close_code}"
        raise UnavailableError("http.broken", url=target.shown, reason=reason)
