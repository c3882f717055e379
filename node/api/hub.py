"""From the numbered event log to everybody who listens.

Guarantees: every listener gets every event once, in order, or is told of the gap; a listener that is slow costs nobody else
anything, since each has only a position; the log is looked at once per tick for all, and not at all while nobody listens.
Events written by other processes of this home are heard too.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from node.api.problems import encode
from node.bodies import state_body
from node.service import Service
from protocol import limits
from protocol.errors import OoderError

log = logging.getLogger("ooder.api")


class Ready(NamedTuple):
    """An event, encoded once for everybody."""

    n: int
    json: bytes
    sse: bytes


def ready(body: dict[str, Any]) -> Ready:
    """Encode one event. JSON has no raw newlines, so one `data:` line is enough."""
    text = encode(body)
    return Ready(body["n"], text, b"id: %d\nevent: %s\ndata: %s\n\n" % (body["n"], str(body["type"]).encode(), text))


class Batch(NamedTuple):
    """What comes next for a listener. With `gap`, what was between `since` and the first event is no longer there."""

    events: list[Ready]
    gap: bool
    position: int


Reader = Callable[[Callable[[], Any]], Awaitable[Any]]


class Hub:
    """Holds the newest events. `read` runs something that blocks on a thread."""

    def __init__(self, service: Service, read: Reader) -> None:
        self.listeners = 0
        self.closed = False
        self._service = service
        self._read = read
        self._held: deque[Ready] = deque(maxlen=limits.API_EVENTS_HELD)
        self._last = -1  # number of the newest event held, or that was there when the first listener came
        self._pulse = asyncio.Event()
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        while True:
            if not self.listeners:
                self._wanted.clear()
                await self._wanted.wait()
            try:
                await self._look()
            except OoderError as error:
                log.warning("events cannot be read: %s", error)
                await asyncio.sleep(1.0)
            await asyncio.sleep(limits.API_EVENT_SECONDS)

    async def _look(self) -> None:
        if self._last < 0:
            self._last = await self._read(self._service.last_event)
        while True:
            found = await self._read(lambda: self._service.events(self._last, limits.PAGE_ROWS))
            if found["last"] < self._last or found["gap"]:  # another log, or much more at once than is kept
                self._held.clear()
                self._last = found["last"] if found["last"] < self._last else self._last
            for event in found["events"]:
                self._held.append(ready(event))
                self._last = event["n"]
            if found["events"]:
                self._pulse.set()
                self._pulse = asyncio.Event()
            if len(found["events"]) < limits.PAGE_ROWS:
                return

    def join(self) -> None:
        """Somebody listens."""
        self.listeners += 1
        self._wanted.set()

    def leave(self) -> None:
        """Somebody went."""
        self.listeners -= 1

    async def snapshot(self) -> Ready:
        """How things are now, with the number of the last event that is part of it."""
        service = self._service

        def look() -> dict[str, Any]:
            last = service.last_event()
            states = [state_body(state) for state in service.states()]
            data = {
                "last": last,
                "counts": dict(service.counts()),
                "sources": states,
                "offline": service.is_offline(),
                "newest": service.newest(),
            }
            return {"n": last, "at": service.now(), "type": "snapshot", "ref": "", "data": data}

        return ready(await self._read(look))

    async def after(self, since: int) -> Batch:
        """At most `limits.API_EVENTS_AT_ONCE` events after `since`, at once; empty when there is none yet."""
        if self._last >= 0 and since == self._last:
            return Batch([], False, since)
        if self._held and self._held[0].n <= since + 1 <= self._last:
            start = since + 1 - self._held[0].n
            found = [self._held[at] for at in range(start, min(start + limits.API_EVENTS_AT_ONCE, len(self._held)))]
            return Batch(found, False, found[-1].n)
        told = await self._read(lambda: self._service.events(since, limits.API_EVENTS_AT_ONCE))
        events = [ready(event) for event in told["events"]]
        return Batch(events, bool(told["gap"]), events[-1].n if events else told["last"])

    @property
    def pulse(self) -> asyncio.Event:
        """Set when the next events are there; take it before looking, so that none comes in between."""
        return self._pulse

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self._pulse.set()


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event`, at most so long; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
