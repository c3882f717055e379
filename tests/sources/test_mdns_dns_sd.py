"""Source `mdns_dns_sd` with a fake mDNS on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from protocol import limits
from protocol.dnssd import SERVICE, SKILL_SERVICE, Txt, encode_txt
from protocol.errors import UnavailableError
from protocol.freshness import fresh_until, freshness
from protocol.items import Channel, Reading, Report, Survey
from protocol.lan_events import Interface
from protocol.query import Freshness, Query
from protocol.refs import Kind
from sources.mdns_dns_sd import FORGET_S, Config, Provider, Published, make
from sources.mdns_services import Found, Remembered, recalled
from tests.fakes.lan_ports import LanPorts, NoPlaces
from tests.fakes.virtual_time import run_virtual


class FakeMdns:
    """Services appear when the test says so."""

    def __init__(self) -> None:
        self.interfaces = (Interface("eth0", "10.0.0.1", 24),)
        self.published: Published | None = None
        self.found: Callable[[Found], None] = lambda service: None
        self.lost: Callable[[str], None] = lambda name: None
        self.waiting: list[Found] = []
        self.dead: set[str] = set()  # addresses that take no connection
        self.mute: set[str] = set()  # services whose responder is gone
        self.probed: list[tuple[float, str]] = []
        self.flushed: list[str] = []

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

    async def reachable(self, addresses: Sequence[str], port: int) -> bool:
        self.probed.append((asyncio.get_running_loop().time(), addresses[0]))
        if alive := not self.dead.intersection(addresses):
            return alive
        await asyncio.sleep(limits.SERVICE_PROBE_SECONDS)
        return False

    async def reconfirm(self, kind: str, name: str) -> bool:
        if name in self.mute:
            await asyncio.sleep(3.0)
        return name not in self.mute

    async def flush(self, kind: str, name: str) -> None:
        self.flushed.append(name)


class MdnsPorts(LanPorts):
    def __init__(self, mdns: FakeMdns) -> None:
        super().__init__(1, lambda: None, name="书房")
        self._mdns = mdns

    def mdns(self, only: Sequence[str]) -> FakeMdns:
        return self._mdns


def service(agent_id: str, ip: str = "10.0.0.9", kind: str = SERVICE, **said: Any) -> Found:
    txt = {key.encode(): value for key, value in encode_txt(Txt(agent_id, **said)).items()}
    return Found(kind, f"Ooder Agent-{agent_id}.{kind}", (ip,), 48889, txt)


def story(
    act: Callable[[FakeMdns, Provider, list[Report]], None],
    *later: tuple[float, Callable[[FakeMdns, Provider, list[Report]], None]],
) -> list[Report]:
    async def main() -> list[Report]:
        mdns, heard = FakeMdns(), []
        provider = make(Config(), MdnsPorts(mdns))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(provider.run(heard.append))
            await asyncio.sleep(1)
            act(mdns, provider, heard)
            for seconds, do in later:
                await asyncio.sleep(seconds)
                do(mdns, provider, heard)
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


@pytest.mark.parametrize("running", [True, False])
def test_without_a_network_a_search_says_so_and_what_is_known_stays(running: bool) -> None:
    async def main() -> None:
        mdns, heard = FakeMdns(), list[Any]()
        mdns.interfaces = ()
        provider = make(Config(), MdnsPorts(mdns))
        task = asyncio.create_task(provider.run(heard.append)) if running else None
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError) as caught:
            await provider.search(Query(), heard.append)
        assert caught.value.code == "lan.no_interface" and not any(isinstance(each, Survey) for each in heard)
        if task:
            task.cancel()

    run_virtual(main())


def says(heard: list[Report]) -> Any:
    """State, reason and end of freshness of the last reading; None when the agent is gone."""
    last = heard[-1]
    assert isinstance(last, Reading)
    if not last.sightings:
        return None
    main = last.sightings[0]
    return main.item.facts["state"], main.item.facts["reason"], main.expires_at


def test_a_crashed_agent_is_not_fresh_after_eight_seconds_says_why_and_then_is_gone() -> None:
    one = service("node-9")

    def crash(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert says(heard) == ("fresh", "", 0.0) and len(heard) == 1
        mdns.dead, mdns.mute = {"10.0.0.9"}, {one.name}

    def doubted(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        state, reason, end = says(heard)
        assert (state, reason) == ("suspect", "no_answer") == (state, provider.why(one.name))
        assert 0 < end <= provider._context.clock.wall()

    def gone(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert says(heard) is None and mdns.flushed == [one.name] and provider.heard() == ()

    for moment in (20.0, 21.3, 22.9):  # anywhere between two probes
        story(lambda mdns, provider, heard: mdns.found(one), (moment, crash), (8.0, doubted), (15.0, gone))


def test_an_agent_that_answers_again_is_fresh_again() -> None:
    def dead(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        mdns.dead = {"10.0.0.9"}

    def back(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert says(heard)[0] == "suspect" and provider.heard()  # its responder vouches for it: listed, not fresh
        mdns.dead = set()

    def fresh(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert says(heard) == ("fresh", "", 0.0) and not mdns.flushed

    story(lambda mdns, provider, heard: mdns.found(service("node-9")), (1.0, dead), (60.0, back), (32.0, fresh))


def test_who_promises_no_peer_plane_is_judged_by_its_responder() -> None:
    one = service("node-9", path="")

    def dead(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        mdns.dead = {"10.0.0.9"}

    def mute(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert len(heard) == 1 and says(heard)[0] == "fresh"
        mdns.mute = {one.name}

    def doubted(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert says(heard)[:2] == ("suspect", "no_answer")

    story(lambda mdns, provider, heard: mdns.found(one), (1.0, dead), (60.0, mute), (8.0, doubted))


def test_whom_the_beacon_hears_and_who_has_no_plausible_address_is_not_connected_to() -> None:
    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        provider.is_heard = lambda agent_id: agent_id == "node-9"
        mdns.found(service("node-9"))
        for number, ip in enumerate(("127.0.0.1", "169.254.169.254", "8.8.8.8")):
            mdns.found(service(f"node-{number}", ip))

    def look(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert mdns.probed == [] and len(heard) == 4

    story(act, (60.0, look))


def test_probes_are_limited_in_rate_whatever_is_advertised() -> None:
    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        for number in range(250):
            mdns.found(service(f"node-{number}"))

    def look(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert 500 <= len(mdns.probed) <= limits.SERVICE_PROBES_PER_SECOND * 31

    story(act, (30.0, look))


def test_a_crash_among_two_hundred_and_fifty_is_seen_within_eight_seconds_too() -> None:
    everybody = [service(f"node-{number}", f"10.0.0.{number + 1}") for number in range(250)]

    def act(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        for one in everybody:
            mdns.found(one)

    def crash(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        mdns.dead = {ip for one in everybody[::10] for ip in one.addresses}

    def doubted(mdns: FakeMdns, provider: Provider, heard: list[Report]) -> None:
        assert {one.name for one in everybody if provider.why(one.name)} == {one.name for one in everybody[::10]}

    story(act, (30.0, crash), (8.0, doubted))


def looks(*each: Callable[[FakeMdns], None]) -> list[list[Report]]:
    """Single looks a minute apart, each by a new process that knows what the one before told."""

    async def main() -> list[list[Report]]:
        mdns, ports, told = FakeMdns(), MdnsPorts(FakeMdns()), list[list[Report]]()
        known: dict[str, str] = {}
        places = NoPlaces()
        places.known = lambda source, origin: dict(known)  # type: ignore[method-assign]
        ports.context = replace(ports.context, places=places)
        ports.mdns = lambda only: mdns  # type: ignore[method-assign]
        for prepare in each:
            prepare(mdns)
            heard: list[Report] = []
            began = asyncio.get_running_loop().time()
            await make(Config(), ports).search(Query(), heard.append)
            assert asyncio.get_running_loop().time() - began < 8.0
            survey = heard[-1]
            assert isinstance(survey, Survey)
            known |= {one.place: one.signature for one in heard if isinstance(one, Reading)}
            known = {place: mark for place, mark in known.items() if place in survey.places}
            told.append(heard)
            await asyncio.sleep(60.0)
        return told

    return run_virtual(main())


def gone(mdns: FakeMdns) -> None:
    mdns.waiting, mdns.dead, mdns.mute = [], {"10.0.0.9"}, {service("node-9").name}


def there(mdns: FakeMdns) -> None:
    mdns.waiting, mdns.dead, mdns.mute = [service("node-9", name="厨房")], set(), set()


def unheard(mdns: FakeMdns) -> None:
    mdns.waiting = []


def test_a_later_single_look_says_who_is_silent_and_when_it_was_last_seen() -> None:
    first, second, third, back = looks(there, gone, lambda mdns: None, there)
    seen = first[0].sightings[0].seen_at  # type: ignore[union-attr]
    for look in (second, third):
        reading, survey = look
        assert isinstance(reading, Reading) and isinstance(survey, Survey) and survey.places == {"node-9"}
        main = reading.sightings[0]
        assert (main.item.name, main.item.facts["reason"], main.seen_at) == ("厨房", "no_answer", seen)
        assert freshness(main.seen_at, fresh_until(main), reading.at) is Freshness.STALE
    assert says(back[:-1]) == ("fresh", "", 0.0)


def test_who_was_only_not_heard_answers_when_asked_and_stays_fresh() -> None:
    (_, _), (reading, survey) = looks(there, unheard)
    assert isinstance(reading, Reading) and says([reading]) == ("fresh", "", 0.0)
    assert isinstance(survey, Survey) and survey.places == {"node-9"}


def test_without_a_port_to_ask_the_responder_is_asked() -> None:
    def elsewhere(mdns: FakeMdns) -> None:
        gone(mdns)
        mdns.interfaces = (Interface("eth1", "192.0.2.1", 24),)  # none of ours leads there

    _, (reading, _) = looks(there, elsewhere)
    assert isinstance(reading, Reading) and says([reading])[:2] == ("suspect", "no_answer")


def test_after_the_life_of_its_records_a_silent_service_is_gone() -> None:
    minutes = int(FORGET_S / 60) + 2
    told = looks(there, gone, *[unheard] * minutes)
    assert isinstance(told[2][-1], Survey) and told[2][-1].places == {"node-9"}
    (survey,) = told[-1]
    assert isinstance(survey, Survey) and survey.places == frozenset()


def test_a_spoilt_memory_is_none() -> None:
    kept = Remembered(service("node-9", name="书房"), 7.0, 9.0)
    assert recalled(kept.encode()) == kept
    for spoilt in (
        "",
        "x",
        "[]",
        "{}",
        "[1,2,3,4,5,6,7]",
        '["a","b",["c"],"d",{},1,2]',
        '["a","b",[],1,{"书":""},1,2]',
    ):
        assert recalled(spoilt) is None
