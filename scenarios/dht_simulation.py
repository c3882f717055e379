"""Ten thousand DHT nodes in one process, on virtual time, without sockets: hops, success and load, and how they grow.

    python -m scenarios.dht_simulation --nodes 200 1000 10000 --svg docs/protocol/dht-growth.svg

Every node is the real machine (`protocol.dht.node`) with its real store, lookups and datagrams; only keys and signatures are
cheap. Tables are filled as long life would fill them: up to K random nodes in each bucket. Delays are drawn per datagram.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import sys
from bisect import bisect_left
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import count
from math import log2
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from protocol import limits
from protocol.dht.contacts import ID_BITS, Contact, Networks, contact
from protocol.dht.messages import Place
from protocol.dht.node import DhtNode
from protocol.dht.reading import KeyReading, get
from protocol.dht.record import Pointer, SignedPointer, name_key, open_pointer, sign_pointer
from protocol.dht.tasks import start
from protocol.dht.writing import put
from protocol.identity import SigningKey
from protocol.refs import parse_ref

T = TypeVar("T")
WALL = 1_800_000_000.0
DELAY = (0.01, 0.08)  # seconds a datagram is under way


@dataclass(frozen=True, slots=True)
class Growth:
    """What one size of network showed. `load` is the share of all answers the busiest node gave, in per cent."""

    nodes: int
    dead: float
    hops: float
    hops_p95: float
    read_ms: float
    read_p95_ms: float
    read_messages: float
    write_messages: float
    success: float
    contacts: float
    load: float


@lru_cache(maxsize=65_536)
def _opened(raw: bytes) -> SignedPointer:
    return open_pointer(raw, WALL)


class CheapSeal:
    """A key that signs for nobody: proofs are hashes, records are opened once for everybody."""

    def __init__(self, public: bytes) -> None:
        self._public = public

    @property
    def public(self) -> bytes:
        return self._public

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._public).digest()

    def verify(self, key: bytes, signature: bytes, data: bytes) -> bool:
        return signature == hashlib.blake2b(data, key=key).digest()

    def open(self, raw: bytes, wall: float) -> SignedPointer:
        return _opened(raw)


class World:
    """A network that has lived for long."""

    def __init__(self, nodes: int, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a simulation must repeat itself
        self.now = 1.0
        self.networks = Networks()
        self.nodes = [self._node() for _ in range(nodes)]
        self.contacts = [self._contact(node, number) for number, node in enumerate(self.nodes)]
        self.at = {(each.ip, each.port): number for number, each in enumerate(self.contacts)}
        self.down: set[int] = set()
        self.sent = 0
        self.key = SigningKey(self.random.randbytes(32))
        self._order = count()
        self._air: list[tuple[float, int, int, bytes, int]] = []
        self._wakes: list[tuple[float, int]] = []
        self._fill()

    def record(self, name: str) -> SignedPointer:
        return _opened(sign_pointer(self.key, Pointer(parse_ref(name), "1.0"), seq=1, issued=WALL, life=86_400))

    def run(self, number: int, work: Coroutine[Any, Any, T]) -> T:
        """Let one node do its work."""
        node = self.nodes[number]
        node.tick(self.now, WALL + self.now)
        result = start(work)
        self._collect(number)
        while not result.done:
            self._step()
        assert result.value is not None
        return result.value

    def _step(self) -> None:
        air = self._air[0][0] if self._air else float("inf")
        wake = self._wakes[0][0] if self._wakes else float("inf")
        self.now = max(self.now, min(air, wake))
        if air <= wake:
            _, _, to, data, by = heapq.heappop(self._air)
            source = self.contacts[by]
            self.nodes[to].receive(data, source.ip, source.port, self.now, WALL + self.now)
            self._collect(to)
            return
        number = heapq.heappop(self._wakes)[1]
        if number not in self.down:
            self.nodes[number].tick(self.now, WALL + self.now)
            self._collect(number)

    def _collect(self, number: int) -> None:
        node = self.nodes[number]
        for out in node.datagrams_to_send():
            self.sent += 1
            to = self.at.get((out.ip, out.port))
            if to is not None and to not in self.down:
                at = self.now + self.random.uniform(*DELAY)
                heapq.heappush(self._air, (at, next(self._order), to, out.data, number))
        due = node.next_timeout()
        if due < self.now + 5:
            heapq.heappush(self._wakes, (max(due, self.now), number))

    def _node(self) -> DhtNode:
        seal = CheapSeal(self.random.randbytes(32))
        return DhtNode(seal, self.networks, self.random, now=self.now, wall=WALL + self.now)

    def _contact(self, node: DhtNode, number: int) -> Contact:
        return contact(node.own.key, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 48_890)

    def _fill(self) -> None:
        """Up to K random contacts in each bucket."""
        order = sorted(self.contacts)
        ids = [each.id for each in order]
        for node in self.nodes:
            for index in range(ID_BITS):
                span = 1 << (ID_BITS - 1 - index)
                low = (node.own.id ^ span) & ~(span - 1)
                first, last = bisect_left(ids, low), bisect_left(ids, low + span)
                inside = range(first, last)
                chosen = inside if len(inside) <= limits.DHT_K else self.random.sample(inside, limits.DHT_K)
                for at in chosen:
                    node.table.add(order[at], self.now)
                near = node.own.id & ~(span - 1)
                if bisect_left(ids, near + span) - bisect_left(ids, near) <= 1:
                    break
            node.events()


def measure(nodes: int, dead: float, reads: int, seed: int) -> Growth:
    """Write `reads // 4` records, let a share of the nodes die, read."""
    world = World(nodes, seed)
    names = [f"skill:item-{n}" for n in range(max(10, reads // 4))]
    sent = world.sent
    for name in names:
        writer = world.random.randrange(nodes)
        record = world.record(name)
        key = name_key(record.pointer.ref)
        world.run(writer, put(world.nodes[writer], key, Place(), record.raw))
    write_messages = (world.sent - sent) / len(names)
    world.down = set(world.random.sample(range(nodes), int(nodes * dead)))
    alive = [number for number in range(nodes) if number not in world.down]
    answered = [node.counts["answered"] for node in world.nodes]
    sent, found, times = world.sent, [], []
    for _ in range(reads):
        reader, name = world.random.choice(alive), world.random.choice(names)
        node = world.nodes[reader]
        began = world.now
        reading: KeyReading = world.run(reader, get(node, name_key(parse_ref(name)), Place()))
        times.append((world.now - began) * 1000)
        found.append(reading)
    times.sort()
    hops = sorted(reading.hops for reading in found if reading.asked)
    given = [node.counts["answered"] - before for node, before in zip(world.nodes, answered, strict=True)]
    return Growth(
        nodes,
        dead,
        sum(hops) / max(1, len(hops)),
        hops[int(len(hops) * 0.95)] if hops else 0,
        times[len(times) // 2],
        times[int(len(times) * 0.95)],
        (world.sent - sent) / reads,
        write_messages,
        100 * sum(1 for reading in found if reading.live) / reads,
        sum(len(node.table) for node in world.nodes) / nodes,
        100 * max(given) / max(1, sum(given)),
    )


def draw(rows: Sequence[Growth]) -> str:
    """The growth of hops and messages over the logarithm of the size, as SVG."""
    living = [row for row in rows if not row.dead]
    width, height, left, bottom = 640, 320, 56, 44
    most = max([5.0, *(row.hops for row in living)]) * 1.15
    low, high = log2(min(row.nodes for row in living)), log2(max(row.nodes for row in living))

    def x(nodes: int) -> float:
        return left + 30 + (log2(nodes) - low) / max(1e-9, high - low) * (width - left - 80)

    def y(value: float) -> float:
        return height - bottom - value / most * (height - bottom - 40)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="20" font-size="14" fill="#222222">Hops to a record, by size of the network (simulated)</text>',
    ]
    for value in range(int(most) + 1):
        parts.append(f'<line x1="{left}" x2="{width - 20}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555555">{value}</text>')
    points = " ".join(f"{x(row.nodes):.1f},{y(row.hops):.1f}" for row in living)
    parts.append(f'<polyline points="{points}" fill="none" stroke="#2563eb" stroke-width="2"/>')
    for row in living:
        parts.append(f'<circle cx="{x(row.nodes):.1f}" cy="{y(row.hops):.1f}" r="4" fill="#2563eb"/>')
        label = f"{row.hops:.2f} hops, {row.read_messages:.1f} datagrams"
        parts.append(f'<text x="{x(row.nodes):.1f}" y="{y(row.hops) - 12:.1f}" text-anchor="middle">{label}</text>')
        parts.append(
            f'<text x="{x(row.nodes):.1f}" y="{height - bottom + 20}" text-anchor="middle" fill="#555555">{row.nodes:,}</text>'
        )
    parts.append(
        f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle" fill="#555555">nodes (logarithmic)</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: Sequence[str]) -> int:
    """Simulate, print one JSON object per line, draw."""
    reader = argparse.ArgumentParser(prog="python -m scenarios.dht_simulation", description=__doc__)
    reader.add_argument("--nodes", type=int, nargs="+", default=[200, 1_000, 10_000])
    reader.add_argument("--dead", type=float, nargs="+", default=[0.0, 0.2, 0.4], help="shares of dead nodes")
    reader.add_argument("--reads", type=int, default=400)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--svg", type=Path)
    asked = reader.parse_args(arguments)
    rows = []
    for nodes in asked.nodes:
        for dead in asked.dead:
            row = measure(nodes, dead, asked.reads, asked.seed)
            rows.append(row)
            print(json.dumps({key: round(value, 3) for key, value in asdict(row).items()}), flush=True)
    if asked.svg:
        asked.svg.write_text(draw(rows), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
