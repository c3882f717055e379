"""Writing: reports change what was said, and every name they touch is merged anew and shown anew if it changed.

One call is one batch inside one transaction of the caller. The order of the reports counts only per place (the last word
stands), so any cutting of a stream into batches ends in the same tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from node.events import Change
from node.index import claims
from node.index.declared import derive
from node.index.entries import FACETS_OF_ROW, Shown, provided_by, show, stored_rows, touch, write_shown
from node.index.said import Batch, Name
from protocol import limits
from protocol.item_json import write_json
from protocol.items import Confirmation, Item, Progress, Reading, Report, Sighting, Survey
from protocol.merge import merge
from protocol.refs import Kind
from protocol.trust import NO_FLOORS, Floors, TrustPolicy, admit


@dataclass(frozen=True, slots=True)
class Rules:
    """By what claims are judged: the user's policy and the floors of what this node already relied on."""

    policy: TrustPolicy = field(default_factory=TrustPolicy)
    floors: Floors = field(default_factory=lambda: NO_FLOORS)


def apply(db: sqlite3.Connection, reports: Sequence[Report], rules: Rules, now: float) -> list[Change]:
    """Take in the reports in order and return what changed in what is shown."""
    batch = Batch(db)
    for report in reports:
        if isinstance(report, Reading):
            batch.read(report)
        elif isinstance(report, Survey):
            batch.survey(report)
        elif isinstance(report, Confirmation):
            batch.confirm(report)
        else:
            assert isinstance(report, Progress)
    batch.flush()
    _bound_problems(db, batch.troubled)
    return remerge(db, batch.touched, rules, now, batch.made)


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
