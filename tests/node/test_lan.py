"""The two sources of the local network inside a node: one voice, a quiet question, and what outlives a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

from node.app import NodePorts, make_providers
from node.config import Config, load
from node.io.clock import SystemClock
from node.lan import Lan
from node.paths import Paths
from protocol.lan_events import PeerAppeared
from protocol.query import Query
from sources.udp_broadcast import Config as BeaconSettings
from sources.udp_broadcast import make
from tests.fakes.lan_ports import FakeSockets, Hub, LanPorts, NoPlaces
from tests.fakes.virtual_time import run_virtual

LOOPBACK = "sources:\n  udp_broadcast: {interfaces: [lo]}\n  mdns_dns_sd: {interfaces: [lo]}\n"


def settings(tmp_path: Path) -> tuple[Paths, Config]:
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(LOOPBACK, "utf-8")
    return paths, load(paths, environ={})


def test_whoever_only_asks_hears_everybody_and_appears_to_nobody() -> None:
    hub = Hub()
    resident = make(BeaconSettings(), LanPorts(1, lambda: FakeSockets(hub, "10.0.0.1")))
    asker = make(BeaconSettings(), LanPorts(2, lambda: FakeSockets(hub, "10.0.0.2")))
    seen: list[object] = []
    resident.on_event = seen.append

    async def story() -> list[str]:
        heard: list[object] = []
        async with asyncio.TaskGroup() as group:
            task = group.create_task(resident.run(lambda report: None))
            await asyncio.sleep(2)
            await asker.search(Query(), heard.append)
            await asyncio.sleep(2)
            task.cancel()
        return [str(report) for report in heard]

    heard = run_virtual(story())
    assert any("desk 1" in report for report in heard)
    assert not any(isinstance(event, PeerAppeared) for event in seen)


def test_a_node_that_starts_to_run_while_it_asks_speaks_up() -> None:
    hub = Hub()
    watcher = make(BeaconSettings(), LanPorts(1, lambda: FakeSockets(hub, "10.0.0.1")))
    node = make(BeaconSettings(), LanPorts(2, lambda: FakeSockets(hub, "10.0.0.2")))
    seen: list[object] = []
    watcher.on_event = seen.append

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watcher.run(lambda report: None))]
            await asyncio.sleep(2)
            tasks.append(group.create_task(node.search(Query(), lambda report: None)))
            await asyncio.sleep(0.01)
            tasks.append(group.create_task(node.run(lambda report: None)))
            await asyncio.sleep(1)
            for task in tasks:
                task.cancel()

    run_virtual(story())
    assert any(isinstance(event, PeerAppeared) for event in seen)


def test_listening_and_asking_share_one_provider_until_its_settings_change(tmp_path: Path) -> None:
    paths, config = settings(tmp_path)
    ports = NodePorts(paths, NoPlaces(), SystemClock())
    names = ("udp_broadcast", "mdns_dns_sd")
    first = make_providers(config, names, ports)
    assert make_providers(config, names, ports) == first
    assert first["mdns_dns_sd"].on_address == first["udp_broadcast"].ask_at  # type: ignore[attr-defined]
    paths.config.write_text(LOOPBACK.replace("[lo]}", "[lo], wait_s: 1}"), "utf-8")
    assert make_providers(load(paths, environ={}), names, ports) != first


def test_what_was_heard_outlives_a_restart_and_a_damaged_file_is_nothing(tmp_path: Path) -> None:
    paths, _ = settings(tmp_path)
    hub = Hub()
    mine = Lan(paths, SystemClock(), "mine")
    listener = make(BeaconSettings(), LanPorts(1, lambda: FakeSockets(hub, "10.0.0.1")))
    mine.attach(listener)
    other = make(BeaconSettings(), LanPorts(2, lambda: FakeSockets(hub, "10.0.0.2")))

    async def story() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each.run(lambda report: None)) for each in (listener, other)]
            await asyncio.sleep(2)
            mine.keep()
            for task in tasks:
                task.cancel()

    run_virtual(story())
    floors, addresses = Lan(paths, SystemClock()).memory()
    assert len(floors) == 1 and addresses == (("10.0.0.2", 48888),)
    assert paths.lan_memory.stat().st_mode & 0o077 == 0
    paths.lan_memory.write_text('{"floors": {"a": 1, "b": ["zz", 1, 1]}, "peers": [1, {}]}', "utf-8")
    assert Lan(paths, SystemClock()).memory() == ({}, ())
