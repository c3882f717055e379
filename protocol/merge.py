"""Merge: many verified claims about one name become one honest entry. Pure, order-free, idempotent (SECURITY 2.3, R1-R9).

Guarantees: the result depends only on the set of claims; who owns a name decides before trust, trust before version; every
field of the shown item comes from one claim; what contradicts is listed, never ranked away.
Leaves to others: levels (`protocol.trust`), the order of claims and what counts as the same bytes (`protocol.claims`).

The rules (docs/protocol/merge.md): R1 a pinned name belongs to its owner. R2 what is not proven never speaks for a principal
that is, nor for an owned name. R3 trust, then version, then sequence, then a total order. R4 claims below the floor do not
count. R5 one release with two digests is frozen. R6 a proven tombstone ends what it names, of its own principal. R7 a claim of
somebody else with the same bytes is one more place to get them. R9 no field is ever mixed.

Example: a registry lists `skill:x` 2.0 of git:A, git:A has it at 1.9, a stranger on the network offers 9.9. Shown is 1.9 of
git:A with `index_disagrees`, and `other_principal` for the stranger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from protocol.claims import ordered, tree_of
from protocol.freshness import fresh_until
from protocol.freshness import freshness as freshness
from protocol.items import Item, Standing, Status
from protocol.query import Trust
from protocol.refs import Kind, Ref
from protocol.releases import Draft, draft_releases, join
from protocol.trust import TrustPolicy, Verified, matches, owner_of

GONE = frozenset({Status.WITHDRAWN, Status.REVOKED})


class ConflictKind(StrEnum):
    OTHER_PRINCIPAL = "other_principal"  # somebody else uses the same name
    EQUIVOCATION = "equivocation"  # one release, several digests: frozen
    COPY_DIFFERS = "copy_differs"  # an archived copy in the same origin says something else
    INDEX_DISAGREES = "index_disagrees"  # an index says another version than the file
    AMBIGUOUS = "ambiguous"  # several principals at the same level, none pinned
    UNPROVEN = "unproven"  # somebody speaks in the principal's name without proof, and says something else


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contradiction that is shown, never ranked away."""

    kind: ConflictKind
    principal: str
    version: str = ""
    digests: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """(principal, item, version). All `claims` agree on the digest unless `frozen`; the first is the principal's best own."""

    principal: str
    version: str
    digest: str
    trust: Trust
    reasons: tuple[str, ...]
    status: Status
    frozen: bool  # equivocation: cannot be installed without an explicit digest
    claims: tuple[Verified, ...]  # provenance, best first

    @property
    def installable(self) -> bool:
        """Whether bytes were seen and nothing forbids them by itself. A listing alone is shown, not installed."""
        return not self.frozen and self.status not in GONE and self.claims[0].sighting.standing is not Standing.LISTING


@dataclass(frozen=True, slots=True)
class Entry:
    """What this node shows for one name. Every field of `item` comes from one single claim (R9)."""

    ref: Ref  # without version
    item: Item
    chosen: Release
    others: tuple[Release, ...]  # other releases of the same principal, best first
    conflicts: tuple[Conflict, ...]
    seen_at: float  # the newest time the principal itself confirmed the chosen release
    expires_at: float  # until when that counts as fresh

    @property
    def ambiguous(self) -> bool:
        """Whether the user has to pin a principal before anything is done with this name."""
        return any(conflict.kind is ConflictKind.AMBIGUOUS for conflict in self.conflicts)


def merge(claims: Iterable[Verified], policy: TrustPolicy) -> Entry | None:
    """One entry from all claims about one (kind, id); None when nothing is left to show (all withdrawn, revoked or below
    their floor, or the owner of a pinned name says nothing)."""
    standing = _standing(claims)
    if not standing:
        return None
    item = standing[0].sighting.item
    ref = Ref(item.kind, item.id)
    owner = owner_of(ref, policy)
    if len(standing) == 1:
        return _only(ref, standing[0], owner)
    lead = _lead(standing, owner)
    if lead is None:
        return None
    principal, proven = lead
    own: list[Verified] = []
    rest: list[Verified] = []
    for claim in standing:
        (own if claim.sighting.principal == principal and claim.proven is proven else rest).append(claim)
    drafts, notes = draft_releases(ordered(own))
    conflicts = [Conflict(ConflictKind(n.kind), principal, n.version, n.digests, n.places) for n in notes]
    strangers = join(drafts, ordered(rest), principal) if rest else None
    if strangers:
        conflicts += _strangers(strangers, drafts[0], principal, owned=bool(owner))
    return _entry(ref, drafts, conflicts)


def merge_all(claims: Iterable[Verified], policy: TrustPolicy) -> dict[tuple[Kind, str], Entry]:
    """Every entry that `claims` give, by (kind, id)."""
    groups: dict[tuple[Kind, str], list[Verified]] = {}
    for claim in claims:
        item = claim.sighting.item
        groups.setdefault((item.kind, item.id), []).append(claim)
    merged = ((name, merge(group, policy)) for name, group in groups.items())
    return {name: entry for name, entry in merged if entry is not None}


def _standing(claims: Iterable[Verified]) -> list[Verified]:
    """What is left after floors (R4) and tombstones (R6). A word about certain bytes ends that release, one without ends them all;
    without proof, or of a mere copy, it ends only itself."""
    above = [claim for claim in claims if not claim.below_floor]
    gone = [claim for claim in above if claim.status in GONE]
    if not gone:
        return above
    said = [c.sighting for c in gone if c.proven and c.sighting.standing is not Standing.COPY]
    ended = {one.principal for one in said if not one.digest}
    releases = {(one.principal, one.item.version) for one in said if one.digest}
    left = [c for c in above if c.status not in GONE and c.sighting.principal not in ended]
    return [c for c in left if (c.sighting.principal, c.sighting.item.version) not in releases] if releases else left


def _only(ref: Ref, claim: Verified, owner: str) -> Entry | None:
    sighting = claim.sighting
    if owner and not (claim.proven and matches(sighting.principal, owner)):
        return None
    release = Release(
        sighting.principal,
        sighting.item.version,
        tree_of(sighting),
        claim.trust,
        claim.reasons,
        claim.status,
        False,
        (claim,),
    )
    return Entry(ref, sighting.item, release, (), (), sighting.seen_at, fresh_until(sighting))


def _lead(claims: list[Verified], owner: str) -> tuple[str, bool] | None:
    """Who speaks for the name: the owner; else the most trusted principal, one that has the bytes before one that only lists
    them, and then by name - never by version, which everybody can claim."""
    best: tuple[int, int, int] | None = None
    lead: tuple[str, bool] | None = None
    for claim in claims:
        principal = claim.sighting.principal
        if owner and not (claim.proven and matches(principal, owner)):
            continue
        seen = claim.sighting.standing is not Standing.LISTING
        rank = (int(claim.proven), claim.trust.rank, int(seen))
        if best is None or lead is None or rank > best or (rank == best and principal < lead[0]):
            best, lead = rank, (principal, claim.proven)
    return lead


def _strangers(strangers: list[Verified], chosen: Draft, principal: str, *, owned: bool) -> list[Conflict]:
    """One conflict per other voice: `strangers` are the claims of others that are not simply the same bytes."""
    voices: dict[tuple[str, bool], list[Verified]] = {}
    for claim in strangers:
        voices.setdefault((claim.sighting.principal, claim.proven), []).append(claim)
    found = []
    best = chosen.claims[0]
    for (other, _), claims in sorted(voices.items()):
        kind = ConflictKind.OTHER_PRINCIPAL
        if other == principal:
            kind = ConflictKind.UNPROVEN
        elif not owned and any(_rivals(claim, best, chosen) for claim in claims):
            kind = ConflictKind.AMBIGUOUS
        found.append(
            Conflict(
                kind,
                other,
                claims[0].sighting.item.version,
                tuple(sorted({c.sighting.digest for c in claims} - {""})),
                tuple(sorted({c.sighting.location for c in claims})),
            )
        )
    return found


def _rivals(claim: Verified, best: Verified, chosen: Draft) -> bool:
    """Same level, same right to speak, and known to be other bytes."""
    if claim.proven is not best.proven or claim.trust is not best.trust:
        return False
    sighting = claim.sighting
    if tree_of(sighting) and chosen.digest:
        return sighting.digest != chosen.digest
    manifests = {c.sighting.manifest_digest for c in chosen.own} - {""}
    return bool(sighting.manifest_digest and manifests) and sighting.manifest_digest not in manifests


def _entry(ref: Ref, drafts: list[Draft], conflicts: list[Conflict]) -> Entry:
    chosen, *others = (_release(draft) for draft in drafts)
    own = drafts[0].own
    return Entry(
        ref,
        chosen.claims[0].sighting.item,
        chosen,
        tuple(others),
        tuple(conflicts),
        max(claim.sighting.seen_at for claim in own),
        max(fresh_until(claim.sighting) for claim in own),
    )


def _release(draft: Draft) -> Release:
    best = draft.claims[0]
    return Release(
        best.sighting.principal,
        best.sighting.item.version,
        draft.digest,
        best.trust,
        best.reasons,
        best.status,
        draft.frozen,
        tuple(draft.claims),
    )
