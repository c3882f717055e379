"""One item in full, as every surface shows it: the chosen claim, who provides what, compared, who said so, what contradicts.

Pure: entries in, JSON values out. The command line prints it, the API returns it, with the same field names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from protocol.errors import DataError
from protocol.freshness import freshness
from protocol.items import Dependency, Item, Json
from protocol.merge import Conflict, Entry, Release
from protocol.messages import render
from protocol.refs import Kind, Ref
from protocol.trust import Verified
from protocol.versions import parse_constraint

Object = dict[str, Json]


class Lookup(Protocol):
    """What a detail asks of the index."""

    def entry(self, kind: Kind, item_id: str) -> Entry | None:
        """The merged entry of one name."""

    def providers(self, capability: str) -> Sequence[Entry]:
        """Entries of skills and agents that say they provide a capability, best first."""

    def needed_by(self, kind: Kind, item_id: str) -> Sequence[Ref]:
        """Items that name this one as a dependency."""


def detail_of(entry: Entry, lookup: Lookup, now: float, language: str = "en") -> Object:
    """Everything there is to show about one name."""
    item, chosen = entry.item, entry.chosen
    body: Object = {
        **summary(entry, now),
        "description": item.description,
        "author": item.author,
        "license": item.license,
        "tags": list(item.tags),
        "dialect": item.dialect,
        "repaired": list(item.repaired),
        "reasons": reasons(chosen.reasons, language),
        "facts": dict(item.facts),
        "provides": [
            {
                "ref": f"cap:{offered.id}",
                "name": offered.name,
                "description": offered.description,
                "version": offered.version,
            }
            for offered in item.provides
        ],
        "requires": [
            need(dependency, lookup) for dependency in item.requires if dependency.kind is not Kind.CAPABILITY
        ],
        "capabilities": [
            capability_need(dependency, lookup, now)
            for dependency in item.requires
            if dependency.kind is Kind.CAPABILITY
        ],
        "needed_by": [str(ref) for ref in lookup.needed_by(item.kind, item.id)],
        "sightings": sightings(chosen.claims, now, language),
        "others": [release(other, now, language) for other in entry.others],
        "conflicts": [conflict(found, _places(entry), language) for found in entry.conflicts],
    }
    if item.kind is Kind.CAPABILITY:
        body["providers"] = compared(lookup.providers(item.id), now)
    return body


def summary(entry: Entry, now: float) -> Object:
    """The fields of a row."""
    item, chosen = entry.item, entry.chosen
    best = chosen.claims[0].sighting
    return {
        "ref": str(Ref(item.kind, item.id)),
        "kind": item.kind.value,
        "id": item.id,
        "version": item.version,
        "name": item.name,
        "category": item.category,
        "trust": chosen.trust.value,
        "freshness": freshness(entry.seen_at, entry.expires_at, now).value,
        "seen_at": entry.seen_at,
        "principal": chosen.principal,
        "digest": chosen.digest,
        "size": best.size,
        "files": best.files,
        "status": chosen.status.value,
        "installable": chosen.installable,
        "sources": sorted({claim.sighting.source for claim in chosen.claims}),
    }


def compared(entries: Iterable[Entry], now: float) -> list[Json]:
    """Skills side by side (guide 2.1 stage 3): version, trust, freshness, offline support, connector, rating, downloads."""
    return [
        {
            **{key: value for key, value in summary(entry, now).items() if key not in {"category", "files"}},
            "offline": offline_support(entry.item),
            "connector": connector(entry.item),
            "signals": {key: value for claim in entry.chosen.claims for key, value in claim.sighting.signals.items()},
            "conflicts": len(entry.conflicts),
        }
        for entry in entries
    ]


def offline_support(item: Item) -> bool:
    """Whether the skill says it works without a network; text-only skills always do."""
    offline = item.facts.get("offline")
    if isinstance(offline, Mapping):
        return str(offline.get("enabled", offline.get("required", ""))).lower() in {"true", "yes", "on", "1"}
    return connector(item) == "document"


def connector(item: Item) -> str:
    """How the skill is reached: document, process, http, jar ... or "" when it declares nothing that can be reached."""
    run = item.facts.get("run")
    how = run.get("how") if isinstance(run, Mapping) else None
    return str(how or ("document" if "bodyBytes" in item.facts else ""))


def need(dependency: Dependency, lookup: Lookup) -> Object:
    """A dependency and whether what is known here satisfies it."""
    entry = None if dependency.platform else lookup.entry(dependency.kind, dependency.id)
    return {
        "ref": str(dependency.ref),
        "constraint": dependency.constraint,
        "required": dependency.required,
        "platform": dependency.platform,
        "known": entry is not None,
        "version": entry.item.version if entry else "",
        "satisfied": dependency.platform or (entry is not None and _allows(dependency, entry)),
    }


def _allows(dependency: Dependency, entry: Entry) -> bool:
    try:
        constraint = parse_constraint(dependency.constraint)
    except DataError:
        return False
    return any(constraint.allows(found.version) for found in (entry.chosen, *entry.others))


def capability_need(dependency: Dependency, lookup: Lookup, now: float) -> Object:
    """A capability a scene needs, its own name, and every skill that provides it, compared."""
    entry = lookup.entry(Kind.CAPABILITY, dependency.id)
    return {
        "ref": f"cap:{dependency.id}",
        "required": dependency.required,
        "known": entry is not None,
        "name": entry.item.name if entry else "",
        "version": entry.item.version if entry else "",
        "providers": compared(lookup.providers(dependency.id), now),
    }


def sightings(claims: Iterable[Verified], now: float, language: str) -> list[Json]:
    """Who said so, when, with which digest, and how far each is believed."""
    return [
        {
            "source": claim.sighting.source,
            "origin": claim.sighting.origin,
            "place": claim.sighting.place,
            "location": claim.sighting.location,
            "principal": claim.sighting.principal,
            "version": claim.sighting.item.version,
            "digest": claim.sighting.digest,
            "manifest_digest": claim.sighting.manifest_digest,
            "standing": claim.sighting.standing.value,
            "status": claim.status.value,
            "seen_at": claim.sighting.seen_at,
            "freshness": freshness(claim.sighting.seen_at, claim.sighting.expires_at, now).value,
            "commit": claim.sighting.evidence.commit,
            "relayed_by": claim.sighting.evidence.relayed_by,
            "trust": claim.trust.value,
            "reasons": reasons(claim.reasons, language),
        }
        for claim in claims
    ]


def release(found: Release, now: float, language: str) -> Object:
    """Another release under the same name."""
    return {
        "principal": found.principal,
        "version": found.version,
        "digest": found.digest,
        "trust": found.trust.value,
        "status": found.status.value,
        "frozen": found.frozen,
        "installable": found.installable,
        "sightings": sightings(found.claims, now, language),
    }


def _places(entry: Entry) -> Mapping[str, str]:
    """location -> place as people know it."""
    claims = (claim.sighting for found in (entry.chosen, *entry.others) for claim in found.claims)
    return {sighting.location: sighting.place for sighting in claims}


def conflict(found: Conflict, named: Mapping[str, str], language: str) -> Object:
    """A contradiction, with the sentence that explains it. `named` gives short names of locations."""
    params = {
        "principal": found.principal,
        "version": found.version,
        "places": ", ".join(dict.fromkeys(named.get(place, place) for place in found.places)),
        "digests": ", ".join(digest[:19] for digest in found.digests),
    }
    said = render(f"conflict.{found.kind.value}", params, language)
    return {
        "kind": found.kind.value,
        "principal": found.principal,
        "version": found.version,
        "digests": list(found.digests),
        "places": list(found.places),
        "message": said.text,
        "next_step": said.next_step,
    }


def reasons(codes: Iterable[str], language: str) -> list[Json]:
    """Reason codes with their sentences."""
    return [{"code": code, "text": render(code, {}, language).text} for code in codes]
