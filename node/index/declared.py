"""Capabilities that only skills speak of: shown, although nobody described them in a file of their own.

Hardly any real capability has a `cap.yaml` (FORMATS 1.5); it is known because skills say they provide it. Such a capability gets a
row from the most trusted of its providers (the smallest id among equals), so what is shown does not depend on who was read
first. It has no sightings of its own: as soon as a file describes it, that is what is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from node.index import claims
from node.index.entries import Shown, show
from protocol import limits
from protocol.items import Item, Provided, Sighting, Standing, Status
from protocol.merge import Entry, Release, merge
from protocol.query import Trust
from protocol.refs import Kind, is_id
from protocol.trust import TrustPolicy, admit

DECLARED = "declared by a skill"
"""Dialect of such an item."""

_PROVIDERS = (
    "SELECT e.id, e.trust, e.seen_at, e.expires_at, e.home, c.principal, c.sources FROM facets f"
    " CROSS JOIN entries e USING (n) CROSS JOIN cards c USING (n)"
    " WHERE f.facet = ? AND e.kind = 'skill' ORDER BY e.trust DESC, e.id LIMIT 1"
)
_TRUST = {trust.rank: trust for trust in Trust}


def declared_item(offered: Provided, skill_id: str) -> Item:
    """The item of a capability as one skill describes it."""
    return Item(
        Kind.CAPABILITY,
        offered.id,
        offered.version,
        offered.name,
        offered.description,
        offered.category,
        dialect=DECLARED,
        facts={"declaredBy": f"skill:{skill_id}"},
    )


def derive(
    db: sqlite3.Connection, capabilities: Iterable[str], item_of: Callable[[str], Item | None]
) -> dict[tuple[str, str], Shown | None]:
    """The rows of those `capabilities` that no file describes; None where nobody provides one any more.

    `item_of` gives the item of a skill by id, as it is shown now.
    """
    found: dict[tuple[str, str], Shown | None] = {}
    for capability in sorted(capabilities):
        described = "SELECT 1 FROM sightings WHERE kind = 'capability' AND id = ? LIMIT 1"
        if not is_id(capability) or db.execute(described, (capability,)).fetchone():
            continue
        best = db.execute(_PROVIDERS, (f"provides:{capability}",)).fetchone()
        item = item_of(best[0]) if best else None
        offered = next((one for one in item.provides if one.id == capability), None) if item else None
        found["capability", capability] = _row(declared_item(offered, best[0]), best) if offered else None
    return found


def _row(item: Item, provider: Sequence[Any]) -> Shown:
    _, trust, seen_at, expires_at, home, principal, sources = provider
    plain = show(_bare(item, _TRUST[trust]), ())
    facets = {*plain.facets.split("\n"), *(f"source:{one}" for one in str(sources).split())} - {""}
    return plain._replace(
        seen_at=seen_at,
        expires_at=expires_at,
        home=home,
        principal=str(principal),
        sources=str(sources),
        facets="\n".join(sorted(facets)),
        installable=False,
    )


def _bare(item: Item, trust: Trust) -> Entry:
    release = Release("", item.version, "", trust, (), Status.ACTIVE, frozen=True, claims=())
    return Entry(item.ref.any_version, item, release, (), (), 0.0, 0.0)


def declared_claims(db: sqlite3.Connection, capability: str) -> list[Sighting]:
    """What skills say about a capability, as listings at the places of the skills; the first `COMPARED` of them."""
    rows = db.execute(
        f"SELECT {claims.COLUMNS} FROM (SELECT e.kind, e.id FROM facets f CROSS JOIN entries e USING (n)"
        " WHERE f.facet = :facet AND e.kind = 'skill' ORDER BY e.trust DESC, e.id LIMIT :most) best"
        f" CROSS JOIN {claims.TABLES} WHERE s.kind = best.kind AND s.id = best.id",
        {"facet": f"provides:{capability}", "most": limits.COMPARED},
    )
    found = []
    for row in rows.fetchall():
        said = claims.decode_row(row)
        offered = next((one for one in said.item.provides if one.id == capability), None)
        if offered and said.standing is Standing.MAIN:
            item = declared_item(offered, said.item.id)
            found.append(
                replace(said, item=item, digest="", manifest_digest="", size=0, files=0, standing=Standing.LISTING)
            )
    return found


def declared_entry(db: sqlite3.Connection, capability: str, policy: TrustPolicy, now: float) -> Entry | None:
    """The entry of a capability that no file describes."""
    said = declared_claims(db, capability)
    return merge([admit(one, policy, now) for one in said], policy) if said else None
