"""The one total order over claims, and which claims talk about the same bytes. Pure ground that `protocol.merge` stands on.

Best first inside one principal: main place before copy before listing, then trust, then the place that an index names, then
version, then sequence, then the shortest place, then every remaining field - so the order never depends on who came first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from protocol.items import Sighting, Standing
from protocol.trust import Verified
from protocol.versions import compare_key

_first = itemgetter(0)

STANDING_RANK = {Standing.MAIN: 2, Standing.COPY: 1, Standing.LISTING: 0}


def ordered(claims: Sequence[Verified]) -> list[Verified]:
    """All claims best first, each once."""
    if len(claims) < 2:
        return list(claims)
    listed = listed_locations(claims)
    settled: list[Verified] = []
    for _, run in groupby(sorted(((_head(c, listed), c) for c in claims), key=_first, reverse=True), key=_first):
        tied = [claim for _, claim in run]
        settled += tied if len(tied) == 1 else _settle(tied)
    return settled


def listed_locations(claims: Iterable[Verified]) -> frozenset[tuple[str, str]]:
    """(origin, location) of everything that an index among `claims` points to: the item's folder, or a file right in it."""
    listings = [claim.sighting for claim in claims if claim.sighting.standing is Standing.LISTING]
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


def _head(claim: Verified, listed: frozenset[tuple[str, str]]) -> tuple[Any, ...]:
    sighting = claim.sighting
    return (
        STANDING_RANK[sighting.standing],
        claim.trust.rank,
        (sighting.origin, sighting.location) in listed,
        compare_key(sighting.item.version),
        sighting.seq,
    )


def _tail(claim: Verified) -> tuple[Any, ...]:
    sighting = claim.sighting
    evidence, place = sighting.evidence, sighting.place
    return (
        *(place.count("/"), len(place), place, sighting.principal, sighting.origin, sighting.source, sighting.location),
        *(-sighting.seen_at, -sighting.expires_at, sighting.item.version, sighting.digest, sighting.manifest_digest),
        *(sighting.size, sighting.files, claim.status, sighting.status, not claim.proven, claim.reasons),
        *(sighting.standing, claim.trust, sighting.seq, claim.below_floor),
        *(evidence.channel, evidence.key, evidence.owner, evidence.commit, evidence.relayed_by),
    )


def _settle(tied: list[Verified]) -> list[Verified]:
    """Order claims of equal rank by everything else: first by where and when, then by what the item says."""
    settled: list[Verified] = []
    for _, run in groupby(sorted(((_tail(c), c) for c in tied), key=_first), key=_first):
        settled += _distinct([claim for _, claim in run])
    return settled


def _distinct(tied: list[Verified]) -> list[Verified]:
    """One of each."""
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
