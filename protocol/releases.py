"""From one principal's claims to its releases: who agrees on the bytes, which release is frozen, which copy differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from protocol.claims import artifact_of, tree_of, trees_by_manifest
from protocol.items import Standing
from protocol.trust import Verified
from protocol.versions import Key, compare_key


class Note(NamedTuple):
    """A contradiction inside one principal, in the order of the fields of `merge.Conflict`."""

    kind: str
    version: str
    digests: tuple[str, ...]
    places: tuple[str, ...]


class Draft:
    """A release while it is put together. `own` are the principal's claims, `claims` those and everybody who has the bytes."""

    __slots__ = ("artifacts", "claims", "digest", "frozen", "own")

    def __init__(self, best: Verified, artifact: str) -> None:
        self.own = [best]
        self.claims = [best]
        self.artifacts = {artifact} - {""}
        self.digest = tree_of(best.sighting)
        self.frozen = False

    def add(self, claim: Verified, artifact: str) -> None:
        """Take in one more claim of the principal."""
        self.own.append(claim)
        self.claims.append(claim)
        if artifact:
            self.artifacts.add(artifact)
        if not self.digest and not self.frozen:
            self.digest = tree_of(claim.sighting)

    @property
    def version(self) -> str:
        return self.claims[0].sighting.item.version


def draft_releases(own: list[Verified]) -> tuple[list[Draft], list[Note]]:
    """Releases of one principal, best first, from its claims, best first; and what contradicts in them."""
    if len(own) == 1:
        return [Draft(own[0], artifact_of(own[0].sighting, {}))], []
    if _all_agree(own):
        only = Draft(own[0], own[0].sighting.digest)
        only.own, only.claims = own, own.copy()
        return [only], []
    claims = _not_replaced(own)
    trees = trees_by_manifest(claims)
    drafts: list[Draft] = []
    by_version: dict[Key, list[Draft]] = {}
    listings = []
    for claim in claims:
        if claim.sighting.standing is Standing.LISTING:
            listings.append(claim)
            continue
        artifact = artifact_of(claim.sighting, trees)
        same = by_version.setdefault(compare_key(claim.sighting.item.version), [])
        draft = _home(same, claim, artifact)
        if draft is None:
            drafts.append(Draft(claim, artifact))
            same.append(drafts[-1])
            continue
        draft.add(claim, artifact)
    notes = [note for draft in drafts if (note := _freeze(draft))]
    notes += _copies(drafts)
    notes += _listings(drafts, listings)
    return drafts, notes


def join(drafts: list[Draft], others: Iterable[Verified], principal: str) -> list[Verified]:
    """Hand the claims of others that are the same bytes to the release they match (R7), append to `drafts` what is said in
    the principal's name without proof about other versions, and return the rest."""
    strangers = []
    hints: dict[tuple[Key, str], Draft] = {}
    by_bytes, versions = _by_bytes(drafts), {compare_key(draft.version) for draft in drafts}
    for claim in others:
        sighting = claim.sighting
        version = sighting.item.version
        home = by_bytes.get(_bytes_of(claim))
        if home is not None:
            home.claims.append(claim)
        elif sighting.principal != principal or not version or compare_key(version) in versions:
            strangers.append(claim)
        else:
            name = (compare_key(version), artifact_of(sighting, {}))
            if name in hints:
                hints[name].add(claim, name[1])
            else:
                hints[name] = Draft(claim, name[1])
    drafts += hints.values()
    return strangers


def _bytes_of(claim: Verified) -> tuple[str, object]:
    """What a claim of somebody else is matched by: the tree, else the manifest, else only the version."""
    sighting = claim.sighting
    if tree := tree_of(sighting):
        return "tree", tree
    if sighting.manifest_digest:
        return "manifest", sighting.manifest_digest
    return "version", compare_key(sighting.item.version)


def _by_bytes(drafts: Iterable[Draft]) -> dict[tuple[str, object], Draft]:
    """Only a known tree digest makes bytes from elsewhere safe to take, so releases without one match nothing."""
    found: dict[tuple[str, object], Draft] = {}
    for draft in drafts:
        if not draft.digest or draft.frozen:
            continue
        found.setdefault(("tree", draft.digest), draft)
        found.setdefault(("version", compare_key(draft.version)), draft)
        for claim in draft.own:
            if claim.sighting.manifest_digest:
                found.setdefault(("manifest", claim.sighting.manifest_digest), draft)
    return found


def _all_agree(own: list[Verified]) -> bool:
    """The usual case, and worth a short way: several sources saw the same bytes of the same version."""
    first = own[0].sighting
    digest, version = first.digest, first.item.version
    for claim in own:
        sighting = claim.sighting
        if sighting.digest != digest or sighting.standing is not Standing.MAIN or sighting.item.version != version:
            return False
    return digest != ""


def _same_version(left: str, right: str) -> bool:
    return left == right or compare_key(left) == compare_key(right)


def _home(same: list[Draft], claim: Verified, artifact: str) -> Draft | None:
    """The release of this version that the claim belongs to. Claims come main places first."""
    if claim.sighting.standing is Standing.MAIN:
        return same[0] if same else None
    for draft in same:
        if not artifact or artifact in draft.artifacts:
            return draft
    return None


def _not_replaced(own: list[Verified]) -> list[Verified]:
    """Without older words about a place that now says something else (a cache remembers longer than the place)."""
    newest: dict[tuple[str, str], Verified] = {}
    repeated = False
    for claim in own:
        at = (claim.sighting.origin, claim.sighting.place)
        known = newest.get(at)
        repeated = repeated or known is not None
        if known is None or claim.sighting.seen_at > known.sighting.seen_at:
            newest[at] = claim
    if not repeated:
        return own
    return [c for c in own if _still_said(c, newest[c.sighting.origin, c.sighting.place])]


def _still_said(claim: Verified, newest: Verified) -> bool:
    old, new = claim.sighting, newest.sighting
    if old.seen_at == new.seen_at:
        return True
    if not _same_version(old.item.version, new.item.version):
        return False
    if old.digest and new.digest:
        return old.digest == new.digest
    return not (old.manifest_digest and new.manifest_digest) or old.manifest_digest == new.manifest_digest


def _freeze(draft: Draft) -> Note | None:
    """R5: several digests for one release, said in main places, freeze it."""
    if len(draft.artifacts) < 2:
        return None
    draft.frozen = True
    return Note("equivocation", draft.version, _digests(draft.own), _places(draft.own))


def _copies(drafts: list[Draft]) -> list[Note]:
    if not drafts or drafts[0].claims[0].sighting.standing is not Standing.MAIN:
        return []
    return [
        Note("copy_differs", draft.version, _digests(draft.own), _places(draft.own))
        for draft in drafts[1:]
        if draft.claims[0].sighting.standing is Standing.COPY
    ]


def _listings(drafts: list[Draft], listings: list[Verified]) -> list[Note]:
    """Hand each listing to the release it names. One that names no release of which bytes were seen disagrees."""
    seen = bool(drafts)
    homes: dict[Key, Draft] = {}
    for draft in drafts:
        homes.setdefault(compare_key(draft.version), draft)
    notes: dict[Key, list[Verified]] = {}
    for claim in listings:
        version = claim.sighting.item.version
        key = compare_key(version)
        home = homes.get(key) if version or not drafts else drafts[0]
        if home is None:
            home = homes[key] = Draft(claim, "")
            drafts.append(home)
        else:
            home.add(claim, "")
        if seen and home.claims[0].sighting.standing is Standing.LISTING:
            notes.setdefault(key, []).append(claim)
    return [Note("index_disagrees", c[0].sighting.item.version, _digests(c), _places(c)) for c in notes.values()]


def _digests(claims: Iterable[Verified]) -> tuple[str, ...]:
    return tuple(sorted({c.sighting.digest or c.sighting.manifest_digest for c in claims} - {""}))


def _places(claims: Iterable[Verified]) -> tuple[str, ...]:
    return tuple(sorted({c.sighting.location for c in claims}))
