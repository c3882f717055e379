"""Source `mdns_dns_sd` with a fake mDNS on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from protocol import limits
from protocol.dnssd import SERVICE, SKILL_SERVICE, Txt, encode_txt
from protocol.items import Channel, Reading, Report, Survey
from protocol.lan_events import Interface
from protocol.query import Query
from protocol.refs import Kind
from sources.mdns_dns_sd import Config, Found, Provider, Published, make
from tests.fakes.lan_ports import LanPorts
from tests.fakes.virtual_time import run_virtual


class FakeMdns:
    """Services appear when the test says so."""

    def __init__(self) -> None:
        self.interfaces = (Interface("eth0", "10.0.0.1", 24),)
        self.published: Published | None = None
        self.found: Callable[[Found], None] = lambda service: None
        self.lost: Callable[[str], None] = lambda name: None
        self.waiting: list[Found] = []

    async def run(self, published: Published | None, types: Sequence[str], found: Any, lost: Any) -> None:
        self.published, self.found, self.lost = published, found, lost
        for service in self.waiting:
            found(service)
        try:
            await asyncio.Event().wait()
        finally:
            self.published = None

    async def publish(self, published: Published) -> None:
        self.published = published


class MdnsPorts(LanPorts):
    def __init__(self, mdns: FakeMdns) -> None:
        super().__init__(1, lambda: None, name="书房")
        self._mdns = mdns

    def mdns(self, only: Sequence[str]) -> FakeMdns:
        return self._mdns


def service(agent_id: str, ip: str = "10.0.0.9", kind: str = SERVICE, **said: Any) -> Found:
    txt = {key.encode(): value for key, value in encode_txt(Txt(agent_id, **said)).items()}
    return Found(kind, f"Ooder Agent-{agent_id}.{kind}", (ip,), 48889, txt)


def story(act: Callable[[FakeMdns, Provider, list[Report]], None]) -> list[Report]:
    async def main() -> list[Report]:
        mdns, heard = FakeMdns(), []
        provider = make(Config(), MdnsPorts(mdns))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(provider.run(heard.append))
            await asyncio.sleep(1)
            act(mdns, provider, heard)
            await asyncio.sleep(1)
            task.cancel()
        assert mdns.published is None
        return heard

    return run_virtual(main())


def test_an_agent_is_found_as_hearsay_and_its_address_is_passed_on() -> None:
    asked: list[str] = []

    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert mdns.published is not None and mdns.published.type == SERVICE and mdns.published.port == 48889
        provider.on_address = asked.append
        mdns.found(service("node-9", name="厨房", capabilities=("cook",), scenes=("dinner",)))

    (reading,) = story(act)
    assert isinstance(reading, Reading) and reading.place == "node-9"
    agent, capability, scene = reading.sightings
    assert agent.item.name == "厨房" and agent.evidence.channel is Channel.HEARSAY
    assert agent.location == "http://10.0.0.9:48889/" and asked == ["10.0.0.9"]
    assert (capability.item.id, scene.item.kind) == ("cook", Kind.SCENE)


def test_forbidden_addresses_are_never_asked_nor_shown() -> None:
    asked: list[str] = []

    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        provider.on_address = asked.append
        for number, ip in enumerate(("127.0.0.1", "169.254.169.254", "8.8.8.8")):
            mdns.found(service(f"node-{number}", ip))

    heard = story(act)
    assert asked == [] and len(heard) == 3
    assert all(isinstance(each, Reading) and each.sightings[0].location == "" for each in heard)


def test_a_renamed_service_is_the_same_agent_and_a_lost_one_is_gone() -> None:
    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        first = service("node-9")
        renamed = Found(first.type, "Ooder Agent-node-9 (2)." + SERVICE, first.addresses, first.port, first.txt)
        mdns.found(first)
        mdns.found(renamed)
        mdns.lost(first.name)
        assert all(isinstance(each, Reading) and each.sightings for each in heard)
        mdns.lost(renamed.name)

    heard = story(act)
    assert {each.place for each in heard if isinstance(each, Reading)} == {"node-9"}
    assert isinstance(heard[-1], Reading) and not heard[-1].sightings


def test_ten_thousand_services_stay_within_bounds() -> None:
    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        for number in range(10_000):
            mdns.found(service(f"node-{number}", kind=SKILL_SERVICE))
        assert provider.dropped >= 9_000

    heard = story(act)
    assert len(heard) <= limits.SERVICES


def test_junk_services_are_no_items() -> None:
    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        mdns.found(Found(SERVICE, "printer." + SERVICE, (), 0, {b"": None, b"\xff": b"\xff"}))
        mdns.found(service("../../etc"))

    assert story(act) == []


def test_a_search_without_a_running_source_looks_for_a_moment() -> None:
    async def main() -> None:
        mdns, heard = FakeMdns(), []
        mdns.waiting = [service("node-9")]
        await make(Config(), MdnsPorts(mdns)).search(Query(), heard.append)
        assert isinstance(heard[-1], Survey) and heard[-1].places == {"node-9"}
        assert asyncio.get_running_loop().time() < 1.0

    run_virtual(main())
