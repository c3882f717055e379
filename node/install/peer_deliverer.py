"""Deliverer of `peer+http:` locations: trees from neighbours and from publishers in the DHT, by digest, checked file by file.

Only addresses that this node wrote down itself are used: those of datagrams it heard, and those that a publisher signed in the
DHT, if its network may be connected to (`protocol.dht.contacts.may_fetch`). A registry cannot send it anywhere. What a killed process
brought of a tree is gone on with (`node.io.partials`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from node.install.stage import Stage
from node.install.unpack import Unpacked
from node.io.partials import Held, Journal
from node.io.peer_client import PeerClient, Point, check_point, read_location
from node.io.peer_trees import Pace
from protocol import limits
from protocol.dht.contacts import may_fetch
from protocol.errors import OoderError, PolicyError
from protocol.install.model import Origin
from protocol.install.universe import Location

LISTENER, RECORDS = "udp_broadcast", "dht_kademlia"


class PeerDeliverer:
    """Works with no internet, but not without a network. `networks` (CIDR) are those of `sources.dht_kademlia.fetch_networks`, `rate` is in
    bytes per second."""

    near = False

    def __init__(
        self,
        client: PeerClient,
        networks: Sequence[str] = (),
        rate: float = 0.0,
        hold: Callable[[str], Held | None] = lambda what: None,
    ) -> None:
        self._client, self._networks, self._pace, self._hold = client, networks, Pace(rate), hold

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        return await self.gather([location], stage)

    async def gather(self, locations: Sequence[Location], stage: Stage) -> tuple[Unpacked, Origin]:
        """The same tree from several peers at once; the first location is named as its origin. Raises as `bring`."""
        points = []
        refused: OoderError | None = None
        for location in locations[: limits.PEERS_AT_ONCE]:
            try:
                points.append(self._point(location))
            except OoderError as error:
                refused = refused or error
        if not points and refused:
            raise refused
        digest = read_location(locations[0].url)[1]
        held = await asyncio.to_thread(self._hold, digest)
        try:
            files = await self._client.tree(points, digest, self._pace, Journal(held) if held else None)
            done = await asyncio.to_thread(stage.files, files)
            if held is not None:
                await asyncio.to_thread(held.clear)
        finally:
            if held is not None:
                held.close()
        return done, Origin(locations[0].source, locations[0].url)

    def _point(self, location: Location) -> Point:
        point, _ = read_location(location.url)
        if location.source == RECORDS:
            check_published(point, self._networks)
        elif location.source != LISTENER:
            raise PolicyError("peer.forbidden_address", address=f"{point.ip}:{point.port}")
        check_point(point)
        return point


def check_published(point: Point, networks: Sequence[str]) -> None:
    """Refuse an address out of a stranger's record. Raises PolicyError `peer.forbidden_address`, `dht.private_address`."""
    check_point(point)
    if not may_fetch(point.ip, networks):
        raise PolicyError("dht.private_address", address=f"{point.ip}:{point.port}")
