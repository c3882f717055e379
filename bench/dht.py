"""The DHT on loopback, beside stock `kademlia`: 200 nodes in one process, which is reader, writer and network at once.

    python -m bench.dht                    # OODER_BENCH_DHT_NODES=100 and OODER_BENCH_DHT_LIST=2000 make it shorter

Every record of ours is signed and verified; stock keeps plain values. Times are wall clock of one operation after the other.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import resource
import subprocess
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from time import perf_counter, time

from kademlia.network import Server as StockServer

from bench import Row
from node.dht import REFRESH_EVERY
from node.io.clock import SystemClock
from node.io.dht_server import DhtServer
from protocol.dht.contacts import Networks
from protocol.dht.messages import STORED, VALUES, Find, Place, Put, decode, encode_question
from protocol.dht.node import DhtNode
from protocol.dht.reading import get, listing
from protocol.dht.record import Pointer, SignedPointer, name_key, open_pointer, sign_pointer
from protocol.dht.seal import KeySeal
from protocol.dht.writing import PublishReport, index, join, publish, put, put_many, refresh
from protocol.identity import SigningKey
from protocol.refs import Kind, parse_ref

NODES = int(os.environ.get("OODER_BENCH_DHT_NODES", "200"))
LISTED = int(os.environ.get("OODER_BENCH_DHT_LIST", "10000"))
KEYS = 200
STORED_AT_REST = 500
HOST = "127.0.0.1"


class Counted(DhtServer):
    """A node that counts the bytes it sends, those of UDP and IPv4 included."""

    sent = 0

    def _send(self, data: bytes, ip: str, port: int) -> None:
        self.sent += len(data) + 28
        super()._send(data, ip, port)


class Town:
    """Our nodes."""

    def __init__(self) -> None:
        self.random = Random(7)
        self.clock = SystemClock()
        self.nodes: list[Counted] = []
        self.seq = 0

    async def build(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            seal = KeySeal(SigningKey(self.random.randbytes(32)))
            machine = DhtNode(seal, Networks(), self.random, now=loop.time(), wall=time())
            server = Counted(machine, self.clock)
            await server.listen(0, HOST)
            if self.nodes:
                await server.do(join(machine, [(HOST, self.nodes[0].port)]))
            self.nodes.append(server)
        for server in self.nodes:
            await server.do(refresh(server.machine))

    def record(self, name: str, node: int = 0) -> SignedPointer:
        self.seq += 1
        pointer = Pointer(parse_ref(name), "1.2.0", "sha256:" + "ab" * 32, 4711, (f"http://{HOST}:48889",), "A thing")
        key = self.nodes[node].machine.seal.key  # type: ignore[attr-defined]
        raw = sign_pointer(key, pointer, seq=self.seq, issued=time(), life=86_400)
        return open_pointer(raw, time())

    async def read(self, number: int, name: str) -> bool:
        server = self.nodes[number]
        found = await server.do(get(server.machine, name_key(parse_ref(name)), Place()))
        return bool(found.live)

    async def write(self, number: int, name: str) -> int:
        server = self.nodes[number]
        record = self.record(name, number)
        report = await server.do(put(server.machine, name_key(record.pointer.ref), Place(), record.raw))
        return report.replicas(0)

    def kill(self, share: float) -> None:
        alive = [server for server in self.nodes[1:] if not server.machine.closed]
        dead = sum(1 for server in self.nodes if server.machine.closed)
        for server in self.random.sample(alive, int(share * len(self.nodes)) - dead):
            server.stop()

    def alive(self) -> list[int]:
        return [number for number, server in enumerate(self.nodes) if not server.machine.closed]

    def asked(self) -> int:
        return sum(server.machine.counts["asked"] for server in self.nodes)


async def timed(count: int, work: Callable[[int], Awaitable[object]]) -> tuple[list[float], int]:
    """Milliseconds of each, sorted, and how many succeeded."""
    gc.collect()
    times, good = [], 0
    for number in range(count):
        start = perf_counter()
        good += bool(await work(number))
        times.append((perf_counter() - start) * 1000)
    return sorted(times), good


def at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))]


async def ours(rows: dict[str, float]) -> None:
    town = Town()
    start, before = perf_counter(), memory()
    await town.build(NODES)
    rows["rest memory"] = (memory() - before) / NODES
    rows["join"] = (perf_counter() - start) / NODES * 1000
    names = [f"skill:thing-{n}" for n in range(KEYS)]
    times, _ = await timed(KEYS, lambda n: town.write(n % NODES, names[n]))
    rows["write p50"] = at(times, 0.5)
    await reads(town, rows, names, "")
    times, _ = await timed(KEYS, lambda n: town.read(town.random.randrange(NODES), f"skill:nothing-{n}"))
    rows["miss p50"], rows["miss p95"] = at(times, 0.5), at(times, 0.95)
    await sweep(town, rows)
    await serving(town, rows)
    await enumerate_all(town, rows)
    await rest(town, rows)
    await rest_bytes(town, rows)
    for share in (0.2, 0.4):
        town.kill(share)
        await reads(town, rows, names, f"{share:.0%} killed ")
        alive = town.alive()
        times, _ = await timed(30, lambda n, alive=alive: town.write(alive[n % len(alive)], f"skill:late-{n}"))
        rows[f"{share:.0%} killed write p50"] = at(times, 0.5)
    await town.nodes[0].do(publish(town.nodes[0].machine, [town.record(name) for name in names]))
    alive = town.alive()
    _, good = await timed(KEYS, lambda n: town.read(town.random.choice(alive), names[n]))
    rows["after republish"] = good / KEYS * 100
    for server in town.nodes:
        server.stop()


def memory() -> float:
    """MiB of this process now."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize() / 2**20


def memory_of_records(count: int) -> float:
    """MiB that one node needs to keep so many records."""
    gc.collect()
    tracemalloc.start()
    seal = KeySeal(SigningKey(b"m" * 32))
    node = DhtNode(seal, Networks(), Random(1), now=0.0, wall=time())
    for number in range(count):
        pointer = Pointer(parse_ref(f"skill:kept-{number}"), "1.2.0", "sha256:" + "ab" * 32, 1, title="A thing")
        raw = sign_pointer(seal.key, pointer, seq=1, issued=time(), life=86_400)
        signed = open_pointer(raw, time())
        node.store.put(name_key(pointer.ref), signed, "", time())
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / 2**20


async def reads(town: Town, rows: dict[str, float], names: list[str], head: str) -> None:
    alive = town.alive()

    async def one(number: int) -> bool:
        server = town.nodes[town.random.choice(alive)]
        found = await server.do(get(server.machine, name_key(parse_ref(names[number % KEYS])), Place()))
        return bool(found.live)

    times, good = await timed(KEYS, one)
    rows[f"{head}read p50"], rows[f"{head}read p95"] = at(times, 0.5), at(times, 0.95)
    rows[f"{head}success"] = good / KEYS * 100


async def sweep(town: Town, rows: dict[str, float]) -> None:
    """Republishing 1,000 records under their names."""
    owner = town.nodes[3]
    records = [town.record(f"skill:swept-{n}", 3) for n in range(1_000)]
    items = [(name_key(record.pointer.ref), Place(), record.raw) for record in records]
    await owner.do(put_many(owner.machine, items))
    await asyncio.sleep(0.2)
    before, start = town.asked(), perf_counter()
    report = await owner.do(put_many(owner.machine, items))
    rows["sweep s"] = perf_counter() - start
    rows["sweep messages"] = (town.asked() - before) / len(items)
    rows["sweep replicas"] = min(statuses.count(STORED) for statuses in report.statuses)


async def serving(town: Town, rows: dict[str, float]) -> None:
    """One node alone, datagrams handed to it: reads of a stored record, and puts of new ones with their check."""
    node = next(server.machine for server in town.nodes if server.machine.store.count)
    held = next(iter(node.store))
    now, wall = node.now, time()
    node.receive(encode_question(b"a" * 20, Find(b"s" * 32, held.key, 0)), HOST, 1, now, wall)
    token = decode(node.datagrams_to_send()[-1].data, HOST).body.token  # type: ignore[union-attr]
    data = encode_question(b"a" * 20, Find(b"s" * 32, held.key, VALUES, token))
    count, start = 20_000, perf_counter()
    for number in range(count):
        node.receive(data, HOST, 1, now + number / 200, wall)
        node.datagrams_to_send()
    rows["reads/s"] = count / (perf_counter() - start)
    fresh = [town.record(f"skill:put-{n}") for n in range(1_000)]
    puts = [
        encode_question(b"a" * 20, Put(b"s" * 32, token, ((name_key(each.pointer.ref), Place(), each.raw),)))
        for each in fresh
    ]
    start = perf_counter()
    for number, put_data in enumerate(puts):
        node.receive(put_data, HOST, 1, now + number / 200, wall)
        node.datagrams_to_send()
    rows["writes/s"] = len(puts) / (perf_counter() - start)


async def enumerate_all(town: Town, rows: dict[str, float]) -> None:
    """Listing every record of one kind."""
    owner = town.nodes[5]
    records = [town.record(f"scene:listed-{n}", 5) for n in range(LISTED)]
    report = PublishReport()
    start = perf_counter()
    await owner.do(index(owner.machine, records, report, only="*"))
    rows["index publish s"] = perf_counter() - start
    served = {id(server): server.machine.counts["answered"] for server in town.nodes}
    reader = town.nodes[9]
    gc.collect()
    start = perf_counter()
    found = await reader.do(listing(reader.machine, Kind.SCENE, "*"))
    rows["list s"] = perf_counter() - start
    rows["list found"] = len(found.records) / LISTED * 100
    shares = [server.machine.counts["answered"] - served[id(server)] for server in town.nodes]
    rows["list share"] = max(shares) / max(1, sum(shares)) * 100


async def rest(town: Town, rows: dict[str, float]) -> None:
    """Ten idle seconds of all nodes, records and timers included."""
    sent = town.asked()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    before, start = usage.ru_utime + usage.ru_stime, perf_counter()
    await asyncio.sleep(10)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent = usage.ru_utime + usage.ru_stime - before
    rows["rest cpu"] = spent / (perf_counter() - start) / NODES * 100
    rows["rest questions"] = (town.asked() - sent) / NODES / 10


async def rest_bytes(town: Town, rows: dict[str, float]) -> None:
    """What a node sends and hears in the long run: it refreshes its table, and repeats every hour what it publishes. In a network
    where everybody publishes alike, who stores `STORED_AT_REST` copies for others publishes as many."""

    async def sent_by(work: Callable[[], Awaitable[object]]) -> float:
        before = sum(server.sent for server in town.nodes)
        await work()
        await asyncio.sleep(0.2)
        return float(sum(server.sent for server in town.nodes) - before)

    some = town.nodes[20:40]

    async def refreshed() -> None:
        for server in some:
            await server.do(refresh(server.machine))

    publisher = town.nodes[11]
    records = [town.record(f"skill:resting-{n}", 11) for n in range(25)]
    before = sum(server.machine.store.count for server in town.nodes)
    await publisher.do(publish(publisher.machine, records))
    copies = sum(server.machine.store.count for server in town.nodes) - before
    swept = await sent_by(lambda: publisher.do(publish(publisher.machine, records)))
    refreshing = await sent_by(refreshed) / len(some) / REFRESH_EVERY
    rows["rest kB/s"] = 2 * (refreshing + swept / copies * STORED_AT_REST / 3_600) / 1_000


async def stock(rows: dict[str, float]) -> None:
    logging.getLogger("rpcudp").setLevel(logging.CRITICAL)
    logging.getLogger("kademlia").setLevel(logging.CRITICAL)
    random, nodes = Random(7), []
    for _ in range(NODES):
        server = StockServer()
        await server.listen(0, HOST)
        if nodes:
            await server.bootstrap([(HOST, nodes[0].transport.get_extra_info("sockname")[1])])
        nodes.append(server)
    value = "x" * 300
    times, _ = await timed(KEYS, lambda n: nodes[n % NODES].set(f"thing-{n}", value))
    rows["write p50"] = at(times, 0.5)
    times, _ = await timed(KEYS, lambda n: random.choice(nodes).get(f"thing-{n}"))
    rows["read p50"], rows["read p95"] = at(times, 0.5), at(times, 0.95)
    times, _ = await timed(KEYS, lambda n: random.choice(nodes).get(f"nothing-{n}"))
    rows["miss p50"], rows["miss p95"] = at(times, 0.5), at(times, 0.95)
    dead = random.sample(nodes[1:], int(0.2 * NODES))
    for server in dead:
        server.stop()
    alive = [server for server in nodes if server not in dead]
    times, good = await timed(8, lambda n: random.choice(alive).get(f"thing-{n}"))
    rows["20% killed read p50"], rows["20% killed read p95"] = at(times, 0.5), at(times, 0.95)
    rows["20% killed success"] = good / 8 * 100
    times, _ = await timed(2, lambda n: random.choice(alive).set(f"late-{n}", value))
    rows["20% killed write p50"] = at(times, 0.5)
    for server in alive:
        server.stop()


AIMS = (
    ("read p50", "ms", "<= 1"),
    ("read p95", "ms", "<= 2"),
    ("miss p50", "ms", "<= 6"),
    ("write p50", "ms", "<= 9"),
    ("join", "ms", ""),
    ("20% killed read p50", "ms", "<= 2"),
    ("20% killed read p95", "ms", "<= 60"),
    ("20% killed success", "%", ">= 99.9"),
    ("20% killed write p50", "ms", "<= 250"),
    ("40% killed read p50", "ms", "<= 2"),
    ("40% killed read p95", "ms", "<= 60"),
    ("40% killed success", "%", ">= 99.9"),
    ("40% killed write p50", "ms", "<= 250"),
    ("after republish", "%", "100"),
    ("sweep s", "s", "<= 1.5"),
    ("sweep messages", "questions/record", "<= 6"),
    ("sweep replicas", "nodes", "20"),
    ("list s", "s", "<= 3"),
    ("list found", "%", "100"),
    ("list share", "% of answers by one node", "<= 3"),
    ("index publish s", "s", ""),
    ("reads/s", "1/s", ">= 5,000"),
    ("writes/s", "1/s", "stated"),
    ("rest cpu", "% of a core per node", "<= 0.5"),
    ("rest memory", "MiB of a node that has joined", "<= 15"),
    ("500 records", "MiB", "<= 15"),
    ("rest questions", "1/s per node", "<= 1"),
    ("rest kB/s", "sent and heard by a node that stores 500 copies", "<= 1"),
)


def opendht() -> dict[str, float]:
    """The same with opendht, where `OODER_BENCH_OPENDHT` names an interpreter that has it; in a network of its own for root."""
    python = os.environ.get("OODER_BENCH_OPENDHT", "")
    if not python:
        return {}
    command = [python, str(Path(__file__).with_name("dht_opendht.py")), str(NODES), str(KEYS)]
    if os.geteuid() == 0:
        command = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$0" "$@"', *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def run() -> list[Row]:
    """Measure all, one after the other."""
    mine: dict[str, float] = {}
    other: dict[str, float] = {}
    mine["500 records"] = memory_of_records(500)
    asyncio.run(ours(mine))
    asyncio.run(stock(other))
    rows = [
        Row(f"dht, {NODES} nodes: {what}", mine[what], unit, aim, other.get(what), "stock kademlia")
        for what, unit, aim in AIMS
        if what in mine
    ]
    units = {what: (unit, aim) for what, unit, aim in AIMS}
    return rows + [
        Row(f"dht, {NODES} nodes: {what}", mine[what], *units[what], value, "opendht (C++, unsigned, 8 replicas)")
        for what, value in opendht().items()
        if what in mine and what in units
    ]


if __name__ == "__main__":
    print(*run(), sep="\n")
