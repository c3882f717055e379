"""Source `udp_broadcast` on a fake wire and virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from pydantic import ValidationError

from protocol.items import Channel, Reading, Report, Standing, Survey
from protocol.query import Query
from protocol.refs import Kind
from sources.udp_broadcast import Config, Provider, make
from tests.fakes.lan_ports import FakeSockets, Hub, LanPorts
from tests.fakes.virtual_time import run_virtual


def node(hub: Hub, number: int, **offer: object) -> tuple[Provider, LanPorts]:
    ports = LanPorts(number, lambda: FakeSockets(hub, f"10.0.0.{number}"), **offer)
    return make(Config(), ports), ports


def readings(heard: list[Report], place: str) -> list[Reading]:
    return [each for each in heard if isinstance(each, Reading) and each.place == place]


def test_a_search_finds_a_running_neighbour_and_ends_early() -> None:
    async def story() -> None:
        hub, heard = Hub(), []
        here, _ = node(hub, 1)
        there, ports = node(hub, 2, capabilities=("daily-report",), scenes=("work",))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(there.run(lambda report: None))
            await asyncio.sleep(10)
            start = asyncio.get_running_loop().time()
            await here.search(Query(), heard.append)
            assert asyncio.get_running_loop().time() - start < 1.0
            running.cancel()
        reading = readings(heard, ports.offered.agent_id)[-1]
        kinds = {(sighting.item.kind, sighting.item.id, sighting.standing) for sighting in reading.sightings}
        assert kinds == {
            (Kind.AGENT, ports.offered.agent_id, Standing.MAIN),
            (Kind.CAPABILITY, "daily-report", Standing.LISTING),
            (Kind.SCENE, "work", Standing.LISTING),
        }
        agent = reading.sightings[0]
        assert agent.evidence.channel is Channel.SIGNED and agent.principal == f"key:{ports.seal.key}"
        assert agent.location == "http://10.0.0.2:48889/" and agent.item.name == "desk 2"
        assert isinstance(heard[-1], Survey) and heard[-1].places == {ports.offered.agent_id}

    run_virtual(story())


def test_a_goodbye_empties_the_place_and_a_crash_lets_it_expire() -> None:
    async def story() -> None:
        hub, heard = Hub(), []
        here, _ = node(hub, 1)
        leaves, left = node(hub, 2)
        crashes, crashed = node(hub, 3)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(each.run(heard.append if each is here else lambda r: None))
                for each in (here, leaves, crashes)
            ]
            await asyncio.sleep(12)
            assert readings(heard, left.offered.agent_id)[-1].sightings
            tasks[1].cancel()
            await asyncio.sleep(0.1)
            assert not readings(heard, left.offered.agent_id)[-1].sightings
            next(each for each in hub.plugged if each.ip == "10.0.0.3").cut = True
            await asyncio.sleep(8)
            last = readings(heard, crashed.offered.agent_id)[-1].sightings[0]
            assert last.expires_at <= here._context.clock.wall() and last.item.facts["reason"] == "no_answer"
            for task in tasks:
                task.cancel()

    run_virtual(story())


def test_java_neighbours_are_hearsay() -> None:
    async def story() -> None:
        hub, heard = Hub(), []
        here, _ = node(hub, 1)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.run(heard.append))
            await asyncio.sleep(1)
            hub.plugged[0].hear(b"OODE\x01\x00\x09agent-001", "10.0.0.9")
            hub.plugged[0].hear(b"\xff\x00junk", "10.0.0.9")
            hub.plugged[0].hear(b"AGENT_ANNOUNCE:../../etc;u;d;../x,ok-cap;;online;0", "10.0.0.9")
            await asyncio.sleep(1)
            running.cancel()
        agent = readings(heard, "agent-001@10.0.0.9")[-1].sightings[0]
        assert agent.evidence.channel is Channel.HEARSAY and agent.principal == "lan:10.0.0.9"
        strange = readings(heard, "../../etc@10.0.0.9")[-1].sightings
        assert [sighting.item.id for sighting in strange] == ["ok-cap"]

    run_virtual(story())


def test_a_changed_offer_reaches_the_neighbours() -> None:
    async def story() -> None:
        hub, heard = Hub(), []
        here, ports = node(hub, 1)
        there, _ = node(hub, 2)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(here.run(lambda r: None)), group.create_task(there.run(heard.append))]
            await asyncio.sleep(5)
            ports.offered = replace(ports.offered, capabilities=("new-cap",))
            here.offer()
            await asyncio.sleep(1.2)
            for task in tasks:
                task.cancel()
        assert readings(heard, ports.offered.agent_id)[-1].sightings[1].item.id == "new-cap"

    run_virtual(story())


def test_cancelling_ends_within_a_tenth_of_a_second_and_leaves_no_timer() -> None:
    async def story() -> None:
        hub = Hub()
        here, _ = node(hub, 1)
        task = asyncio.get_running_loop().create_task(here.run(lambda report: None))
        await asyncio.sleep(3)
        start = asyncio.get_running_loop().time()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.get_running_loop().time() - start < 0.1
        assert not hub.plugged and here.beacon is None

    run_virtual(story())


def test_settings_become_the_machines() -> None:
    config = Config(seeds=("10.1.0.1", "10.1.0.2:5000"), dialects=True)
    assert config.beacon.seeds == (("10.1.0.1", 48888), ("10.1.0.2", 5000)) and 37021 in config.ears
    six = Config(seeds=("fd77::1", "[fd77::2]:5000", "[fd77::3]"))
    assert six.beacon.seeds == (("fd77::1", 48888), ("fd77::2", 5000), ("fd77::3", 48888))
    for wrong in (
        {"seeds": ["desk.local"]},
        {"seeds": ["10.0.0.1:x"]},
        {"seeds": ["10.0.0.1:0"]},
        {"networks": ["lab"]},
    ):
        with pytest.raises(ValueError):
            Config.model_validate(wrong)
    with pytest.raises(ValidationError):
        Config(interval=0)


def test_junk_wakes_nobody() -> None:
    async def story() -> None:
        hub = Hub()
        here, _ = node(hub, 1)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(here.run(lambda report: None))
            await asyncio.sleep(3)
            timer = here._timer
            for number in range(100):
                hub.plugged[0].hear(b"junk %d" % number, "10.0.0.9")
            assert here._timer is timer
            running.cancel()

    run_virtual(story())
