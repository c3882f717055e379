"""The one door through which HTTP leaves this node (SECURITY 5.6, 6).

It guarantees, for every request: no address is connected to that the guard refuses, whatever a name, a redirect or an answer says; a
bound on connecting, on silence, on the whole, and on decoded bytes; redirects by hand, at most three, never from https to http; the
environment's proxies and anybody's cookies are ignored; a key goes only to its own origins; what a host says about pauses is
obeyed; an origin that fails is left alone and tried by one request at a time; idempotent requests are tried again with full jitter
within a budget; only OoderErrors come out. It leaves to others: what to do elsewhere when a place fails (sources, install).

    door = Door(paths.http_cache, clock, random)
    client = door.client(HttpBounds(hosts=frozenset({"registry.example:443"})))
    answer = await client.ask(HttpRequest("https://registry.example/api/v1/skills"))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from node.io.http.bodies import pieces
from node.io.http.dialing import AddressRefused, GuardedDialer
from node.io.http.hop import heads_of, is_limited, limited, note_pauses, spoken, wait_turn
from node.io.http.kept import KeptAnswers
from node.io.http.keys import Key, KeyRing
from node.io.http.origins import Origin, Origins
from node.io.http.redirects import REDIRECTS, Trail
from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError, PolicyError, UnavailableError
from protocol.http.breaker import Health
from protocol.http.caching import Kept, refreshed, slot, worth_keeping
from protocol.http.exchange import Downloaded, HttpAnswer, HttpBounds, HttpRequest, Target, header_lines, read_target
from protocol.http.heads import Heads, media_type
from protocol.http.retry import IDEMPOTENT, Budget, delay
from sources.ports import Clock

if TYPE_CHECKING:
    import aiohttp

AGAIN = frozenset({"http.unreachable", "http.timed_out", "http.broken", "http.failed", "http.rate_limited"})


class Door:
    """All ways out of one process: clients by bounds, health by origin, answers kept on disk."""

    def __init__(self, folder: Path, clock: Clock, random: Random) -> None:
        self.clock, self.random = clock, random
        self.origins = Origins()
        self.kept = KeptAnswers(folder)
        self._clients: dict[HttpBounds, HttpClient] = {}

    def client(self, bounds: HttpBounds) -> HttpClient:
        """The way out for these bounds. Raises UsageError, DataError when they do not hold."""
        found = self._clients.get(bounds)
        if found is None:
            found = self._clients[bounds] = HttpClient(self, bounds)
        return found


class HttpClient:
    """Implements `sources.ports.Http` for one set of bounds."""

    def __init__(self, door: Door, bounds: HttpBounds) -> None:
        self.door, self.bounds = door, bounds
        self.keys = KeyRing(bounds.keys)
        self.dialer = GuardedDialer(bounds)
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[aiohttp.ClientSession, object]]
        self._pools = WeakKeyDictionary()

    # --- Port -------------------------------------------------------------------------------------------------------
    async def ask(self, request: HttpRequest) -> HttpAnswer:
        """One whole answer; see `sources.ports.Http`."""
        seconds = request.total_s or self.bounds.total_s
        target = read_target(request.url)
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(request, target)
        except TimeoutError:
            self.origin(target).breaker.failed(self.door.clock.loop(), self.door.random.random())
            raise UnavailableError("http.timed_out", url=target.shown, seconds=round(seconds, 1)) from None

    async def download(
        self, request: HttpRequest, path: Path, sha256: str = "", *, going_on: bool = False
    ) -> Downloaded:
        """A body into a file; see `sources.ports.Http`."""
        from node.io.http.downloads import download

        return await download(self, request, path, sha256, going_on=going_on)

    @asynccontextmanager
    async def socket(self, request: HttpRequest) -> AsyncIterator[AsyncIterator[str]]:
        """Messages of a WebSocket; see `sources.ports.Http`."""
        from node.io.http.sockets import open_socket

        async with open_socket(self, request) as messages:
            yield messages

    def health(self, url: str) -> Health:
        """How the origin of `url` did in the last minute."""
        target = read_target(url)
        return self.origin(target).breaker.health(self.door.clock.loop())

    # --- Tries ------------------------------------------------------------------------------------------------------
    async def _ask(self, request: HttpRequest, target: Target) -> HttpAnswer:
        key = self._key(target)
        kept, name = await self._recall(request, key)
        now = self.door.clock.wall()
        if kept is not None and kept.is_fresh(now):
            return HttpAnswer(kept.url, 200, kept.heads, kept.body, kept.at, unchanged=True)
        origin = self.origin(target)
        origin.budget.asked()
        tries = 1
        while True:
            try:
                return await self._once(request, target, kept, name)
            except OoderError as error:
                if error.code == "http.denied" and (key := self._key(target)) and self.keys.quarantine(key):
                    continue  # a key that is not valid any more; a quota never leads here
                again = error.code in AGAIN and request.method in IDEMPOTENT and tries < limits.HTTP_TRIES
                asked = error.params.get("retry_after")
                too_long = isinstance(asked, int | float) and asked > limits.HTTP_PATIENCE
                if not again or too_long or not origin.budget.spend():
                    raise
            await self.door.clock.sleep(delay(tries, self.door.random.random()))
            tries += 1

    async def _once(self, request: HttpRequest, target: Target, kept: Kept | None, name: str) -> HttpAnswer:
        conditions = kept.validators if kept is not None else {}
        async with self.opened(request, target, conditions) as (answer, at):
            heads, now = heads_of(answer), self.door.clock.wall()
            if answer.status == 304 and kept is not None:
                kept = refreshed(kept, heads, now)
                await asyncio.to_thread(self.door.kept.put, name, kept)
                return HttpAnswer(kept.url, 200, kept.heads, kept.body, now, unchanged=True)
            check_type(request, at, heads, answer.status)
            body = b"".join([piece async for piece in pieces(answer, at, request.most)])
        url = at.url
        if name and answer.status == 200 and worth_keeping(heads):
            key = self._key(target)
            fresh = Kept(url, key.mark if key else "", now, heads, body)
            await asyncio.to_thread(self.door.kept.put, name, fresh)
        return HttpAnswer(url, answer.status, heads, body, now)

    async def _recall(self, request: HttpRequest, key: Key | None) -> tuple[Kept | None, str]:
        if not request.keep or request.method != "GET" or request.heads.keys() & {"Range", "range"}:
            return None, ""
        name = slot(request.url, key.mark if key else "", ",".join(request.types))
        return await asyncio.to_thread(self.door.kept.get, name), name

    # --- Hops -------------------------------------------------------------------------------------------------------
    @asynccontextmanager
    async def opened(
        self, request: HttpRequest, target: Target, extra: Heads
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, Target]]:
        """The answer after redirects, its body not read yet, and where it is from. Raises what `ask` raises."""
        trail = Trail(target, self.dialer.guard)
        while True:
            origin, clock = self.origin(target), self.door.clock
            await wait_turn(origin, target, clock, limits.HTTP_PATIENCE)
            async with spoken(origin, target, self.bounds, self.door), self._send(request, target, extra) as answer:
                heads = heads_of(answer)
                pause = note_pauses(origin, heads, answer.status, clock)
                if answer.status not in REDIRECTS:
                    self._check_status(request, target, answer.status, heads, pause)
                    yield answer, target
                    return
            target = trail.follow(request, heads.get("location", ""))

    @asynccontextmanager
    async def _send(self, request: HttpRequest, target: Target, extra: Heads) -> AsyncIterator[aiohttp.ClientResponse]:
        self.judge(target)
        lines = header_lines(request, {**extra, **self.key_line(target)})
        import yarl

        url = yarl.URL(target.url, encoded=True)
        proxy = self.bounds.proxy or None
        session = await self.pool()
        async with session.request(
            request.method, url, data=request.body or None, headers=lines, allow_redirects=False, proxy=proxy
        ) as answer:
            yield answer

    def judge(self, target: Target) -> None:
        """Refuse what must not be asked. Raises PolicyError `http.forbidden_address`."""
        try:
            self.dialer.judge(target.host, target.port)
        except AddressRefused:
            raise PolicyError("http.forbidden_address", host=target.host) from None
        if not target.is_protected and not self.dialer.guard.names(target.host, target.port):
            raise PolicyError("http.forbidden_address", host=f"{target.scheme}://{target.host}")

    def _check_status(self, request: HttpRequest, target: Target, status: int, heads: Heads, pause: float) -> None:
        url = target.shown
        if status in (200, 206, 304) or status in request.answers:
            return
        if is_limited(status, heads, pause):
            raise limited(target, pause)
        if status >= 500:
            raise UnavailableError("http.failed", url=url, status=status)
        if status in (404, 410):
            raise NotFoundError("http.not_found", url=url)
        if status == 401 or (status == 403 and self.key_line(target)):
            raise UnavailableError("http.denied", url=url, status=status)
        raise UnavailableError("http.refused", url=url, status=status, reason=media_type(heads) or "-")

    # --- Keys and connections ---------------------------------------------------------------------------------------
    def _key(self, target: Target) -> Key | None:
        return self.keys.current() if target.origin in self.bounds.key_origins else None

    def key_line(self, target: Target) -> dict[str, str]:
        """The header line of the key, for its own origins only."""
        key = self._key(target)
        return {self.bounds.key_head: self.bounds.key_style.format(key.value)} if key else {}

    def origin(self, target: Target) -> Origin:
        """What is remembered of where `target` is."""
        return self.door.origins.get(target.origin, self.bounds.rate, self.bounds.burst)

    def budget(self, target: Target) -> Budget:
        """The retries its origin may still cost."""
        return self.origin(target).budget

    async def pool(self) -> aiohttp.ClientSession:
        """The connections of the running event loop; they are closed with it."""
        loop = asyncio.get_running_loop()
        found = self._pools.get(loop)
        if found is None or found[0].closed:
            session = self._make_session()
            closing = _closed_at_last(session)
            await anext(closing)
            found = self._pools[loop] = session, closing
        return found[0]

    def _make_session(self) -> aiohttp.ClientSession:
        import aiohttp

        trace = aiohttp.TraceConfig()
        trace.on_request_redirect.append(_refuse_redirect)  # of WebSockets, which know no other way
        return aiohttp.ClientSession(
            trace_configs=[trace],
            connector=self.dialer.connector(),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self.bounds.connect_s, sock_read=self.bounds.silence_s
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=limits.HTTP_HEAD_BYTES,
            max_field_size=limits.HTTP_HEAD_BYTES,
        )


async def _closed_at_last(session: aiohttp.ClientSession) -> AsyncGenerator[None, None]:
    """An event loop that ends closes its unfinished generators, and so this pool."""
    try:
        yield
    finally:
        await session.close()


async def _refuse_redirect(*_: object) -> None:
    raise AddressRefused("redirected")


def check_type(request: HttpRequest, target: Target, heads: Heads, status: int) -> None:
    """Raises DataError `http.wrong_type` for a login page where data was asked for."""
    found = media_type(heads)
    suffix = found.endswith("+json") and "application/json" in request.types
    if status not in request.answers and request.types and found not in request.types and not suffix:
        wanted = request.types[0]
        raise DataError("http.wrong_type", url=target.shown, found=found or "nothing", wanted=wanted)
