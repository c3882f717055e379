"""What one datagram says about its sender, as a row for the table of peers."""

from __future__ import annotations

from dataclasses import replace

from protocol.dialects import Dialect, Foreign
from protocol.lan_admission import Admitted
from protocol.lan_extension import Extension
from protocol.lan_text import AgentAnnounce, Heartbeat, Message
from protocol.peers import Address, Peer

UNSIGNED_EVERY, UNSIGNED_TTL = 30.0, 91.0  # seconds; an unsigned neighbour is offline after three missed heartbeats


def signed_peer(old: Peer | None, outcome: Admitted, extension: Extension, address: Address) -> Peer:
    """The sender of a signed datagram. What this datagram does not say is as `old` said it."""
    message, key = outcome.heard.message, outcome.key
    base = old or Peer(extension.agent_id, key)
    said: AgentAnnounce | Peer = message if isinstance(message, AgentAnnounce) else base
    return Peer(
        extension.agent_id,
        key,
        extension.instance,
        user_id=said.user_id,
        device_name=said.device_name,
        capabilities=said.capabilities,
        scenes=said.scenes,
        status=said.status,
        name=extension.name,
        tcp_port=extension.tcp_port,
        dht_port=extension.dht_port,
        digest=extension.digest,
        count=extension.count,
        flags=extension.flags,
        seq=extension.seq,
        every=max(0.5, extension.every / 1000),
        ttl=float(extension.ttl),
        addresses=(address,),
        proven=base.proven or outcome.echoed,
    )


def plain_peer(message: Message | Foreign, dialect: Dialect, address: Address) -> Peer | None:
    """The sender of an unsigned datagram, when it names itself."""
    if isinstance(message, Foreign):
        if not message.id:
            return None
        peer = Peer(message.id, "", name=message.name or message.id, tcp_port=message.port)
    elif isinstance(message, Heartbeat):
        peer = Peer(message.agent_id, "", name=message.agent_id, capabilities=message.capabilities)
    elif isinstance(message, AgentAnnounce):
        peer = Peer(
            message.agent_id,
            "",
            name=message.device_name or message.agent_id,
            user_id=message.user_id,
            device_name=message.device_name,
            capabilities=message.capabilities,
            scenes=message.scenes,
            status=message.status,
        )
    else:
        return None
    return replace(peer, dialect=dialect, addresses=(address,), every=UNSIGNED_EVERY, ttl=UNSIGNED_TTL)
