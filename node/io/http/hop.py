"""One request to one origin, without redirects and retries: pace and breaker before, their outcome after, faults as our errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Protocol

from node.io.http.dialing import was_refused
from node.io.http.origins import Origin
from protocol.errors import DataError, OoderError, PolicyError, UnavailableError
from protocol.http.exchange import HttpBounds, Target
from protocol.http.heads import Heads, quota_pause, retry_after
from sources.ports import Clock

if TYPE_CHECKING:
    import aiohttp


class World(Protocol):
    """What is needed of a door: time and chance."""

    @property
    def clock(self) -> Clock: ...
    @property
    def random(self) -> Random: ...


async def wait_turn(origin: Origin, target: Target, clock: Clock, patience: float) -> None:
    """Wait for the host's own pauses and for our pace, if that takes at most `patience` seconds. Raises UnavailableError
    `http.resting`, `http.rate_limited`."""
    resting = origin.breaker.enter(clock.loop())
    if resting > 0:
        raise UnavailableError("http.resting", url=target.origin, retry_after=_seconds(resting))
    try:
        while held := origin.pace.held(clock.loop()):
            if held > patience:
                raise limited(target, held)
            await clock.sleep(held)
            patience -= held
        wait = origin.pace.reserve(clock.loop())
        if wait > 0:
            await clock.sleep(wait)
    except BaseException:
        origin.breaker.left()
        raise


def limited(target: Target, seconds: float) -> UnavailableError:
    """The error for a host that asks for a pause."""
    return UnavailableError("http.rate_limited", url=target.shown, retry_after=_seconds(seconds))


def _seconds(value: float) -> float:
    return round(max(0.1, value), 1)


@asynccontextmanager
async def spoken(origin: Origin, target: Target, bounds: HttpBounds, world: World) -> AsyncIterator[None]:
    """Frames what is said to an origin: its health learns how it ended, and what aiohttp raises becomes our errors."""
    try:
        async with _translated(target, bounds):
            yield
    except OoderError as error:
        if error.code in FAULTS:
            origin.breaker.failed(world.clock.loop(), world.random.random())
        elif error.code in UNSAID:
            origin.breaker.left()
        else:
            origin.breaker.succeeded(world.clock.loop())
        raise
    except BaseException:
        origin.breaker.left()
        raise
    origin.breaker.succeeded(world.clock.loop())


FAULTS = frozenset({"http.unreachable", "http.timed_out", "http.broken", "http.failed"})
"""What says that an origin is ill."""

UNSAID = frozenset(
    {
        "http.forbidden_address",
        "http.bad_key",
        "http.bad_authority",
        "http.bad_url",
        "http.untrusted",
        "http.no_storage",
    }
)
"""What says nothing about its health."""


@asynccontextmanager
async def _translated(target: Target, bounds: HttpBounds) -> AsyncIterator[None]:
    import aiohttp

    url = target.shown
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise UnavailableError("http.untrusted", url=url, reason=str(error.certificate_error)[:200]) from None
    except aiohttp.ClientSSLError as error:
        raise UnavailableError("http.untrusted", url=url, reason=type(error).__name__) from None
    except aiohttp.InvalidURL:  # an address in a spelling that only some programs understand
        raise DataError("http.bad_url", url=url) from None
    except aiohttp.ConnectionTimeoutError:
        raise UnavailableError("http.timed_out", url=url, seconds=bounds.connect_s) from None
    except aiohttp.ServerTimeoutError:
        raise UnavailableError("http.timed_out", url=url, seconds=bounds.silence_s) from None
    except aiohttp.ClientConnectorError as error:
        if was_refused(error):
            raise PolicyError("http.forbidden_address", host=target.host) from None
        raise UnavailableError("http.unreachable", url=url, reason=_reason(error.os_error)) from None
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        raise UnavailableError("http.broken", url=url, reason=_reason(error)) from None
    except (aiohttp.ClientError, ssl.SSLError, asyncio.IncompleteReadError, ValueError) as error:
        raise UnavailableError("http.broken", url=url, reason=type(error).__name__) from None
    except OSError as error:
        if was_refused(error):
            raise PolicyError("http.forbidden_address", host=target.host) from None
        raise UnavailableError("http.unreachable", url=url, reason=_reason(error)) from None


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None)
    return str(text or type(error).__name__)[:200]


def heads_of(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """Header lines with lower-case names, repeated ones joined."""
    found: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        text = value.encode("utf-8", "replace").decode("utf-8")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def note_pauses(origin: Origin, heads: Heads, status: int, clock: Clock) -> float:
    """Obey what the answer says about pauses; seconds until the next request."""
    pause = quota_pause(heads, clock.wall())
    if status in (429, 503) or (status == 403 and "retry-after" in heads):
        pause = max(pause, retry_after(heads, clock.wall()) or (1.0 if status == 429 else 0.0))
    if pause > 0:
        origin.pace.hold(clock.loop(), pause)
    return origin.pace.held(clock.loop())


def is_limited(status: int, heads: Mapping[str, str], pause: float) -> bool:
    """Whether a refusal is about how often, not about who."""
    return status == 429 or (status == 403 and pause > 0) or (status == 503 and "retry-after" in heads)
