"""What a DNS-SD service says, as items; and as a memory that a later look can ask after.

A service is a claim: everything here is hearsay, whoever it names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol.dnssd import SKILL_SERVICE, decode_txt
from protocol.identity import AGENT_CHARS, FINGERPRINT_CHARS
from protocol.items import Channel, Evidence, Item, Json, Provided, Reading, Sighting, Standing
from protocol.provenance import RELAY
from protocol.refs import Kind, is_id

SOURCE = "mdns_dns_sd"
ORIGIN = "lan"


@dataclass(frozen=True, slots=True)
class Found:
    """A service somebody publishes, as claimed."""

    type: str
    name: str
    addresses: tuple[str, ...]
    port: int
    txt: Mapping[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A service that was heard at `seen_at`; `silent_since` is when it first did not answer, 0 while it does (wall seconds)."""

    service: Found
    seen_at: float
    silent_since: float = 0.0

    def encode(self) -> str:
        """The signature of its place."""
        one = self.service
        txt = {key.decode("latin-1"): value and value.decode("latin-1") for key, value in one.txt.items()}
        return json.dumps([one.type, one.name, list(one.addresses), one.port, txt, self.seen_at, self.silent_since])


def recalled(signature: str) -> Remembered | None:
    """What was encoded; None for anything else."""
    try:
        kind, name, addresses, port, said, seen, silent = json.loads(signature)
        txt = {key.encode("latin-1"): value and value.encode("latin-1") for key, value in said.items()}
        return Remembered(Found(str(kind), str(name), tuple(addresses), int(port), txt), float(seen), float(silent))
    except (ValueError, TypeError, AttributeError):
        return None


def place_of(service: Found) -> str:
    """The agent it speaks for; "" when it names nobody."""
    txt = decode_txt(service.txt)
    return txt.agent_id if txt is not None and is_id(txt.agent_id) else ""


def service_reading(
    service: Found, addresses: Sequence[str], wall: float, why: str = "", memory: Remembered | None = None
) -> Reading | None:
    """A service as items: the agent (or the skill, for the older type) and what its TXT lists. None when it names nobody.

    Without a plausible address the item is still told, with no location: seen, but nowhere to go. With `why` it is not fresh; with
    `memory` it was last seen then, and only that is told.
    """
    txt = decode_txt(service.txt)
    if txt is None or not is_id(txt.agent_id):
        return None
    address = addresses[0] if addresses else ""
    host = f"[{address}]" if ":" in address else address
    location = f"http://{host}:{service.port}/" if address and service.port else ""
    seen = memory or Remembered(service, wall, wall if why else 0.0)
    evidence = Evidence(Channel.HEARSAY, relayed_by=RELAY if memory else "")
    # An agent id made from the key it claims can belong to nobody else: hearsay about that key's agent, not another one's claim.
    its_own = len(txt.key) == FINGERPRINT_CHARS and txt.agent_id == f"node-{txt.key[:AGENT_CHARS].lower()}"
    principal = f"key:{txt.key}" if its_own else f"lan:{address or 'unknown'}"

    def sight(item: Item, standing: Standing) -> Sighting:
        expires = seen.seen_at if why else 0.0
        return Sighting(
            item,
            SOURCE,
            ORIGIN,
            txt.agent_id,
            location,
            principal,
            evidence,
            seen.seen_at,
            expires_at=expires,
            standing=standing,
        )

    kind = Kind.SKILL if service.type == SKILL_SERVICE else Kind.AGENT
    facts: dict[str, Json] = {
        "service": service.name,
        "addresses": list(addresses),
        "tcp_port": service.port,
        "key_claim": txt.key,
        "catalogue": {"digest": txt.catalogue, "count": txt.count},
        "state": "suspect" if why else "fresh",
        "reason": why,
    }
    provides = tuple(Provided(each) for each in txt.capabilities if is_id(each))
    main = Item(kind, txt.agent_id, name=txt.name or txt.agent_id, provides=provides, facts=facts, dialect="dns-sd")
    sightings = [sight(main, Standing.LISTING if kind is Kind.SKILL else Standing.MAIN)]
    for each_kind, ids in ((Kind.CAPABILITY, txt.capabilities), (Kind.SCENE, txt.scenes)):
        sightings += [sight(Item(each_kind, each, name=each), Standing.LISTING) for each in ids if is_id(each)]
    return Reading(SOURCE, ORIGIN, txt.agent_id, wall, tuple(sightings), signature=seen.encode())
