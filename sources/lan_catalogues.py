"""What peers offer, fetched when the beacon says that it changed, and reported as long as the peer is fresh.

A companion of `udp_broadcast`: `hear` takes the beacon's events, `run` fetches, at most `limits.CATALOGUES_AT_ONCE` at once. Only peers
that proved to be at their address are asked. A peer that fails is asked again after 5, 10 ... 300 seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocol import limits
from protocol.errors import OoderError
from protocol.items import Reading
from protocol.lan_events import Event, PeerLeft, PeerSuspected
from protocol.peers import Peer
from sources.base import Emit
from sources.ports import Clock

if TYPE_CHECKING:
    from protocol.catalogue import Offered

FRESH_SECONDS = 90.0
RENEW_SECONDS = 45.0
RETRY_FIRST, RETRY_MOST = 5.0, 300.0

Fetch = Callable[[Peer], Awaitable[Sequence["Offered"]]]
"""Brings a peer's catalogue. Raises OoderErrors only."""


@dataclass(slots=True)
class _State:
    peer: Peer
    digest: bytes = b""
    rows: Sequence[Offered] = ()
    told_at: float = 0.0
    retry_at: float = 0.0
    wait: float = RETRY_FIRST
    asking: bool = False
    again: bool = False


class Catalogues:
    """One for each listener. `base(peer)` is where sightings say the bytes are."""

    def __init__(self, fetch: Fetch, base: Callable[[Peer], str], emit: Emit, clock: Clock) -> None:
        self._fetch, self._base, self._emit, self._clock = fetch, base, emit, clock
        self._states: dict[str, _State] = {}
        self._wanted: asyncio.Queue[_State] = asyncio.Queue(limits.PEERS)
        self.problems: dict[str, OoderError] = {}
        """By key: why the last try failed."""

    @property
    def busy(self) -> bool:
        """Whether somebody is being asked."""
        return any(state.asking for state in self._states.values())

    def hear(self, event: Event) -> None:
        """Something happened on the network."""
        peer = getattr(event, "peer", None)
        if not isinstance(peer, Peer) or not peer.key:
            return
        if isinstance(event, PeerLeft):
            state = self._states.pop(peer.key, None)
            if state is not None and state.rows:
                self._emit(Reading("udp_broadcast", f"peer:{peer.agent_id}", "catalogue", self._clock.wall()))
            return
        now = self._clock.loop()
        state = self._states.setdefault(peer.key, _State(peer))
        state.peer = peer
        if isinstance(event, PeerSuspected):
            self._tell(state, 0.0)
        elif peer.digest != state.digest and peer.proven and not state.asking and now >= state.retry_at:
            self._want(state)
        elif state.rows and now >= state.told_at + RENEW_SECONDS:
            self._tell(state, FRESH_SECONDS)

    def hurry(self, key: str) -> None:
        """The peer of that key says itself that its catalogue changed: fetch it now, or once more after the fetch under way."""
        state = self._states.get(key)
        if state is not None and state.asking:
            state.again = True
        elif state is not None and state.peer.proven and self._clock.loop() >= state.retry_at:
            self._want(state)

    def _want(self, state: _State) -> None:
        if state.peer.tcp_port and state.peer.digest and not self._wanted.full():
            state.asking = True
            self._wanted.put_nowait(state)
        elif not state.peer.digest and state.rows:
            state.rows, state.digest = (), b""
            self._tell(state, FRESH_SECONDS)

    async def run(self) -> None:
        """Fetch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(limits.CATALOGUES_AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            state = await self._wanted.get()
            digest = state.peer.digest
            try:
                async with asyncio.timeout(limits.CATALOGUE_SECONDS):
                    state.rows = await self._fetch(state.peer)
            except OoderError as error:
                self._failed(state, error)
            except TimeoutError:
                self._failed(state, None)
            else:
                state.digest, state.wait = digest, RETRY_FIRST
                self.problems.pop(state.peer.key, None)
                if self._states.get(state.peer.key) is state:
                    self._tell(state, FRESH_SECONDS)
            state.asking = False
            if state.again:
                state.again = False
                self.hurry(state.peer.key)

    def _failed(self, state: _State, error: OoderError | None) -> None:
        if error is not None:
            self.problems[state.peer.key] = error
        state.retry_at = self._clock.loop() + state.wait
        state.wait = min(state.wait * 2, RETRY_MOST)

    def _tell(self, state: _State, fresh: float) -> None:
        from protocol.catalogue import (
            offers_reading,
        )  # not before somebody offers something: it would delay the first question

        peer, wall = state.peer, self._clock.wall()
        if state.rows or state.digest:
            state.told_at = self._clock.loop()
            self._emit(offers_reading(peer.agent_id, peer.key, self._base(peer), state.rows, wall, wall + fresh))
