"""The index as a universe: every name is read from it once, when the resolver first asks for it.

Each principal that uses a name is merged by itself, so that a dependency can be looked for inside the requester's own principal
(SECURITY 2.3 R8) even where somebody else is shown for the name. A place that another one knows for the same bytes is one more
location of them (R7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from node.index import Index, Rules
from protocol.install.universe import Candidate, Location
from protocol.items import Sighting, Standing, Status
from protocol.merge import GONE, Entry, Release, merge
from protocol.refs import Kind
from protocol.trust import TrustPolicy, Verified, admit, owner_of


class Known(Protocol):
    """What is asked of a service (see `node.service.Service`)."""

    @property
    def index(self) -> Index: ...
    @property
    def rules(self) -> Rules: ...
    def now(self) -> float: ...


class IndexUniverse:
    """Implements `protocol.install.universe.Universe` over one index, as it is at the time of each first question."""

    def __init__(self, service: Known, own: Sequence[Sighting] = ()) -> None:
        """`own` is said beside the index, and in its place where it is about the same place."""
        self._index = service.index
        self._own: dict[tuple[Kind, str], list[Sighting]] = {}
        for one in own:
            self._own.setdefault((one.item.kind, one.item.id), []).append(one)
        self._places = {(one.source, one.origin, one.place) for one in own}
        self._rules = service.rules
        self._now = service.now()
        self._releases: dict[tuple[Kind, str], Sequence[Candidate]] = {}
        self._providers: dict[str, Sequence[str]] = {}

    def releases(self, kind: Kind, item_id: str) -> Sequence[Candidate]:
        """Every release of one name that the index knows of."""
        found = self._releases.get((kind, item_id))
        if found is None:
            known = self._index.sightings(kind, item_id)
            said = [one for one in known if (one.source, one.origin, one.place) not in self._places]
            said += self._own.get((kind, item_id), ())
            claims = [admit(one, self._rules.policy, self._now, self._rules.floors) for one in said]
            found = self._releases[(kind, item_id)] = candidates_of(claims, self._rules.policy)
        return found

    def providers(self, capability: str) -> Sequence[str]:
        """Ids of the skills that say they provide it."""
        found = self._providers.get(capability)
        if found is None:
            rows = self._index.providers(capability, self._now)
            ids = {row.ref.id: None for row in rows if row.ref.kind is Kind.SKILL}
            for (kind, item_id), said in self._own.items():
                if kind is Kind.SKILL and any(given.id == capability for one in said for given in one.item.provides):
                    ids[item_id] = None
            found = self._providers[capability] = list(ids)
        return found


def candidates_of(claims: Sequence[Verified], policy: TrustPolicy) -> tuple[Candidate, ...]:
    """Every release of every principal that `claims` (all about one name) speak of."""
    whole = merge(claims, policy)
    entries: list[Entry] = [whole] if whole else []
    if whole and owner_of(whole.ref, policy):
        others: set[str] = set()  # the owner of a pinned name is the only one who may use it
    else:
        others = {one.sighting.principal for one in claims} - {entry.chosen.principal for entry in entries}
    for principal in sorted(others):
        own = merge([one for one in claims if one.sighting.principal == principal], policy)
        if own:
            entries.append(own)
    found: list[Candidate] = []
    for entry in entries:
        for release in (entry.chosen, *entry.others):
            found += _candidates(release, claims)
    return (*found, *_gone(claims, found))


def _candidates(release: Release, claims: Sequence[Verified]) -> list[Candidate]:
    """One candidate, or one for each content that was claimed when the release is frozen."""
    best = release.claims[0]
    if not release.frozen:
        blocked = "" if best.sighting.standing is Standing.MAIN else best.sighting.standing.value
        return [_candidate(release, best, release.digest, blocked, claims)]
    digests = sorted({one.sighting.digest for one in release.claims} - {""})
    found = []
    for digest in digests or [""]:
        said = next((one for one in release.claims if one.sighting.digest == digest), best)
        found.append(replace(_candidate(release, said, digest, "frozen", claims), digests=tuple(digests)))
    return found


def _candidate(release: Release, best: Verified, digest: str, blocked: str, claims: Sequence[Verified]) -> Candidate:
    own = [one for one in release.claims if not digest or one.sighting.digest in ("", digest)]
    same = [one for one in claims if digest and one.sighting.digest == digest]
    places = {_location(one.sighting): None for one in (*own, *same) if one.sighting.standing is not Standing.LISTING}
    signals = [one.sighting.signals for one in own]
    sized = [one.sighting for one in (*own, *same) if one.sighting.size]
    return Candidate(
        item=best.sighting.item,
        principal=release.principal,
        trust=release.trust,
        digest=digest,
        reasons=release.reasons,
        size=sized[0].size if sized else 0,
        files=sized[0].files if sized else 0,
        key=best.sighting.evidence.key,
        locations=tuple(places),
        blocked=blocked,
        deprecated=release.status is Status.DEPRECATED,
        rating=max((one.get("rating", 0.0) for one in signals), default=0.0),
        downloads=max((one.get("downloads", one.get("stars", 0.0)) for one in signals), default=0.0),
    )


def _location(sighting: Sighting) -> Location:
    return Location(sighting.source, sighting.location, sighting.principal, sighting.evidence.commit)


def _gone(claims: Sequence[Verified], there: Sequence[Candidate]) -> list[Candidate]:
    """Withdrawn and revoked releases, so that a plan can say why they are not chosen."""
    known = {(one.principal, one.item.version) for one in there}
    found: dict[tuple[str, str], Candidate] = {}
    for claim in claims:
        said = claim.sighting
        name = (said.principal, said.item.version)
        if claim.status in GONE and name not in known:
            blocked = "revoked" if claim.status is Status.REVOKED else "withdrawn"
            found[name] = Candidate(said.item, said.principal, claim.trust, said.digest, claim.reasons, blocked=blocked)
    return list(found.values())


def known_names(service: Known, kind: Kind) -> dict[str, int]:
    """Names that others could be taken for -> trust rank; only such that are not unverified."""
    rows = service.index.rows(kind, service.now())
    return {row.ref.id: row.trust.rank for row in rows if row.trust.rank > 0}
