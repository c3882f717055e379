"""Source `mdns_dns_sd`: finds agents (and the skills of older nodes) that publish themselves over mDNS, and publishes this node.

Guide 3.2, ECOSYSTEM 1.8, LAN.md 3. A service is a hint that somebody may be at an address: it proves nothing, so everything here
is hearsay, and it says nothing about who is alive, since records live for an hour after a crash: whom nobody else hears is probed
(`mdns_watch`), and is not fresh while it does not answer. Between single looks nobody watches: whom an earlier one heard and this
one does not is asked once more, and told as not fresh. `on_address` is told every new address, so that the beacon can ask there.
One agent is one place, whatever its service is called.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field

from protocol import limits
from protocol.dnssd import (
    PORT,
    SERVICE,
    SKILL_SERVICE,
    Txt,
    encode_txt,
    instance_label,
    plausible_addresses,
    subtypes,
)
from protocol.errors import UnavailableError
from protocol.items import Reading, Survey
from protocol.lan_events import Interface, Offer
from protocol.query import Query
from protocol.ratelimit import Bucket
from protocol.refs import Kind
from sources.base import Emit
from sources.mdns_services import ORIGIN, SOURCE, Found, Remembered, place_of, recalled, service_reading
from sources.mdns_watch import Prober, Watcher
from sources.ports import Context

RECALL_S = 6.0  # seconds those have to answer whom only earlier looks heard; two tries of a port, then three questions
FORGET_S = 4_500.0  # seconds after which they are gone: as long as their records would have lived (RFC 6762 10)
QUIET = 0.25  # seconds without a new service after which a search has heard everybody


class Config(BaseModel):
    """Section `sources.mdns_dns_sd` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    publish: bool = Field(default=True, description="publish this node as _ooder._tcp")
    wait_s: float = Field(default=3.0, gt=0, le=60, description="seconds a search waits for late answers at most")
    interfaces: tuple[str, ...] = Field(default=(), description="names or patterns of interfaces; empty chooses")


@dataclass(frozen=True, slots=True)
class Published:
    """A service to publish: full name, type, host name without `.local.`, port, TXT, and the subtypes (`_agent`) it is found by, too."""

    name: str
    type: str
    host: str
    port: int
    txt: Mapping[str, bytes]
    subtypes: tuple[str, ...] = ()


class Mdns(Prober, Protocol):
    """What this source needs of `node/io/mdns.py`."""

    interfaces: tuple[Interface, ...]

    async def run(
        self,
        published: Published | None,
        types: Sequence[str],
        found: Callable[[Found], None],
        lost: Callable[[str], None],
    ) -> None: ...
    async def publish(self, published: Published) -> None: ...


class Ports(Protocol):
    """What this source needs of the node."""

    @property
    def context(self) -> Context: ...
    def mdns(self, only: Sequence[str]) -> Mdns: ...
    def lan_offer(self) -> Offer: ...


def published(offer: Offer) -> Published:
    """What this node publishes about itself."""
    txt = Txt(
        offer.agent_id,
        offer.name,
        offer.capabilities,
        offer.scenes,
        offer.user_id,
        offer.status,
        key=offer.key,
        catalogue=offer.digest.hex(),
        count=offer.count,
        path="/api/v1" if offer.tcp_port else "",  # whoever names a path promises that the port answers
    )
    name = f"{instance_label(offer.agent_id)}.{SERVICE}"
    kinds = subtypes((Kind.SCENE, offer.scenes), (Kind.CAPABILITY, offer.capabilities))
    return Published(name, SERVICE, offer.agent_id, offer.tcp_port or PORT, encode_txt(txt), kinds)


class Provider:
    """Source `mdns_dns_sd`."""

    name: ClassVar[str] = SOURCE
    priority: ClassVar[int] = 90
    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.AGENT, Kind.CAPABILITY, Kind.SCENE, Kind.SKILL})
    pushes: ClassVar[bool] = True
    delivers: ClassVar[bool] = False

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config, self._ports, self._context = config, ports, ports.context
        self._mdns: Mdns | None = None
        self._turn = asyncio.Lock()
        self._services: OrderedDict[str, Found] = OrderedDict()
        self._emits: list[Emit] = []
        self._news: Bucket | None = None
        self._newest = 0.0
        self._watcher: Watcher | None = None
        self.dropped = 0
        self.on_address: Callable[[str], None] = lambda ip: None
        self.is_heard: Callable[[str], bool] = lambda agent_id: False
        """Whether another source vouches that this agent is alive."""

    async def run(self, emit: Emit) -> None:
        """Publish and browse until cancelled, then take the service back."""
        self._emits.append(emit)
        try:
            await self._browse(publish=self._config.publish)
        finally:
            self._emits.remove(emit)

    async def search(self, query: Query, emit: Emit) -> None:
        """Report what is known, and browse for a moment when the source does not run. Raises UnavailableError `lan.no_interface`,
        `lan.mdns_refused`."""
        clock = self._context.clock
        silent = frozenset[str]()
        for service in list(self._services.values()):
            self._tell(service, [emit])
        if not self._turn.locked():
            self._emits.append(emit)
            try:
                async with asyncio.TaskGroup() as group:
                    browsing = group.create_task(self._browse(publish=False))
                    self._newest = clock.loop()
                    end = clock.loop() + self._config.wait_s
                    while (now := clock.loop()) < end and now < self._newest + QUIET:
                        await clock.sleep(min(end, self._newest + QUIET) - now)
                    if not (cut_off := self._is_cut_off()):
                        silent = await self._recall(emit)
                    browsing.cancel()
            finally:
                self._emits.remove(emit)
        else:
            cut_off = self._is_cut_off()
        if cut_off:
            raise UnavailableError("lan.no_interface")
        emit(Survey(SOURCE, ORIGIN, clock.wall(), self._places() | silent))

    def heard(self) -> tuple[Found, ...]:
        """Every service that is there now, as claimed."""
        return tuple(self._services.values())

    def why(self, name: str) -> str:
        """Why a service is not fresh (a code of `peers.why`), "" while it is."""
        return self._watcher.watch.reason(name) if self._watcher else ""

    async def offer(self) -> None:
        """What this node offers changed: publish it."""
        if self._mdns is not None and self._config.publish:
            await self._mdns.publish(published(self._ports.lan_offer()))

    # --- Private steps -----------------------------------------------------------------------------------------------

    def _is_cut_off(self) -> bool:
        return self._mdns is not None and not self._mdns.interfaces

    async def _browse(self, *, publish: bool) -> None:
        async with self._turn:
            self._mdns = mdns = self._ports.mdns(self._config.interfaces)
            rate = limits.SERVICES_PER_MINUTE / 60
            self._news = Bucket(rate, limits.SERVICES_PER_MINUTE, self._context.clock.loop())
            offered = published(self._ports.lan_offer()) if publish else None
            self._watcher = watcher = self._watch(mdns)
            for name in self._services:
                watcher.watch.add(name, self._context.clock.loop())
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(mdns.run(offered, (SERVICE, SKILL_SERVICE), self._found, self._lost))
                    group.create_task(watcher.run())
            finally:
                self._mdns = self._watcher = None

    def _places(self) -> frozenset[str]:
        return frozenset(place for service in self._services.values() if (place := place_of(service)))

    async def _recall(self, emit: Emit) -> frozenset[str]:
        """Ask once more whom an earlier look heard and this one did not, and say who is silent: their places."""
        known = self._context.places.known(SOURCE, ORIGIN)
        missed = [
            one for mark in known.values() if (one := recalled(mark)) and place_of(one.service) not in self._places()
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECALL_S), asyncio.TaskGroup() as group:
                for one in missed:
                    if not one.silent_since:  # who was silent before has been asked by this look, as everybody was
                        group.create_task(self._ask_again(one.service))
        wall, heard, silent = self._context.clock.wall(), self._places(), set[str]()
        for one in missed:
            since = one.silent_since or wall
            if place_of(one.service) not in heard and wall - since < FORGET_S:
                silent.add(place_of(one.service))
                told = service_reading(one.service, (), wall, "no_answer", Remembered(one.service, one.seen_at, since))
                if told:
                    emit(told)
        return frozenset(silent)

    async def _ask_again(self, service: Found) -> None:
        assert self._watcher is not None and self._mdns is not None
        if self._watcher.can_probe(service) or self.is_heard(place_of(service)):
            alive = await self._watcher.lives(service)
        else:
            alive = await self._mdns.reconfirm(service.type, service.name)
        if alive:
            self._found(service)

    def _watch(self, mdns: Mdns) -> Watcher:
        return Watcher(
            mdns,
            self._context.clock,
            self._services,
            self._addresses,
            lambda service: self.is_heard(place_of(service)),
            lambda name: self._tell(self._services[name], self._emits),
            self._lost,
        )

    def _addresses(self, service: Found) -> tuple[str, ...]:
        interfaces = self._mdns.interfaces if self._mdns else ()
        return plausible_addresses(service.addresses, [(each.ip, each.prefix) for each in interfaces])

    def _found(self, service: Found) -> None:
        """A service was found or changed. Bounded: 1,024 services, 256 new ones per minute, the oldest forgotten."""
        place, now = place_of(service), self._context.clock.loop()
        assert self._watcher is not None and self._news is not None
        if not place or place == self._ports.lan_offer().agent_id or self._services.get(service.name) == service:
            return
        if service.name not in self._services and not self._news.take(now):
            self.dropped += 1
            return
        if len(self._services) >= limits.SERVICES and service.name not in self._services:
            self._lost(next(iter(self._services)))
        self._services[service.name] = service
        self._newest = now
        self._watcher.watch.add(service.name, now)
        for ip in self._addresses(service):
            self.on_address(ip)
        self._tell(service, self._emits)

    def _lost(self, name: str) -> None:
        service = self._services.pop(name, None)
        if self._watcher is not None:
            self._watcher.watch.forget(name)
        place = place_of(service) if service else ""
        if place and not any(place_of(other) == place for other in self._services.values()):
            for emit in self._emits:
                emit(Reading(SOURCE, ORIGIN, place, self._context.clock.wall()))

    def _tell(self, service: Found, emits: Sequence[Emit]) -> None:
        wall = self._context.clock.wall()
        reading = service_reading(service, self._addresses(service), wall, self.why(service.name))
        for emit in emits if reading else ():
            assert reading is not None
            emit(reading)


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
