"""A server of our own on loopback whose answers a test writes down.

async with WebServer() as web:
    web.route("/a", text="hello")                 # or web.route("/a", handler)
    web.url("/a")  ->  http://127.0.0.1:PORT/a
    web.asked      ->  ["/a"]
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """Answers what was routed, 404 otherwise. `requests` are all that came."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port, self._tls = port, tls
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self._routes: dict[str, Handler] = {}
        self._runner: web.AppRunner | None = None

    @property
    def asked(self) -> list[str]:
        return [request.path_qs for request in self.requests]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{'https' if self._tls else 'http'}://{self.host}{path}"

    def route(self, path: str, handler: Handler | None = None, **answer: Any) -> None:
        """Answer `path` by `handler`, or with a response made of `answer`."""

        async def fixed(_: web.Request) -> web.StreamResponse:
            return web.Response(**answer)

        self._routes[path] = handler or fixed

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        handler = self._routes.get(request.path)
        return await handler(request) if handler else web.Response(status=404)

    async def __aenter__(self) -> WebServer:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
