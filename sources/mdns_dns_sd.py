"""Source `mdns_dns_sd`: finds agents (and the skills of older nodes) that publish themselves over mDNS, and publishes this node.

Guide 3.2, ECOSYSTEM 1.8, LAN.md 3. A service is a hint that somebody may be at an address: it proves nothing, so everything here
is hearsay, and it says nothing about who is alive, since records live for an hour after a crash: whom nobody else hears is probed
(`mdns_watch`), and is not fresh while it does not answer. `on_address` is told every new address, so that the beacon can ask
there. One agent is one place, whatever its service is called.
"""

from __future__ import annotations

import asyncio
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
    decode_txt,
    encode_txt,
    instance_label,
    plausible_addresses,
    subtypes,
)
from protocol.identity import AGENT_CHARS, FINGERPRINT_CHARS
from protocol.items import Channel, Evidence, Item, Json, Provided, Reading, Sighting, Standing, Survey
from protocol.lan_events import Interface, Offer
from protocol.query import Query
from protocol.ratelimit import Bucket
from protocol.refs import Kind, is_id
from sources.base import Emit
from sources.mdns_watch import Prober, Watcher
from sources.ports import Context

SOURCE = "mdns_dns_sd"
ORIGIN = "lan"
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


@dataclass(frozen=True, slots=True)
class Found:
    """A service somebody publishes, as claimed."""

    type: str
    name: str
    addresses: tuple[str, ...]
    port: int
    txt: Mapping[bytes, bytes | None]


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
        """Report what is known, and browse for a moment when the source does not run."""
        clock = self._context.clock
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
                    browsing.cancel()
            finally:
                self._emits.remove(emit)
        places = frozenset(place for service in self._services.values() if (place := _place(service)))
        emit(Survey(SOURCE, ORIGIN, clock.wall(), places))

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

    def _watch(self, mdns: Mdns) -> Watcher:
        return Watcher(
            mdns,
            self._context.clock,
            self._services,
            self._addresses,
            lambda service: self.is_heard(_place(service)),
            lambda name: self._tell(self._services[name], self._emits),
            self._lost,
        )

    def _addresses(self, service: Found) -> tuple[str, ...]:
        interfaces = self._mdns.interfaces if self._mdns else ()
        return plausible_addresses(service.addresses, [(each.ip, each.prefix) for each in interfaces])

    def _found(self, service: Found) -> None:
        """A service was found or changed. Bounded: 1,024 services, 256 new ones per minute, the oldest forgotten."""
        place, now = _place(service), self._context.clock.loop()
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
        place = _place(service) if service else ""
        if place and not any(_place(other) == place for other in self._services.values()):
            for emit in self._emits:
                emit(Reading(SOURCE, ORIGIN, place, self._context.clock.wall()))

    def _tell(self, service: Found, emits: Sequence[Emit]) -> None:
        wall = self._context.clock.wall()
        reading = service_reading(service, self._addresses(service), wall, self.why(service.name))
        for emit in emits if reading else ():
            assert reading is not None
            emit(reading)


def service_reading(service: Found, addresses: Sequence[str], wall: float, why: str = "") -> Reading | None:
    """A service as items: the agent (or the skill, for the older type) and what its TXT lists. None when it names nobody.

    Without a plausible address the item is still told, with no location: seen, but nowhere to go. With `why` it is not fresh.
    """
    txt = decode_txt(service.txt)
    if txt is None or not is_id(txt.agent_id):
        return None
    address = addresses[0] if addresses else ""
    host = f"[{address}]" if ":" in address else address
    location = f"http://{host}:{service.port}/" if address and service.port else ""
    evidence = Evidence(Channel.HEARSAY)
    # An agent id made from the key it claims can belong to nobody else: hearsay about that key's agent, not another one's claim.
    its_own = len(txt.key) == FINGERPRINT_CHARS and txt.agent_id == f"node-{txt.key[:AGENT_CHARS].lower()}"
    principal = f"key:{txt.key}" if its_own else f"lan:{address or 'unknown'}"

    def sight(item: Item, standing: Standing) -> Sighting:
        expires = wall if why else 0.0
        return Sighting(
            item,
            SOURCE,
            ORIGIN,
            txt.agent_id,
            location,
            principal,
            evidence,
            wall,
            expires_at=expires,
            standing=standing,
        )

    kind = Kind.SKILL if service.type == SKILL_SERVICE else Kind.AGENT
    facts: dict[str, Json] = {
        "service": service.name,
        "addresses": list(addresses),
        "tcp_port": service.port,
        "key_claim": txt.key,
        "catalogue": {"digest": txt.catalogue, "count": txt.count},
        "state": "suspect" if why else "fresh",
        "reason": why,
    }
    provides = tuple(Provided(each) for each in txt.capabilities if is_id(each))
    main = Item(kind, txt.agent_id, name=txt.name or txt.agent_id, provides=provides, facts=facts, dialect="dns-sd")
    sightings = [sight(main, Standing.LISTING if kind is Kind.SKILL else Standing.MAIN)]
    for each_kind, ids in ((Kind.CAPABILITY, txt.capabilities), (Kind.SCENE, txt.scenes)):
        sightings += [sight(Item(each_kind, each, name=each), Standing.LISTING) for each in ids if is_id(each)]
    return Reading(SOURCE, ORIGIN, txt.agent_id, wall, tuple(sightings))


def _place(service: Found) -> str:
    txt = decode_txt(service.txt)
    return txt.agent_id if txt is not None and is_id(txt.agent_id) else ""


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
