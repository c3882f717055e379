"""avahi from Debian and this node find each other over mDNS, in both directions, and settle who has a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.io.mdns import ZeroconfMdns
from protocol.dnssd import SERVICE, decode_txt
from protocol.lan_events import Offer
from scenarios.avahi import Avahi, why_no_avahi
from scenarios.netns import NetLab, why_not
from sources.mdns_dns_sd import Published, published
from sources.mdns_services import Found

REASON = why_not() or why_no_avahi()
pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "avahi")]
OFFER = Offer(
    "node-abc", "书桌", "lin", "desk", ("daily-report", "mail"), ("onboarding",), tcp_port=48889, key="K" * 52
)


@pytest.fixture
def lab() -> Iterator[NetLab]:
    with NetLab() as lab:
        lab.lan("l", "10.77.1.0/24")
        for name in ("ours", "theirs"):
            lab.host(name, "l")
        yield lab


class Ours:
    """Our publisher and browser, with what it saw."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}

    def hear(self, found: Found) -> None:
        self.found[found.name] = found

    def lose(self, name: str) -> None:
        self.found.pop(name, None)


@asynccontextmanager
async def ours(lab: NetLab, service: Published | None) -> AsyncIterator[Ours]:
    saw = Ours()
    mdns = ZeroconfMdns(within=lambda: lab.inside("ours"))
    task = asyncio.create_task(mdns.run(service, (SERVICE,), saw.hear, saw.lose))
    try:
        yield saw
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(done: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(done):
            await asyncio.sleep(0.02)


async def test_avahi_sees_this_node_its_kinds_and_its_goodbye(lab: NetLab, tmp_path: Path) -> None:
    with Avahi(lab, "theirs", tmp_path) as avahi:
        async with ours(lab, published(OFFER)):
            await until(lambda: avahi.browse("_ooder._tcp"))
            (seen,) = await asyncio.to_thread(avahi.browse, "_ooder._tcp")
            assert (seen.name, seen.address, seen.port) == ("Ooder Agent-node-abc", lab.hosts["ours"].ip, 48889)
            assert '"agentId=node-abc"' in seen.txt and '"capabilities=daily-report,mail"' in seen.txt
            kinds = ("_agent", "_scene", "_capability", "_skill")
            found = await asyncio.gather(
                *(asyncio.to_thread(avahi.browse, f"{kind}._sub._ooder._tcp") for kind in kinds)
            )
            assert [[each.name for each in kind] for kind in found] == [[seen.name]] * 3 + [[]]
        await until(lambda: not avahi.browse("_ooder._tcp"))


async def test_this_node_sees_what_avahi_publishes_and_takes_back(lab: NetLab, tmp_path: Path) -> None:
    with Avahi(lab, "theirs", tmp_path) as avahi:
        async with ours(lab, None) as saw:
            service = avahi.publish("Büro 书桌", "_ooder._tcp", 4711, "agentId=node-xyz", "capabilities=a,b")
            await until(lambda: saw.found)
            (found,) = saw.found.values()
            txt = decode_txt(found.txt)
            assert found.addresses[0] == lab.hosts["theirs"].ip and found.port == 4711
            assert txt is not None and txt.agent_id == "node-xyz" and txt.capabilities == ("a", "b")
            service.terminate()
            await until(lambda: not saw.found)


async def test_who_comes_second_is_renamed_and_stays_the_same_agent(lab: NetLab, tmp_path: Path) -> None:
    with Avahi(lab, "theirs", tmp_path) as avahi:
        async with ours(lab, published(OFFER)) as saw:
            avahi.publish("Ooder Agent-node-abc", "_ooder._tcp", 48889, "agentId=node-abc")
            await until(lambda: len(saw.found) == 2, 10.0)
            assert {txt.agent_id for found in saw.found.values() if (txt := decode_txt(found.txt))} == {"node-abc"}
            assert "Ooder Agent-node-abc #2._ooder._tcp.local." in saw.found
