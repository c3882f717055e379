"""Paired devices that are here are listened to, others are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from node.io.peer_client import Point
from node.lan import Lan
from node.paths import Paths
from node.peer_ears import AGAIN_SECONDS, PeerEars
from node.policy import know_key
from protocol.errors import UnavailableError
from protocol.identity import SigningKey
from protocol.peers import Address, Peer, PeerState
from tests.fakes.virtual_time import LoopClock, run_virtual

KEY = SigningKey(b"f" * 32).public.fingerprint
PEER = Peer("node-a", KEY, tcp_port=48889, digest=b"1", proven=True, addresses=(Address("10.0.0.2", 1),))


def test_only_paired_devices_that_are_here_are_listened_to_and_make_us_fetch(tmp_path: Path) -> None:
    async def main() -> None:
        clock, open_now, hurried = LoopClock(), list[str](), list[str]()
        lan = Lan(Paths(tmp_path), clock, "desk")
        peers = [PEER, replace(PEER, key="S" * 52), replace(PEER, proven=False, agent_id="node-b")]
        beacon = SimpleNamespace(peers=peers)
        provider: Any = SimpleNamespace(beacon=beacon, catalogues=[SimpleNamespace(hurry=hurried.append)])
        lan.provider = provider

        async def listen(point: Point) -> AsyncGenerator[int, None]:
            open_now.append(point.agent_id)
            try:
                yield 1
                await asyncio.Event().wait()
            finally:
                open_now.remove(point.agent_id)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(PeerEars(lan, listen, clock).run())
            await asyncio.sleep(5)
            assert open_now == [] and hurried == []
            know_key(lan.paths, KEY)
            await asyncio.sleep(3)
            assert open_now == ["node-a"] and hurried == [KEY]
            beacon.peers = [replace(PEER, state=PeerState.SUSPECT)]
            await asyncio.sleep(3)
            assert open_now == []
            task.cancel()

    run_virtual(main())


def test_a_device_that_refuses_is_tried_again_later(tmp_path: Path) -> None:
    async def main() -> None:
        clock, tries = LoopClock(), 0
        lan = Lan(Paths(tmp_path), clock, "desk")
        know_key(lan.paths, KEY)
        provider: Any = SimpleNamespace(beacon=SimpleNamespace(peers=[PEER]), catalogues=[])
        lan.provider = provider

        async def listen(point: Point) -> AsyncGenerator[int, None]:
            nonlocal tries
            tries += 1
            if tries:
                raise UnavailableError("peer.refused", address="x", status=404)
            yield 0

        async with asyncio.TaskGroup() as group:
            task = group.create_task(PeerEars(lan, listen, clock).run())
            await asyncio.sleep(10 * AGAIN_SECONDS)
            assert 8 <= tries <= 11
            task.cancel()

    run_virtual(main())
