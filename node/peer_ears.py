"""Listens to paired devices while they are here, and fetches their catalogue the moment they say that it changed.

The beacon says the same in datagrams, which a network may lose; a connection does not. Only devices of this person that the beacon
vouches for are connected to, at most `limits.PEERS_LISTENED_TO`; one that refuses (older nodes have no such route) is tried again
after `AGAIN_SECONDS`. How often a device can make this one fetch is bounded by `GAP_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from node.app import point_of
from node.io.peer_client import Point
from node.lan import Lan
from node.policy import read_decisions
from protocol import limits
from protocol.errors import OoderError
from protocol.peers import PeerState
from sources.ports import Clock

LOOK_SECONDS = 2.0  # between looks who is here
AGAIN_SECONDS = 30.0
GAP_SECONDS = 0.5


class PeerEars:
    """One per running node. `listen` yields when a device's catalogue is not what we hold."""

    def __init__(self, lan: Lan, listen: Callable[[Point], AsyncGenerator[int, None]], clock: Clock) -> None:
        self._lan, self._listen, self._clock = lan, listen, clock
        self._ears: dict[Point, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                wanted = self._wanted()
                self._ears = {point: ear for point, ear in self._ears.items() if not ear.done()}
                for point in self._ears.keys() - wanted:
                    self._ears.pop(point).cancel()
                for point in wanted - self._ears.keys():
                    self._ears[point] = group.create_task(self._hear(point))
                await self._clock.sleep(LOOK_SECONDS)

    def _wanted(self) -> set[Point]:
        provider, now = self._lan.provider, self._clock.loop()
        if provider is None or provider.beacon is None:
            return set()
        try:
            paired = read_decisions(self._lan.paths.trust).known_keys
        except OoderError:
            return set()  # decisions that cannot be read make nobody a friend
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        found = [
            point_of(peer)
            for peer in provider.beacon.peers
            if peer.key in paired
            and peer.state is PeerState.FRESH
            and peer.proven
            and peer.tcp_port
            and peer.key not in self._not_before
        ]
        return set(found[: limits.PEERS_LISTENED_TO])

    async def _hear(self, point: Point) -> None:
        try:
            async with aclosing(self._listen(point)) as told:
                async for _ in told:
                    for catalogues in self._lan.provider.catalogues if self._lan.provider else ():
                        catalogues.hurry(point.key)
                    await self._clock.sleep(GAP_SECONDS)
        except OoderError:
            pause = AGAIN_SECONDS
        else:
            pause = LOOK_SECONDS  # it ended in good order, for instance with the node
        self._not_before[point.key] = self._clock.loop() + pause
