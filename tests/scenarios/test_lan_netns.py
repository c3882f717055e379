"""Real sockets in network namespaces: discovery, goodbye, crash, partition, loss, shared hosts. One process is all hosts."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from zeroconf import DNSOutgoing, ServiceInfo

from node.io.datagrams import LanSockets
from node.io.mdns import ZeroconfMdns
from protocol.dnssd import SERVICE
from protocol.lan_events import Event, PeerLeft
from protocol.peers import PeerState
from scenarios.netns import NetLab, sweep, why_not
from sources.mdns_dns_sd import Published
from sources.udp_broadcast import Config, Provider, make
from tests.fakes.lan_ports import LanPorts

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")]


class Node:
    """One node of the story, with what it saw."""

    def __init__(self, lab: NetLab, host: str, number: int, group: asyncio.TaskGroup) -> None:
        self.sockets = LanSockets(within=lambda: lab.inside(host))
        ports = LanPorts(number, lambda: self.sockets, name=host)
        self.key, self.events, self._loop = ports.seal.key, [], asyncio.get_running_loop()
        self.provider: Provider = make(Config(), ports)
        self.provider.on_event = self._saw
        self.started = self._loop.time()
        self.task = group.create_task(self.provider.run(lambda report: None))

    def _saw(self, event: Event) -> None:
        self.events.append((self._loop.time(), event))

    def knows(self, other: Node) -> bool:
        beacon = self.provider.beacon
        peer = beacon.peers.get(other.key) if beacon else None
        return peer is not None and peer.state is PeerState.FRESH


async def until(done: Callable[[], bool], seconds: float) -> float:
    """How long it took until `done()`; fails after `seconds`."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    while not done():
        assert loop.time() - start < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.002)
    return loop.time() - start


def all_know(nodes: list[Node]) -> bool:
    return all(a.knows(b) for a in nodes for b in nodes if a is not b)


@pytest.fixture
def lab() -> Iterator[NetLab]:
    with NetLab() as lab:
        lab.lan("l", "10.77.1.0/24")
        yield lab


@asynccontextmanager
async def office(lab: NetLab, count: int) -> AsyncIterator[tuple[list[Node], asyncio.TaskGroup]]:
    hosts = [lab.host(f"h{number}", "l").name for number in range(count)]
    async with asyncio.TaskGroup() as group:
        nodes = [Node(lab, host, number, group) for number, host in enumerate(hosts)]
        try:
            yield nodes, group
        finally:
            for node in nodes:
                node.task.cancel()


async def test_ten_nodes_find_each_other_and_a_newcomer_is_seen_at_once(lab: NetLab) -> None:
    async with office(lab, 10) as (nodes, group):
        assert await until(lambda: all_know(nodes), 5) < 5
        lab.host("late", "l")
        late = Node(lab, "late", 99, group)
        nodes.append(late)
        assert await until(lambda: all_know(nodes), 5) < 5  # how fast it is: bench/lan.py


async def test_a_goodbye_is_seen_at_once_and_a_crash_within_eight_seconds(lab: NetLab) -> None:
    async with office(lab, 4) as (nodes, _):
        await until(lambda: all_know(nodes), 2.0)
        nodes[3].task.cancel()
        await until(lambda: not nodes[0].knows(nodes[3]), 0.1)
        assert any(isinstance(event, PeerLeft) and event.peer.reason == "goodbye" for _, event in nodes[0].events)
        lab.link("h2", "down")
        await until(lambda: not nodes[0].knows(nodes[2]) and not nodes[1].knows(nodes[2]), 8.0)


async def test_a_healed_partition_is_whole_within_two_seconds(lab: NetLab) -> None:
    async with office(lab, 6) as (nodes, _):
        await until(lambda: all_know(nodes), 2.0)
        lab.split("l", ["h3", "h4", "h5"])
        await until(lambda: not any(a.knows(b) for a in nodes[:3] for b in nodes[3:]), 9.0)
        lab.heal("l")
        await until(lambda: all_know(nodes), 2.0)


async def test_a_third_of_the_frames_may_be_lost(lab: NetLab) -> None:
    async with office(lab, 3) as (nodes, group):
        for number in range(3):
            lab.loss(f"h{number}", 30)
        lab.host("late", "l")
        late = Node(lab, "late", 99, group)
        nodes.append(late)
        await until(lambda: all_know(nodes), 12.0)


async def test_two_nodes_on_one_host_do_not_take_each_others_mail(lab: NetLab) -> None:
    async with office(lab, 2) as (nodes, group):
        nodes.append(Node(lab, "h0", 50, group))
        await until(lambda: all_know(nodes), 1.0)


async def test_a_taken_port_means_speaking_only(lab: NetLab) -> None:
    lab.host("busy", "l")
    with lab.inside("busy"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as java:
        java.bind(("", 48888))
        async with office(lab, 2) as (nodes, group):
            busy = Node(lab, "busy", 77, group)
            nodes.append(busy)
            await until(lambda: all_know(nodes), 1.0)
            assert busy.provider.problem == "lan.port_taken"


async def test_an_interface_that_comes_late_is_noticed(lab: NetLab) -> None:
    async with office(lab, 2) as (nodes, _):
        await until(lambda: all_know(nodes), 1.0)
        subprocess.run(lab.argv("h1", ["ip", "addr", "flush", "dev", "eth0"]), check=True)
        subprocess.run(lab.argv("h1", ["ip", "addr", "add", "10.77.1.99/24", "brd", "+", "dev", "eth0"]), check=True)

        def moved() -> bool:
            beacon = nodes[0].provider.beacon
            peer = beacon.peers.get(nodes[1].key) if beacon else None
            return peer is not None and peer.addresses[0].ip == "10.77.1.99"

        await until(moved, 2.0)


async def test_hosts_without_ipv4_find_each_other(lab: NetLab) -> None:
    for number in range(2):
        host = lab.host(f"six{number}", "l").name
        lab.run(host, ["ip", "addr", "flush", "dev", "eth0", "scope", "global"])
    async with asyncio.TaskGroup() as group:
        nodes = [Node(lab, f"six{number}", number, group) for number in range(2)]
        await until(lambda: all_know(nodes), 5.0)
        for node in nodes:
            node.task.cancel()


async def test_a_host_with_ipv6_alone_and_one_with_both_find_each_other_whoever_comes_first(lab: NetLab) -> None:
    for name in ("both", "six", "later"):
        lab.host(name, "l")
    lab.run("six", ["ip", "addr", "flush", "dev", "eth0", "scope", "global"])
    async with asyncio.TaskGroup() as group:
        nodes = [Node(lab, "both", 0, group), Node(lab, "six", 1, group)]
        await until(lambda: all_know(nodes), 2.0)
        nodes.append(Node(lab, "later", 2, group))
        await until(lambda: all_know(nodes), 8.0)
        await asyncio.sleep(9.0)
        assert all_know(nodes), "and they stay fresh for each other"
        for node in nodes:
            node.task.cancel()


def test_what_a_killed_run_leaves_behind_is_swept() -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = f"ood-{dead.pid}-0-left"
    subprocess.run(["ip", "netns", "add", name], check=True)
    assert name in sweep() and not Path(f"/run/netns/{name}").exists()


async def test_mdns_publishes_is_found_at_once_and_says_goodbye(lab: NetLab) -> None:
    names = [lab.host(f"m{number}", "l").name for number in range(3)]
    found: dict[str, float] = {}
    lost: list[str] = []
    loop = asyncio.get_running_loop()

    def service(number: int) -> Published:
        return Published(f"n{number}.{SERVICE}", SERVICE, f"n{number}", 48889, {"agentId": f"node-{number}".encode()})

    def mdns(name: str) -> ZeroconfMdns:
        return ZeroconfMdns(within=lambda: lab.inside(name))

    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(mdns(names[n]).run(service(n), (SERVICE,), lambda f: None, lost.append)) for n in (0, 1)
        ]
        await asyncio.sleep(0.5)
        start = loop.time()
        running.append(
            group.create_task(
                mdns(names[2]).run(
                    None, (SERVICE,), lambda f: found.setdefault(f.name, loop.time() - start), lost.append
                )
            )
        )
        await until(lambda: len(found) == 2, 1.0)
        assert max(found.values()) < 0.3
        running[1].cancel()
        await until(lambda: f"n1.{SERVICE}" in lost, 1.5)
        for task in running:
            task.cancel()


async def test_an_address_counts_only_when_its_holder_speaks_for_the_service(lab: NetLab) -> None:
    here, liar = lab.host("here", "l"), lab.host("liar", "l")
    victim = lab.host("victim", "l")
    found: dict[str, tuple[str, ...]] = {}
    mdns = ZeroconfMdns(within=lambda: lab.inside(here.name))
    listening = asyncio.create_task(
        mdns.run(None, (SERVICE,), lambda f: found.setdefault(f.name, f.addresses), lambda name: None)
    )
    with lab.inside(liar.name):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind((liar.ip, 5353))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(liar.ip))

        def say(name: str, *addresses: str) -> None:
            said = DNSOutgoing(0x8400)
            where = [socket.inet_aton(ip) for ip in addresses]
            info = ServiceInfo(
                SERVICE,
                f"{name}.{SERVICE}",
                48889,
                properties={"agentId": name},
                addresses=where,
                server=f"{name}.local.",
            )
            for record in (info.dns_pointer(), info.dns_service(), info.dns_text(), *info.dns_addresses()):
                said.add_answer_at_time(record, 0)
            sock.sendto(said.packets()[0], ("224.0.0.251", 5353))

        await until(lambda: bool(mdns.interfaces), 2.0)

        def both() -> bool:
            say("lie", victim.ip)
            say("half", victim.ip, liar.ip)
            return len(found) == 2

        await until(both, 3.0)
    listening.cancel()
    assert found == {f"lie.{SERVICE}": (), f"half.{SERVICE}": (liar.ip,)}
