"""Sockets of the two planes: where they listen, how many may connect, how they end."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from protocol import limits
from protocol.errors import UnavailableError, UsageError

STOP_SECONDS = 1.0  # that open requests get when the node stops
IDLE_SECONDS = 30.0  # that a connection may stay open without a request
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\n"
    b'Connection: close\r\nContent-Length: 55\r\n\r\n{"status":503,"code":"api.busy","title":"No free slot"}'
)


class Full(asyncio.Protocol):
    """What a connection gets when there are too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(FULL)
        transport.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on `port`, or on the next free one; 0 = any. Raises UnavailableError `api.no_port`."""
    last = port + limits.API_PORTS_TRIED if port else 0
    reason = ""
    for number in range(port, last + 1):
        if number > 65535:
            break
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            one = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        except OSError as error:
            raise UnavailableError("api.no_port", host=host, first=port, last=last, reason=str(error)) from error
        try:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, number))
            one.listen(128)
            one.setblocking(False)
        except OSError as error:
            reason = error.strerror or str(error)
            one.close()
        else:
            return one
    raise UnavailableError("api.no_port", host=host, first=port, last=last, reason=reason)


def read_tls(certificate: str, key: str) -> ssl.SSLContext:
    """A server context. Raises UsageError `api.bad_tls`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(Path(certificate).expanduser(), Path(key).expanduser() if key else None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError("api.bad_tls", path=certificate, reason=str(error)) from error
    return context


@asynccontextmanager
async def serve(
    app: web.Application, listener: socket.socket, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Answer on `listener` while inside. At most `limits.API_CONNECTIONS` connections are open at once."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=STOP_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        max_line_size=16 * limits.KIB,
        max_field_size=8 * limits.KIB,
    )
    await runner.setup()
    made = runner.server
    assert made is not None

    def protocol() -> Any:
        return made() if len(made.connections) < limits.API_CONNECTIONS else Full()

    server = await asyncio.get_running_loop().create_server(protocol, sock=listener, ssl=tls, backlog=128)
    try:
        yield
    finally:
        server.close()
        await runner.cleanup()
