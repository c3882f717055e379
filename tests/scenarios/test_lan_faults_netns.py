"""What happens to a node's sockets: interfaces that vanish while it speaks, no network at all, no right to the port."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.io.mdns import ZeroconfMdns
from protocol.dnssd import SERVICE
from protocol.lan_events import Interface, Outgoing
from scenarios.netns import NetLab, why_not
from sources.mdns_services import Found
from tests.scenarios.test_lan_netns import Node, until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")]


@pytest.fixture
def lab() -> Iterator[NetLab]:
    with NetLab() as lab:
        lab.lan("l", "10.77.1.0/24")
        yield lab


@asynccontextmanager
async def pair(lab: NetLab) -> AsyncIterator[tuple[Node, Node]]:
    for name in ("here", "there"):
        lab.host(name, "l")
    async with asyncio.TaskGroup() as group:
        nodes = Node(lab, "here", 1, group), Node(lab, "there", 2, group)
        try:
            await until(lambda: nodes[0].knows(nodes[1]) and nodes[1].knows(nodes[0]), 2.0)
            yield nodes
        finally:
            for node in nodes:
                node.task.cancel()


def names(node: Node) -> set[str]:
    return {interface.name for interface in node.sockets._mouths}


async def test_an_interface_that_vanishes_while_we_speak_costs_only_itself(lab: NetLab) -> None:
    async with pair(lab) as (here, there):
        cable = ["ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1"]
        up = ["sh", "-c", "ip addr add 10.99.0.1/24 brd + dev cable0; ip link set cable0 up; ip link set cable1 up"]
        for command in (cable, up):
            lab.run("here", command)
        await until(lambda: "cable0" in names(here), 2.0)
        lab.run("here", ["ip", "link", "del", "cable0"])
        for _ in range(200):  # before and after it is noticed
            here.sockets.send(Outgoing(b"OODE\x08\x00\x01x"))
            await asyncio.sleep(0.005)
        assert names(here) == {"eth0"} and here.sockets.traffic["cable0"].failed
        assert here.knows(there) and there.knows(here) and not here.sockets.problem


async def test_the_only_interface_may_go_and_come_back(lab: NetLab) -> None:
    async with pair(lab) as (here, there):
        lab.run("here", ["ip", "link", "set", "lo", "down"])
        lab.run("here", ["ip", "addr", "flush", "dev", "eth0"])
        lab.run("here", ["ip", "-6", "addr", "flush", "dev", "eth0"])
        await until(lambda: not names(here), 2.0)
        assert here.sockets.problem == "lan.no_interface"
        here.sockets.send(Outgoing(b"x"))
        here.sockets.send(Outgoing(b"x", "10.77.1.12"))
        await until(lambda: not there.knows(here), 9.0)
        lab.run("here", ["ip", "addr", "add", "10.77.1.11/24", "brd", "+", "dev", "eth0"])
        await until(lambda: here.knows(there) and there.knows(here), 2.0)
        assert not here.sockets.problem


async def test_mdns_waits_for_a_network_and_starts_when_there_is_one(lab: NetLab) -> None:
    lab.host("late", "l")
    for words in (["ip", "link", "set", "lo", "down"], ["ip", "addr", "flush", "dev", "eth0"]):
        lab.run("late", words)
    lab.run("late", ["ip", "-6", "addr", "flush", "dev", "eth0"])
    found: list[Found] = []
    mdns = ZeroconfMdns(within=lambda: lab.inside("late"))
    task = asyncio.create_task(mdns.run(None, (SERVICE,), found.append, lambda name: None))
    await asyncio.sleep(0.2)
    assert not task.done() and mdns.interfaces == ()
    lab.run("late", ["ip", "addr", "add", "10.77.1.40/24", "brd", "+", "dev", "eth0"])
    await until(lambda: mdns.interfaces != (), 2.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


LIMITS = "/proc/sys/net/ipv4"
SPEAKS = """
import asyncio, os
from node.io.datagrams import LanSockets
from protocol.lan_events import Outgoing
os.setgroups([]); os.setgid(65534); os.setuid(65534)
class Ear:
    heard = 0
    def datagram(self, data, ip, port, iface): Ear.heard += 1
    def drained(self): pass
    def interfaces(self, interfaces): pass
async def main():
    sockets = LanSockets()
    sockets.open(Ear())
    sockets.send(Outgoing(b"OODE\\x08\\x00\\x01x"))
    print(sockets.problem, sockets.traffic["eth0"].sent, flush=True)
    sockets.close()
asyncio.run(main())
"""


def test_without_the_right_to_the_port_a_node_speaks_and_says_so(lab: NetLab) -> None:
    lab.host("strict", "l")
    lab.run(
        "strict",
        [
            "sh",
            "-c",
            f"echo 60000 61000 > {LIMITS}/ip_local_port_range; echo 50000 > {LIMITS}/ip_unprivileged_port_start",
        ],
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = lab.run(
        "strict", [sys.executable, "-c", SPEAKS], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["lan.port_refused", "2"], done.stderr


def test_a_node_without_any_network_runs_and_says_what_is_wrong(tmp_path: Path) -> None:
    """The command line in a namespace where not even the loopback is up."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OODER_")}
    environment = {**kept, "OODER_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "OODER_LANG": "en"}

    def ooder(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["unshare", "-n", sys.executable, "-m", "node", *words]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    for source in ("udp_broadcast", "mdns_dns_sd"):
        done = ooder("scan", "--source", source)
        said = done.stdout + done.stderr
        assert done.returncode == 5 and "no network interface leads to neighbours" in said and "Traceback" not in said
    assert "no network interface leads to neighbours" in ooder("doctor", "lan").stdout


def test_loopback_is_spoken_on_only_while_it_is_up(lab: NetLab) -> None:
    from node.io.interfaces import list_interfaces

    lab.host("bare", "l")
    lab.run("bare", ["ip", "link", "set", "eth0", "down"])
    with lab.inside("bare"):
        assert list_interfaces() == (Interface("lo", "127.0.0.1", 8, broadcast="127.255.255.255"),)
        lab.run("bare", ["ip", "link", "set", "lo", "down"])
        assert list_interfaces() == ()
