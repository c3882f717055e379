"""Asking a peer over HTTP: its catalogue, and trees by digest (docs/protocol/peer-plane.md).

Guarantees: only the address a peer was heard at is connected to; no redirect and no address in an answer is followed; every
answer has a bound in bytes, in silence and in slowness; rows and bytes are handed on only when they give the digest that was signed
or asked for. aiohttp is imported when the first peer is asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from node.install.unpack import PackedFile
from protocol import limits
from protocol.catalogue import Offered, decode_row, open_head, rows_digest, sign_ask
from protocol.digest import TreeFile, tree_digest
from protocol.errors import DataError, IntegrityError, OoderError, PolicyError, UnavailableError
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
    """`key` signs who asks, for peers that `is_friend` names; strangers are asked without a name."""

    def __init__(
        self, key: Callable[[], SigningKey], wall: Callable[[], float], is_friend: Callable[[str], bool]
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

    async def pair(self, point: Point, params: Mapping[str, str]) -> Mapping[str, Any]:
        """The other side of a pairing (see `node.pairing`). Raises UnavailableError `peer.*`, DataError."""
        async with _session() as session:
            return await _get_json(session, point, "/peer/v1/pair", params, limits.RECORD_HTTP_BYTES)

    def _ask(self, point: Point) -> dict[str, str]:
        if not self._is_friend(point.key):
            return {}
        return {"ask": sign_ask(self._key(), point.agent_id, self._wall())}

    async def tree(self, point: Point, digest: str) -> list[PackedFile]:
        """The files of a tree, checked. Raises as `catalogue` does, IntegrityError `install.wrong_digest`."""
        check_point(point)
        async with _session() as session:
            path = f"/peer/v1/packages/{digest}"
            body = await _get_json(session, point, path, self._ask(point), limits.CATALOGUE_BYTES)
            files = _listed(body, digest)
            gate = asyncio.Semaphore(limits.PEER_FILES_AT_ONCE)

            async def one(file: TreeFile) -> PackedFile:
                async with gate:
                    data = await _get(session, point, f"{path}/{quote(file.path)}", self._ask(point), file.size)
                if hashlib.sha256(data).hexdigest() != file.sha256:
                    raise IntegrityError("install.wrong_digest", ref=file.path, wanted=digest, found="other bytes")
                return PackedFile(file.path, file.executable, data)

            tasks: list[asyncio.Task[PackedFile]] = []
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(file)) for file in files]
            except* OoderError as errors:
                raise errors.exceptions[0] from None
            return [task.result() for task in tasks]


def _listed(body: Mapping[str, Any], digest: str) -> list[TreeFile]:
    """The files a peer lists, if they are the tree that was asked for and within the limits of an item."""
    rows = body.get("files")
    if not isinstance(rows, list) or len(rows) > limits.ITEM_FILES:
        raise DataError("offer.malformed", reason="files")
    try:
        files = [
            TreeFile(str(row["path"]), row["executable"] is True, int(row["size"]), str(row["digest"])[7:])
            for row in rows
        ]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise DataError("offer.malformed", reason="a file") from None
    if any(file.size > limits.ITEM_FILE_BYTES for file in files) or sum(f.size for f in files) > limits.ITEM_BYTES:
        raise DataError("offer.malformed", reason="larger than an item may be")
    found = tree_digest(files)
    if found != digest:
        raise IntegrityError("install.wrong_digest", ref="-", wanted=digest, found=found)
    return files


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=limits.PEER_CONNECT_SECONDS, sock_read=limits.PEER_SILENCE_SECONDS
    )
    async with aiohttp.ClientSession(
        timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
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
    import aiohttp

    check_point(point)
    for _ in range(BUSY_TRIES):
        try:
            async with session.get(f"{point.base}{path}", params=params, allow_redirects=False) as answer:
                if answer.status == 200:
                    return await _read(answer.content.iter_chunked(64 * limits.KIB), point, most)
                if answer.status != 429:
                    raise UnavailableError("peer.refused", address=f"{point.ip}:{point.port}", status=answer.status)
        except TimeoutError:
            raise UnavailableError("peer.unreachable", address=point.base, reason="silence") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = type(error).__name__
            raise UnavailableError("peer.unreachable", address=point.base, reason=reason) from error
        await asyncio.sleep(0.25)  # it moderates us; so often is what it allows
    raise UnavailableError("peer.refused", address=f"{point.ip}:{point.port}", status=429)


async def _read(chunks: AsyncIterator[bytes], point: Point, most: int) -> bytes:
    began, data = time.monotonic(), bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > most:
            raise UnavailableError("peer.too_much", address=f"{point.ip}:{point.port}", limit=most)
        spent = time.monotonic() - began
        if spent > limits.PEER_SILENCE_SECONDS and len(data) < spent * limits.PEER_SLOWEST:
            raise UnavailableError("peer.too_slow", address=f"{point.ip}:{point.port}")
    return bytes(data)
