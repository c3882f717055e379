"""What the sources of the local network need of a node, without a node: a clock, a key, an offer, and sockets to choose.

>>> provider = make(Config(), LanPorts(seed=1, sockets=lambda: FakeSockets(hub, "10.0.0.1")))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from protocol.catalogue import Offered
from protocol.identity import SigningKey
from protocol.lan_admission import Floor
from protocol.lan_events import Interface, Offer, Outgoing
from protocol.lan_extension import Seal
from protocol.lan_seal import KeySeal
from protocol.peers import Peer
from sources.ports import Context
from tests.fakes.virtual_time import LoopClock


class NoPlaces:
    """Nothing is known."""

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        return {}


class LanPorts:
    """`sockets` makes the sockets; `seed` decides key and chance."""

    def __init__(self, seed: int, sockets: Callable[[], Any], name: str = "", **offer: Any) -> None:
        self.context = Context(LoopClock(), NoPlaces(), Path(), Random(seed))
        self.seal = KeySeal(SigningKey(Random(seed).randbytes(32)))
        self.offered = Offer(self.seal.agent_id(self.seal.key), name or f"desk {seed}", tcp_port=48889, **offer)
        self._sockets = sockets
        self.offers: dict[str, Sequence[Offered]] = {}

    def lan_sockets(self, port: int, only: Sequence[str], ears: Sequence[int]) -> Any:
        return self._sockets()

    def lan_seal(self) -> tuple[Seal, str]:
        return self.seal, self.seal.key

    def lan_offer(self) -> Offer:
        return self.offered

    async def lan_catalogue(self, peer: Peer) -> Sequence[Offered]:
        return self.offers.get(peer.key, ())

    def lan_location(self, peer: Peer) -> str:
        return f"peer+http://{peer.agent_id}@{peer.addresses[0].ip}:{peer.tcp_port}"

    def lan_memory(self) -> tuple[Mapping[str, Floor], Sequence[tuple[str, int]]]:
        return {}, ()


class Hub:
    """The wire between `FakeSockets`."""

    def __init__(self) -> None:
        self.plugged: list[FakeSockets] = []


class FakeSockets:
    """One host's sockets on a `Hub`; a datagram arrives one millisecond later."""

    def __init__(self, hub: Hub, ip: str) -> None:
        self._hub, self.ip, self.problem = hub, ip, ""
        self._listener: Any = None
        self.sent: list[Outgoing] = []
        self.cut = False

    def open(self, listener: Any) -> None:
        self._listener = listener
        self._hub.plugged.append(self)
        self.look()

    def close(self) -> None:
        self._hub.plugged.remove(self)
        self._listener = None

    def look(self) -> None:
        self._listener.interfaces((Interface("eth0", self.ip, 24),))

    def send(self, out: Outgoing) -> None:
        self.sent.append(out)
        if self.cut:
            return
        for other in self._hub.plugged:
            if other is not self and out.ip in {"", other.ip}:
                asyncio.get_running_loop().call_later(0.001, other.hear, out.data, self.ip)

    def hear(self, data: bytes, ip: str) -> None:
        """A datagram arrives."""
        if self._listener is not None and not self.cut:
            self._listener.datagram(data, ip, 40_000, "eth0")
            self._listener.drained()
