"""Said: the tables of what was said (origins, places, sightings, documents, problems), as one batch of reports changes them.

Rows that are read are written together at the end of the batch, or before something asks for them. What is as young as the last
whole look at its origin is not written at all: `origins.surveyed_at` says it (see `claims.COLUMNS`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node.index import claims
from protocol.freshness import FRESH_FOR, FRESH_FOR_OTHERS
from protocol.item_json import write_json
from protocol.items import Confirmation, Reading, Sighting, Survey

Name = tuple[str, str]
"""(kind, id)"""


@dataclass(slots=True)
class _Rows:
    """Rows that wait to be written together, each below its table; places by origin and place."""

    places: dict[tuple[int, str], claims.Row] = field(default_factory=dict)
    sightings: list[claims.Row] = field(default_factory=list)
    documents: list[claims.Row] = field(default_factory=list)
    problems: list[claims.Row] = field(default_factory=list)


class _Numbers:
    """The numbers of new rows, as this transaction alone gives them out."""

    def __init__(self, db: sqlite3.Connection) -> None:
        query = "SELECT (SELECT coalesce(max(place_n), 0) FROM places), (SELECT coalesce(max(sighting_n), 0) FROM sightings)"
        self._place, self._sighting = db.execute(query).fetchone()

    def place(self) -> int:
        self._place += 1
        return int(self._place)

    def sighting(self) -> int:
        self._sighting += 1
        return int(self._sighting)


class Batch:
    """What one run of reports did to the tables of what was said."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._origins: dict[tuple[str, str], int] = {}
        self._surveyed: dict[int, float] = {}
        self._next = _Numbers(db)
        self._new = _Rows()
        self.touched: set[Name] = set()
        self.made: dict[int, Sighting] = {}
        self.troubled: set[str] = set()

    def read(self, reading: Reading) -> None:
        """Replace what the place said before."""
        origin_n, place = self._origin(reading.source, reading.origin), claims.storable(reading.place)
        if (origin_n, place) in self._new.places:
            self.flush()
        query = "SELECT place_n FROM places WHERE origin_n = ? AND place = ?"
        row = self._db.execute(query, (origin_n, place)).fetchone()
        if row:
            self._forget(row)
        if not (reading.sightings or reading.problems or reading.signature):
            if row:
                self._db.execute("DELETE FROM places WHERE place_n = ?", row)
            return
        place_n: int = row[0] if row else self._next.place()
        values = (place_n, origin_n, place, claims.storable(reading.signature), reading.at)
        self._new.places[origin_n, place] = values
        for sighting in reading.sightings:
            number = self._next.sighting()
            self._new.sightings.append((number, *claims.encode_row(place_n, sighting)))
            self._new.documents.append(claims.encode_document(number, sighting, reading))
            if claims.is_timed(sighting) or sighting.seen_at >= self._surveyed[origin_n]:
                self.made[number] = sighting
            self.touched.add((sighting.item.kind.value, sighting.item.id))
        if reading.problems:
            self.troubled.add(reading.source)
        self._new.problems += [
            (place_n, one.code, one.line, one.fatal, _params(one.params, one.place)) for one in reading.problems
        ]

    def flush(self) -> None:
        """Write what was read: row by row would hand the interpreter over four times for each place."""
        new, self._new = self._new, _Rows()
        self._db.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)", new.places.values())
        self._db.executemany("INSERT INTO sightings VALUES (?, ?, ?, ?, ?, ?, ?)", new.sightings)
        self._db.executemany("INSERT INTO documents VALUES (?, ?, ?)", new.documents)
        self._db.executemany("INSERT INTO problems VALUES (NULL, ?, ?, ?, ?, ?)", new.problems)

    def survey(self, survey: Survey) -> None:
        """Confirm the places that stand, forget the others."""
        self.flush()
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
        self.flush()
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
