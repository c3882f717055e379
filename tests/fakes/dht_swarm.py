"""Many DHT nodes in memory on virtual time, with seeded loss and delay; no sockets, and no cryptography unless asked for.

>>> swarm = Swarm(seed=7, loss=0.2)
>>> nodes = [swarm.add() for _ in range(30)]
>>> swarm.join_all()
>>> swarm.run(publish(nodes[3], [swarm.record(nodes[3], "skill:pdf-tools")])).replicas
20
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Coroutine
from itertools import count
from random import Random
from typing import Any, TypeVar

from protocol.dht.contacts import DENSE, Networks
from protocol.dht.node import DhtNode
from protocol.dht.record import Pointer, SignedPointer, open_pointer, sign_pointer
from protocol.dht.seal import KeySeal
from protocol.dht.tasks import start
from protocol.dht.writing import join, refresh
from protocol.identity import SigningKey
from protocol.refs import parse_ref

T = TypeVar("T")
WALL = 1_800_000_000.0
_OPENED: dict[bytes, SignedPointer] = {}


class CheapSeal:
    """Proofs by a keyed hash that everybody can make; records are real, and opened once for the whole swarm."""

    def __init__(self, key: SigningKey) -> None:
        self.key, self.public = key, key.public.raw

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self.public).digest()

    def verify(self, key: bytes, signature: bytes, data: bytes) -> bool:
        return signature == hashlib.blake2b(data, key=key).digest()

    def open(self, raw: bytes, wall: float) -> SignedPointer:
        known = _OPENED.get(raw)
        if known is None or not known.record.issued_ms / 1000 - 300 <= wall < known.record.expires_at:
            known = open_pointer(raw, wall)
            if len(_OPENED) > 50_000:
                _OPENED.clear()
            _OPENED[raw] = known
        return known


class Swarm:
    """All nodes reach each other except for who is in `down`. Times are seconds."""

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        delay: float = 0.01,
        jitter: float = 0.0,
        real: bool = False,
        dense: tuple[str, ...] = DENSE,
        public: bool = False,
    ) -> None:
        self.random = Random(seed)
        self.loss, self.delay, self.jitter, self.real, self.dense, self.public = (
            loss,
            delay,
            jitter,
            real,
            dense,
            public,
        )
        self.now = 100.0
        self.nodes: list[DhtNode] = []
        self.at: dict[tuple[str, int], DhtNode] = {}
        self.address: dict[int, tuple[str, int]] = {}
        self.down: set[int] = set()
        self.skew: dict[int, float] = {}  # seconds by which the clock of a node is wrong
        self.sent = 0
        self._air: list[tuple[float, int, bytes, tuple[str, int], tuple[str, int]]] = []
        self._due: list[tuple[float, int, DhtNode]] = []  # who wakes when; may be early, never late
        self._set: dict[int, float] = {}
        self._order = count()
        self._seq = count(1)

    @property
    def wall(self) -> float:
        return WALL + self.now

    def wall_of(self, node: DhtNode) -> float:
        """What the clock of a node says."""
        return self.wall + self.skew.get(id(node), 0.0)

    def add(self, *, ip: str = "", port: int = 48890, **options: Any) -> DhtNode:
        """One more node."""
        key = SigningKey(self.random.randbytes(32))
        seal = KeySeal(key) if self.real else CheapSeal(key)
        number = len(self.at)
        head = "81" if self.public else "10"
        ip = ip or f"{head}.{number // 65536}.{number // 256 % 256}.{number % 256}"
        node = DhtNode(seal, Networks(self.dense), self.random, now=self.now, wall=self.wall, **options)
        return self.plug(node, ip, port)

    def plug(self, node: DhtNode, ip: str, port: int = 48890) -> DhtNode:
        """A node (or anything that looks like one) at an address."""
        self.nodes.append(node)
        self.at[ip, port] = node
        self.address[id(node)] = (ip, port)
        return node

    def where(self, node: DhtNode) -> tuple[str, int]:
        return self.address[id(node)]

    def join_all(self) -> None:
        """Everybody joins through the first node, then looks around once more."""
        first, second = self.where(self.nodes[0]), self.where(self.nodes[1])
        for look in range(2):
            for node in self.nodes[1 - look :]:
                while not len(node.table):  # as the shell does: until somebody answers
                    self.run(join(node, [second if node is self.nodes[0] else first]))
                self.run(refresh(node))

    def record(self, node: DhtNode, name: str, *, seq: int = 0, life: float = 86_400.0, **facts: Any) -> SignedPointer:
        """A record signed by a node's key."""
        key: SigningKey = node.seal.key  # type: ignore[attr-defined]
        pointer = Pointer(parse_ref(name), **{"version": "1.0", **facts})
        wall = self.wall_of(node)
        raw = sign_pointer(key, pointer, seq=seq or next(self._seq), issued=wall, life=life)
        return open_pointer(raw, wall)

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 600.0) -> T:
        """Run one node's work to its end."""
        for node in self.nodes:
            if id(node) not in self.down:
                node.tick(self.now, self.wall_of(node))
        result = start(work)
        self.run_until(lambda: result.done, seconds)
        assert result.done, f"not done within {seconds} s"
        return result.value  # type: ignore[return-value]

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.run_until(lambda: False, seconds)

    def run_until(self, done: Any, seconds: float) -> None:
        end = self.now + seconds
        for node in self.nodes:
            self._collect(node)
        while not done():
            due = self._next()
            if due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self._step()

    def _next(self) -> float:
        air = self._air[0][0] if self._air else float("inf")
        return min(air, self._due[0][0] if self._due else float("inf"))

    def _step(self) -> None:
        if self._air and self._air[0][0] <= self.now:
            _, _, data, to, by = heapq.heappop(self._air)
            node = self.at.get(to)
            if node is not None and id(node) not in self.down:
                node.receive(data, by[0], by[1], self.now, self.wall_of(node))
                self._collect(node)
            return
        while self._due and self._due[0][0] <= self.now:
            node = heapq.heappop(self._due)[2]
            self._set.pop(id(node), None)
            if id(node) not in self.down:
                if node.next_timeout() <= self.now:
                    node.tick(self.now, self.wall_of(node))
                self._collect(node)

    def _collect(self, node: DhtNode) -> None:
        by = self.address[id(node)]
        for out in node.datagrams_to_send():
            assert len(out.data) <= 1400, len(out.data)
            self.sent += 1
            if id(node) not in self.down and self.random.random() >= self.loss:
                at = self.now + self.delay + self.random.random() * self.jitter
                heapq.heappush(self._air, (at, next(self._order), out.data, (out.ip, out.port), by))
        due = node.next_timeout()
        if due < self._set.get(id(node), float("inf")):
            self._set[id(node)] = due
            heapq.heappush(self._due, (due, next(self._order), node))
