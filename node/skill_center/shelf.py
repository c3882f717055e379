"""What a SkillCenter shows: one row for each item, ready to be sent, in the order of ids, with facets and full-text search.

Made from the store and kept in two files of this home that can be removed at any time; every replica has its own. Search is the
index of `ooder search` itself, so the ranking is the same. Blocking, for any thread.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from types import MappingProxyType

from node.index import Index, Rules
from node.skill_center.standing import GONE, Revoked, main_version
from node.skill_center.tables import Kept
from protocol import limits
from protocol.errors import StorageError
from protocol.items import Channel, Evidence, Item, Reading, Sighting
from protocol.query import Query
from protocol.refs import Kind, Ref
from protocol.skill_center.release import SignedRelease, open_item
from protocol.skill_center.rows import encode_row, plain, row_text
from protocol.words import fold

SCHEMA = """
CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS shown(
  row INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, listed INTEGER NOT NULL,
  version TEXT NOT NULL, text TEXT NOT NULL, downloads INTEGER NOT NULL, UNIQUE(kind, id));
CREATE INDEX IF NOT EXISTS shown_order ON shown(kind, listed, key);
CREATE TABLE IF NOT EXISTS facets(facet TEXT NOT NULL, key TEXT NOT NULL, row INTEGER NOT NULL, PRIMARY KEY(facet, key, row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facets_row ON facets(row);
"""
DEEP = 2_000  # rows from which a page is not reached by walking
_FOR_EVER = 3.0e9
_DOWNLOADS = ',"downloads":'


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is to hold. `facets` are `category:`, `provides:`, `tag:`, `scene:` and a folded name; all have to fit."""

    kind: Kind
    text: str = ""
    facets: tuple[str, ...] = ()
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows as JSON texts; `total` of all that match, of which `more` says that it is a lower bound."""

    rows: tuple[str, ...]
    total: int
    more: bool = False

    @property
    def body(self) -> str:
        """The bare array."""
        return "[" + ",".join(self.rows) + "]"


@dataclass(frozen=True, slots=True)
class _Main:
    """The version that stands for an item."""

    item: Item
    signed: SignedRelease
    kept: Kept


class Shelf:
    """`rules` judge the publishers' keys for the ranking of search."""

    def __init__(self, folder: Path, rules: Callable[[], Rules], now: Callable[[], float]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "shelf.db"
        self._rules = rules
        self._now = now
        self._index = Index(folder / "search.db", now)
        self._lock = RLock()
        self._reading = RLock()
        self._db = self._connect()
        self._reader = self._connect()
        self._counts: dict[tuple[object, ...], int] = {}
        self._orders: dict[Kind, array[int]] = {}
        self.n = int(self._state("n") or "0")
        """The last event that is shown."""

    def close(self) -> None:
        """Give the files back."""
        with self._lock, self._reading:
            self._db.close()
            self._reader.close()
            self._index.close()

    # --- Writing ------------------------------------------------------------------------------------------------------
    def belongs_to(self, registry: str) -> None:
        """Start anew when the files were made from another registry's store."""
        if self._state("registry") != registry:
            with self._writing() as db:
                for table in ("shown", "facets", "state"):
                    db.execute(f"DELETE FROM {table}")
                db.execute("INSERT INTO state VALUES ('registry', ?)", (registry,))
            self._index.forget("skill_center", "", self._rules(), self._now())
            self.n = 0

    def show(self, items: Iterable[Sequence[Kept]], n: int, revoked: Revoked = MappingProxyType({})) -> None:
        """Show these items (all versions of each) as they are now, and remember that everything up to event `n` is shown."""
        now = self._now()
        mains = [main for found in items if (main := self._main(found, revoked, now)) is not None]
        with self._writing() as db:
            for main in mains:
                self._put(db, main)
            db.execute("INSERT INTO state VALUES ('n', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", (n,))
        for start in range(0, len(mains), limits.REPORTS_PER_COMMIT):
            some = mains[start : start + limits.REPORTS_PER_COMMIT]
            self._index.apply([self._said(main, now) for main in some], self._rules(), now)
        with self._reading:
            self._counts.clear()
            self._orders.clear()
            self.n = n

    def count_downloads(self, counted: Mapping[Ref, int]) -> None:
        """So many more of each."""
        rows = [(count, ref.kind.value, ref.id) for ref, count in counted.items()]
        with self._writing() as db:
            db.executemany("UPDATE shown SET downloads = downloads + ? WHERE kind = ? AND id = ?", rows)

    def _main(self, found: Sequence[Kept], revoked: Revoked, now: float) -> _Main | None:
        best = main_version(found, revoked, now)
        if best is None:
            return None
        kept, signed = best
        return _Main(
            open_item(kept.item, signed.release), signed, replace(kept, downloads=sum(one.downloads for one in found))
        )

    def _put(self, db: sqlite3.Connection, main: _Main) -> None:
        item, kept = main.item, main.kept
        listed = main.signed.release.status not in GONE
        row = encode_row(item, main.signed, kept.published_at)
        text = row_text({name: value for name, value in row.items() if name != "downloads"})[:-1]
        key = fold(item.id)
        values = (item.kind.value, item.id, key, listed, item.version, text, kept.downloads)
        number = db.execute(
            "INSERT INTO shown VALUES (NULL, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(kind, id) DO UPDATE SET listed = excluded.listed,"
            " version = excluded.version, text = excluded.text, downloads = excluded.downloads RETURNING row",
            values,
        ).fetchone()[0]
        db.execute("DELETE FROM facets WHERE row = ?", (number,))
        if listed:
            db.executemany(
                "INSERT OR IGNORE INTO facets VALUES (?, ?, ?)", [(one, key, number) for one in facets_of(item)]
            )

    def _said(self, main: _Main, now: float) -> Reading:
        item, signed, place = main.item, main.signed, f"{main.item.kind.prefix}/{main.item.id}"
        if signed.release.status in GONE:
            return Reading("skill_center", "self", place, now)
        sighting = Sighting(
            item,
            "skill_center",
            "self",
            place,
            "",
            f"key:{signed.key}",
            Evidence(Channel.SIGNED, signed.key),
            now,
            digest=signed.release.digest,
            expires_at=_FOR_EVER,
        )
        return Reading("skill_center", "self", place, now, (sighting,))

    # --- Reading ------------------------------------------------------------------------------------------------------
    def rows(self, wanted: Wanted) -> Shown:
        """Rows of a list or a search. Raises UsageError `query.too_long`."""
        if wanted.text:
            return self._search(wanted)
        with self._looking() as db:
            if wanted.facets:
                return self._filtered(db, wanted)
            chosen = "SELECT row FROM shown WHERE kind = ? AND listed = 1 ORDER BY key LIMIT ? OFFSET ?"  # only the narrow index is walked
            if wanted.offset >= DEEP:
                numbers = self._order(db, wanted.kind)[wanted.offset : wanted.offset + wanted.limit]
                rows = self._rows(db, "SELECT value AS row FROM json_each(?)", (json.dumps(numbers.tolist()),), "key")
            else:
                rows = self._rows(db, chosen, (wanted.kind.value, wanted.limit, wanted.offset), "key")
            count = "SELECT count(*) FROM shown WHERE kind = ? AND listed = 1"
            return Shown(rows, self._count(db, count, (wanted.kind.value,)))

    def _order(self, db: sqlite3.Connection, kind: Kind) -> array[int]:
        """Every listed row of a kind, in order; read once for each state of the shelf."""
        found = self._orders.get(kind)
        if found is None:
            query = "SELECT row FROM shown WHERE kind = ? AND listed = 1 ORDER BY key"
            found = self._orders[kind] = array("q", (row for (row,) in db.execute(query, (kind.value,))))
        return found

    def _filtered(self, db: sqlite3.Connection, wanted: Wanted) -> Shown:
        first, *others = wanted.facets
        tests = "".join(" AND EXISTS (SELECT 1 FROM facets g WHERE g.facet = ? AND g.row = f.row)" for _ in others)
        where = f"FROM facets f JOIN shown s ON s.row = f.row WHERE f.facet = ? AND s.kind = ?{tests}"
        values = (first, wanted.kind.value, *others)
        chosen = f"SELECT f.row {where} ORDER BY f.key LIMIT ? OFFSET ?"
        rows = self._rows(db, chosen, (*values, wanted.limit, wanted.offset), "key")
        return Shown(rows, self._count(db, f"SELECT count(*) {where}", values))

    def _search(self, wanted: Wanted) -> Shown:
        query = Query(wanted.text, frozenset({wanted.kind}), limit=limits.PAGE_ROWS if wanted.facets else wanted.limit)
        page = self._index.search(query if wanted.facets else replace(query, offset=wanted.offset), self._now())
        ids = [row.ref.id for row in page.rows]
        with self._looking() as db:
            numbers = {
                str(id_): int(row)
                for id_, row in db.execute(
                    "SELECT s.id, s.row FROM json_each(?) j CROSS JOIN shown s ON s.kind = ? AND s.id = j.value",
                    (json.dumps(ids), wanted.kind.value),
                )
            }
            found = [numbers[id_] for id_ in ids if id_ in numbers]
            total, more = page.total, page.more
            if wanted.facets:
                found = [row for row in found if self._has(db, row, wanted.facets)]
                total, found = len(found), found[wanted.offset : wanted.offset + wanted.limit]
            rows = self._rows(db, "SELECT value AS row FROM json_each(?)", (json.dumps(found),), "")
        return Shown(rows, total, more)

    def _has(self, db: sqlite3.Connection, row: int, facets: Sequence[str]) -> bool:
        have = {str(facet) for (facet,) in db.execute("SELECT facet FROM facets WHERE row = ?", (row,))}
        return have.issuperset(facets)

    def _rows(self, db: sqlite3.Connection, chosen: str, values: Sequence[object], order: str) -> tuple[str, ...]:
        query = f"SELECT s.text, s.downloads FROM ({chosen}) x CROSS JOIN shown s ON s.row = x.row"
        if order:
            query += f" ORDER BY s.{order}"
        return tuple(f"{text}{_DOWNLOADS}{downloads}}}" for text, downloads in db.execute(query, values))

    def _count(self, db: sqlite3.Connection, query: str, values: tuple[object, ...]) -> int:
        """Counted once for each state of the shelf."""
        key = (query, values)
        found = self._counts.get(key)
        if found is None:
            found = int(db.execute(query, values).fetchone()[0])
            if len(self._counts) < limits.API_ANSWERS_HELD:
                self._counts[key] = found
        return found

    def row(self, kind: Kind, id_: str) -> str:
        """One row, also of an item that is not listed; "" when there is none."""
        query = "SELECT text, downloads FROM shown WHERE kind = ? AND id = ?"
        with self._looking() as db:
            found = db.execute(query, (kind.value, id_)).fetchone()
        return f"{found[0]}{_DOWNLOADS}{found[1]}}}" if found else ""

    def categories(self) -> list[dict[str, object]]:
        """Categories of skills, with how many there are of each."""
        query = (
            "SELECT substr(f.facet, 10), count(*) FROM facets f JOIN shown s ON s.row = f.row"
            " WHERE f.facet >= 'category:' AND f.facet < 'category;' AND s.kind = 'skill' GROUP BY f.facet ORDER BY f.facet LIMIT ?"
        )
        with self._looking() as db:
            found = db.execute(query, (limits.PAGE_ROWS,)).fetchall()
        return [
            {
                "id": name,
                "name": name,
                "nameEn": name,
                "description": "",
                "icon": "",
                "order": order,
                "skillCount": count,
            }
            for order, (name, count) in enumerate(found)
        ]

    # --- The file -----------------------------------------------------------------------------------------------------
    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(
                self._path, timeout=limits.INDEX_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA mmap_size = 268435456")
            db.executescript(SCHEMA)
        except sqlite3.Error as error:
            raise StorageError("center.database", place=str(self._path), reason=str(error)[:200]) from error
        return db

    def _state(self, name: str) -> str:
        with self._looking() as db:
            row = db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _named(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _looking(self) -> Iterator[sqlite3.Connection]:
        with self._reading, _named(self._path):
            yield self._reader


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError("center.database", place=str(path), reason=str(error)[:200]) from error


def facets_of(item: Item) -> set[str]:
    """By what a list can be narrowed."""
    category, _, sub = plain(item.category, limits.NAME_CHARS).partition("/")
    found = {f"provides:{fold(one.id)}" for one in item.provides}
    found |= {f"scene:{fold(one.id)}" for one in item.requires if one.kind is Kind.SCENE}
    found |= {f"tag:{fold(tag)}" for tag in item.tags}
    if category:
        found.add(f"category:{fold(category)}")
    if sub:
        found.add(f"subcategory:{fold(category)}/{fold(sub)}")
    return found
