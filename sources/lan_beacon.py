"""The provider of source `udp_broadcast`: joins the decisions of `protocol.beacon` to sockets and to time.

What a peer signed is its own word about itself (`Channel.SIGNED`), everything else is hearsay: an address hint. One peer is one
place; when it leaves, its place is empty. It imports little: a cold process asks its first question that much sooner.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Protocol

from protocol.beacon import Beacon
from protocol.errors import UnavailableError
from protocol.items import Json, Survey
from protocol.lan_admission import Floor
from protocol.lan_events import (
    BeaconConfig,
    Event,
    Interface,
    Offer,
    Outgoing,
    PeerAppeared,
    PeerEvent,
    PeerLeft,
)
from protocol.lan_extension import INSTANCE_BYTES, Seal
from protocol.lan_text import Message
from protocol.peers import Address, Peer
from protocol.query import Query
from protocol.refs import Kind
from sources.base import Emit
from sources.lan_catalogues import Catalogues
from sources.lan_reports import ORIGIN, gone_reading, peer_reading, place_of
from sources.ports import Context

if TYPE_CHECKING:
    from protocol.catalogue import Offered

SOURCE = "udp_broadcast"
QUIET = 0.35  # seconds without a new peer after which a search has heard everybody


class Settings(Protocol):
    """What this provider needs of its section of the configuration."""

    @property
    def port(self) -> int: ...
    @property
    def wait_s(self) -> float: ...
    @property
    def interfaces(self) -> tuple[str, ...]: ...
    @property
    def ears(self) -> tuple[int, ...]: ...
    @property
    def beacon(self) -> BeaconConfig: ...


class Sockets(Protocol):
    """What this source needs of `node/io/datagrams.py`."""

    problem: str

    def open(self, listener: BeaconProvider) -> None: ...
    def close(self) -> None: ...
    def send(self, out: Outgoing) -> None: ...
    def look(self) -> None: ...


class Ports(Protocol):
    """What this source needs of the node: sockets, its key as a seal, what it offers, and what it remembers."""

    @property
    def context(self) -> Context: ...
    def lan_sockets(self, port: int, only: Sequence[str], ears: Sequence[int]) -> Sockets: ...
    def lan_seal(self) -> tuple[Seal, str]: ...
    def lan_offer(self) -> Offer: ...
    async def lan_catalogue(self, peer: Peer) -> Sequence[Offered]:
        """What a peer offers. Raises OoderErrors only."""

    def lan_location(self, peer: Peer) -> str:
        """Where sightings say its bytes are."""

    def lan_memory(self) -> tuple[Mapping[str, Floor], Sequence[tuple[str, int]]]:
        """Floors and addresses kept from the last run."""


class BeaconProvider:
    """Source `udp_broadcast`. `beacon` is the machine while the source runs; `on_event` is told everything it says."""

    name: ClassVar[str] = SOURCE
    priority: ClassVar[int] = 100
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)
    pushes: ClassVar[bool] = True
    delivers: ClassVar[bool] = True

    def __init__(self, config: Settings, ports: Ports) -> None:
        self._config, self._ports, self._context = config, ports, ports.context
        self._sockets = ports.lan_sockets(config.port, config.interfaces, config.ears)
        self._emits: list[Emit] = []
        self.catalogues: list[Catalogues] = []
        self._timer: asyncio.TimerHandle | None = None
        self._newest = self._due = 0.0
        self._speaks = False
        self.beacon: Beacon | None = None
        self.on_event: Callable[[Event], None] = lambda event: None

    async def run(self, emit: Emit) -> None:
        """Announce and listen until cancelled, then say goodbye."""
        self._speaks = True
        try:
            async with self._session(emit) as beacon, self._offers(emit):
                beacon.speak_up(self._context.clock.loop())
                self._pump()
                await asyncio.Event().wait()
        finally:
            self._speaks = False

    async def search(self, query: Query, emit: Emit) -> None:
        """Ask everybody, report as answers come, and end when nobody new was heard for a moment.

        Beside `run` the question is the running node's; alone it is asked without saying who asks. Raises UnavailableError
        `lan.no_interface`.
        """
        clock = self._context.clock
        async with self._session(emit) as beacon:
            if self.problem == "lan.no_interface":
                raise UnavailableError(self.problem)
            async with self._offers(emit, also=not self._speaks) as catalogues:
                beacon.watch(self._config.wait_s, clock.loop())
                self._pump()
                wall = clock.wall()
                for peer in beacon.peers:
                    emit(peer_reading(SOURCE, peer, wall))
                self._newest = clock.loop()
                end = clock.loop() + self._config.wait_s
                while (now := clock.loop()) < end and (now < self._newest + QUIET or catalogues.busy):
                    await clock.sleep(max(0.02, min(end, self._newest + QUIET) - now))
                places = frozenset(place_of(peer) for peer in beacon.peers)
                emit(Survey(SOURCE, ORIGIN, clock.wall(), places))

    # --- Listener ----------------------------------------------------------------------------------------------------

    def datagram(self, data: bytes, ip: str, port: int, iface: str) -> None:
        """A socket heard something."""
        if self.beacon is not None:
            self.beacon.receive(data, ip, port, iface, self._context.clock.loop())

    def drained(self) -> None:
        """All that had come was heard: answer, if anything of it mattered (in a flood hardly anything does)."""
        if self.beacon is not None and (self.beacon.has_news() or self.beacon.next_timeout() < self._due):
            self._pump()

    def interfaces(self, interfaces: tuple[Interface, ...]) -> None:
        """The usable addresses changed."""
        if self.beacon is not None:
            self.beacon.set_interfaces(interfaces, self._context.clock.loop())
            self._pump()

    def offer(self) -> None:
        """What this node offers changed."""
        if self.beacon is not None:
            self.beacon.offer(self._ports.lan_offer(), self._context.clock.loop())
            self._pump()

    def ask_at(self, ip: str) -> None:
        """Another source says that somebody may be at `ip`."""
        if self.beacon is not None:
            self.beacon.ask_at(ip, self._context.clock.loop())
            self._pump()

    def say(self, message: Message, to: Address | None = None) -> None:
        """Send a message that is not about presence, signed, to one address or to all; nothing while the source does not run."""
        if self.beacon is not None:
            self.beacon.say(message, self._context.clock.loop(), to)
            self._pump()

    @property
    def problem(self) -> str:
        """A stable code when only half of it works (`lan.port_taken`), else ""."""
        return self._sockets.problem

    def traffic(self) -> list[dict[str, Json]]:
        """What went over each interface, when the sockets count it."""
        return [
            {
                "name": name,
                "sent": seen.sent,
                "sent_bytes": seen.sent_bytes,
                "received": seen.received,
                "failed": dict(seen.failed),
            }
            for name, seen in getattr(self._sockets, "traffic", {}).items()
        ]

    def remark(self) -> UnavailableError | None:
        """The same as an error, for the light."""
        return UnavailableError(self.problem, port=self._config.port) if self.problem else None

    # --- Private steps -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _session(self, emit: Emit) -> AsyncIterator[Beacon]:
        """The beacon, shared by `run` and searches; whoever comes first opens, whoever leaves last says goodbye."""
        self._emits.append(emit)
        try:
            yield self.beacon or self._open()
        finally:
            self._emits.remove(emit)
            if not self._emits:
                await self._close()

    @asynccontextmanager
    async def _offers(self, emit: Emit, *, also: bool = True) -> AsyncIterator[Catalogues]:
        """Fetch what peers offer while inside; a search beside `run` leaves it to `run`."""
        catalogues = Catalogues(self._ports.lan_catalogue, self._ports.lan_location, emit, self._context.clock)
        if not also:
            yield catalogues
            return
        self.catalogues.append(catalogues)
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(catalogues.run())
                try:
                    yield catalogues
                finally:
                    task.cancel()
        finally:
            self.catalogues.remove(catalogues)

    def _open(self) -> Beacon:
        clock, random = self._context.clock, self._context.random
        seal, key = self._ports.lan_seal()
        floors, remembered = self._ports.lan_memory()
        self.beacon = beacon = Beacon(
            self._config.beacon,
            self._ports.lan_offer(),
            seal,
            key,
            random.randbytes(INSTANCE_BYTES),
            random,
            now=clock.loop(),
            wall=clock.wall(),
            floors=floors,
            remembered=remembered,
            quiet=not self._speaks,
        )
        self._sockets.open(self)
        return beacon

    async def _close(self) -> None:
        beacon, clock = self.beacon, self._context.clock
        if beacon is None:
            return
        beacon.close(clock.loop())
        while not beacon.closed:
            self._pump()
            await clock.sleep(max(0.001, beacon.next_timeout() - clock.loop()) if not beacon.closed else 0)
        if self._timer is not None:
            self._timer.cancel()
        self.beacon = None
        self._sockets.close()

    def _pump(self) -> None:
        """Let time pass, send what is due, report what happened, and be called again in time."""
        beacon, clock = self.beacon, self._context.clock
        if beacon is None:
            return
        now = clock.loop()
        if beacon.next_timeout() <= now:
            beacon.tick(now, clock.wall())
        for out in beacon.datagrams_to_send(now):
            self._sockets.send(out)
        for event in beacon.events():
            self._report(event, now)
        if self._timer is not None:
            self._timer.cancel()
        if not beacon.closed:
            self._due = beacon.next_timeout()
            self._timer = asyncio.get_running_loop().call_at(self._due, self._pump)

    def _report(self, event: Event, now: float) -> None:
        wall = self._context.clock.wall()
        if isinstance(event, PeerLeft):
            reading = gone_reading(SOURCE, event.peer, wall)
        elif isinstance(event, PeerEvent):
            reading = peer_reading(SOURCE, event.peer, wall)
            if isinstance(event, PeerAppeared):
                self._newest = now
        else:
            reading = None
        for emit in self._emits if reading is not None else ():
            assert reading is not None
            emit(reading)
        for catalogues in self.catalogues:
            catalogues.hear(event)
        self.on_event(event)
