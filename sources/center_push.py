"""Pushes of a registry: hints to look again, gathered for a moment, caught up after every gap (guide 3.4, WIRE 3.6).

A hundred thousand pushes cost no more than a look each time the last one has ended: what they say is never used, only that
something changed. Where nothing is pushed, a sign of life is asked for, so that a dead registry is noticed all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from protocol import limits
from protocol.errors import DataError, OoderError, UnavailableError
from protocol.http.exchange import HttpRequest
from protocol.skill_center import places
from protocol.skill_center.events import Subscription, decode_event, encode_subscription
from sources.center_registry import Registry
from sources.ports import Context, Http

GATHER_SECONDS = 0.01
BACKOFF_FIRST = 0.5
BACKOFF_MOST = 60.0
_NO_PUSH = frozenset({"http.not_found", "http.refused", "http.denied", "http.wrong_type"})


class Look(Protocol):
    """Looks at the registry; `full` also confirms what did not change."""

    async def __call__(self, *, full: bool) -> None: ...


class Listener:
    """Listens to one registry."""

    def __init__(self, registry: Registry, http: Http, context: Context, every: float, probe: float) -> None:
        self._registry, self._http, self._context = registry, http, context
        self._every, self._probe = every, probe
        self._hint = asyncio.Event()
        self._whole = False
        self.hints = 0

    async def run(
        self,
        look: Look,
        last_event: Callable[[], Awaitable[int]],
        told: Callable[[OoderError | None], None],
    ) -> None:
        """Until cancelled: `look` after every hint and every so often; `told` is called when the registry is reached (None) or lost."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_on_hints(look))
            failures = 0
            while True:
                try:
                    async for _ in self._signs(last_event):
                        failures = 0
                        told(None)
                    raise UnavailableError("http.broken", url=self._registry.origin, reason="the push ended")
                except OoderError as error:
                    failures += 1
                    if failures > 1:
                        told(error)
                    asked = error.params.get("retry_after")
                most = min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** min(failures - 1, 10))
                wait = max(
                    self._context.random.uniform(0, most), float(asked) if isinstance(asked, int | float) else 0.0
                )
                await self._context.clock.sleep(min(wait, BACKOFF_MOST))

    async def _signs(self, last_event: Callable[[], Awaitable[int]]) -> AsyncIterator[None]:
        """One item for each sign of life: pushes where there are any, else answers to a small question."""
        since = await last_event()
        url = self._registry.url(places.SOCKET).replace("http", "ws", 1)
        frame = encode_subscription(Subscription(("release.*", "skill.*", "scene.*", "cap.*"), since))
        try:
            async with self._http.socket(HttpRequest(url, body=frame.encode(), keep=False)) as texts:
                self._whole = True  # whatever happened while nobody listened
                self._hint.set()
                yield None
                async for text in texts:
                    self._take(text)
                return
        except OoderError as error:
            if error.code not in _NO_PUSH:
                raise
        async for _ in self._polled():
            yield None

    def _take(self, text: str) -> None:
        try:
            decode_event(text)
        except DataError:
            return  # of a newer version, or rubbish; neither is worth a look
        self.hints += 1
        self._hint.set()

    async def _polled(self) -> AsyncIterator[None]:
        rest = 0.0
        while True:
            await self._http.ask(
                HttpRequest(self._registry.url(places.HEALTH), types=(), keep=False, most=limits.RECORD_HTTP_BYTES)
            )
            yield None
            await self._context.clock.sleep(self._probe)
            rest += self._probe
            if rest >= self._every:
                rest, self._whole = 0.0, True
                self._hint.set()

    async def _look_on_hints(self, look: Look) -> None:
        while True:
            await self._hint.wait()
            await self._context.clock.sleep(GATHER_SECONDS)
            self._hint.clear()
            full, self._whole = self._whole, False
            try:
                await look(full=full)
            except OoderError:
                continue  # kept as the registry's failure; the next hint, or the next scan, looks again
