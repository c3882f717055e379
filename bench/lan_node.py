"""One node of the local network as a process, for `bench.lan`: says `up` when its sockets are open, then a line per new peer."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

from node.io.clock import SystemClock
from node.io.datagrams import LanSockets
from protocol.identity import SigningKey
from protocol.lan_events import BeaconConfig, Event, Offer, PeerAppeared
from protocol.lan_seal import KeySeal
from sources.lan_beacon import BeaconProvider
from sources.ports import Context


class NoPlaces:
    """Nothing is known."""

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> dict[str, str]:
        return {}


class BenchPorts:
    """The ports of one node; `within` puts its sockets into a namespace."""

    def __init__(self, seed: int, **sockets: object) -> None:
        self.seal = KeySeal(SigningKey(Random(seed).randbytes(32)))
        self.sockets = LanSockets(**sockets)  # type: ignore[arg-type]
        self.context = Context(SystemClock(), NoPlaces(), Path(), Random())

    def lan_sockets(self, port: int, only: object, ears: object) -> LanSockets:
        return self.sockets

    def lan_seal(self) -> tuple[KeySeal, str]:
        return self.seal, self.seal.key

    def lan_offer(self) -> Offer:
        agent = self.seal.agent_id(self.seal.key)
        return Offer(agent, "bench", "lin", "desk", ("daily-report", "mail"), ("work",), tcp_port=48889)

    async def lan_catalogue(self, peer: object) -> tuple[()]:
        return ()

    def lan_location(self, peer: object) -> str:
        return ""

    def lan_memory(self) -> tuple[dict[str, object], tuple[tuple[str, int], ...]]:
        return {}, ()


class Settings(NamedTuple):
    """The defaults of section `sources.udp_broadcast`; a process that reads no configuration needs no model of it."""

    port: int = 48888
    wait_s: float = 5.0
    interfaces: tuple[str, ...] = ()
    ears: tuple[int, ...] = ()
    beacon: BeaconConfig = BeaconConfig()


def provider(seed: int, **sockets: object) -> tuple[BeaconProvider, BenchPorts]:
    """One node that is not running yet."""
    ports = BenchPorts(seed, **sockets)
    return BeaconProvider(Settings(), ports), ports  # type: ignore[arg-type]


async def main(seed: int) -> None:
    node, _ = provider(seed)

    def told(event: Event) -> None:
        if isinstance(event, PeerAppeared):
            print(event.peer.key, flush=True)

    node.on_event = told
    await node.run(lambda report: None)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
