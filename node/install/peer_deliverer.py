"""Deliverer of `peer+http:` locations: trees from neighbours, by digest, checked file by file.

Only locations that this node wrote down itself, from datagrams it heard, are used: a registry or a stranger cannot send it to an address.
"""

from __future__ import annotations

import asyncio

from node.install.stage import Stage
from node.install.unpack import Unpacked
from node.io.peer_client import PeerClient, read_location
from protocol.errors import PolicyError
from protocol.install.model import Origin
from protocol.install.universe import Location

LISTENER = "udp_broadcast"


class PeerDeliverer:
    """Works with no internet, but not without a network."""

    near = False

    def __init__(self, client: PeerClient) -> None:
        self._client = client

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        point, digest = read_location(location.url)
        if location.source != LISTENER:
            raise PolicyError("peer.forbidden_address", address=f"{point.ip}:{point.port}")
        files = await self._client.tree(point, digest)
        done = await asyncio.to_thread(stage.files, files)
        return done, Origin(location.source, location.url)
