"""What goes into the beacon (settings, what this node offers, its interfaces) and what comes out (datagrams, events)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from protocol.dialects import Foreign
from protocol.lan_text import Message
from protocol.peers import Address, Change, Peer

PORT = 48888


class Chance(Protocol):
    """The part of `random.Random` that the beacon uses."""

    def uniform(self, a: float, b: float) -> float: ...

    def randbytes(self, n: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class BeaconConfig:
    """Times in seconds. `raw_text` also sends the documented raw form, which kills Java receivers (WIRE 3.1).

    `seeds` are asked by unicast, in other subnets too; `networks` (CIDR) are answered besides the directly connected ones.
    """

    port: int = PORT
    interval: float = 5.0
    watch_interval: float = 2.0
    per_peer: float = 0.1  # the interval grows to this much per known peer
    request_interval: float = 60.0
    raw_text: bool = False
    seeds: tuple[tuple[str, int], ...] = ()
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What this node says about itself. `digest` and `count` describe its catalogue, `key` is its fingerprint."""

    agent_id: str
    name: str = ""
    user_id: str = ""
    device_name: str = ""
    capabilities: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    status: str = "online"
    tcp_port: int = 0
    dht_port: int = 0
    digest: bytes = b""
    count: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """One usable address of this host. `broadcast` is "" for IPv6."""

    name: str
    ip: str
    prefix: int
    index: int = 0
    broadcast: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A datagram to send: to everybody when `ip` is "", else to one address, best by the interface it was heard on."""

    data: bytes
    ip: str = ""
    port: int = PORT
    iface: str = ""


@dataclass(frozen=True, slots=True)
class PeerEvent:
    """Something happened to `peer`; the class says what."""

    peer: Peer


class PeerAppeared(PeerEvent):
    """Heard for the first time."""

    __slots__ = ()


class PeerReturned(PeerEvent):
    """A peer that was suspect or gone is heard again."""

    __slots__ = ()


class PeerChanged(PeerEvent):
    """It describes itself differently."""

    __slots__ = ()


class PeerHeard(PeerEvent):
    """Nothing new but a sign of life."""

    __slots__ = ()


class PeerSuspected(PeerEvent):
    """Not fresh any more; `peer.reason` says why."""

    __slots__ = ()


class PeerLeft(PeerEvent):
    """Gone; `peer.reason` is goodbye, silent or no_room."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class CloneSeen:
    """Two devices use one key, for example after a disk was copied. `own`: the key is ours."""

    agent_id: str
    key: str
    addresses: tuple[str, ...]
    own: bool = False


@dataclass(frozen=True, slots=True)
class MessageHeard:
    """A message that is not about presence (CAP_SHARE, SCENE_CREATE, CAP_HANDOVER, CAP_SYNC...). `key` "" = not signed."""

    message: Message
    key: str
    address: Address


@dataclass(frozen=True, slots=True)
class ForeignHeard:
    """A message of a dialect that is not ours."""

    foreign: Foreign
    address: Address


@dataclass(frozen=True, slots=True)
class Woke:
    """This machine slept for `seconds`; interfaces should be looked at again."""

    seconds: float


Event = (
    PeerAppeared
    | PeerReturned
    | PeerChanged
    | PeerHeard
    | PeerSuspected
    | PeerLeft
    | CloneSeen
    | MessageHeard
    | ForeignHeard
    | Woke
)

EVENT_OF: Mapping[Change, Callable[[Peer], Event]] = {
    Change.APPEARED: PeerAppeared,
    Change.RETURNED: PeerReturned,
    Change.CHANGED: PeerChanged,
    Change.SAME: PeerHeard,
}
"""What hearing a peer means to those who listen."""
