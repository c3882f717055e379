"""Entries: the rows that lists and searches read, made from merged entries and written only where they differ."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from typing import Any, NamedTuple

from node.index import claims
from node.index.schema import BAND
from protocol import limits
from protocol.item_json import write_json
from protocol.items import Item, Sighting
from protocol.merge import Entry
from protocol.words import fold, pairs_folded, spaced_folded


class Shown(NamedTuple):
    """The columns of table entries after n, then those of cards after n, then the texts of the two full-text tables."""

    kind: str
    id: str
    key: str
    title: str
    trust: int
    seen_at: float
    expires_at: float
    home: int
    stars: float
    downloads: float
    rating: float
    updated: float
    version: str
    name: str
    category: str
    principal: str
    digest: str
    status: str
    installable: bool
    conflicts: int
    releases: int
    sources: str
    description: str
    facets: str
    stamp: int
    names_text: str  # folded
    words_text: str  # folded


COLUMNS = Shown._fields[:-2]
_SAME_BUT_TIMES = tuple(i for i, name in enumerate(COLUMNS) if name not in ("seen_at", "expires_at", "home"))
_QUIET = ("seen_at", "expires_at", "home", "sources", "facets", "stars", "downloads", "rating", "updated")
_CHANGED = tuple(i for i, name in enumerate(COLUMNS) if name not in _QUIET)
_STAMP = COLUMNS.index("stamp")
_FACETS = COLUMNS.index("facets")
FACETS_OF_ROW = 1 + _FACETS  # in a stored row
_CONFLICTS = COLUMNS.index("conflicts")
_NARROW = COLUMNS.index("version")  # so many columns are in entries, the rest in cards
_ENTRY_VALUES = ", ".join("?" * (1 + _NARROW))
_CARD_VALUES = ", ".join("?" * (1 + len(COLUMNS) - _NARROW))


def show(entry: Entry, sightings: Sequence[tuple[Sighting, int]]) -> Shown:
    """The row of an entry. `sightings` are all that were merged, each with the number of its origin."""
    item, chosen = entry.item, entry.chosen
    sources = sorted({one.source for one, _ in sightings})
    needs = [need.id for need in item.requires]
    facets = {f"source:{one}" for one in sources}
    facets |= {f"provides:{one.id}" for one in item.provides}
    facets |= {f"cap:{one}" for one in [*needs, *(given.id for given in item.provides)]}
    if item.category:
        facets.add(f"category:{fold(item.category)}")
    key = fold(item.id)
    title = f"{key} {fold(item.name)}"
    words = fold(_text(item))
    return Shown(
        kind=item.kind.value,
        id=item.id,
        key=key,
        title=title,
        trust=chosen.trust.rank,
        seen_at=entry.seen_at,
        expires_at=entry.expires_at,
        home=_home(sightings),
        stars=_most(entry, "stars"),
        downloads=_most(entry, "downloads"),
        rating=_most(entry, "rating"),
        updated=_updated(item),
        version=claims.storable(item.version),
        name=claims.storable(item.name),
        category=claims.storable(item.category),
        principal=claims.storable(chosen.principal),
        digest=claims.storable(chosen.digest),
        status=chosen.status.value,
        installable=bool(chosen.claims) and chosen.installable and not entry.ambiguous,
        conflicts=len(entry.conflicts),
        releases=1 + len(entry.others),
        sources=" ".join(sources),
        description=claims.storable(item.description[: limits.SUMMARY_CHARS]),
        facets="\n".join(sorted(facets)),
        stamp=int.from_bytes(blake2b(f"{title}\n{words}".encode(), digest_size=6).digest(), "big"),
        names_text=title,
        words_text=words,
    )


def _most(entry: Entry, signal: str) -> float:
    """The highest that the claims of what is shown say."""
    said = (float(claim.sighting.signals.get(signal, 0.0)) for claim in entry.chosen.claims)
    return max((value for value in said if isfinite(value)), default=0.0)


def _updated(item: Item) -> float:
    """When the forge says that it was last changed, wall seconds."""
    about = item.facts.get("forge")
    value = about.get("updated") if isinstance(about, Mapping) else None
    return float(value) if isinstance(value, int | float) and isfinite(value) else 0.0


def _text(item: Item) -> str:
    """Everything a search should find the item by."""
    parts = [item.id, item.name, item.description, item.category, item.author, *item.tags]
    for given in item.provides:
        parts += (given.id, given.name, given.description)
    return "\n".join(filter(None, parts))


def _home(sightings: Sequence[tuple[Sighting, int]]) -> int:
    """The one origin whose survey renews the entry without merging again, or 0: all sightings equal in time and open-ended."""
    if not sightings:
        return 0
    first, origin_n = sightings[0]
    for one, where in sightings:
        if where != origin_n or one.expires_at or one.seen_at != first.seen_at or claims.is_timed(one):
            return 0
    return origin_n


def touch(db: sqlite3.Connection, names: Iterable[tuple[str, str]]) -> None:
    """Put these names into temp.touched, and no others."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS touched(kind TEXT, id TEXT, PRIMARY KEY(kind, id)) WITHOUT ROWID")
    db.execute("DELETE FROM touched")
    db.executemany("INSERT INTO touched VALUES (?, ?)", names)


def stored_rows(db: sqlite3.Connection) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The rows of temp.touched as they are shown now, n first."""
    columns = ", ".join(COLUMNS)
    query = f"SELECT n, {columns} FROM touched CROSS JOIN entries USING (kind, id) CROSS JOIN cards USING (n)"
    return {(row[1], row[2]): row for row in db.execute(query).fetchall()}


def provided_by(facets: str) -> set[str]:
    """The capabilities that a row's facets say it provides."""
    return {facet[9:] for facet in facets.split("\n") if facet.startswith("provides:")}


def write_shown(
    db: sqlite3.Connection, shown: Mapping[tuple[str, str], Shown | None]
) -> Iterator[tuple[str, str, str]]:
    """Write the rows that differ from what is shown; `shown` has the names of temp.touched. Yields type, ref, data of changes."""
    stored = stored_rows(db)
    writer = _Writer(db)
    for name, new in shown.items():
        old = stored.get(name)
        if new is None:
            if old:
                writer.remove(old)
                yield "item.gone", _ref(name), write_json({"version": old[1 + COLUMNS.index("version")]})
            continue
        row = new[:-2]
        if old is None:
            writer.add(new)
            yield "item.discovered", _ref(name), _data(new)
        elif any(old[1 + i] != row[i] for i in _SAME_BUT_TIMES):
            writer.replace(old, new)
            if any(old[1 + i] != row[i] for i in _CHANGED):
                yield "item.changed", _ref(name), _data(new)
        elif old[1:] != row:
            writer.renew(old[0], new)
        if new.conflicts > (old[1 + _CONFLICTS] if old else 0):
            yield "item.conflicted", _ref(name), _data(new)
    writer.flush()


def _ref(name: tuple[str, str]) -> str:
    kind, id_ = name
    return f"{'cap' if kind == 'capability' else kind}:{id_}"


def _data(new: Shown) -> str:
    return write_json({"version": new.version, "trust": new.trust, "conflicts": new.conflicts})


class _Writer:
    """Collects the statements of one batch and runs them together."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._last: dict[int, int] = {}
        self._dropped: list[tuple[int]] = []
        self._dropped_words: list[tuple[int]] = []
        self._dropped_facets: list[tuple[str, int]] = []
        self._rows: list[tuple[object, ...]] = []
        self._cards: list[tuple[object, ...]] = []
        self._names: list[tuple[int, str, str]] = []
        self._words: list[tuple[int, str, str]] = []
        self._facets: list[tuple[str, int]] = []
        self._times: list[tuple[float, float, int, int]] = []

    def add(self, new: Shown) -> None:
        self._put(self._number(new.trust), new)

    def remove(self, old: Sequence[object]) -> None:
        n = _int(old[0])
        self._dropped.append((n,))
        self._dropped_words.append((n,))
        self._dropped_facets += [(facet, n) for facet in str(old[1 + _FACETS]).split("\n")]

    def replace(self, old: Sequence[object], new: Shown) -> None:
        n = _int(old[0])
        if n // BAND != 3 - new.trust:
            self.remove(old)
            self.add(new)
            return
        self._rows.append((n, *new[:_NARROW]))
        self._cards.append((n, *new[_NARROW:-2]))
        if old[1 + _STAMP] != new.stamp:
            self._dropped_words.append((n,))
            self._index(n, new)
        if old[1 + _FACETS] != new.facets:
            self._dropped_facets += [(facet, n) for facet in str(old[1 + _FACETS]).split("\n")]
            self._facets += [(facet, n) for facet in new.facets.split("\n")]

    def _index(self, n: int, new: Shown) -> None:
        names, words = new.names_text, new.words_text
        self._names.append((n, spaced_folded(names), pairs_folded(names)))
        self._words.append((n, spaced_folded(words), pairs_folded(words)))

    def renew(self, n: int, new: Shown) -> None:
        self._times.append((new.seen_at, new.expires_at, new.home, n))

    def _put(self, n: int, new: Shown) -> None:
        self._rows.append((n, *new[:_NARROW]))
        self._cards.append((n, *new[_NARROW:-2]))
        self._index(n, new)
        self._facets += [(facet, n) for facet in new.facets.split("\n")]

    def _number(self, trust: int) -> int:
        band = 3 - trust
        last = self._last.get(band)
        if last is None:
            query = "SELECT coalesce(max(n), ?) FROM entries WHERE n >= ? AND n < ?"
            last = int(self._db.execute(query, (band * BAND, band * BAND, (band + 1) * BAND)).fetchone()[0])
        self._last[band] = last + 1
        return last + 1

    def flush(self) -> None:
        db = self._db
        db.executemany("DELETE FROM facets WHERE facet = ? AND n = ?", self._dropped_facets)
        db.executemany("DELETE FROM names WHERE rowid = ?", self._dropped_words)
        db.executemany("DELETE FROM words WHERE rowid = ?", self._dropped_words)
        db.executemany("DELETE FROM entries WHERE n = ?", self._dropped)
        db.executemany("DELETE FROM cards WHERE n = ?", self._dropped)
        db.executemany("UPDATE entries SET seen_at = ?, expires_at = ?, home = ? WHERE n = ?", self._times)
        db.executemany(f"INSERT OR REPLACE INTO entries VALUES ({_ENTRY_VALUES})", self._rows)
        db.executemany(f"INSERT OR REPLACE INTO cards VALUES ({_CARD_VALUES})", self._cards)
        db.executemany("INSERT INTO names(rowid, text, pairs) VALUES (?, ?, ?)", self._names)
        db.executemany("INSERT INTO words(rowid, text, pairs) VALUES (?, ?, ?)", self._words)
        db.executemany("INSERT INTO facets VALUES (?, ?)", self._facets)


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
