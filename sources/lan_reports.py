"""A peer of the local network as items and sightings: the agent itself, and what it says it offers."""

from __future__ import annotations

from protocol.items import Channel, Evidence, Item, Json, Provided, Reading, Sighting, Standing
from protocol.peers import LATE, PROBE_GAP, PROBES, Peer, PeerState
from protocol.refs import Kind, is_id

ORIGIN = "lan"


def place_of(peer: Peer) -> str:
    """Where a peer's items are: its agent id; with the address when nobody signs for the id."""
    return peer.agent_id if peer.key else peer.row


def gone_reading(source: str, peer: Peer, wall: float) -> Reading:
    """The peer left: nothing of it stands."""
    return Reading(source, ORIGIN, place_of(peer), wall)


def peer_reading(source: str, peer: Peer, wall: float) -> Reading:
    """What a peer says now. Fresh until the promise it made is broken and three questions stayed without an answer."""
    address = peer.addresses[0].ip
    host = f"[{address}]" if ":" in address else address
    location = f"http://{host}:{peer.tcp_port}/" if peer.tcp_port else f"ooder-lan://{host}/{peer.agent_id}"
    fresh = peer.every * 1.1 + LATE + PROBES * PROBE_GAP
    expires = wall + fresh if peer.state is PeerState.FRESH else wall
    evidence = Evidence(Channel.SIGNED, peer.key) if peer.key else Evidence(Channel.HEARSAY)
    principal = f"key:{peer.key}" if peer.key else f"lan:{address}"

    def sight(item: Item, standing: Standing) -> Sighting:
        return Sighting(
            item,
            source,
            ORIGIN,
            place_of(peer),
            location,
            principal,
            evidence,
            wall,
            expires_at=expires,
            seq=peer.seq,
            standing=standing,
        )

    sightings = [sight(_agent(peer), Standing.MAIN)] if is_id(peer.agent_id) else []
    for kind, ids in ((Kind.CAPABILITY, peer.capabilities), (Kind.SCENE, peer.scenes)):
        sightings += [
            sight(Item(kind, each, name=each), Standing.LISTING) for each in dict.fromkeys(ids) if is_id(each)
        ]
    return Reading(source, ORIGIN, place_of(peer), wall, tuple(sightings))


def _agent(peer: Peer) -> Item:
    facts: dict[str, Json] = {
        "status": peer.status,
        "state": str(peer.state),
        "reason": peer.reason,
        "signed": bool(peer.key),
        "device": peer.device_name,
        "user": peer.user_id,
        "addresses": [each.ip for each in peer.addresses],
        "tcp_port": peer.tcp_port,
        "dht_port": peer.dht_port,
        "catalogue": {"digest": peer.digest.hex(), "count": peer.count},
        "dialect": str(peer.dialect),
    }
    return Item(
        Kind.AGENT,
        peer.agent_id,
        name=peer.name or peer.device_name or peer.agent_id,
        provides=tuple(Provided(each) for each in peer.capabilities if is_id(each)),
        facts=facts,
        dialect=str(peer.dialect),
    )
