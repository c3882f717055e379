"""Sightings for tests in one line each.

>>> saying(version="2.0", standing=Standing.COPY).item.version
'2.0'
"""

from __future__ import annotations

from random import Random
from typing import Any

from protocol.items import Channel, Evidence, Item, Sighting, Standing, Status
from protocol.refs import Kind
from protocol.trust import TrustPolicy

NOW = 1_800_000_000.0
OFFICIAL = "git:github.com#1/1"
COMMUNITY = "git:github.com#2/2"
RIVAL = "git:github.com#3/3"
OWN = "local:1000"
KNOWN = "key:KNOWN"
UNKNOWN = "key:UNKNOWN"
STRANGER = "peer:192.0.2.9"

POLICY = TrustPolicy(official=frozenset({OFFICIAL}), known_keys=frozenset({"KNOWN"}))

CHANNELS = {
    OFFICIAL: Evidence(Channel.ORIGIN),
    COMMUNITY: Evidence(Channel.ORIGIN),
    RIVAL: Evidence(Channel.ORIGIN),
    OWN: Evidence(Channel.OWN_FILES),
    KNOWN: Evidence(Channel.SIGNED, key="KNOWN"),
    UNKNOWN: Evidence(Channel.SIGNED, key="UNKNOWN"),
    STRANGER: Evidence(Channel.HEARSAY),
}


def digest(mark: object) -> str:
    """A tree digest that stands for `mark`; "" for ""."""
    return f"sha256:{mark!s:0>64}" if mark != "" else ""


def saying(principal: str = COMMUNITY, **changes: Any) -> Sighting:
    """One sighting of `skill:x` 1.0. `item` fields (version, id, facts, repaired, ...) and sighting fields may be given."""
    item_fields = {name: changes.pop(name) for name in list(changes) if name in Item.__slots__ and name != "kind"}
    item = Item(Kind.SKILL, **({"id": "x", "version": "1.0"} | item_fields))
    fields: dict[str, Any] = {
        "item": item,
        "source": "git_repository",
        "origin": principal,
        "place": "skills/x/skill.yaml",
        "location": f"{principal}/skills/x",
        "principal": principal,
        "evidence": CHANNELS.get(principal, Evidence(Channel.HEARSAY)),
        "seen_at": NOW,
        "digest": digest(item.version.replace(".", "")),
    }
    return Sighting(**(fields | changes))


def random_sighting(random: Random, principals: tuple[str, ...] = tuple(CHANNELS), **fixed: Any) -> Sighting:
    """One claim about `skill:x` with every field drawn from a small set, so that claims collide often."""
    principal = random.choice(principals)
    place = random.choice(("a/x/skill.yaml", "b/x/skill.yaml", "skill-index.yaml", ".archive/x/skill.yaml"))
    mark = random.choice(("", 1, 1, 2, 3))
    fields: dict[str, Any] = {
        "version": random.choice(("", "1.0", "1.0.0", "1.1", "2.0-rc.1", "2.0", "latest")),
        "description": random.choice(("", "one", "two")),
        "facts": random.choice(({}, {}, {"offline": True})),
        "repaired": random.choice(((), (), (), ("closed_quote",))),
        "place": place,
        "origin": random.choice((principal, f"mirror of {principal}")),
        "location": f"{principal}/{random.choice((place, place.rpartition('/')[0] or 'b/x'))}",
        "source": random.choice(("git_repository", "local_fs", "dht_kademlia")),
        "digest": digest(mark),
        "manifest_digest": random.choice(("", "sha256:m1", "sha256:m2")),
        "standing": random.choice((Standing.MAIN, Standing.MAIN, Standing.COPY, Standing.LISTING)),
        "status": random.choice((Status.ACTIVE,) * 9 + (Status.DEPRECATED, Status.WITHDRAWN)),
        "seen_at": NOW - random.choice((0, 0, 60, 86_400)),
        "expires_at": random.choice((0.0, NOW + 3_600)),
        "seq": random.choice((0, 0, 1, 2)),
    }
    return saying(principal, **(fields | fixed))
