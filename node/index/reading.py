"""Reading: everything that is known about one name, one source or the whole index, rebuilt from what was said."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import groupby

from node.index import claims
from node.index.declared import declared_entry
from node.index.writing import Rules
from protocol import limits
from protocol.item_json import read_json
from protocol.items import Problem, Sighting
from protocol.merge import Entry, merge
from protocol.query import Trust
from protocol.refs import Kind
from protocol.trust import admit


@dataclass(frozen=True, slots=True)
class Told:
    """A problem and who met it."""

    source: str
    origin: str
    place: str  # of the reading; `problem.place` may point into it
    at: float
    problem: Problem


@dataclass(frozen=True, slots=True)
class OriginInfo:
    """What is known of one origin. `surveyed_at` is the end of the last complete look, 0 = never."""

    source: str
    origin: str
    surveyed_at: float
    places: int
    sightings: int
    problems: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entries there are, by kind, by trust and by source; and how many of them have conflicts."""

    total: int
    kinds: dict[Kind, int]
    trust: dict[Trust, int]
    sources: dict[str, int]
    conflicted: int
    problems: int


def sightings(db: sqlite3.Connection, kind: Kind, id_: str) -> list[Sighting]:
    """Everything that was said about one name, with the documents as read."""
    rows = db.execute(
        f"SELECT {claims.COLUMNS} FROM {claims.TABLES} WHERE s.kind = ? AND s.id = ? ORDER BY s.sighting_n",
        (kind.value, id_),
    ).fetchall()

    def raw(number: int) -> str:
        text: str = db.execute("SELECT raw FROM documents WHERE sighting_n = ?", (number,)).fetchone()[0]
        return text

    return [claims.decode_row(row, raw) for row in rows]


def entry(db: sqlite3.Connection, kind: Kind, id_: str, rules: Rules, now: float) -> Entry | None:
    """The entry of one name, judged and merged at `now`."""
    said = sightings(db, kind, id_)
    if not said and kind is Kind.CAPABILITY:
        return declared_entry(db, id_, rules.policy, now)
    return merge([admit(one, rules.policy, now, rules.floors) for one in said], rules.policy) if said else None


def everything(db: sqlite3.Connection, rules: Rules, now: float) -> list[tuple[Entry, list[Sighting]]]:
    """Every entry with every sighting behind it, by kind and id, with the documents as read."""
    rows = db.execute(
        f"SELECT {claims.COLUMNS}, s.kind, s.id, d.raw FROM {claims.TABLES} ORDER BY s.kind, s.id, s.sighting_n"
    )
    found = []
    for _, group in groupby(rows, key=lambda row: (row[-3], row[-2])):
        said = [claims.decode_row(row[:-3], lambda _, text=row[-1]: text) for row in group]  # type: ignore[misc]
        merged = merge([admit(one, rules.policy, now, rules.floors) for one in said], rules.policy)
        if merged:
            found.append((merged, said))
    return found


def problems(db: sqlite3.Connection, source: str, origin: str, limit: int, offset: int) -> list[Told]:
    """Problems by origin and place; empty `source` or `origin` means all."""
    rows = db.execute(
        "SELECT o.source, o.origin, p.place, p.at, b.code, b.line, b.fatal, b.params FROM problems b"
        " JOIN places p USING (place_n) JOIN origins o USING (origin_n)"
        " WHERE (:source = '' OR o.source = :source) AND (:origin = '' OR o.origin = :origin)"
        " ORDER BY o.source, o.origin, p.place, b.line, b.problem_n LIMIT :limit OFFSET :offset",
        {
            "source": source,
            "origin": origin,
            "limit": max(0, min(limit, limits.PROBLEMS_KEPT)),
            "offset": max(0, offset),
        },
    )
    found = []
    for said_by, where, place, at, code, line, fatal, text in rows.fetchall():
        value = read_json(text)
        assert isinstance(value, dict)
        params, inner = value["params"], value["place"]
        assert isinstance(params, dict)
        problem = Problem(code, str(inner), line, params, bool(fatal))
        found.append(Told(said_by, where, place, at, problem))
    return found


def origins(db: sqlite3.Connection) -> list[OriginInfo]:
    """Every origin that ever reported, in order of source and origin."""
    rows = db.execute(
        "SELECT o.source, o.origin, o.surveyed_at,"
        " (SELECT count(*) FROM places p WHERE p.origin_n = o.origin_n),"
        " (SELECT count(*) FROM places p JOIN sightings s USING (place_n) WHERE p.origin_n = o.origin_n),"
        " (SELECT count(*) FROM problems b JOIN places p USING (place_n) WHERE p.origin_n = o.origin_n)"
        " FROM origins o ORDER BY o.source, o.origin"
    )
    return [OriginInfo(*row) for row in rows]


def counts(db: sqlite3.Connection) -> Counts:
    """The figures of the status strip."""
    kinds: dict[Kind, int] = {}
    trust: dict[Trust, int] = {}
    levels = {level.rank: level for level in Trust}
    for kind, rank, number in db.execute("SELECT kind, trust, count(*) FROM entries GROUP BY kind, trust"):
        kinds[Kind(kind)] = kinds.get(Kind(kind), 0) + number
        trust[levels[rank]] = trust.get(levels[rank], 0) + number
    named = db.execute("SELECT DISTINCT source FROM origins").fetchall()
    sources = {
        source: int(db.execute("SELECT count(*) FROM facets WHERE facet = ?", (f"source:{source}",)).fetchone()[0])
        for (source,) in named
    }
    conflicted = int(db.execute("SELECT count(*) FROM cards WHERE conflicts > 0").fetchone()[0])
    told = int(db.execute("SELECT count(*) FROM problems").fetchone()[0])
    return Counts(sum(kinds.values()), kinds, trust, sources, conflicted, told)


def known(db: sqlite3.Connection, source: str, origin: str) -> dict[str, str]:
    """place -> signature of an origin."""
    query = "SELECT place, signature FROM places JOIN origins o USING (origin_n) WHERE o.source = ? AND o.origin = ?"
    return dict(db.execute(query, (source, claims.storable(origin))))


def count(db: sqlite3.Connection, source: str, origin: str) -> int:
    """How many places an origin has."""
    query = "SELECT COUNT(*) FROM places JOIN origins o USING (origin_n) WHERE o.source = ? AND o.origin = ?"
    row = db.execute(query, (source, claims.storable(origin))).fetchone()
    return int(row[0])
