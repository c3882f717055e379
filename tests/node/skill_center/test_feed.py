"""100,000 events at once: what is held is bounded, nobody waits for the slow, and what is gone is said to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.skill_center import tables
from node.skill_center.feed import Feed
from node.skill_center.live import Listener
from node.skill_center.sqlite import SqliteDatabase
from node.skill_center.store import EventsRead, Store
from protocol import limits
from protocol.identity import SigningKey
from protocol.refs import Kind, Ref
from protocol.skill_center.events import GAP, PUBLISHED, Pushed, Subscription

REF = Ref(Kind.SKILL, "a", "1.0.0")
MANY = 100_000


class Endless:
    """A store in which `count` events happened; those before `first` are forgotten."""

    agent_id = "node-x"

    def __init__(self) -> None:
        self.count = self.first = 0

    def last(self) -> int:
        return self.count

    def events(self, since: int, limit: int) -> EventsRead:
        start = max(since, self.first) + 1
        found = tuple(Pushed(n, PUBLISHED, REF, 0.0) for n in range(start, min(start + limit, self.count + 1)))
        return EventsRead(found, since < self.count and start != since + 1, self.count)


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


async def told(listener: Listener, count: int) -> list[int]:
    """The first `count` numbers a listener is told; -n for a gap."""
    numbers: list[int] = []
    async for batch in listener.told(lambda: True):
        numbers += [-one.n if one.type == GAP else one.n for one in batch]
        if len(numbers) >= count:
            return numbers
    return numbers


async def test_a_flood_is_held_within_bounds_and_told_in_order() -> None:
    store = Endless()
    feed = Feed(store, at_once)  # type: ignore[arg-type]
    await feed.look()
    quick, late = (Listener(feed, Subscription((), 0)) for _ in range(2))
    store.count = MANY
    await feed.look()
    assert (len(feed._held), feed.last) == (limits.CENTER_EVENTS_HELD, MANY)
    assert await told(quick, MANY) == list(range(1, MANY + 1))
    store.first = MANY - 50
    late.position = 10
    feed._held.clear()
    assert await told(late, 51) == [-(MANY - 50), *range(MANY - 49, MANY + 1)]


async def test_a_listener_that_wants_little_is_not_woken_for_the_rest() -> None:
    store = Endless()
    feed = Feed(store, at_once)  # type: ignore[arg-type]
    await feed.look()
    listener = Listener(feed, Subscription(("release.revoked",)))
    store.count = MANY
    await feed.look()
    async with asyncio.timeout(5):
        async for batch in listener.told(lambda: False):
            raise AssertionError(batch)
    assert listener.position == MANY


def test_only_the_newest_events_are_kept(tmp_path: Path) -> None:
    db = SqliteDatabase(tmp_path / "r.db")
    store = Store(db, SigningKey(b"r" * 32), lambda: 1.7e9)
    rows = [(n, PUBLISHED, str(REF), 0.0) for n in range(1, MANY + 1)]

    def fill(session: Any) -> None:
        session.many("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
        tables.set_number(session, "event", MANY)

    db.transact(fill)
    store.forget_old()
    found = store.events(0, 10)
    assert (found.gap, found.last, found.events[0].n) == (True, MANY, MANY - limits.EVENTS_KEPT + 1)
    db.close()
