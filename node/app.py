"""The only place that wires: settings in, providers with their ports out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cached_property
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from node import registry
from node.config import Config
from node.lan import Lan
from node.paths import Paths
from protocol.catalogue import Offered
from protocol.errors import UsageError
from protocol.lan_admission import Floor
from protocol.lan_events import Offer
from protocol.lan_extension import Seal
from protocol.peers import Peer
from sources.base import DiscoveryProvider, Patient
from sources.ports import Clock, Context, Places

if TYPE_CHECKING:
    from node.aggregator import Aggregator
    from node.cache_memory import CacheMemory
    from node.dht import HomeDht
    from node.io.datagrams import LanSockets
    from node.io.files import RealFolders
    from node.io.git import GitMirrors
    from node.io.http import Door, HttpClient
    from node.io.mdns import ZeroconfMdns
    from node.io.peer_client import PeerClient, Point
    from node.revocation_lists import Revocations
    from node.service import Service
    from node.source_memory import SourceMemory
    from protocol.dht.record import Pointer
    from protocol.http.exchange import HttpBounds
    from sources.ports import GitBounds


ROOM_SECONDS = 0.005


class NodePorts:
    """Everything a source may need of the world; each port is made when it is first asked for."""

    def __init__(self, paths: Paths, places: Places, clock: Clock, name: str = "") -> None:
        self._paths = paths
        self.lan = Lan(paths, clock, name)
        self.dht_offers: Callable[[], Sequence[Pointer]] = lambda: ()
        self.revoked_anew: Callable[[Set[str]], None] = lambda what: None
        self.kept: dict[str, tuple[object, DiscoveryProvider]] = {}
        self.waiting: WeakSet[Aggregator] = WeakSet()
        """Who takes in what sources say; large sources go no faster than they."""
        self.context = Context(clock=clock, places=places, home=paths.home, random=SystemRandom(), room=self._room)

    async def _room(self) -> None:
        while any(one.is_full for one in self.waiting):
            await self.context.clock.sleep(ROOM_SECONDS)

    @cached_property
    def folders(self) -> RealFolders:
        from node.io.files import RealFolders

        return RealFolders()

    @cached_property
    def memory(self) -> CacheMemory:
        from node.cache_memory import CacheMemory

        return CacheMemory(self._paths.cache)

    @cached_property
    def dht(self) -> HomeDht:
        from node.dht import HomeDht

        dht = HomeDht(self._paths, self.context.clock, self.context.random)
        dht.offers, dht.neighbours, dht.on_port = self.dht_offers, self.lan.dht_neighbours, self.lan.set_dht_port
        return dht

    def git(self, bounds: GitBounds) -> GitMirrors:
        from node.io.git import GitMirrors

        return GitMirrors(self._paths.mirrors, bounds)

    @cached_property
    def revocations(self) -> Revocations:
        from node.revocation_lists import Revocations

        return Revocations(self._paths.revocations, lambda what: self.revoked_anew(what))

    @cached_property
    def memory_of_sources(self) -> SourceMemory:
        from node.source_memory import SourceMemory

        return SourceMemory(self._paths.source_memory)

    @cached_property
    def door(self) -> Door:
        from node.io.http import Door

        return Door(self._paths.http_cache, self.context.clock, self.context.random)

    def http(self, bounds: HttpBounds) -> HttpClient:
        return self.door.client(bounds)

    def lan_sockets(self, port: int, only: Sequence[str], ears: Sequence[int]) -> LanSockets:
        from node.io.datagrams import LanSockets

        return LanSockets(port, only=only, ears=ears)

    def mdns(self, only: Sequence[str]) -> ZeroconfMdns:
        from node.io.mdns import ZeroconfMdns

        return ZeroconfMdns(only)

    def lan_seal(self) -> tuple[Seal, str]:
        return self.lan.seal()

    def lan_offer(self) -> Offer:
        return self.lan.offer()

    @cached_property
    def peers(self) -> PeerClient:
        from node.io.peer_client import PeerClient

        return PeerClient(self.lan.key, self.context.clock.wall, self.lan.is_friend)

    async def lan_catalogue(self, peer: Peer) -> Sequence[Offered]:
        return await self.peers.catalogue(point_of(peer))

    def lan_location(self, peer: Peer) -> str:
        return point_of(peer).location

    def lan_memory(self) -> tuple[Mapping[str, Floor], Sequence[tuple[str, int]]]:
        return self.lan.memory()


def point_of(peer: Peer) -> Point:
    """Where a peer was heard: the address its datagrams came from, the port it signed."""
    from node.io.peer_client import Point

    return Point(peer.agent_id, peer.addresses[0].ip, peer.tcp_port, peer.key)


LAN = ("udp_broadcast", "mdns_dns_sd")
"""Sources of the local network, which help each other."""


KEPT = (*LAN, "skill_center", *registry.FORGES)
"""Sources that keep one provider: it listens or remembers when it asked last, and what is asked in between is asked of that one."""


def make_providers(config: Config, names: Sequence[str], ports: NodePorts) -> Mapping[str, DiscoveryProvider]:
    """Build the named sources. Raises UsageError when one's section of the settings does not hold, or `source.disabled`."""
    made: dict[str, Any] = {}
    for name in names:
        if name not in config.sources:
            raise UsageError("source.disabled", name=name)
        section = config.sources[name]
        before, provider = ports.kept.get(name, (None, None))
        if provider is None or before != section:
            provider = registry.load(name).make(section, ports)
            if name in KEPT:
                ports.kept[name] = section, provider
        made[name] = provider
    _introduce(made, ports)
    return made


def ask_at_once(providers: Iterable[DiscoveryProvider]) -> None:
    """Have sources that remember when they asked last (an optional method `ask_at_once`) ask again all the same."""
    for provider in providers:
        if isinstance(provider, Patient):
            provider.ask_at_once()


def shared_pointers(service: Service) -> Sequence[Pointer]:
    """What the DHT may carry of a home; only a running node of the DHT asks."""
    from node.dht_offers import offers_of

    return offers_of(service)


def _introduce(made: Mapping[str, Any], ports: NodePorts) -> None:
    """The two sources of the local network help each other: who is seen by mDNS is asked by the beacon."""
    beacon, services = (made.get(name) for name in LAN)
    if beacon is not None:
        ports.lan.attach(beacon)
    if services is not None:
        ports.lan.services = services
    if beacon is not None and services is not None:
        services.on_address = beacon.ask_at
        services.is_heard = ports.lan.is_heard
