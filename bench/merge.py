"""Sightings per second through the trust door and merge, one core, beside a plain dict that keeps the highest version.

Groups are like real ones: of every 4 names 2 are seen once, 1 by two sources (repository and own cache), 1 by three (and a
peer on the network that has the same bytes).
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time
from types import MappingProxyType

from bench import Row
from protocol.items import Channel, Evidence, Item, Sighting
from protocol.merge import merge_all
from protocol.refs import Kind
from protocol.trust import TrustPolicy, admit
from protocol.versions import compare_key

NAMES = 20_000
NOW = 1_800_000_000.0
FACTS = MappingProxyType({"offline": True})


def sightings() -> list[Sighting]:
    """35,000 claims about 20,000 names."""
    found = []
    for number in range(NAMES):
        version = f"{number % 7}.{number % 13}.0"
        principal = f"git:github.com#{number % 50}/1"
        for voice in range((1, 1, 2, 3)[number % 4]):
            found.append(_one(number, version, principal, voice))
    return found


def _one(number: int, version: str, principal: str, voice: int) -> Sighting:
    item = Item(Kind.SKILL, f"skill-{number}", version, f"Skill {number}", facts=FACTS)
    source = ("git_repository", "local_fs", "udp_broadcast")[voice]
    evidence = (
        Evidence(Channel.ORIGIN),
        Evidence(Channel.ORIGIN, relayed_by="local_fs"),
        Evidence(Channel.HEARSAY),
    )[voice]
    return Sighting(
        item=item,
        source=source,
        origin="https://github.com/example/skills",
        place=f"skills/{number}/skill.yaml",
        location=f"https://github.com/example/skills#{number}",
        principal=principal if voice < 2 else "peer:192.0.2.7",
        evidence=evidence,
        seen_at=NOW - voice,
        digest=f"sha256:{number:064x}",
    )


def through_the_door(claims: list[Sighting]) -> int:
    """Admit and merge everything."""
    policy = TrustPolicy(official=frozenset({"git:github.com#1/*"}))
    return len(merge_all([admit(claim, policy, NOW) for claim in claims], policy))


def plain_dict(claims: list[Sighting]) -> int:
    """What a careless aggregator does: by name, the highest version wins. No trust, no conflicts, no provenance."""
    best: dict[tuple[Kind, str], Sighting] = {}
    for claim in claims:
        name = (claim.item.kind, claim.item.id)
        if name not in best or compare_key(claim.item.version) > compare_key(best[name].item.version):
            best[name] = claim
    return len(best)


def _rate(work: Callable[[list[Sighting]], int], claims: list[Sighting]) -> float:
    best = 0.0
    for _ in range(5):
        gc.collect()
        start = process_time()
        assert work(claims) == NAMES
        best = max(best, len(claims) / (process_time() - start))
    return best


def run() -> list[Row]:
    """Measure in processor time, best of five."""
    claims = sightings()
    return [
        Row(
            "merge: sightings/s through admit and merge",
            _rate(through_the_door, claims),
            "1/s",
            ">= 100,000",
            _rate(plain_dict, claims),
            "plain dict, highest version wins",
        )
    ]


if __name__ == "__main__":
    print(*run(), sep="\n")
