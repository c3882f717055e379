"""A local network in memory, on virtual time, with seeded loss, duplication, reordering, one-way links and wrong clocks.

>>> lan = FakeLan(seed=7, loss=0.3)
>>> nodes = [lan.add() for _ in range(5)]
>>> lan.run(2.0)
>>> lan.everybody_knows_everybody()
True
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from protocol.beacon import Beacon
from protocol.lan_events import BeaconConfig, Interface, Offer
from protocol.peers import PeerState

WALL = 1_767_225_600.0
_SECRETS: dict[bytes, bytes] = {}


class FakeSeal:
    """A seal without cryptography: 8 key bytes, 8 bytes of a keyed hash."""

    overhead = 16

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.public = hashlib.blake2b(secret, digest_size=8).digest()
        _SECRETS[self.public] = secret

    @property
    def key(self) -> str:
        return self.public.hex()

    def sign(self, payload: bytes) -> bytes:
        return self.public + hashlib.blake2b(payload, digest_size=8, key=self._secret).digest() + payload

    def claim(self, record: bytes) -> tuple[str, bytes] | None:
        return (record[:8].hex(), record[16:]) if len(record) > 16 else None

    def holds(self, record: bytes) -> bool:
        secret = _SECRETS.get(record[:8])
        return bool(secret) and record[8:16] == hashlib.blake2b(record[16:], digest_size=8, key=secret or b"").digest()

    def agent_id(self, key: str) -> str:
        return f"node-{key}"


@dataclass
class FakeNode:
    """One beacon with its address and its own clock error (seconds)."""

    ip: str
    seal: FakeSeal
    beacon: Beacon
    skew: float = 0.0
    up: bool = True
    events: list[tuple[float, Any]] = field(default_factory=list)
    sent_bytes: int = 0

    @property
    def key(self) -> str:
        return self.seal.key

    def knows(self, other: FakeNode, state: PeerState = PeerState.FRESH) -> bool:
        peer = self.beacon.peers.get(other.key)
        return peer is not None and peer.state is state

    def happened(self, kind: type) -> list[Any]:
        return [event for _, event in self.events if isinstance(event, kind)]


class FakeLan:
    """All nodes share one broadcast domain except for what is `cut`. Times are seconds."""

    def __init__(
        self, seed: int = 0, *, loss: float = 0.0, duplicate: float = 0.0, jitter: float = 0.0, delay: float = 0.0005
    ) -> None:
        self.random = Random(seed)
        self.loss, self.duplicate, self.jitter, self.delay = loss, duplicate, jitter, delay
        self.now = 100.0
        self.nodes: list[FakeNode] = []
        self.cut: set[tuple[str, str]] = set()  # (from ip, to ip) that does not get through
        self.routed: set[str] = set()  # addresses behind a router: unicast only
        self.recorded: list[tuple[float, str, bytes]] = []
        self._air: list[tuple[float, int, FakeNode, bytes, str]] = []
        self._order = count()
        self._number = 0

    def add(
        self, *, skew: float = 0.0, config: BeaconConfig | None = None, like: FakeNode | None = None, **kept: Any
    ) -> FakeNode:
        """Start one more node; `like` copies the key of another (a cloned disk)."""
        self._number += 1
        seal = like.seal if like else FakeSeal(self.random.randbytes(16))
        return self._start(f"10.0.{self._number // 250}.{self._number % 250 + 1}", seal, skew, config, kept)

    def restart(self, node: FakeNode, **kept: Any) -> FakeNode:
        """The same machine again, with a new life."""
        node.up = False
        self.nodes.remove(node)
        return self._start(node.ip, node.seal, node.skew, None, kept)

    def _start(
        self, ip: str, seal: FakeSeal, skew: float, config: BeaconConfig | None, kept: dict[str, Any]
    ) -> FakeNode:
        beacon = Beacon(
            config or BeaconConfig(),
            Offer(seal.agent_id(seal.key), name=f"desk {ip}", capabilities=("daily-report",), tcp_port=48889),
            seal,
            seal.key,
            self.random.randbytes(8),
            self.random,
            now=self.now,
            wall=WALL + self.now + skew,
            **kept,
        )
        beacon.set_interfaces([Interface("eth0", ip, 16)], self.now)
        node = FakeNode(ip, seal, beacon, skew)
        self.nodes.append(node)
        return node

    def inject(self, data: bytes, ip: str, to: FakeNode, port: int = 5000) -> None:
        """A datagram from outside, straight into one node's ear."""
        to.beacon.receive(data, ip, port, "eth0", self.now)

    def run(self, seconds: float) -> None:
        """Let the network live for so long."""
        self.run_until(lambda: False, seconds)

    def run_until(self, done: Callable[[], bool], seconds: float = 60.0) -> float:
        """Live until `done()` holds; returns how long it took, `seconds` when it never did."""
        start, end = self.now, self.now + seconds
        while True:
            for node in self.nodes:
                if node.up:
                    self._collect(node)
            if done():
                return self.now - start
            waits = [node.beacon.next_timeout() for node in self.nodes if node.up]
            if self._air:
                waits.append(self._air[0][0])
            moment = max(self.now, min(waits, default=end))
            if moment > end:
                self.now = end
                return seconds
            self.now = moment
            self._deliver()
            for node in self.nodes:
                if node.up and node.beacon.next_timeout() <= self.now:
                    node.beacon.tick(self.now, WALL + self.now + node.skew)

    def _collect(self, node: FakeNode) -> None:
        for out in node.beacon.datagrams_to_send(self.now):
            assert len(out.data) <= 1024
            node.sent_bytes += len(out.data)
            self.recorded.append((self.now, node.ip, out.data))
            for other in self.nodes:
                routed = not out.ip and (node.ip in self.routed) != (other.ip in self.routed)
                reached = out.ip in {"", other.ip} and not routed and (node.ip, other.ip) not in self.cut
                if other.up and other is not node and reached:
                    self._fly(node, other, out.data)
        node.events += [(self.now, event) for event in node.beacon.events()]

    def _fly(self, node: FakeNode, other: FakeNode, data: bytes) -> None:
        for _ in range(2 if self.random.random() < self.duplicate else 1):
            if self.random.random() >= self.loss:
                at = self.now + self.delay + self.random.random() * self.jitter
                heapq.heappush(self._air, (at, next(self._order), other, data, node.ip))

    def _deliver(self) -> None:
        while self._air and self._air[0][0] <= self.now:
            _, _, node, data, ip = heapq.heappop(self._air)
            if node.up and (ip, node.ip) not in self.cut:
                node.beacon.receive(data, ip, 40_000, "eth0", self.now)

    def everybody_knows_everybody(self) -> bool:
        """Whether every running node lists every other running one as fresh."""
        up = [node for node in self.nodes if node.up]
        return all(a.knows(b) for a in up for b in up if a is not b)

    def split(self, left: list[FakeNode], right: list[FakeNode]) -> None:
        """Nothing passes between the two groups until `heal`."""
        self.cut |= {(a.ip, b.ip) for a in left for b in right} | {(b.ip, a.ip) for a in left for b in right}

    def heal(self) -> None:
        """Everything passes again."""
        self.cut.clear()

    def sleep(self, node: FakeNode, seconds: float) -> None:
        """`node` is suspended: its loop stands still, datagrams queue up, then everything comes at once."""
        node.up = False
        mark = len(self.recorded)
        self.run(seconds)
        node.up = True
        for _, ip, data in self.recorded[mark:]:
            node.beacon.receive(data, ip, 40_000, "eth0", self.now)
