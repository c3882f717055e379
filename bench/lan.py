"""The local network in namespaces: who is seen when, what it costs to be there, and what a flood does. Needs root.

Up to 25 nodes share one process and one core here, each in its own namespace, so figures include the work of the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median, quantiles

from bench import Row
from bench.lan_foreign import await_room
from bench.lan_node import provider
from bench.lan_peers import beside
from protocol.announce import compose
from protocol.beacon import Beacon
from protocol.identity import SigningKey
from protocol.lan_events import BeaconConfig, Event, Interface, Offer, PeerAppeared, PeerReturned
from protocol.lan_extension import Extension
from protocol.lan_seal import KeySeal
from protocol.lan_text import AgentAnnounce
from protocol.peers import PeerState
from scenarios.netns import NetLab, neighbour_overflows, why_not

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Node:
    """A node of this process, in a namespace."""

    def __init__(self, lab: NetLab, host: str, seed: int, group: asyncio.TaskGroup) -> None:
        self.host, self.seen = host, dict[str, float]()
        self.provider, self.ports = provider(seed, within=lambda: lab.inside(host))
        self.key = self.ports.seal.key
        self.provider.on_event = self._saw
        self.started = time.perf_counter()
        told = self.provider.interfaces

        def opened(interfaces: tuple[Interface, ...]) -> None:
            self.started = time.perf_counter()  # its sockets are open
            told(interfaces)

        self.provider.interfaces = opened  # type: ignore[method-assign]
        self.task = group.create_task(self.provider.run(lambda report: None))

    def _saw(self, event: Event) -> None:
        if isinstance(event, PeerAppeared | PeerReturned):
            self.seen[event.peer.key] = time.perf_counter()

    def knows(self, other: Node) -> bool:
        beacon = self.provider.beacon
        peer = beacon.peers.get(other.key) if beacon else None
        return peer is not None and peer.state is PeerState.FRESH


async def until(done: Callable[[], bool], seconds: float = 30.0, every: float = 0.001) -> float:
    """Seconds until `done()`, asked every so often; asking about many nodes takes the time that they need themselves."""
    start = time.perf_counter()
    while not done() and time.perf_counter() - start < seconds:
        await asyncio.sleep(every)
    return time.perf_counter() - start


def all_know(nodes: list[Node]) -> bool:
    return all(a.knows(b) for a in nodes for b in nodes if a is not b)


@asynccontextmanager
async def office(lab: NetLab, count: int, loss: float = 0.0) -> AsyncIterator[tuple[list[Node], asyncio.TaskGroup]]:
    hosts = [lab.host(f"h{number}", "l").name for number in range(count)]
    for host in hosts if loss else ():
        lab.loss(host, loss)
    async with asyncio.TaskGroup() as group:
        nodes = [Node(lab, host, number, group) for number, host in enumerate(hosts)]
        try:
            yield nodes, group
        finally:
            for node in nodes:
                node.task.cancel()


def spread(values: list[float]) -> tuple[float, float]:
    return median(values), quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


@contextlib.contextmanager
def lab() -> Iterator[NetLab]:
    await_room()
    with NetLab() as made:
        made.lan("l", "10.77.0.0/16")
        yield made


async def newcomers(net: NetLab, count: int, rounds: int = 12) -> list[Row]:
    """A node starts beside `count` running ones: how long until each of them lists it."""
    took: list[float] = []
    async with office(net, count) as (nodes, group):
        net.host("late", "l")
        await until(lambda: all_know(nodes))
        await asyncio.sleep(2.0)  # they run; what happens while they start is `together`
        for number in range(rounds):
            late = Node(net, "late", 500 + number, group)
            await until(lambda late=late: all(node.knows(late) for node in nodes), 5.0, 0.01)
            took += [node.seen.get(late.key, late.started + 5.0) - late.started for node in nodes]
            late.task.cancel()
            await until(lambda late=late: not any(node.knows(late) for node in nodes), 5.0)
    middle, most = spread(took)
    return [
        Row(f"newcomer seen by {count} running nodes, p50", middle * 1000, "ms", "<= 20"),
        Row(f"newcomer seen by {count} running nodes, p95", most * 1000, "ms", "<= 150"),
    ]


async def together(net: NetLab, count: int, loss: float) -> list[Row]:
    async with office(net, count, loss) as (nodes, _):
        start = nodes[0].started
        await until(lambda: all_know(nodes), every=0.02)
        pairs = [node.seen.get(other.key, start + 30) - start for node in nodes for other in nodes if other is not node]
    _, most = spread(pairs)
    if loss:
        return [Row(f"{count} nodes started together, {loss:.0f} % loss, pairs p95", most, "s", "<= 1.5")]
    return [Row(f"{count} nodes started together: all see all", max(pairs), "s", "<= 1")]


async def solicited(net: NetLab, count: int = 25, rounds: int = 30) -> list[Row]:
    """A stranger asks with a padded question from an own port; every node answers by unicast."""
    firsts, lasts = [], []
    async with office(net, count) as (nodes, _):
        await until(lambda: all_know(nodes))
        asker = net.host("asker", "l")
        with net.inside("asker"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setblocking(False)
        sock.bind((asker.ip, 0))
        loop = asyncio.get_running_loop()
        for number in range(rounds):
            await asyncio.sleep(0.6)  # two answers per second and address are allowed
            start, times = time.perf_counter(), list[float]()
            sock.sendto(b"DISCOVERY_REQUEST:who;;;;%016x;0;".ljust(1024, b" ") % number, ("255.255.255.255", 48888))
            with contextlib.suppress(TimeoutError):
                while len(times) < count:
                    await asyncio.wait_for(loop.sock_recv(sock, 2048), 0.2)
                    times.append(time.perf_counter() - start)
            if times:
                firsts.append(times[0])
                lasts.append(times[-1] if len(times) == count else 0.2)
        sock.close()
    return [
        Row(f"solicited answer of {count} nodes, first, p50", median(firsts) * 1000, "ms", "<= 5"),
        Row(f"solicited answer of {count} nodes, all, p50", median(lasts) * 1000, "ms", "<= 30"),
    ]


async def departures(net: NetLab) -> list[Row]:
    async with office(net, 10) as (nodes, _):
        await until(lambda: all_know(nodes))
        nodes[9].task.cancel()
        start = time.perf_counter()
        goodbye = await until(lambda: not any(node.knows(nodes[9]) for node in nodes[:9]))
        await asyncio.sleep(1.0)
        net.link("h8", "down")
        start = time.perf_counter()
        await until(lambda: not any(node.knows(nodes[8]) for node in nodes[:8]))
        crash = time.perf_counter() - start
        net.split("l", ["h0", "h1", "h2", "h3"])
        await until(lambda: not any(a.knows(b) for a in nodes[:4] for b in nodes[4:8]), 20.0)
        net.heal("l")
        healed = await until(lambda: all_know(nodes[:8]))
    return [
        Row("goodbye seen by 9 nodes", goodbye * 1000, "ms", "<= 100"),
        Row("crash not shown as fresh by 8 nodes", crash, "s", "<= 8"),
        Row("partition of 4 and 4 healed", healed, "s", "<= 2"),
    ]


async def idle(net: NetLab, seconds: float = 20.0) -> list[Row]:
    async with office(net, 25) as (nodes, _):
        await until(lambda: all_know(nodes))
        await asyncio.sleep(5.0)

        def sent() -> int:
            return sum(each.sent_bytes for node in nodes for each in node.ports.sockets.traffic.values())

        cpu, data = time.process_time(), sent()
        await asyncio.sleep(seconds)
        cpu, data = time.process_time() - cpu, sent() - data
    return [
        Row("idle among 25, processor per node", cpu / seconds / 25 * 100, "% of a core", "<= 0.5"),
        Row("idle among 25, sent per node", data / seconds / 25, "B/s", "<= 1,000"),
    ]


FLOOD = """
import socket, sys, time
bad, seconds, rate = bytes.fromhex(sys.argv[1]), float(sys.argv[2]), 20000
socks = []
for ip in sys.argv[3:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.bind((ip, 0)); socks.append(s)
start, n = time.monotonic(), 0
while (now := time.monotonic() - start) < seconds:
    while n < now * rate:
        junk = bad[:-8] + n.to_bytes(8, 'big')
        socks[n % len(socks)].sendto(junk, ('10.77.255.255', 48888)); n += 1
    time.sleep(0.001)
print(n)
"""


def usage(pid: int) -> tuple[float, float]:
    """(processor seconds, resident MiB) of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGESIZE") / (1 << 20)


def forged() -> bytes:
    """A well-formed announcement with a signature that does not hold."""
    seal = KeySeal(SigningKey(Random(77).randbytes(32)))
    extension = Extension(seal.agent_id(seal.key), bytes(8), 1, int(time.time() * 1000))
    data = compose(AgentAnnounce(extension.agent_id, device_name="evil"), extension, seal)
    assert data is not None
    return data


def python(net: NetLab, host: str, *argv: str) -> subprocess.Popen[str]:
    return net.popen(host, [sys.executable, *argv], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def cold(net: NetLab, rounds: int = 10) -> list[Row]:
    """From exec to the first peer, beside the start of a bare interpreter with asyncio: the beacon's provider with its keys and
    sockets, and no more of a node; then the whole of one."""
    for name in ("one", "two"):
        net.host(name, "l")
    running, took, bare = python(net, "one", "-m", "bench.lan_node", "1"), [], []
    time.sleep(1.5)
    for number in range(rounds):
        start = time.perf_counter()
        process = python(net, "two", "-m", "bench.lan_node", str(100 + number))
        assert process.stdout is not None
        process.stdout.readline()
        took.append(time.perf_counter() - start)
        process.kill()
        process.wait()
        start = time.perf_counter()
        net.run("two", [sys.executable, "-c", "import asyncio"])
        bare.append(time.perf_counter() - start)
    running.kill()
    return [
        Row(
            "cold process, exec to first peer",
            median(took) * 1000,
            "ms",
            "<= 200",
            median(bare) * 1000,
            "bare interpreter",
        ),
        Row("cold `ooder serve`, new home, exec to seen", median(_serves(net)) * 1000, "ms"),
    ]


def _serves(net: NetLab, rounds: int = 3) -> Iterator[float]:
    """Seconds until a running neighbour lists a whole node that was started for the first time."""
    ear = python(net, "one", "-m", "bench.lan_node", "2")
    assert ear.stdout is not None
    time.sleep(1.5)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            start = time.perf_counter()
            words = [sys.executable, "-m", "node", "serve", "--no-browser"]
            node = net.popen("two", words, cwd=ROOT, env={**os.environ, "OODER_HOME": home}, stderr=subprocess.DEVNULL)
            ear.stdout.readline()
            yield time.perf_counter() - start
            node.kill()
            node.wait()
    ear.kill()


def flood(net: NetLab, sources: int, seconds: float = 10.0) -> list[Row]:
    """20,000 forged announcements per second; a newcomer must still be seen."""
    for name in ("victim", "old", "new", "evil"):
        net.host(name, "l")
    evil = [net.hosts["evil"].ip, *(f"10.77.9.{number}" for number in range(1, sources))]
    for ip in evil[1:]:
        net.run("evil", ["ip", "addr", "add", f"{ip}/16", "dev", "eth0"])
    victim, old = python(net, "victim", "-m", "bench.lan_node", "1"), python(net, "old", "-m", "bench.lan_node", "2")
    assert victim.stdout is not None
    victim.stdout.readline()
    time.sleep(2.0)
    cpu, memory = usage(victim.pid)
    attack = python(net, "evil", "-c", FLOOD, forged().hex(), str(seconds), *evil)
    time.sleep(2.0)
    start = time.perf_counter()
    new = python(net, "new", "-m", "bench.lan_node", "3")
    victim.stdout.readline()
    seen = time.perf_counter() - start
    sent, _ = attack.communicate(timeout=seconds + 30)
    after, grown = usage(victim.pid)
    for process in (victim, old, new):
        process.kill()
    what = f"flood 20,000/s from {sources} address{'es' if sources > 1 else ''}"
    return [
        Row(f"{what}: newcomer's exec to seen", seen, "s", "<= 2"),
        Row(f"{what}: processor", (after - cpu) / seconds * 100, "% of a core", "<= 30"),
        Row(f"{what}: memory", grown - memory, "MiB", "<= 20"),
        Row(f"{what}: sent indeed", int(sent) / seconds, "1/s"),
        Row(f"{what}: processor for each", (after - cpu) / int(sent) * 1e6, "us"),
    ]


def million(count: int = 1_000_000) -> list[Row]:
    """Forged announcements, each from another address and with another signature, straight into the machine."""
    seal = KeySeal(SigningKey(bytes(range(32))))
    offer = Offer(seal.agent_id(seal.key))
    beacon = Beacon(BeaconConfig(), offer, seal, seal.key, bytes(8), Random(1), now=0.0, wall=time.time())
    data = forged()
    before = usage(os.getpid())[1]
    start = time.perf_counter()
    for number in range(count):
        now = number / 16_666
        forgery = data[:-8] + number.to_bytes(8, "big")
        beacon.receive(forgery, f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 9, "eth0", now)
        if number % 1_000 == 0:
            beacon.tick(now, time.time())
            beacon.events()
    each = (time.perf_counter() - start) / count * 1e6
    return [
        Row(f"{count:,} forged announcements, memory", usage(os.getpid())[1] - before, "MiB", "<= 50"),
        Row(f"{count:,} forged announcements, each", each, "us"),
    ]


def run() -> list[Row]:
    """All figures; none without root."""
    if why_not():
        print(f"bench.lan skipped: {why_not()}")
        return []
    rows, overflows = [], neighbour_overflows()
    for count in (10, 25):
        with lab() as net:
            rows += asyncio.run(newcomers(net, count))
    for loss in (0.0, 30.0):
        with lab() as net:
            rows += asyncio.run(together(net, 25, loss))
    for story in (solicited, departures, idle):
        with lab() as net:
            rows += asyncio.run(story(net))
    with lab() as net:
        rows += cold(net)
    for sources in (1, 230):
        with lab() as net:
            rows += flood(net, sources)
    rows += million()
    rows = beside(rows)
    if neighbour_overflows() != overflows:
        rows.append(
            Row("INVALID: the machine's neighbour table overflowed", neighbour_overflows() - overflows, "times")
        )
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
