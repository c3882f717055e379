"""Writing: reports change what was said, and every name they touch is merged anew and shown anew if it changed.

One call is one batch inside one transaction of the caller. The order of the reports counts only per place (the last word
stands), so any cutting of a stream into batches ends in the same tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.events import Change
from node.index import claims
from node.index.declared import derive
from node.index.entries import FACETS_OF_ROW, Shown, provided_by, show, stored_rows, touch, write_shown
from protocol import limits
from protocol.freshness import FRESH_FOR, FRESH_FOR_OTHERS
from protocol.item_json import write_json
from protocol.items import Confirmation, Item, Progress, Reading, Report, Sighting, Survey
from protocol.merge import merge
from protocol.refs import Kind
from protocol.trust import NO_FLOORS, Floors, TrustPolicy, admit

Name = tuple[str, str]
"""(kind, id)"""


@dataclass(frozen=True, slots=True)
class Rules:
    """By what claims are judged: the user's policy and the floors of what this node already relied on."""

    policy: TrustPolicy = field(default_factory=TrustPolicy)
    floors: Floors = field(default_factory=lambda: NO_FLOORS)


def apply(db: sqlite3.Connection, reports: Sequence[Report], rules: Rules, now: float) -> list[Change]:
    """Take in the reports in order and return what changed in what is shown."""
    batch = _Batch(db)
    for report in reports:
        if isinstance(report, Reading):
            batch.read(report)
        elif isinstance(report, Survey):
            batch.survey(report)
        elif isinstance(report, Confirmation):
            batch.confirm(report)
        else:
            assert isinstance(report, Progress)
    _bound_problems(db, batch.troubled)
    return remerge(db, batch.touched, rules, now, batch.made)


class _Batch:
    """What one run of reports did to the tables of what was said."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._origins: dict[tuple[str, str], int] = {}
        self._surveyed: dict[int, float] = {}
        self.touched: set[Name] = set()
        self.made: dict[int, Sighting] = {}
        self.troubled: set[str] = set()

    def read(self, reading: Reading) -> None:
        """Replace what the place said before."""
        origin_n, place = self._origin(reading.source, reading.origin), claims.storable(reading.place)
        query = "SELECT place_n FROM places WHERE origin_n = ? AND place = ?"
        row = self._db.execute(query, (origin_n, place)).fetchone()
        if row:
            self._forget(row)
        if not (reading.sightings or reading.problems or reading.signature):
            if row:
                self._db.execute("DELETE FROM places WHERE place_n = ?", row)
            return
        place_n = row[0] if row else None
        values = (place_n, origin_n, place, claims.storable(reading.signature), reading.at)
        place_n = self._db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)", values).lastrowid
        assert place_n is not None
        for sighting in reading.sightings:
            encoded = claims.encode_row(place_n, sighting)
            number = self._db.execute("INSERT INTO sightings VALUES (NULL, ?, ?, ?, ?, ?, ?)", encoded).lastrowid
            assert number is not None
            self._db.execute(
                "INSERT INTO documents VALUES (?, ?, ?)", claims.encode_document(number, sighting, reading)
            )
            if claims.is_timed(sighting) or sighting.seen_at >= self._surveyed[origin_n]:
                self.made[number] = sighting
            self.touched.add((sighting.item.kind.value, sighting.item.id))
        if reading.problems:
            self.troubled.add(reading.source)
        self._db.executemany(
            "INSERT INTO problems VALUES (NULL, ?, ?, ?, ?, ?)",
            [(place_n, one.code, one.line, one.fatal, _params(one.params, one.place)) for one in reading.problems],
        )

    def survey(self, survey: Survey) -> None:
        """Confirm the places that stand, forget the others."""
        origin_n = self._origin(survey.source, survey.origin)
        rows = self._db.execute("SELECT place_n, place FROM places WHERE origin_n = ?", (origin_n,)).fetchall()
        standing = {claims.storable(place) for place in survey.places}
        hidden = []
        for place_n, place in rows:
            if place in standing:
                continue
            if survey.unseen and survey.hides(place):
                hidden.append((place_n,))
                continue
            self._forget((place_n,))
            self._db.execute("DELETE FROM places WHERE place_n = ?", (place_n,))
        if survey.unseen:
            self._renew(origin_n, survey, hidden)
        else:
            self._renew_all(origin_n, survey.at)

    def confirm(self, report: Confirmation) -> None:
        """Everything that was said there stands."""
        self._renew_all(self._origin(report.source, report.origin), report.at)

    def _renew_all(self, origin_n: int, at: float) -> None:
        """Make everything of an origin fresh, by its one row: what is read of its places is as young as `surveyed_at`.

        Only names that are not its own alone are merged again.
        """
        if at <= self._surveyed[origin_n]:
            return
        self._db.execute("UPDATE origins SET surveyed_at = ? WHERE origin_n = ?", (at, origin_n))
        self._surveyed[origin_n] = at
        self._touch(
            "SELECT DISTINCT e.kind, e.id FROM entries e CROSS JOIN sightings s USING (kind, id) CROSS JOIN places p USING (place_n)"
            " WHERE e.home = 0 AND p.origin_n = ? AND NOT s.timed AND s.seen_at < ?",
            (origin_n, at),
        )
        self._read_again(at)

    def _renew(self, origin_n: int, survey: Survey, hidden: Sequence[tuple[int]]) -> None:
        """Make what stands fresh, without the places `hidden`, of which nothing new is known: row by row."""
        at = max(survey.at, self._surveyed[origin_n])
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS hidden(place_n INTEGER PRIMARY KEY)")
        self._db.execute("DELETE FROM hidden")
        self._db.executemany("INSERT INTO hidden VALUES (?)", hidden)
        if hidden:  # a name seen there and elsewhere is as fresh as its freshest place: merging says so
            self._touch("SELECT kind, id FROM sightings WHERE place_n IN (SELECT place_n FROM hidden)", ())
        ours = {"at": at, "origin": origin_n}
        self._touch(
            "SELECT DISTINCT s.kind, s.id FROM places p JOIN sightings s USING (place_n) JOIN entries e USING (kind, id)"
            " WHERE p.origin_n = :origin AND e.home != :origin AND NOT s.timed AND s.seen_at < :at",
            ours,
        )
        self._db.execute(
            "UPDATE sightings SET expires_at = CASE WHEN expires_at > 0 THEN expires_at + :at - seen_at ELSE 0 END,"
            " seen_at = :at WHERE NOT timed AND seen_at < :at"
            " AND place_n IN (SELECT place_n FROM places WHERE origin_n = :origin)"
            " AND place_n NOT IN (SELECT place_n FROM hidden)",
            ours,
        )
        but = "SELECT e.n FROM hidden JOIN sightings USING (place_n) JOIN entries e USING (kind, id)"
        self._db.execute(
            "UPDATE entries SET seen_at = :at, expires_at = :end WHERE home = :origin AND seen_at < :at"
            f" AND n NOT IN ({but})",
            ours | {"end": at + FRESH_FOR.get(survey.source, FRESH_FOR_OTHERS)},
        )
        self._read_again(at)

    def _read_again(self, at: float) -> None:
        """What this batch made and has just renewed must be read again from the table."""
        self.made = {n: one for n, one in self.made.items() if one.seen_at >= at or claims.is_timed(one)}

    def _origin(self, source: str, origin: str) -> int:
        known = self._origins.get((source, origin))
        if known is None:
            key = (source, claims.storable(origin))
            self._db.execute("INSERT OR IGNORE INTO origins(source, origin) VALUES (?, ?)", key)
            query = "SELECT origin_n, surveyed_at FROM origins WHERE source = ? AND origin = ?"
            row = self._db.execute(query, key).fetchone()
            known = self._origins[source, origin] = int(row[0])
            self._surveyed[known] = float(row[1])
        return known

    def _forget(self, place: Sequence[object]) -> None:
        self._touch("SELECT kind, id FROM sightings WHERE place_n = ?", place)
        ours = "SELECT sighting_n FROM sightings WHERE place_n = ?"
        self._db.execute(f"DELETE FROM documents WHERE sighting_n IN ({ours})", place)
        self._db.execute("DELETE FROM sightings WHERE place_n = ?", place)
        self._db.execute("DELETE FROM problems WHERE place_n = ?", place)

    def _touch(self, query: str, values: Sequence[object] | Mapping[str, object]) -> None:
        self.touched.update(self._db.execute(query, values))


def _params(params: object, place: str) -> str:
    return write_json({"params": params, "place": place})


def remerge(
    db: sqlite3.Connection, names: Iterable[Name], rules: Rules, now: float, made: dict[int, Sighting] | None = None
) -> list[Change]:
    """Merge every one of these names from its sightings and write the entries that differ. `made` saves decoding rows."""
    wanted = sorted(names)
    if not wanted:
        return []
    touch(db, wanted)
    said = _said(db, made or {})
    declared = {id_ for kind, id_ in wanted if kind == Kind.CAPABILITY.value and (kind, id_) not in said}
    shown: dict[Name, Shown | None] = {}
    items: dict[str, Item] = {}
    for name in wanted:
        if name[0] == Kind.CAPABILITY.value and name not in said:
            continue  # no file describes it any more: its skills decide, below
        sightings = said.get(name, ())
        entry = merge([admit(one, rules.policy, now, rules.floors) for one, _ in sightings], rules.policy)
        shown[name] = show(entry, sightings) if entry else None
        if entry and name[0] == Kind.SKILL.value:
            items[name[1]] = entry.item
    for (kind, _), row in stored_rows(db).items():
        if kind == Kind.SKILL.value:
            declared |= provided_by(row[FACETS_OF_ROW])
    declared |= {offered.id for item in items.values() for offered in item.provides}
    changes = [Change(*change) for change in write_shown(db, shown)]
    return changes + _redeclare(db, declared, items, rules, now)


def _redeclare(
    db: sqlite3.Connection, capabilities: set[str], items: dict[str, Item], rules: Rules, now: float
) -> list[Change]:
    """Bring the rows of capabilities up to date that only skills speak of."""

    def item_of(skill_id: str) -> Item | None:
        if skill_id not in items:
            touch(db, [(Kind.SKILL.value, skill_id)])
            said = [one for found in _said(db, {}).values() for one, _ in found]
            entry = merge([admit(one, rules.policy, now, rules.floors) for one in said], rules.policy)
            if entry is None:
                return None
            items[skill_id] = entry.item
        return items[skill_id]

    shown = derive(db, capabilities, item_of)
    touch(db, shown)
    return [Change(*change) for change in write_shown(db, shown)]


def _said(db: sqlite3.Connection, made: dict[int, Sighting]) -> dict[Name, list[tuple[Sighting, int]]]:
    """The sightings of every touched name, each with the number of the origin that said it."""
    found: dict[Name, list[tuple[Sighting, int]]] = {}
    missing: list[tuple[int, Name]] = []
    rows = db.execute(
        "SELECT s.sighting_n, p.origin_n, s.kind, s.id FROM touched t JOIN sightings s USING (kind, id)"
        " JOIN places p USING (place_n)"
    )
    for number, origin_n, kind, id_ in rows.fetchall():
        sighting = made.get(number)
        if sighting is None:
            missing.append((number, (kind, id_)))
        else:
            found.setdefault((kind, id_), []).append((sighting, origin_n))
    query = f"SELECT {claims.COLUMNS}, o.origin_n FROM {claims.TABLES} WHERE s.sighting_n = ?"
    for number, name in missing:
        *row, origin_n = db.execute(query, (number,)).fetchone()
        found.setdefault(name, []).append((claims.decode_row(tuple(row)), origin_n))
    return found


def all_names(db: sqlite3.Connection) -> list[Name]:
    """Every name that was ever sighted or is shown, for merging everything again after the policy changed."""
    rows = db.execute("SELECT kind, id FROM sightings UNION SELECT kind, id FROM entries")
    return [(Kind(kind).value, id_) for kind, id_ in rows]


def names_of(db: sqlite3.Connection, what: Collection[str]) -> list[Name]:
    """The names of which anything was said with one of these tree digests (`sha256:...`) or signing keys (`key:...`)."""
    listed = "(SELECT value FROM json_each(:what))"
    rows = db.execute(
        "SELECT DISTINCT s.kind, s.id FROM documents d JOIN sightings s USING (sighting_n)"
        f" WHERE d.claim ->> '$.digest' IN {listed} OR d.claim ->> '$.principal' IN {listed}"
        f" OR 'key:' || (d.claim ->> '$.evidence.key') IN {listed}",
        {"what": write_json(sorted(what))},
    )
    return rows.fetchall()


def forget(db: sqlite3.Connection, source: str, origin: str, rules: Rules, now: float) -> list[Change]:
    """Forget every place of a source (of one origin, when `origin` is not empty) and the origin itself."""
    ours = {"source": source, "origin": origin}
    which = "SELECT origin_n FROM origins WHERE source = :source AND (:origin = '' OR origin = :origin)"
    places = f"SELECT place_n FROM places WHERE origin_n IN ({which})"
    names = set(db.execute(f"SELECT DISTINCT kind, id FROM sightings WHERE place_n IN ({places})", ours))
    said = f"SELECT sighting_n FROM sightings WHERE place_n IN ({places})"
    db.execute(f"DELETE FROM documents WHERE sighting_n IN ({said})", ours)
    db.execute(f"DELETE FROM sightings WHERE place_n IN ({places})", ours)
    db.execute(f"DELETE FROM problems WHERE place_n IN ({places})", ours)
    db.execute(f"DELETE FROM places WHERE origin_n IN ({which})", ours)
    db.execute(f"DELETE FROM origins WHERE origin_n IN ({which})", ours)
    return remerge(db, names, rules, now)


def _bound_problems(db: sqlite3.Connection, sources: Iterable[str]) -> None:
    """Keep the newest problems of every source."""
    for source in sources:
        db.execute(
            "DELETE FROM problems WHERE problem_n IN (SELECT problem_n FROM problems JOIN places USING (place_n)"
            " JOIN origins USING (origin_n) WHERE source = ? ORDER BY problem_n DESC LIMIT -1 OFFSET ?)",
            (source, limits.PROBLEMS_KEPT),
        )
