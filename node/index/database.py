"""The facade of the index: owns the file and its connections: one that writes, two that read, one that sees whether anybody wrote.

Every method blocks for as long as the disk does; asynchronous code calls it through a thread. SQLite's errors end here: they leave
as `StorageError`s, and damage is repaired by starting anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TypeVar

from node import events
from node.index import reading, schema, searching, writing
from node.index.reading import Counts, OriginInfo, Told
from node.index.searching import Page, Row
from node.index.writing import Rules
from protocol import limits
from protocol.errors import DataError, StorageError
from protocol.item_json import write_json
from protocol.items import Report, Sighting
from protocol.merge import Entry
from protocol.query import Query
from protocol.refs import Kind

_T = TypeVar("_T")
READERS = ("read", "read too")
"""Two, so that a long look at everything keeps no search waiting; SQLite works outside Python's lock."""


class Index:
    """One index file. Implements the port `sources.ports.Places`."""

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        """Nothing is opened before it is needed. `wall` gives seconds since 1970, to name a damaged file."""
        self.path = path
        self.rebuilt: StorageError | None = None
        """Why the index is empty, when a damaged file had to be replaced since this object was made."""
        self._made_anew = 0
        self._wall = wall
        self._lock = RLock()
        self._locks = {name: RLock() for name in ("write", "watch", *READERS)}
        self._open: dict[str, sqlite3.Connection] = {}
        self._files: dict[str, tuple[int, int] | None] = {}

    @classmethod
    def open(cls, path: Path, wall: Callable[[], float]) -> Index:
        """Open or make the file. Raises StorageError."""
        index = cls(path, wall)
        index.last_wall()
        return index

    def close(self) -> None:
        """Give the file back; the object opens it again when it is used again."""
        with self._alone():
            for db in self._open.values():
                db.close()
            self._open.clear()

    # --- Writing ---------------------------------------------------------------------------------------------------
    def apply(self, reports: Sequence[Report], rules: Rules, now: float, notes: Sequence[events.Change] = ()) -> int:
        """Take in reports, and log notes after their changes, in one transaction; returns how many changes were logged.

        Raises StorageError, and DataError `index.refused` when one of the reports holds what no index can keep."""
        return self._write(lambda db: [*writing.apply(db, reports, rules, now), *notes], now)

    def merge_again(self, rules: Rules, now: float, what: Collection[str] = ()) -> int:
        """Judge and merge every name anew, after the user changed the policy; or, of revocations, only the names that have to do with
        `what` (digests of trees, `key:...`). Returns how many changes were logged."""
        names = self._read(lambda db: writing.names_of(db, what) if what else writing.all_names(db))
        done = 0
        for start in range(0, len(names), limits.REPORTS_PER_COMMIT):
            some = names[start : start + limits.REPORTS_PER_COMMIT]
            done += self._write(lambda db, some=some: writing.remerge(db, some, rules, now), now)  # type: ignore[misc]
        return done

    def forget(self, source: str, origin: str, rules: Rules, now: float) -> int:
        """Forget everything a source said (about one origin, when `origin` is not empty)."""
        return self._write(lambda db: writing.forget(db, source, origin, rules, now), now)

    # --- Reading ---------------------------------------------------------------------------------------------------
    def revision(self) -> tuple[int, int]:
        """Another one after anybody wrote, also another process. Asked on its own connection: costs microseconds and waits for no reader.

        Raises StorageError.
        """
        found = self._use("watch", lambda db: db.execute("PRAGMA data_version").fetchone()[0])
        return self._made_anew, int(found)

    def search(self, query: Query, now: float) -> Page:
        """Answer a question at wall time `now`. Raises UsageError `query.too_long`."""
        start = time.perf_counter()
        page = self._read(lambda db: searching.search(db, query, now))
        return replace(page, took_ms=(time.perf_counter() - start) * 1000)

    def rows(self, kind: Kind | None, now: float) -> list[Row]:
        """Every row that is shown (of one kind), by kind and id."""
        return self._read(lambda db: list(searching.rows_of(db, kind, now)))

    def providers(self, capability: str, now: float) -> list[Row]:
        """Every item that provides the capability, most trusted first, at most `limits.MATCHES_COUNTED`."""
        return self._read(lambda db: searching.providers(db, capability, now))

    def entry(self, kind: Kind, id_: str, rules: Rules, now: float) -> Entry | None:
        """The whole entry of one name, with every claim, judged now."""
        return self._read(lambda db: reading.entry(db, kind, id_, rules, now))

    def everything(self, rules: Rules, now: float) -> list[tuple[Entry, list[Sighting]]]:
        """Every entry with every sighting behind it, judged now; for the cache tree and for looking at all items together."""
        return self._read(lambda db: reading.everything(db, rules, now))

    def sightings(self, kind: Kind, id_: str) -> list[Sighting]:
        """Everything that was said about one name."""
        return self._read(lambda db: reading.sightings(db, kind, id_))

    def problems(
        self, source: str = "", origin: str = "", limit: int = limits.PROBLEMS_KEPT, offset: int = 0
    ) -> list[Told]:
        """What could not be read and why, by source, origin and place."""
        return self._read(lambda db: reading.problems(db, source, origin, limit, offset))

    def origins(self) -> list[OriginInfo]:
        """Every origin that ever reported."""
        return self._read(reading.origins)

    def was_told(self) -> bool:
        """Whether any origin ever reported."""
        return bool(self._read(lambda db: db.execute("SELECT 1 FROM origins LIMIT 1").fetchone()))

    def newest(self) -> float:
        """When any origin was last looked at whole (wall seconds), 0 = never."""
        found = self._read(lambda db: db.execute("SELECT max(surveyed_at) FROM origins").fetchone())
        return float(found[0] or 0.0)

    def counts(self) -> Counts:
        """The figures of the status strip."""
        return self._read(reading.counts)

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        """place -> signature, as given in the last readings."""
        return self._read(lambda db: reading.known(db, source, origin))

    def count(self, source: str, origin: str) -> int:
        """How many places of an origin are known."""
        return self._read(lambda db: reading.count(db, source, origin))

    def events_since(self, n: int, limit: int = limits.PAGE_ROWS) -> events.Events:
        """What changed after event `n`."""
        return self._read(lambda db: events.since(db, n, limit))

    def last_wall(self) -> float:
        """The newest time written down: the floor of the clock, so that nothing becomes fresh again (SECURITY 2.4)."""
        row = self._read(lambda db: db.execute("SELECT value FROM meta WHERE key = 'last_wall'").fetchone())
        return float(row[0]) if row else 0.0

    # --- The file ----------------------------------------------------------------------------------------------------
    def _write(self, work: Callable[[sqlite3.Connection], list[events.Change]], now: float) -> int:
        def all_of_it(db: sqlite3.Connection) -> int:
            try:
                changes = work(db)
            except (ValueError, TypeError, ArithmeticError, RecursionError, sqlite3.IntegrityError) as error:
                raise DataError("index.refused", reason=f"{type(error).__name__}: {error}"[:200]) from error
            events.append(db, changes, now)
            db.execute(
                "INSERT INTO meta VALUES ('last_wall', ?) ON CONFLICT(key) DO UPDATE SET value = max(value, excluded.value)",
                (now,),
            )
            return len(changes)

        return self._use("write", lambda db: schema.transact(db, all_of_it))

    def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        return self._use(READERS[0], work)

    def _use(self, purpose: str, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            with self._turn(purpose) as name:
                return work(self._connection(name))
        except sqlite3.Error as error:
            if not schema.is_damage(error):
                raise schema.storage_error(error, self.path) from error
        try:
            self._start_anew()
            with self._turn(purpose) as name:
                return work(self._connection(name))
        except sqlite3.Error as error:
            raise schema.storage_error(error, self.path) from error
        except OSError as error:
            raise StorageError("index.read_only", path=str(self.path), reason=str(error)) from error

    @contextmanager
    def _turn(self, purpose: str) -> Iterator[str]:
        """The name of a connection for that purpose, which nobody else uses meanwhile; who reads takes the first that is free."""
        names = READERS if purpose in READERS else (purpose,)
        taken = next((name for name in names if self._locks[name].acquire(blocking=False)), "")
        if not taken:
            taken = purpose
            self._locks[taken].acquire()
        try:
            yield taken
        finally:
            self._locks[taken].release()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody uses any connection meanwhile."""
        with ExitStack() as stack:
            for lock in self._locks.values():
                stack.enter_context(lock)
            stack.enter_context(self._lock)
            yield

    def _connection(self, purpose: str) -> sqlite3.Connection:
        db, file = self._open.get(purpose), _file_at(self.path)
        if db is not None and self._files[purpose] == file:
            return db
        with self._lock:
            if db is not None:  # somebody removed or replaced the file: what is in ours nobody else would ever see
                db.close()
                self._made_anew += 1
            opens = schema.connect_to_read if purpose in READERS else schema.connect
            db = self._open[purpose] = opens(self.path)
            self._files[purpose] = _file_at(self.path)
        return db

    def _start_anew(self) -> None:
        """Move a damaged file aside. Another process may have done so already: then its new file is used."""
        with self._alone():
            self.close()
            self._made_anew += 1
            if schema.is_sound(self.path):
                return
            aside = schema.move_aside(self.path, int(self._wall()))
            self.rebuilt = StorageError("index.rebuilt", path=str(self.path), aside=str(aside))
            change = events.Change("index.rebuilt", "", write_json({"aside": aside.name}))
            schema.transact(self._connection("write"), lambda db: events.append(db, [change], self._wall()))


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file is there, by device and inode; while it is open, no other file has its number."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
