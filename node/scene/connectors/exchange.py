"""One HTTP exchange with a skill, within bounds: no redirects, no proxies, no cookies, no compression, caps on time and size.

`Guard` is asked at connect time for the address that is really going to be connected to, so names cannot lie (SECURITY 5.6).
"""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from protocol import limits
from protocol.contract import check_bounds
from protocol.errors import DataError, OoderError, PolicyError, UnavailableError, UsageError
from protocol.items import Json

if TYPE_CHECKING:
    import aiohttp

Guard = Callable[[str], bool]
"""IP address -> whether this skill may connect to it."""

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})
_SMALL: Final = 64 * limits.KIB


def loopback_only(address: str) -> bool:
    """The guard of every skill that was not configured by the user."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def anywhere(address: str) -> bool:
    """The guard of a service whose base URL the user wrote down."""
    return True


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body as they came, the body within `limits.CALL_RESPONSE_BYTES`."""

    status: int
    data: bytes


class Exchange:
    """Talks to one base URL. `skill` names it in errors."""

    def __init__(self, skill: str, base_url: str, guard: Guard) -> None:
        self._skill, self._base, self._guard = skill, base_url, guard
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, method: str, path: str, body: Json, seconds: float) -> Json:
        """Send JSON, get JSON. Raises OoderError `scene.*`."""
        reply = await self.send(method, path, body, seconds)
        if not 200 <= reply.status < 300:
            raise self._refused(reply)
        return read_json(reply.data, self._skill)

    async def healthy(self, path: str, seconds: float = limits.SKILL_HEALTH_SECONDS) -> bool:
        """Whether `GET path` answers 200."""
        try:
            reply = await self.send("GET", path, None, seconds, most=_SMALL)
        except OoderError:
            return False
        return reply.status == 200

    async def send(
        self, method: str, path: str, body: Json, seconds: float, most: int = limits.CALL_RESPONSE_BYTES
    ) -> Reply:
        """One exchange. Raises UnavailableError `scene.timeout`, `scene.skill_unreachable`; DataError; PolicyError."""
        import aiohttp

        session = self._session = self._session or _open_session(self._check)
        options: dict[str, Any] = {}
        if method in _WITHOUT_BODY:
            options["params"] = {key: _scalar(value) for key, value in body.items()} if isinstance(body, dict) else None
        else:
            options["data"] = encode_request(body)
            options["headers"] = {"Content-Type": "application/json; charset=utf-8"}
        timeout = aiohttp.ClientTimeout(total=seconds, connect=min(5.0, seconds))
        try:
            async with session.request(
                method, self._base + path, allow_redirects=False, timeout=timeout, **options
            ) as answer:
                if 300 <= answer.status < 400:
                    raise PolicyError("scene.redirected", skill=self._skill)
                if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise DataError("scene.answer_not_json", skill=self._skill, reason="it is compressed")
                return Reply(answer.status, await self._body(answer, most))
        except TimeoutError:
            raise UnavailableError("scene.timeout", skill=self._skill, seconds=round(seconds, 3)) from None
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error)[:200] or type(error).__name__
            raise UnavailableError("scene.skill_unreachable", skill=self._skill, reason=reason) from error

    async def _body(self, answer: aiohttp.ClientResponse, most: int) -> bytes:
        kept = bytearray()
        async for chunk in answer.content.iter_chunked(_SMALL):
            kept += chunk
            if len(kept) > most:
                raise DataError("scene.answer_too_big", skill=self._skill, limit=most)
        return bytes(kept)

    def _check(self, address: str) -> None:
        if not self._guard(address):
            raise PolicyError("scene.address_refused", skill=self._skill, host=address)

    def _refused(self, reply: Reply) -> OoderError:
        """What the skill said when it did not want to: `{"code": number, "message": text}`."""
        reason, code = reply.data[:200].decode("utf-8", "replace"), None
        try:
            said = json.loads(reply.data)
            reason, code = str(said["message"])[:500], said.get("code")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass  # not in the agreed form: the first bytes are the reason
        number = code if isinstance(code, int) else None
        return DataError("scene.skill_failed", skill=self._skill, status=reply.status, reason=reason, number=number)


def encode_request(body: Json) -> bytes:
    """JSON for the wire. Raises UsageError `scene.request_too_big`, `scene.bad_request`."""
    try:
        data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise UsageError("scene.bad_request", reason=str(error)[:200]) from error
    if len(data) > limits.CALL_REQUEST_BYTES:
        raise UsageError("scene.request_too_big", limit=limits.CALL_REQUEST_BYTES)
    return data


def read_json(data: bytes, skill: str) -> Json:
    """A skill's answer. Raises DataError `scene.answer_not_json`."""
    try:
        value: Json = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError("scene.answer_not_json", skill=skill, reason=str(error)[:200]) from error
    reason = check_bounds(value)
    if reason:
        raise DataError("scene.answer_not_json", skill=skill, reason=reason)
    return value


def _no_constant(text: str) -> Json:
    raise ValueError(f"{text} is no JSON number")


def _scalar(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _open_session(check: Callable[[str], None]) -> aiohttp.ClientSession:
    import aiohttp

    def connect(info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        check(str(address[0]))
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=connect, limit=limits.CALLS_RUNNING, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ooder"},
        trust_env=False,
        auto_decompress=False,
    )
