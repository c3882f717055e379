"""Probes services that only mDNS knows, so that a crashed one does not stay fresh as long as its records live.

A probe is one TCP connection to the advertised port, at plausible addresses only, opened and closed; nothing is sent. A service that
promises a peer plane (`path` in its TXT) and does not take the connection twice is suspect. One that promises none counts as
alive while its responder answers. What neither port nor responder answers for is taken out of the cache (RFC 6762 10.4).
Who is heard by the beacon is not probed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from protocol import limits
from protocol.dnssd import decode_txt
from protocol.dnssd_watch import GONE_AFTER, ServiceWatch

if TYPE_CHECKING:
    from sources.mdns_services import Found
    from sources.ports import Clock

LOOK_SECONDS = 0.5  # between looks whether a probe is due
AGAIN_SECONDS = 0.3  # between the two tries of one probe
LOWEST_PORT = 1_024  # as of the peer client: nothing below is a peer plane


class Prober(Protocol):
    """What is needed of the network."""

    async def reachable(self, addresses: Sequence[str], port: int) -> bool:
        """Whether a TCP connection to any of them comes about within `limits.SERVICE_PROBE_SECONDS`."""

    async def reconfirm(self, kind: str, name: str) -> bool:
        """Ask for the service anew (RFC 6762 10.4): whether its responder still answers."""

    async def flush(self, kind: str, name: str) -> None:
        """Forget the records of the service before their time."""


class Watcher:
    """`services` is read, never written. `addresses(service)` gives those that may be connected to, `is_heard(service)` says that
    another path vouches for it, `judged(name)` is told when it stops or starts being fresh, `lost(name)` that it is gone."""

    def __init__(
        self,
        prober: Prober,
        clock: Clock,
        services: Mapping[str, Found],
        addresses: Callable[[Found], Sequence[str]],
        is_heard: Callable[[Found], bool],
        judged: Callable[[str], None],
        lost: Callable[[str], None],
    ) -> None:
        self._prober, self._clock, self._services = prober, clock, services
        self._addresses, self._is_heard, self._judged, self._lost = addresses, is_heard, judged, lost
        self._slots = asyncio.Semaphore(limits.SERVICE_PROBES_AT_ONCE)
        self.watch = ServiceWatch(clock.loop())

    async def run(self) -> None:
        """Probe until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                for name in self.watch.due(self._clock.loop()):
                    group.create_task(self._probe(name))
                await self._clock.sleep(LOOK_SECONDS)

    async def _probe(self, name: str) -> None:
        service = self._services.get(name)
        if service is None:
            self.watch.forget(name)
            return
        alive = await self.lives(service)
        if self._services.get(name) is not service:
            return  # it spoke or left meanwhile, and is judged by that
        if not alive:
            await self._doubt(service, promised=_promises(service))
        elif self.watch.answered(name, self._clock.loop()):
            self._judged(name)

    async def lives(self, service: Found) -> bool:
        """One probe: whether somebody else vouches for it, its port takes a connection or, where none is promised, it answers."""
        async with self._slots:
            alive = self._is_heard(service) or await self._connects(service)
            if not alive and not _promises(service):
                alive = await self._prober.reconfirm(service.type, service.name)
            return alive

    def can_probe(self, service: Found) -> bool:
        """Whether there is a port to connect to."""
        return service.port >= LOWEST_PORT and bool(self._addresses(service))

    async def _connects(self, service: Found) -> bool:
        if not self.can_probe(service):
            return True  # nowhere to ask: nothing can be said against it
        addresses = self._addresses(service)
        if await self._prober.reachable(addresses, service.port):
            return True
        await self._clock.sleep(AGAIN_SECONDS)
        return await self._prober.reachable(addresses, service.port)

    async def _doubt(self, service: Found, *, promised: bool) -> None:
        name = service.name
        times = self.watch.silent(name, self._clock.loop())
        if times == 1:
            self._judged(name)
        vouched = promised and await self._prober.reconfirm(service.type, name)
        if self._services.get(name) is not service:
            return
        if vouched:
            self.watch.settle(name, self._clock.loop())
        elif times >= GONE_AFTER:
            await self._prober.flush(service.type, name)
            self._lost(name)


def _promises(service: Found) -> bool:
    """Whether it promises a peer plane at its port."""
    txt = decode_txt(service.txt)
    return txt is not None and bool(txt.path)
