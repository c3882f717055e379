"""Deliverer of `peer+http:` locations: trees from neighbours and from publishers in the DHT, by digest, checked file by file.

Only addresses that this node wrote down itself are used: those of datagrams it heard, and those that a publisher signed in the
DHT, if its network may be connected to (`protocol.dht.contacts.may_fetch`). A registry cannot send it anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from node.install.stage import Stage
from node.install.unpack import Unpacked
from node.io.peer_client import PeerClient, Point, check_point, read_location
from protocol.dht.contacts import may_fetch
from protocol.errors import PolicyError
from protocol.install.model import Origin
from protocol.install.universe import Location

LISTENER, RECORDS = "udp_broadcast", "dht_kademlia"


class PeerDeliverer:
    """Works with no internet, but not without a network. `networks` (CIDR) are those of `sources.dht_kademlia.fetch_networks`."""

    near = False

    def __init__(self, client: PeerClient, networks: Sequence[str] = ()) -> None:
        self._client, self._networks = client, networks

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        point, digest = read_location(location.url)
        if location.source == RECORDS:
            check_published(point, self._networks)
        elif location.source != LISTENER:
            raise PolicyError("peer.forbidden_address", address=f"{point.ip}:{point.port}")
        files = await self._client.tree(point, digest)
        done = await asyncio.to_thread(stage.files, files)
        return done, Origin(location.source, location.url)


def check_published(point: Point, networks: Sequence[str]) -> None:
    """Refuse an address out of a stranger's record. Raises PolicyError `peer.forbidden_address`, `dht.private_address`."""
    check_point(point)
    if not may_fetch(point.ip, networks):
        raise PolicyError("dht.private_address", address=f"{point.ip}:{point.port}")
