"""What this node is on the local network: its key, what it offers, whom it heard, and what of that outlives a restart.

Both sources of the local network ask here (`NodePorts`), and everybody who wants to know about peers reads here. Memory lies in
`OODER_HOME/lan.json`: the newest sequence numbers by key, so that no recording is believed after a restart, and where peers
were last heard, so that they are asked there first.
"""

from __future__ import annotations

import json
import socket
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from node.between import Between
from node.io.atomic import write_file
from node.keys import node_key
from node.paths import Paths
from node.policy import read_decisions
from protocol import limits
from protocol.errors import OoderError, StorageError
from protocol.identity import SigningKey, agent_id_of
from protocol.lan_admission import Floor
from protocol.lan_events import PORT, CloneSeen, Event, Offer, PeerLeft
from protocol.lan_text import CapShare, Message, SceneCreate
from protocol.peers import Address, Peer, PeerState
from sources.ports import Clock

if TYPE_CHECKING:
    from node.pairing import Pairing
    from protocol.lan_seal import KeySeal
    from sources.mdns_dns_sd import Provider as Services
    from sources.udp_broadcast import Provider


@dataclass(frozen=True, slots=True)
class Known:
    """A peer as last heard; `at` is wall seconds."""

    peer: Peer
    at: float


@dataclass(frozen=True, slots=True)
class Shared:
    """What the ledger of shares lets this node announce."""

    capabilities: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    digest: bytes = b""
    count: int = 0
    paired: tuple[str, ...] = ()  # capabilities that paired devices may know of
    told: tuple[CapShare | SceneCreate, ...] = ()  # what everyone may have, one by one; without agent id and time


class Lan:
    """One per home. `shared` tells what may be announced."""

    def __init__(self, paths: Paths, clock: Clock, name: str = "") -> None:
        self.paths, self._clock = paths, clock
        self.name = name or socket.gethostname().partition(".")[0][: limits.NAME_CHARS]
        self._seal: KeySeal | None = None
        self.shared: Callable[[], Shared] = Shared
        self.tcp_port = self.dht_port = 0
        self.pairing: Pairing | None = None
        self.friends: frozenset[str] = frozenset()
        self.provider: Provider | None = None
        self.services: Services | None = None
        self.known: OrderedDict[str, Known] = OrderedDict()
        self.clones: deque[tuple[float, CloneSeen]] = deque(maxlen=32)
        self.between = Between(
            self._say, lambda: self.offer().agent_id, self.is_paired, lambda: self.shared().paired, clock.wall
        )
        self.listeners: list[Callable[[Event], None]] = [self.between.hear]
        self._floors: Mapping[str, Floor] = {}

    # --- What the sources ask ----------------------------------------------------------------------------------------
    def seal(self) -> tuple[KeySeal, str]:
        """This node's key as a seal, and its fingerprint. Raises StorageError as `node_key` does."""
        from protocol.lan_seal import KeySeal

        self._seal = self._seal or KeySeal(node_key(self.paths))
        return self._seal, self._seal.key

    def key(self) -> SigningKey:
        """This node's key. Raises StorageError as `node_key` does."""
        return node_key(self.paths)

    def is_friend(self, who: str) -> bool:
        """Whether that key (or the agent id made from it) is paired with this node, or in one of its groups."""
        try:
            keys = self.friends | set(read_decisions(self.paths.trust).known_keys)
        except OoderError:
            return False  # decisions that cannot be read make nobody a friend
        return who in keys or any(who == agent_id_of(key) for key in keys)

    def is_paired(self, key: str) -> bool:
        """Whether the device with that key is this person's, too."""
        try:
            return key in read_decisions(self.paths.trust).known_keys
        except OoderError:
            return False

    def _say(self, message: Message, to: Address) -> None:
        if self.provider is not None:
            self.provider.say(message, to)

    def offer(self) -> Offer:
        """What this node says about itself: its name, and what the user chose to share."""
        seal, key = self.seal()
        shared = self.shared()
        return Offer(
            seal.agent_id(key),
            self.name,
            device_name=self.name,
            capabilities=shared.capabilities,
            scenes=shared.scenes,
            tcp_port=self.tcp_port,
            dht_port=self.dht_port,
            digest=shared.digest,
            count=shared.count,
            key=key,
        )

    def memory(self) -> tuple[Mapping[str, Floor], Sequence[tuple[str, int]]]:
        """Floors and addresses of the last run; nothing when the file is not there or damaged."""
        saved = self._read()
        floors: dict[str, Floor] = {}
        addresses: dict[tuple[str, int], None] = {}
        for key, entry in list(saved.get("floors", {}).items())[: limits.FLOORS]:
            try:
                floors[key] = Floor(bytes.fromhex(entry[0]), int(entry[1]), int(entry[2]))
            except (TypeError, ValueError, LookupError):
                continue
        for row in list(saved.get("peers", []))[: limits.LOST_PEERS]:
            if isinstance(row, dict) and isinstance(row.get("ip"), str):
                addresses[row["ip"], PORT] = None
        return floors, tuple(addresses)

    def tell(self, messages: Iterable[CapShare | SceneCreate]) -> bool:
        """Say to everybody what is shared, one by one; whether somebody could hear it."""
        if self.provider is None or self.provider.beacon is None:
            return False
        me, now = self.offer().agent_id, int(self._clock.wall() * 1000)
        for message in messages:
            self.provider.say(replace(message, agent_id=me, timestamp=now))
        return True

    def end_pairing(self, pairing: Pairing) -> None:
        """Answer nobody about this attempt any more."""
        if self.pairing is pairing:
            self.pairing = None

    def traffic(self) -> dict[str, Any]:
        """What was sent, received and refused, for the question why nobody is found."""
        provider = self.provider
        beacon = provider.beacon if provider else None
        return {
            "problem": provider.problem if provider else "",
            "interfaces": provider.traffic() if provider else [],
            "refused": dict(beacon.counters) if beacon else {},
            "peers": len(beacon.peers) if beacon else 0,
            "clones": [
                {"at": at, "agent_id": one.agent_id, "addresses": list(one.addresses)} for at, one in self.clones
            ],
        }

    # --- What is heard -----------------------------------------------------------------------------------------------
    def attach(self, provider: Provider) -> None:
        """Follow what this source hears."""
        self.provider = provider
        provider.on_event = self._hear

    def _hear(self, event: Event) -> None:
        now = self._clock.wall()
        peer = getattr(event, "peer", None)
        if isinstance(peer, Peer):
            heard = self.known[peer.row].at if isinstance(event, PeerLeft) and peer.row in self.known else now
            self.known[peer.row] = Known(peer, heard)
            self.known.move_to_end(peer.row)
            while len(self.known) > limits.PEERS + limits.LOST_PEERS:
                self.known.popitem(last=False)
        elif isinstance(event, CloneSeen):
            self.clones.append((now, event))
        for listener in self.listeners:
            listener(event)

    def is_heard(self, agent_id: str) -> bool:
        """Whether the beacon vouches that this agent is alive: it signs, and keeps its promise to speak."""
        beacon = self.provider.beacon if self.provider else None
        return beacon is not None and any(
            peer.agent_id == agent_id and peer.key and peer.state is PeerState.FRESH for peer in beacon.peers
        )

    def dht_neighbours(self) -> list[tuple[str, int]]:
        """Where neighbours that were heard lately run a node of the DHT."""
        return [
            (known.peer.addresses[0].ip, known.peer.dht_port)
            for known in self.known.values()
            if known.peer.key and known.peer.dht_port and known.peer.addresses and known.peer.state is PeerState.FRESH
        ]

    async def set_dht_port(self, port: int) -> None:
        """This node runs a node of the DHT on `port` now; 0 when it does not any more."""
        if port != self.dht_port:
            self.dht_port = port
            await self.changed()

    async def changed(self) -> None:
        """What this node offers changed: say so."""
        if self.provider is not None:
            self.provider.offer()
        if self.services is not None:
            await self.services.offer()

    def keep(self) -> None:
        """Write down what must outlive this process. Raises StorageError."""
        if self.provider is not None and self.provider.beacon is not None:
            self._floors = self.provider.beacon.floors
        if not self._floors and not self.known:
            return
        peers = [
            {
                "key": known.peer.key,
                "agent_id": known.peer.agent_id,
                "name": known.peer.name,
                "ip": known.peer.addresses[0].ip,
                "at": round(known.at, 3),
                "state": str(known.peer.state),
                "reason": known.peer.reason,
            }
            for known in self.known.values()
            if known.peer.key and known.peer.addresses
        ][-limits.LOST_PEERS :]
        floors = {key: [floor.instance.hex(), floor.seq, floor.issued] for key, floor in self._floors.items()}
        data = json.dumps({"floors": floors, "peers": peers}).encode()
        try:
            write_file(self.paths.lan_memory, data)
        except OSError as error:
            path = str(self.paths.lan_memory)
            raise StorageError("home.unwritable", path=path, reason=error.strerror or str(error)) from error

    def remembered(self) -> list[dict[str, Any]]:
        """Peers of earlier runs, as `keep` wrote them."""
        return [row for row in self._read().get("peers", []) if isinstance(row, dict)]

    def _read(self) -> dict[str, Any]:
        try:
            saved = json.loads(self.paths.lan_memory.read_bytes())
        except (OSError, ValueError):
            return {}
        return saved if isinstance(saved, dict) else {}
