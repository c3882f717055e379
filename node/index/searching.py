"""Searching: one question, one page of rows, in a time that does not grow with how common a word is.

Every word must occur. Up to `limits.RANKED` matches (or as many as the page reaches) all are compared with each other. Of more
than that, as a common word has, that many are: the exact id, those with the words in id or name, then the rest, each from the most trusted down (the
order of `entries.n`, see schema). They are ranked by

    exact id or name, id that begins so, words in id or name, then trust, freshness, shorter name, id.

`bm25` is not used: it visits every occurrence of every word, and among catalogue entries, where all words must occur, the
field a word stands in says more than how often. `total` is exact below
`MATCHES_COUNTED`, and `more` says when it is not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from node.index.schema import BAND
from protocol import limits
from protocol.errors import OoderError
from protocol.freshness import EXPIRED_AFTER, freshness
from protocol.query import Freshness, Order, Query, Trust
from protocol.refs import Kind, Ref, parse_ref
from protocol.words import Words, fold, read_words


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: what the entry shows, without its provenance. Times are wall seconds."""

    ref: Ref
    version: str
    name: str
    description: str  # cut to SUMMARY_CHARS
    category: str
    trust: Trust
    freshness: Freshness
    seen_at: float
    expires_at: float
    sources: tuple[str, ...]
    principal: str
    digest: str
    status: str
    installable: bool
    conflicts: int
    releases: int
    signals: Mapping[str, float] = field(default_factory=dict)  # stars, downloads, rating; only those that are known


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` of the answer; `total` matches in all, of which `more` says that it is only a lower bound ("1000+")."""

    rows: tuple[Row, ...] = ()
    total: int = 0
    more: bool = False
    took_ms: float = 0.0


_SEEN = "max(e.seen_at, coalesce((SELECT surveyed_at FROM origins WHERE origin_n = e.home), 0.0))"
_EXPIRES = f"(e.expires_at + {_SEEN} - e.seen_at)"
"""A whole look at the one origin of an entry confirms it without touching its row."""

_SHOWN = (
    f"e.kind, e.id, c.version, c.name, c.description, c.category, e.trust, {_SEEN}, {_EXPIRES}, c.sources, c.principal,"
    " c.digest, c.status, c.installable, c.conflicts, c.releases, e.stars, e.downloads, e.rating"
)
_TRUST = {trust.rank: trust for trust in Trust}

Values = dict[str, object]


def search(db: sqlite3.Connection, query: Query, now: float) -> Page:
    """Answer `query` at wall time `now`. Raises UsageError `query.too_long`."""
    asked, query = _as_ref(query)
    words = read_words("" if asked else query.text)
    if words.nothing:
        return Page()
    plan = _Plan(query, words, asked, now)
    if query.order is not Order.RELEVANCE:
        return _sorted(db, plan, query.order)
    if words.match or words.globs or asked or plan.by_facet:
        return _ranked(db, plan)
    return _listed(db, plan)


def _as_ref(query: Query) -> tuple[str, Query]:
    """A question like `skill:daily-report` asks for that id."""
    if ":" not in query.text:
        return "", query
    try:
        ref = parse_ref(query.text.strip())
    except OoderError:
        return "", query
    return ref.id, replace(query, kinds=frozenset({ref.kind}))


class _Plan:
    """The parts of the statements for one question."""

    def __init__(self, query: Query, words: Words, asked: str, now: float) -> None:
        self.words = words
        self.asked = asked
        self.limit = max(0, min(query.limit, limits.PAGE_ROWS))
        self.offset = max(0, query.offset)
        self.now = now
        self.values: Values = {
            "now": now,
            "limit": self.limit,
            "offset": self.offset,
            "counted": limits.MATCHES_COUNTED,
        }
        self.where: list[str] = []
        self.by_facet = ""
        self._filter(query)

    def _filter(self, query: Query) -> None:
        if query.kinds and query.kinds != frozenset(Kind):
            self.where.append(f"e.kind IN ({self._many('kind', sorted(query.kinds))})")
        if query.min_trust.rank:
            self.values["band"] = (4 - query.min_trust.rank) * BAND
            self.values["trust"] = query.min_trust.rank
            self.where.append("e.trust >= :trust")
        if query.freshness and query.freshness != frozenset(Freshness):
            self.values["expired"] = self.now - EXPIRED_AFTER
            tests = {
                Freshness.FRESH: f"{_EXPIRES} > :now",
                Freshness.STALE: f"({_EXPIRES} <= :now AND {_EXPIRES} > :expired)",
                Freshness.EXPIRED: f"{_EXPIRES} <= :expired",
            }
            self.where.append("(" + " OR ".join(tests[one] for one in sorted(query.freshness)) + ")")
        facets = []
        if query.capability:
            facets.append([f"cap:{query.capability}"])
        if query.category:
            facets.append([f"category:{fold(query.category)}"])
        if query.sources:
            facets.append([f"source:{one}" for one in sorted(query.sources)])
        for number, group in enumerate(facets):
            one = "" if len(group) == 1 else "DISTINCT "  # what several sources have seen is one item all the same
            found = f"SELECT {one}n FROM facets WHERE facet IN ({self._many(f'facet{number}_', group)})"
            if number == 0 and not self.words.match:
                self.by_facet = found + " ORDER BY n" if len(group) == 1 else found
            else:
                self.where.append(f"EXISTS ({found.replace(' WHERE ', ' WHERE n = e.n AND ')})")

    def _many(self, name: str, texts: Iterable[str]) -> str:
        values = {f"{name}{number}": text for number, text in enumerate(texts)}
        self.values.update(values)
        return ", ".join(f":{key}" for key in values)

    def conditions(self, *more: str) -> str:
        return " AND ".join([*more, *self.where]) or "1"

    def candidates(self, table: str) -> str:
        """A statement that gives the n of at most `counted` matches, most trusted first."""
        globs = [f"e.key GLOB :{key}" for key in self.globs()]
        if self.asked:
            return f"SELECT e.n FROM entries e WHERE {self.conditions('e.key = :asked')} LIMIT :counted"
        if self.words.match:
            band = ["w.rowid < :band"] if "band" in self.values else []
            tests = [f"w.{table} MATCH :match", *band]
            if not globs and not [one for one in self.where if "trust" not in one]:
                return f"SELECT w.rowid AS n FROM {table} w WHERE {' AND '.join(tests)} LIMIT :counted"
            joined = self.conditions(*tests, *globs)
            return f"SELECT e.n FROM {table} w CROSS JOIN entries e ON e.n = w.rowid WHERE {joined} LIMIT :counted"
        if self.by_facet:
            return (
                f"SELECT e.n FROM ({self.by_facet}) f CROSS JOIN entries e ON e.n = f.n"
                f" WHERE {self.conditions(*globs)} LIMIT :counted"
            )
        return f"SELECT e.n FROM entries e WHERE {self.conditions(*globs)} LIMIT :counted"

    def globs(self) -> list[str]:
        """The names of the values that keys must look like."""
        values = {f"glob{number}": glob for number, glob in enumerate(self.words.globs)}
        self.values.update(values)
        return list(values)

    def order(self) -> str:
        """The ranking, over columns of e."""
        whole, terms = self.words.whole, self.words.terms[: limits.QUERY_TERMS]
        ranks: list[str] = []
        if whole:
            self.values |= {"whole": whole, "below": whole + "\U0010ffff"}
            ranks.append(
                "CASE WHEN e.key = :whole THEN 0 WHEN e.key >= :whole AND e.key < :below THEN 2"
                " WHEN substr(e.title, length(e.key) + 2) = :whole THEN 1 ELSE 3 END"
            )
        if terms:
            self.values |= {f"term{number}": term for number, term in enumerate(terms)}
            hits = " + ".join(f"(instr(e.title, :term{number}) > 0)" for number in range(len(terms)))
            ranks.append(f"{hits} DESC")
        fresh = f"CASE WHEN {_EXPIRES} > :now THEN 0 WHEN {_EXPIRES} > :now - :expiry THEN 1 ELSE 2 END"
        self.values["expiry"] = EXPIRED_AFTER
        return ", ".join([*ranks, "e.trust DESC", fresh, "length(e.title)", "e.key", "e.kind"])


def _ranked(db: sqlite3.Connection, plan: _Plan) -> Page:
    plan.values |= {"match": plan.words.match, "asked": fold(plan.asked)}
    order = plan.order()
    total, found = _numbers(db, plan, plan.candidates("words"))
    ranked = max(limits.RANKED, plan.offset + plan.limit)
    if total > ranked and plan.words.match:
        exact = f"SELECT e.n FROM entries e WHERE {plan.conditions('e.key = :whole')}"
        plan.values["counted"] = ranked
        both = f"SELECT * FROM ({exact}) UNION ALL SELECT * FROM ({plan.candidates('names')})"
        _, better = _numbers(db, plan, both)
        each = dict.fromkeys(f"{better},{found}".strip(",").split(","))
        found = ",".join(islice(each, ranked))
    chosen = (
        "SELECT e.n FROM json_each(:found) f CROSS JOIN entries e ON e.n = f.value"
        f" ORDER BY {order} LIMIT :limit OFFSET :offset"
    )
    plan.values["found"] = f"[{found}]"
    return Page(_fetch(db, plan, chosen), total, more=total == limits.MATCHES_COUNTED)


def _sorted(db: sqlite3.Connection, plan: _Plan, by: Order) -> Page:
    """Everything that matches, the most of `by` first: all of it is looked at."""
    plan.values |= {"match": plan.words.match, "asked": fold(plan.asked)}
    tests = [f"e.key GLOB :{key}" for key in plan.globs()]
    if plan.asked:
        tests.append("e.key = :asked")
    if plan.words.match:
        tests.append("e.n IN (SELECT rowid FROM words WHERE words MATCH :match)")
    if plan.by_facet:
        tests.append(f"e.n IN ({plan.by_facet.partition(' ORDER ')[0]})")
    where, order = plan.conditions(*tests), f"e.{by.value} DESC, e.trust DESC, e.key, e.kind"
    rows = _fetch(db, plan, f"SELECT e.n FROM entries e WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset")
    total = int(db.execute(f"SELECT count(*) FROM entries e WHERE {where}", plan.values).fetchone()[0])
    return Page(rows, total)


def _listed(db: sqlite3.Connection, plan: _Plan) -> Page:
    """A list without words: walks an index, most trusted first, then by id."""
    where, order = plan.conditions(), "e.trust DESC, e.key, e.kind"
    chosen = f"SELECT e.n FROM entries e WHERE {where} ORDER BY {order} LIMIT :limit OFFSET :offset"
    rows = _fetch(db, plan, chosen)
    bound = {"bound": limits.MATCHES_COUNTED + plan.offset + plan.limit}
    query = f"SELECT count(*) FROM (SELECT 1 FROM entries e WHERE {where} LIMIT :bound)"
    total = int(db.execute(query, plan.values | bound).fetchone()[0])
    return Page(rows, total, more=total == bound["bound"])


def _numbers(db: sqlite3.Connection, plan: _Plan, statement: str) -> tuple[int, str]:
    """How many n a statement gives, and these with commas: as one text, for each row on its own costs a turn of Python's lock."""
    count, found = db.execute(f"SELECT count(*), group_concat(n) FROM ({statement})", plan.values).fetchone()
    return count, found or ""


def _fetch(db: sqlite3.Connection, plan: _Plan, chosen: str) -> tuple[Row, ...]:
    """The rows of the n that statement `chosen` gives, in its order. In two steps: a sort that carries no rows is twice as quick."""
    _, found = _numbers(db, plan, chosen)
    query = (
        f"SELECT {_SHOWN} FROM json_each(:chosen) f CROSS JOIN entries e ON e.n = f.value CROSS JOIN cards c USING (n)"
        " ORDER BY f.key"
    )
    return tuple(_row(row, plan.now) for row in db.execute(query, {"chosen": f"[{found}]"}))


def _row(row: tuple[Any, ...], now: float) -> Row:
    kind, id_, version, name, description, category, trust, seen_at, expires_at, sources, *rest = row
    principal, digest, status, installable, conflicts, releases, *counts = rest
    return Row(
        ref=Ref(Kind(kind), id_),
        version=version,
        name=name,
        description=description,
        category=category,
        trust=_TRUST[trust],
        freshness=freshness(seen_at, expires_at, now),
        seen_at=seen_at,
        expires_at=expires_at,
        sources=tuple(sources.split()),
        principal=principal,
        digest=digest,
        status=status,
        installable=bool(installable),
        conflicts=conflicts,
        releases=releases,
        signals={name: count for name, count in zip(("stars", "downloads", "rating"), counts, strict=True) if count},
    )


def rows_of(db: sqlite3.Connection, kind: Kind | None, now: float) -> Iterable[Row]:
    """Every shown row (of one kind), by id: for writing index files and exports."""
    where = "WHERE e.kind = ?" if kind else ""
    values: Mapping[str, object] | tuple[str, ...] = (kind.value,) if kind else ()
    for row in db.execute(
        f"SELECT {_SHOWN} FROM entries e JOIN cards c USING (n) {where} ORDER BY e.kind, e.key, e.id", values
    ):
        yield _row(row, now)


def providers(db: sqlite3.Connection, capability: str, now: float) -> list[Row]:
    """Every item that provides the capability, most trusted first, at most `MATCHES_COUNTED`."""
    query = f"SELECT {_SHOWN} FROM facets f JOIN entries e USING (n) JOIN cards c USING (n) WHERE f.facet = ? ORDER BY f.n LIMIT ?"
    return [_row(row, now) for row in db.execute(query, (f"provides:{capability}", limits.MATCHES_COUNTED))]
