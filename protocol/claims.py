"""The one total order over claims, and which claims talk about the same bytes. Pure ground that `protocol.merge` stands on.

Best first inside one principal: main place before copy before listing, then trust, then the place that an index names, then
version, then sequence, then the shortest place, then every remaining field - so the order never depends on who came first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from protocol.items import Sighting, Standing
from protocol.trust import Verified
from protocol.versions import compare_key

Keyed = tuple[Any, Verified]
_first = itemgetter(0)

STANDING_RANK = {Standing.MAIN: 2, Standing.COPY: 1, Standing.LISTING: 0}


def ordered(claims: Sequence[Verified]) -> list[Verified]:
    """All claims best first, each once."""
    if len(claims) < 2:
        return list(claims)
    listed = listed_locations(claims)
    ranked = sorted([(_rank(claim, listed), claim) for claim in claims], key=_first, reverse=True)
    return _settled(ranked, (_where, _all_else))


def listed_locations(claims: Iterable[Verified]) -> frozenset[tuple[str, str]]:
    """(origin, location) of everything that an index among `claims` points to: the item's folder, or a file right in it."""
    listings = [claim.sighting for claim in claims if claim.sighting.standing is Standing.LISTING]
    if not listings:
        return frozenset()
    files = ((listing.origin, listing.location) for listing in listings)
    folders = ((listing.origin, listing.location.rpartition("/")[0]) for listing in listings)
    return frozenset((*files, *folders))


def tree_of(sighting: Sighting) -> str:
    """The tree digest. What an index calls a checksum is that of some download, so a listing has none."""
    return "" if sighting.standing is Standing.LISTING else sighting.digest


def artifact_of(sighting: Sighting, trees: Mapping[str, str]) -> str:
    """What names the bytes: the tree digest, else the tree known to carry this manifest, else the manifest, else ""."""
    if sighting.standing is Standing.LISTING:
        return ""
    if sighting.digest:
        return sighting.digest
    if sighting.manifest_digest:
        return trees.get(sighting.manifest_digest) or f"manifest:{sighting.manifest_digest}"
    return ""


def trees_by_manifest(claims: Iterable[Verified]) -> dict[str, str]:
    """manifest digest -> tree digest (the smallest, when several trees carry the same manifest)."""
    trees: dict[str, str] = {}
    for claim in claims:
        sighting = claim.sighting
        if sighting.manifest_digest and tree_of(sighting):
            known = trees.get(sighting.manifest_digest)
            if known is None or sighting.digest < known:
                trees[sighting.manifest_digest] = sighting.digest
    return trees


def _settled(keyed: Sequence[Keyed], finer: tuple[Callable[[Verified], Any], ...]) -> list[Verified]:
    """The claims of a sorted sequence, runs of equal keys ordered by the next finer key; at the end, one of each."""
    settled: list[Verified] = []
    start = 0
    for end in range(1, len(keyed) + 1):
        if end < len(keyed) and keyed[end][0] == keyed[start][0]:
            continue
        tied = [claim for _, claim in keyed[start:end]]
        if len(tied) == 1:
            settled += tied
        elif finer:
            settled += _settled(sorted([(finer[0](claim), claim) for claim in tied], key=_first), finer[1:])
        else:
            settled += _distinct(tied)
        start = end
    return settled


def _rank(claim: Verified, listed: frozenset[tuple[str, str]]) -> tuple[Any, ...]:
    """Higher is better."""
    sighting = claim.sighting
    return (
        STANDING_RANK[sighting.standing],
        claim.trust.rank,
        bool(listed) and (sighting.origin, sighting.location) in listed,
        compare_key(sighting.item.version),
        sighting.seq,
    )


def _where(claim: Verified) -> tuple[Any, ...]:
    """Lower is better, from here on."""
    sighting = claim.sighting
    place = sighting.place
    return (
        place.count("/"),
        len(place),
        place,
        sighting.origin,
        sighting.source,
        sighting.principal,
        -sighting.seen_at,
    )


def _all_else(claim: Verified) -> tuple[Any, ...]:
    sighting = claim.sighting
    evidence = sighting.evidence
    return (
        *(sighting.location, -sighting.expires_at, sighting.item.version, sighting.digest, sighting.manifest_digest),
        *(sighting.size, sighting.files, claim.status, sighting.status, not claim.proven, claim.reasons),
        *(claim.below_floor, evidence.channel, evidence.key, evidence.owner, evidence.commit, evidence.relayed_by),
    )


def _distinct(tied: list[Verified]) -> list[Verified]:
    """One of each, in the order of all that the item says."""
    if len(tied) == 1:
        return tied
    by_text = {_whole_text(claim): claim for claim in tied}
    return [by_text[text] for text in sorted(by_text)]


def _whole_text(claim: Verified) -> str:
    item = claim.sighting.item
    plain = {
        name: getattr(item, name) for name in item.__slots__ if name not in {"facts", "raw", "provides", "requires"}
    }
    rich = [repr(item.provides), repr(item.requires), dict(item.facts), dict(item.raw), dict(claim.sighting.signals)]
    return json.dumps([plain, rich], sort_keys=True, default=_plain)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else list(value) if isinstance(value, Sequence) else repr(value)
