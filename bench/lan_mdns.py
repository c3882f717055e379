"""mDNS: how soon a new service is in a running browser, and how soon a fresh browser has ten; this node's and avahi's, side by side.

Services and browsers are hosts of one network. Ours share this process; avahi is a daemon per host, with `avahi-browse` and
`avahi-publish` as people use them, and each cold browse of it meets a daemon that has just started, with nothing cached.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from bench import Row
from bench.lan_foreign import Program
from node.io.mdns import ZeroconfMdns
from protocol.dnssd import SERVICE
from protocol.lan_events import Offer
from scenarios.avahi import Avahi, why_no_avahi
from scenarios.netns import NetLab
from sources.mdns_dns_sd import published
from sources.mdns_services import Found

ROUNDS = 12
AVAHI_ROUNDS = 5
SERVICES = 10
LATE_S = 5.0  # whatever was not seen by then counts as having taken that long
_TYPE = SERVICE.removesuffix(".local.")


class Ours:
    """This node's publisher or browser on a host, and what it saw when."""

    def __init__(self, lab: NetLab, host: str) -> None:
        self.mdns = ZeroconfMdns(within=lambda: lab.inside(host))
        self.found: dict[str, float] = {}

    @asynccontextmanager
    async def running(self, agent: str = "") -> AsyncIterator[Ours]:
        service = published(Offer(agent, agent, tcp_port=48889)) if agent else None
        task = asyncio.create_task(self.mdns.run(service, (SERVICE,), self._hear, lambda name: None))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _hear(self, found: Found) -> None:
        self.found.setdefault(found.name.partition(".")[0].removeprefix("Ooder Agent-"), time.perf_counter())


async def until(done: Callable[[], object], seconds: float = LATE_S) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not done():
                await asyncio.sleep(0.001)


def measure() -> list[Row]:
    """Half a minute with avahi, a few seconds without."""
    with _lab() as lab:
        new, cold = asyncio.run(_ours(lab))
    theirs, crossed, theirs_cold = None, None, None
    if not why_no_avahi():
        with _lab() as lab, tempfile.TemporaryDirectory() as folder:
            theirs, crossed, theirs_cold = asyncio.run(_avahi(lab, Path(folder)))
    what = "mDNS: new service in a running browser"
    rows = [
        Row(f"{what}, p50", new, "ms", "<= 20", theirs, "avahi"),
        Row(f"mDNS: cold browse of {SERVICES}, p50", cold, "ms", "<= 100", theirs_cold, "avahi"),
    ]
    if crossed is not None:
        rows.insert(1, Row(f"{what} of avahi, p50", crossed, "ms", "", theirs, "avahi"))
    return rows


@contextlib.contextmanager
def _lab() -> Iterator[NetLab]:
    with NetLab() as lab:
        lab.lan("l", "10.77.0.0/16")
        for name in ("browser", "publisher", *(f"p{number}" for number in range(SERVICES))):
            lab.host(name, "l")
        yield lab


async def _ours(lab: NetLab) -> tuple[float, float]:
    """(new service, cold browse): ours seen by ours, ms."""
    async with Ours(lab, "browser").running() as browser:
        new = await _appear(lab, lambda agent: browser.found.get(agent))
    async with _ten(lab):
        return new, await _cold(ROUNDS, lambda: _cold_ours(lab))


async def _appear(lab: NetLab, seen: Callable[[str], float | None]) -> float:
    """Our services start one after another; the median until each was seen."""
    await asyncio.sleep(1.0)  # the browser's first questions are over
    took = []
    for number in range(ROUNDS):
        start, agent = time.perf_counter(), f"node-{number}"
        async with Ours(lab, "publisher").running(agent):
            await until(lambda agent=agent: seen(agent))  # type: ignore[misc]
            took.append((seen(agent) or start + LATE_S) - start)
    return median(took) * 1000


@asynccontextmanager
async def _ten(lab: NetLab) -> AsyncIterator[None]:
    """Ten services of ours, announced long enough ago that nobody is told any more."""
    async with AsyncExitStack() as stack:
        for number in range(SERVICES):
            await stack.enter_async_context(Ours(lab, f"p{number}").running(f"cold-{number}"))
        await asyncio.sleep(3.0)
        yield


async def _cold(rounds: int, one: Callable[[], Awaitable[float]]) -> float:
    return median([await one() for _ in range(rounds)]) * 1000


async def _cold_ours(lab: NetLab) -> float:
    start = time.perf_counter()
    async with Ours(lab, "browser").running() as browser:
        await until(lambda: len(browser.found) >= SERVICES)
        return time.perf_counter() - start


async def _avahi(lab: NetLab, folder: Path) -> tuple[float, float, float]:
    """(avahi's new service in avahi's browser, ours in avahi's, cold browse of ours by avahi), ms."""
    with Avahi(lab, "browser", folder) as avahi, Avahi(lab, "p0", folder) as other:
        browser = _browser(lab, avahi)
        took = []
        for number in range(AVAHI_ROUNDS):
            start, name = time.perf_counter(), f"avahi-{number}"
            service = other.publish(name, _TYPE, 48889, f"agentId={name}")
            await until(lambda name=name: browser.when(f"=;eth0;IPv4;{name};"))  # type: ignore[misc]
            took.append((browser.when(f"=;eth0;IPv4;{name};") or start + LATE_S) - start)
            service.terminate()
        crossed = await _appear(lab, lambda agent: browser.when(f"=;eth0;IPv4;Ooder\\032Agent-{agent};"))
    async with _ten(lab):
        return median(took) * 1000, crossed, await _cold(AVAHI_ROUNDS, lambda: _cold_avahi(lab, folder))


async def _cold_avahi(lab: NetLab, folder: Path) -> float:
    with Avahi(lab, "browser", folder) as avahi:
        browser = _browser(lab, avahi)
        await until(lambda: sum(line.startswith("=;") for _, line in browser.lines) >= SERVICES)
        return time.perf_counter() - browser.started


def _browser(lab: NetLab, avahi: Avahi) -> Program:
    return Program(lab, "browser", ["avahi-browse", "-p", "-r", _TYPE], env=avahi.environment)
