"""The API as part of the running node: keys, sockets, both planes, from start to stop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from node import config
from node.api.desk import Desk
from node.api.guard import Guard
from node.api.keys import Keys
from node.api.listening import bind, is_loopback, read_tls, serve
from node.api.route import Audience
from node.api.server import PeerDoor, Plane
from node.config import ApiSettings
from node.offering import Offering
from node.service import Service
from protocol.errors import UsageError


@asynccontextmanager
async def open_gate(
    service: Service, load: Callable[[], config.Config], reloaded: Callable[[], None]
) -> AsyncIterator[Desk]:
    """Serve the control plane, and the peer plane where the settings want it, while inside. Raises UsageError
    `api.unsafe_listen`, `api.bad_tls`, UnavailableError `api.no_port`, StorageError `api.private_file`."""
    settings, peer = service.config.settings.api, service.config.settings.peer
    tls = _tls(settings)
    async with AsyncExitStack() as stack:
        listener = bind(settings.host, settings.port)
        stack.callback(listener.close)
        port = int(listener.getsockname()[1])
        keys = Keys(service.paths.run, service.now)
        desk = Desk(service, keys, load=load, reloaded=reloaded, offers=Offering(service))
        scheme = "https" if tls else "http"
        desk.base = f"{scheme}://{_written(settings.host)}:{port}"
        keys.publish(desk.base)
        stack.callback(keys.withdraw)
        guard = Guard(_names(settings, port), scheme, keys)
        plane = Plane(desk, Audience.CONTROL, guard, cookie=f"ooder_{port}")
        await stack.enter_async_context(_running(desk))
        await stack.enter_async_context(serve(plane.app, listener, tls))
        if service.config.settings.skill_center.enabled:
            from node.skill_center.opening import center_of

            desk.center = await stack.enter_async_context(center_of(service))
        if peer.enabled or desk.center:
            await stack.enter_async_context(peer_plane(desk))
        stack.callback(desk.hub.close)
        yield desk


@asynccontextmanager
async def peer_plane(desk: Desk) -> AsyncIterator[int]:
    """Serve the peer plane while inside; gives its port. Raises UnavailableError `api.no_port`."""
    peer = desk.service.config.settings.peer
    outside = bind(peer.host, peer.port)
    port = int(outside.getsockname()[1])
    async with AsyncExitStack() as stack:
        stack.callback(outside.close)
        desk.peer_base = f"http://{_written(peer.host)}:{port}"
        await stack.enter_async_context(serve(Plane(desk, Audience.PEER, _door(desk)).app, outside))
        desk.news.closed = False
        stack.callback(desk.news.close)
        try:
            yield port
        finally:
            desk.peer_base = ""


def _door(desk: Desk) -> PeerDoor:
    """A SkillCenter may be asked more often, also by many behind one address."""
    if desk.center is None:
        return PeerDoor()
    rate = desk.service.config.settings.skill_center.rate
    return PeerDoor(rate, 4 * rate)


@asynccontextmanager
async def _running(desk: Desk) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(desk.run())
        try:
            yield
        finally:
            task.cancel()


def _tls(settings: ApiSettings) -> ssl.SSLContext | None:
    if settings.tls_certificate:
        return read_tls(settings.tls_certificate, settings.tls_key)
    if not is_loopback(settings.host):
        raise UsageError("api.unsafe_listen", host=settings.host)
    return None


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _names(settings: ApiSettings, port: int) -> set[str]:
    """Every Host this plane answers to."""
    hosts = {_written(settings.host), *settings.names}
    if is_loopback(settings.host):
        hosts |= {"localhost", "127.0.0.1", "[::1]"}
    return {f"{host}:{port}" for host in hosts} | ({*hosts} if port in (80, 443) else set())
