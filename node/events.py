"""The numbered, bounded event log: "what changed since N", for the API's streams and for other parts of the node.

Events are written in the transaction of what they report, so nobody hears of a change that did not happen. Numbers rise by one
for ever; the last `limits.EVENTS_KEPT` are kept, and who asks for older ones is told that there is a gap and starts afresh.

| type | ref | data |
|---|---|---|
| item.discovered, item.changed, item.conflicted | the item | version, trust (rank), conflicts |
| item.gone | the item | version |
| source.status.changed | - | source, light, code |
| discovery.started, discovery.completed, discovery.sync.failed | - | scope or source, counts |
| index.rebuilt | - | aside |
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from protocol import limits
from protocol.item_json import read_json
from protocol.items import Json


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened, before it has a number. `type` is a past participle, `data` JSON text of an object."""

    type: str
    ref: str = ""
    data: str = "{}"


@dataclass(frozen=True, slots=True)
class Event:
    """A change with its number and wall time (seconds)."""

    n: int
    at: float
    type: str
    ref: str
    data: Json


@dataclass(frozen=True, slots=True)
class Events:
    """Events after the number asked for, oldest first. `gap`: some in between are no longer kept. `last` is the newest number."""

    events: tuple[Event, ...]
    gap: bool
    last: int


def append(db: sqlite3.Connection, changes: Iterable[Change], now: float) -> None:
    """Number the changes and drop what is beyond the bound. The caller owns the transaction."""
    rows = [(now, one.type, one.ref, one.data) for one in changes]
    if rows:
        db.executemany("INSERT INTO events(at, type, ref, data) VALUES (?, ?, ?, ?)", rows)
        db.execute("DELETE FROM events WHERE n <= (SELECT max(n) FROM events) - ?", (limits.EVENTS_KEPT,))


def since(db: sqlite3.Connection, n: int, limit: int) -> Events:
    """At most `limit` events with a number above `n`."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    last = int(row[0]) if row else 0
    rows = db.execute(
        "SELECT n, at, type, ref, data FROM events WHERE n > ? ORDER BY n LIMIT ?",
        (n, max(1, min(limit, limits.PAGE_ROWS))),
    ).fetchall()
    events = tuple(Event(number, at, kind, ref, read_json(data)) for number, at, kind, ref, data in rows)
    first = events[0].n if events else last + 1
    return Events(events, gap=n > last or first > n + 1, last=last)
