"""From the numbered events of the store to everybody who listens.

Every listener has only a position; the newest events are held ready, older ones are read from the store, and what is no longer
kept is told as one gap. So a listener that is slow, or 100,000 events at once, cost nobody more than the events themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from node.skill_center.store import EventsRead, Store
from protocol import limits
from protocol.skill_center.events import GAP, Pushed, encode_event

Reader = Callable[[Callable[[], Any]], Awaitable[Any]]


class Ready(NamedTuple):
    """An event, encoded once for everybody."""

    n: int
    type: str
    text: str


def ready(event: Pushed) -> Ready:
    """Encode one event."""
    return Ready(event.n, event.type, encode_event(event))


class Feed:
    """Holds the newest events. `read` runs something that blocks on a thread."""

    def __init__(self, store: Store, read: Reader) -> None:
        self.bells: set[asyncio.Event] = set()
        """One for each listener, rung when there is something new."""
        self.closed = False
        self.last = -1
        self._store = store
        self._read = read
        self._held: deque[Ready] = deque(maxlen=limits.CENTER_EVENTS_HELD)

    async def look(self) -> None:
        """Take in what was written since the last look, and wake who listens."""
        if self.last < 0:
            self.last = await self._read(self._store.last)
            return
        while True:
            found: EventsRead = await self._read(lambda: self._store.events(self.last, limits.PAGE_ROWS))
            if found.gap or found.last < self.last:
                self._held.clear()
                self.last = found.events[0].n - 1 if found.events else found.last
            for event in found.events:
                self._held.append(ready(event))
                self.last = event.n
            if found.events or found.gap:
                self._ring()
            if len(found.events) < limits.PAGE_ROWS:
                return

    async def after(self, since: int) -> list[Ready]:
        """At most `limits.API_EVENTS_AT_ONCE` events after `since`; a gap comes first and says where to go on."""
        if since == self.last:
            return []
        if self._held and self._held[0].n <= since + 1 <= self.last:
            start = since + 1 - self._held[0].n
            return [self._held[at] for at in range(start, min(start + limits.API_EVENTS_AT_ONCE, len(self._held)))]
        found: EventsRead = await self._read(lambda: self._store.events(since, limits.API_EVENTS_AT_ONCE))
        events = [ready(event) for event in found.events]
        if found.gap or found.last < since:
            position = events[0].n - 1 if events else found.last
            events.insert(0, ready(Pushed(position, GAP, None, 0.0, self._store.agent_id)))
        return events

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self._ring()

    def _ring(self) -> None:
        for bell in self.bells:
            bell.set()
