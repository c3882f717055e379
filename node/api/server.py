"""The shell around the routes: aiohttp applications for both planes, guard, limits, headers, one error body."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from time import perf_counter
from typing import Any, Protocol, cast

from aiohttp import web

from node.api import problems
from node.api.asking import read_body, read_params, write_answer
from node.api.clients import client_of
from node.api.desk import Desk
from node.api.guard import WRITES, Head, check_body
from node.api.held import Answered, HeldAnswers, Mark
from node.api.route import Access, Answer, Audience, Call, Route, Said, SessionAnswer, TextAnswer
from node.api.routes import routes_of
from node.api.static import page_routes
from node.api.streams import serve_events, serve_socket
from protocol import limits
from protocol.errors import NotFoundError, OoderError, StorageError, UnavailableError, UsageError
from protocol.ratelimit import KeyedBuckets

log = logging.getLogger("ooder.api")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
    "Server": "ooder",
}
"""On every answer of both planes (SECURITY 5.4)."""


class Door(Protocol):
    """Decides from the head of a request; `node.api.guard.Guard` on the control plane."""

    rates: KeyedBuckets

    def admit(self, head: Head, access: Access, now: float) -> None:
        """Pass, or raise an OoderError."""


class PeerDoor:
    """The peer plane asks for nothing but moderation: everything on it is public and read-only."""

    def __init__(self, rate: float = 50.0, burst: float = 200.0) -> None:
        self.rates = KeyedBuckets(rate, burst, limits.API_CLIENTS)

    def admit(self, head: Head, access: Access, now: float) -> None:
        """Pass, or raise UnavailableError `api.too_fast`."""
        if not self.rates.take(head.address, now):
            raise UnavailableError("api.too_fast", retry_after=1)
        check_body(head)


class Plane:
    """One plane: its routes behind its door."""

    def __init__(self, desk: Desk, audience: Audience, door: Door, cookie: str = "") -> None:
        self._desk = desk
        self._door = door
        self._behind = audience is not Audience.CONTROL
        self._cookie = cookie
        self._slots = asyncio.Semaphore(limits.API_REQUESTS)
        self._routes: dict[object, Route] = {}
        self._held = HeldAnswers()
        self.app = web.Application(middlewares=[self._around], client_max_size=limits.API_BODY_BYTES)
        self.app.on_response_prepare.append(self._dress)
        for route in routes_of(audience):
            self._add(route)
        self._refuse_others(routes_of(audience))
        if audience is Audience.CONTROL:
            self.app.add_routes(page_routes())
        else:
            for route in routes_of(Audience.CENTER):
                self._add(route)

    def _add(self, route: Route) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, route)

        self._routes[answer] = route
        self.app.router.add_route(route.method, route.path, answer)
        if route.method == "GET" and route.kind in (Answer.JSON, Answer.TEXT, Answer.RAW):
            self.app.router.add_route("HEAD", route.path, answer)

    def _refuse_others(self, routes: Sequence[Route]) -> None:
        """A plain path answers for itself: `/installed/{ref}` is not asked about `/installed/verify`."""
        methods: dict[str, set[str]] = {}
        for route in routes:
            if "{" not in route.path:
                methods.setdefault(route.path, set()).update(
                    {route.method} | ({"HEAD"} if route.method == "GET" else set())
                )
        for path, allowed in methods.items():

            async def refuse(request: web.Request, allowed: frozenset[str] = frozenset(allowed)) -> web.StreamResponse:
                raise web.HTTPMethodNotAllowed(request.method, sorted(allowed))

            self.app.router.add_route("*", path, refuse)

    # --- Around every request ------------------------------------------------------------------------------------------
    @web.middleware
    async def _around(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        route = self._routes.get(request.match_info.handler)
        access = route.access if route else Access.OPEN
        began = perf_counter()
        response: web.StreamResponse
        try:
            self._door.admit(self._head(request, route), access, asyncio.get_running_loop().time())
            response = await handler(request)
        except OoderError as error:
            response = _refusal(request, error)
        except web.HTTPException as error:
            response = _refusal(request, _of_http(request, error), error.headers.get("Allow", ""))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.match_info.route.resource)
            response = _refusal(request, problems.defect(error))
        if route:
            self._desk.count(route.name, response.status, perf_counter() - began)
        return response

    def _client(self, request: web.BaseRequest) -> str:
        """The address a request is counted for."""
        return client_of(request, self._desk) if self._behind else request.remote or ""

    def _head(self, request: web.Request, route: Route | None) -> Head:
        return Head(
            request.method,
            tuple(request.headers.getall("Host", ())),
            {name.lower(): value for name, value in request.headers.items()},
            request.cookies.get(self._cookie, "") if self._cookie else "",
            self._client(request),
            request.content_length,
            route is not None and route.body is not None,
            route.takes if route else limits.API_BODY_BYTES,
        )

    async def _dress(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        headers, rates = response.headers, self._door.rates
        headers["X-Request-ID"] = _request_id(request)
        left, full = rates.left(self._client(request), asyncio.get_running_loop().time())
        headers["RateLimit-Limit"], headers["RateLimit-Remaining"] = str(rates.burst), str(left)
        headers["RateLimit-Reset"] = str(full)
        for name, value in HEADERS.items():
            if name != "Cache-Control" or name not in headers:
                headers[name] = value

    # --- One route -------------------------------------------------------------------------------------------------------
    async def _answer(self, request: web.Request, route: Route) -> web.StreamResponse:
        params = read_params(route, request.match_info, request.query.items())
        language = _language(request)
        if route.kind is Answer.SOCKET:
            return await serve_socket(request, self._desk.hub, _since(request, params))
        if route.kind is Answer.EVENTS and "text/event-stream" in request.headers.get("Accept", ""):
            return await serve_events(request, self._desk.hub, _since(request, params))
        if route.kind is Answer.RAW:
            return cast("web.StreamResponse", await self._raw(request, route, params, language))
        key = (route.name, params, language)
        now = asyncio.get_running_loop().time()
        mark = self._mark() if route.held else ()
        held = self._held.get(key, mark, now) if route.held else None
        if held:
            return _send(request, route, held.data, held.tag)
        async with self._slots:
            body = read_body(route, await _read(request))
            session = request.cookies.get(self._cookie, "") if self._cookie else ""
            headers = request.headers
            said = Said(session, headers.get("Idempotency-Key", "")[:100], headers.get("Accept", ""))
            try:
                value = await route.handler(Call(self._desk, params, body, language, said))
            finally:
                self._desk.writes += route.method in WRITES
        if route.kind is Answer.FILE:
            return web.FileResponse(value, headers={"Content-Type": "application/octet-stream"})
        if route.kind is Answer.TEXT:
            kind = value.media_type if isinstance(value, TextAnswer) else "text/plain; charset=utf-8"
            return web.Response(body=value.encode(), headers={"Content-Type": kind})
        data = write_answer(route, value)
        tag = _tag(data) if route.tagged or route.held else ""
        if route.held:
            self._held.put(key, Answered(now + route.held, mark, data, tag))
        response = _send(request, route, data, tag)
        _set_cookie(response, self._cookie, value)
        return response

    def _mark(self) -> Mark:
        """What held answers depend on: the index, and what requests changed. While the index cannot be read, nothing holds."""
        try:
            return (self._desk.service.index.revision(), self._desk.writes)
        except StorageError:
            return (object(),)

    async def _raw(self, request: web.Request, route: Route, params: Any, language: str) -> Any:
        """What answers by itself: streams, uploads, bodies that are encoded already."""
        body = read_body(route, await _read(request)) if route.body is not None else None
        return await route.handler(Call(self._desk, params, body, language, request=request))


def _send(request: web.Request, route: Route, data: bytes, tag: str) -> web.Response:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if tag and route.tagged:
        headers["ETag"] = tag
        if tag in (one.strip() for one in request.headers.get("If-None-Match", "").split(",")):
            return web.Response(status=304, headers={"ETag": tag})
    response = web.Response(status=route.status, body=data, headers=headers)
    if route.packed:
        response.headers["Vary"] = "Accept-Encoding"
        response.enable_compression()
    return response


def _set_cookie(response: web.Response, name: str, value: Any) -> None:
    """A handler that opens or closes a session says so with `session`."""
    if name and isinstance(value, SessionAnswer):
        if value.secret:
            response.set_cookie(name, value.secret, httponly=True, samesite="Strict", path="/")
        else:
            response.del_cookie(name, httponly=True, samesite="Strict", path="/")


def _tag(data: bytes) -> str:
    return f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'


_numbers = count(1)
_START = secrets.token_hex(4)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _request_id(request: web.BaseRequest) -> str:
    """What the caller calls its request, or a name of ours."""
    given = request.headers.get("X-Request-ID", "")
    return given if _REQUEST_ID.fullmatch(given) else f"{_START}-{next(_numbers)}"


def _language(request: web.Request) -> str:
    wanted = request.headers.get("Accept-Language", "").lower()
    chinese, english = wanted.find("zh"), wanted.find("en")
    return "zh" if chinese >= 0 and (english < 0 or chinese < english) else "en"


def _since(request: web.Request, params: Any) -> int | None:
    """Where a stream resumes: the browser's own memory counts more than the address."""
    last = request.headers.get("Last-Event-ID", "")
    if last.isascii() and last.isdigit() and len(last) < 19:
        return int(last)
    found: int | None = params.since
    return found


async def _read(request: web.Request) -> bytes:
    """The body within its bounds. Raises UsageError `api.too_large`, `api.too_slow`."""
    if request.method not in WRITES or not request.body_exists:
        return b""
    try:
        async with asyncio.timeout(limits.API_BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise UsageError("api.too_slow", seconds=limits.API_BODY_SECONDS) from None
    except web.HTTPRequestEntityTooLarge:
        raise UsageError("api.too_large", limit=limits.API_BODY_BYTES) from None
    except web.RequestPayloadError:
        raise UsageError("api.bad_request", name="body", reason="cannot be decoded") from None


def _of_http(request: web.Request, error: web.HTTPException) -> OoderError:
    path = request.path[:200]
    if error.status == 405:
        allowed = error.headers.get("Allow", "")
        return UsageError("api.no_method", path=path, method=request.method[:20], allowed=allowed)
    if error.status == 404:
        return NotFoundError("api.no_route", path=path)
    if error.status == 413:
        return UsageError("api.too_large", limit=limits.API_BODY_BYTES)
    return UsageError("api.bad_request", name="request", reason=error.reason)


def _refusal(request: web.Request, error: OoderError, allow: str = "") -> web.Response:
    status, headers, body = problems.problem(error, _language(request), request.path[:200])
    if allow:
        headers["Allow"] = allow
    response = web.Response(status=status, headers=headers, body=body)
    if request.body_exists and not request._read_bytes:  # a body nobody will read
        response.force_close()
    return response
