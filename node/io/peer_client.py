"""Asking a peer over HTTP: its catalogue, and trees by digest (docs/protocol/peer-plane.md).

Guarantees: only the address a peer was heard at is connected to; no redirect and no address in an answer is followed; every
answer has a bound in bytes, in silence and in slowness; rows and bytes are handed on only when they give the digest that was signed
or asked for. aiohttp is imported when the first peer is asked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from node.install.hashed import HashedFile
from node.io.partials import Journal
from node.io.peer_trees import Pace, TreeFetch
from protocol import limits
from protocol.catalogue import Offered, decode_row, open_head, rows_digest, sign_ask
from protocol.errors import DataError, IntegrityError, PolicyError, UnavailableError
from protocol.identity import SigningKey

if TYPE_CHECKING:
    import aiohttp

LOWEST_PORT = 1_024
BUSY_TRIES = 20


@dataclass(frozen=True, slots=True)
class Point:
    """Where a peer was heard. `key` is "" when only bytes by digest are asked for."""

    agent_id: str
    ip: str
    port: int
    key: str = ""

    @property
    def base(self) -> str:
        """`http://HOST:PORT`."""
        return f"http://{self.host}:{self.port}"

    @property
    def host(self) -> str:
        return f"[{self.ip.partition('%')[0]}]" if ":" in self.ip else self.ip

    @property
    def location(self) -> str:
        """What sightings say; a tree follows as hex digits."""
        return f"peer+http://{self.agent_id}@{self.host}:{self.port}"


@dataclass(slots=True)
class _Known:
    last: int = 0
    rows: dict[str, Any] = field(default_factory=dict)


def read_location(url: str) -> tuple[Point, str]:
    """The twin of `Point.location`: peer and tree digest. Raises DataError `peer.bad_location`."""
    parts = urlsplit(url)
    try:
        port = parts.port or 0
    except ValueError:
        port = 0
    digest = f"sha256:{parts.path.removeprefix('/')}"
    if parts.scheme != "peer+http" or not parts.hostname or not port or len(digest) != 71:
        raise DataError("peer.bad_location", url=url[:200])
    return Point(parts.username or "", parts.hostname, port), digest


def check_point(point: Point) -> None:
    """Refuse what is no neighbour. Raises PolicyError `peer.forbidden_address`."""
    try:
        address = ipaddress.ip_address(point.ip.partition("%")[0])
        v4 = address if isinstance(address, ipaddress.IPv4Address) else address.ipv4_mapped
        metadata = v4 is not None and v4.is_link_local
        bad = address.is_multicast or address.is_unspecified or address.is_reserved or metadata
    except ValueError:
        bad = True
    if bad or not LOWEST_PORT <= point.port <= 65_535:
        raise PolicyError("peer.forbidden_address", address=f"{point.ip}:{point.port}"[:100])


class PeerClient:
    """`key` signs who asks, for peers whose key or agent id `is_friend` knows; strangers are asked without a name."""

    def __init__(
        self,
        key: Callable[[], SigningKey],
        wall: Callable[[], float],
        is_friend: Callable[[str], bool],
    ) -> None:
        self._key, self._wall, self._is_friend = key, wall, is_friend
        self._known: dict[str, _Known] = {}

    async def catalogue(self, point: Point) -> Sequence[Offered]:
        """What the peer offers us. Raises UnavailableError `peer.*`, DataError, IntegrityError `offer.*`."""
        known = self._known.get(point.key) or _Known()
        async with _session() as session:
            try:
                rows, last = await self._rows(session, point, known)
            except IntegrityError:
                if not known.last:
                    raise
                rows, last = await self._rows(session, point, _Known())  # the delta did not fit what we had
        self._known[point.key] = _Known(last, rows)
        found = []
        for row in rows.values():
            try:
                found.append(decode_row(row))
            except DataError:
                continue  # one row of a newer version costs only itself
        return found

    async def _rows(self, session: aiohttp.ClientSession, point: Point, known: _Known) -> tuple[dict[str, Any], int]:
        params = {"since": str(known.last), **self._ask(point)}
        body = await _get_json(session, point, "/peer/v1/offers", params, limits.CATALOGUE_BYTES)
        items, gone = body.get("items"), body.get("gone")
        if not isinstance(items, list) or not isinstance(gone, list) or len(items) > limits.OFFERS:
            raise DataError("offer.malformed", reason="items or gone")
        rows = {} if body.get("full") else dict(known.rows)
        for ref in gone:
            rows.pop(str(ref), None)
        for item in items:
            if not isinstance(item, dict):
                raise DataError("offer.malformed", reason="a row is no object")
            rows[str(item.get("ref"))] = item
        digest, last = open_head(str(body.get("head")), point.key, self._wall())
        if rows_digest(rows.values()) != digest:
            raise IntegrityError("offer.wrong_digest")
        return rows, last

    async def listen(self, point: Point) -> AsyncGenerator[int, None]:
        """The number of the peer's catalogue whenever it is not the one we hold, until the peer ends the stream. Raises
        UnavailableError `peer.*`."""
        import aiohttp

        check_point(point)
        address = f"{point.ip}:{point.port}"
        silence = aiohttp.ClientTimeout(
            total=None, sock_connect=limits.PEER_CONNECT_SECONDS, sock_read=2 * limits.API_KEEP_ALIVE_SECONDS + 5
        )
        async with _session() as session:
            try:
                async with session.get(
                    f"{point.base}/peer/v1/changes",
                    params=self._ask(point),
                    headers={"Accept": "text/event-stream"},
                    allow_redirects=False,
                    timeout=silence,
                ) as answer:
                    if answer.status != 200 or answer.content_type != "text/event-stream":
                        raise UnavailableError("peer.refused", address=address, status=answer.status)
                    while line := await answer.content.readline():
                        word, _, number = line.strip().partition(b": ")
                        if word == b"id" and number.isdigit() and len(number) < 20 and int(number) != self._last(point):
                            yield int(number)
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                reason = "silence" if isinstance(error, TimeoutError) else type(error).__name__
                raise UnavailableError("peer.unreachable", address=point.base, reason=reason) from error

    def _last(self, point: Point) -> int:
        known = self._known.get(point.key)
        return known.last if known else 0

    async def pair(self, point: Point, params: Mapping[str, str]) -> Mapping[str, Any]:
        """The other side of a pairing (see `node.pairing`). Raises UnavailableError `peer.*`, DataError."""
        async with _session() as session:
            return await _get_json(session, point, "/peer/v1/pair", params, limits.RECORD_HTTP_BYTES)

    def _ask(self, point: Point) -> dict[str, str]:
        if not self._is_friend(point.key or point.agent_id):
            return {}
        return {"ask": sign_ask(self._key(), point.agent_id, self._wall())}

    async def tree(
        self, points: Sequence[Point], digest: str, pace: Pace | None = None, journal: Journal | None = None
    ) -> list[HashedFile]:
        """The files of a tree, checked, from all of these peers at once; what is in `journal` is not asked for again. Raises as `catalogue` does, IntegrityError
        `install.wrong_digest`."""
        for point in points:
            check_point(point)
        async with _session() as session:
            givers = [_Giver(session, point, digest, self._ask(point)) for point in points]
            return await TreeFetch(givers, digest, pace or Pace(0), journal).run()


@dataclass(frozen=True, slots=True)
class _Giver:
    """One peer in one fetch."""

    session: aiohttp.ClientSession
    point: Point
    digest: str
    ask: Mapping[str, str]

    async def listing(self) -> Mapping[str, Any]:
        path = f"/peer/v1/packages/{self.digest}"
        return await _get_json(self.session, self.point, path, self.ask, limits.CATALOGUE_BYTES)

    async def piece(self, start: int, end: int) -> AsyncIterator[bytes]:
        left = end - start
        headers = {"Range": f"bytes={start}-{end - 1}"}
        async with _answer(self.session, self.point, f"/peer/v1/trees/{self.digest}", self.ask, headers) as answer:
            async for chunk in _chunks(answer, self.point, left):
                left -= len(chunk)
                yield chunk
        if left:
            raise UnavailableError("peer.unreachable", address=self.point.base, reason="it ended early")


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.PEER_CONNECT_SECONDS, sock_read=limits.PEER_SILENCE_SECONDS
    )
    async with aiohttp.ClientSession(
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=limits.PEER_BUFFER,
    ) as session:
        yield session


async def _get_json(
    session: aiohttp.ClientSession, point: Point, path: str, params: Mapping[str, str], most: int
) -> dict[str, Any]:
    data = await _get(session, point, path, params, most)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise DataError("offer.malformed", reason="no JSON object")
    return body


async def _get(session: aiohttp.ClientSession, point: Point, path: str, params: Mapping[str, str], most: int) -> bytes:
    """The body of one answer, at most `most` bytes."""
    check_point(point)
    data = bytearray()
    async with _answer(session, point, path, params, {}) as answer:
        async for chunk in _chunks(answer, point, most):
            data += chunk
    return bytes(data)


@asynccontextmanager
async def _answer(
    session: aiohttp.ClientSession, point: Point, path: str, params: Mapping[str, str], headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An answer of 200, or of 206 when a range was asked for. Errors of the wire, also while it is read, are UnavailableErrors."""
    import aiohttp

    wanted = 206 if headers else 200
    for _ in range(BUSY_TRIES):
        try:
            async with session.get(
                f"{point.base}{path}", params=params, headers=headers, allow_redirects=False
            ) as answer:
                if answer.status == wanted:
                    yield answer
                    return
                if answer.status != 429:
                    raise UnavailableError("peer.refused", address=f"{point.ip}:{point.port}", status=answer.status)
        except TimeoutError:
            raise UnavailableError("peer.unreachable", address=point.base, reason="silence") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = type(error).__name__
            raise UnavailableError("peer.unreachable", address=point.base, reason=reason) from error
        await asyncio.sleep(0.25)  # it moderates us; so often is what it allows
    raise UnavailableError("peer.refused", address=f"{point.ip}:{point.port}", status=429)


async def _chunks(answer: aiohttp.ClientResponse, point: Point, most: int) -> AsyncIterator[bytes]:
    """What comes, at most `most` bytes; only the time that the peer lets us wait counts against it."""
    waited, size, began = 0.0, 0, time.monotonic()
    async for chunk in answer.content.iter_any():
        waited += time.monotonic() - began
        size += len(chunk)
        if size > most:
            raise UnavailableError("peer.too_much", address=f"{point.ip}:{point.port}", limit=most)
        if waited > limits.PEER_SILENCE_SECONDS and size < waited * limits.PEER_SLOWEST:
            raise UnavailableError("peer.too_slow", address=f"{point.ip}:{point.port}")
        yield chunk
        began = time.monotonic()
