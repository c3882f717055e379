"""DHT nodes on real kernels: two subnets with a router between, the seed lost for good, everybody restarting at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from node.dht import HomeDht, LiveNode
from node.io.clock import SystemClock
from node.paths import Paths
from protocol.dht.record import Pointer
from protocol.items import Reading
from protocol.query import Query
from protocol.refs import parse_ref
from scenarios.netns import NetLab, why_not
from sources.dht_kademlia import Config, make
from sources.ports import Context
from tests.fakes.lan_ports import NoPlaces

pytestmark = [pytest.mark.netns, pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")]
OFFER = Pointer(parse_ref("scene:monthly-close"), "2.0", title="月度结账")


@pytest.fixture
def lab() -> Iterator[NetLab]:
    """Two departments; only routed traffic passes between them."""
    with NetLab() as lab:
        lab.lan("a", "10.77.1.0/24")
        lab.lan("b", "10.77.2.0/24")
        lab.router("gate", ["a", "b"])
        yield lab


class Department:
    """Hosts with a node each. A home keeps its name over restarts."""

    def __init__(self, lab: NetLab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.seed = ""
        self.lives: dict[str, AsyncExitStack] = {}
        self.nodes: dict[str, LiveNode] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def host(self, name: str, lan: str) -> str:
        self.lab.host(name, lan, gateway=f"10.77.{1 if lan == 'a' else 2}.1")
        return name

    def home(self, name: str) -> HomeDht:
        paths = Paths(self.folder / name)
        paths.ensure()
        return HomeDht(paths, SystemClock(), Random(name), within=lambda: self.lab.inside(name))

    def config(self) -> Config:
        return Config(bootstrap=(self.seed,) if self.seed else (), seed=not self.seed, listen=("0.0.0.0",))

    async def start(self, name: str, *offers: Pointer) -> LiveNode:
        home = self.home(name)
        home.offers = lambda: offers
        life = self.lives[name] = AsyncExitStack()
        live = self.nodes[name] = await life.enter_async_context(home.session(self.config(), serve=True))
        self.tasks[name] = asyncio.create_task(live.keep_up())
        self.seed = self.seed or self.lab.hosts[name].ip
        return live

    async def stop(self, name: str) -> None:
        task = self.tasks.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del self.nodes[name]
        await self.lives.pop(name).aclose()

    async def search(self, name: str, text: str) -> list[str]:
        found: list[str] = []

        def emit(report: object) -> None:
            if isinstance(report, Reading):
                found.extend(str(sighting.item.ref) for sighting in report.sightings)

        context = Context(SystemClock(), NoPlaces(), self.folder, Random(1))
        await make(self.config(), SimpleNamespace(context=context, dht=self.home(name))).search(Query(text), emit)
        return found


@asynccontextmanager
async def departments(lab: NetLab, folder: Path) -> AsyncIterator[Department]:
    place = Department(lab, folder)
    try:
        for number in range(4):
            for lan in "ab":
                await place.start(place.host(f"{lan}{number}", lan))
        publisher = await place.start(place.host("author", "a"), OFFER)
        await until(lambda: publisher.report.replicas >= 8)
        await until(lambda: sum(node.machine.store.count for node in place.nodes.values()) > 40)
        yield place
    finally:
        for name in list(place.nodes):
            await place.stop(name)


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)


async def test_the_other_subnet_finds_what_no_broadcast_carries(lab: NetLab, tmp_path: Path) -> None:
    async with departments(lab, tmp_path) as place:
        place.host("guest", "b")
        for text in ("scene:monthly-close", "scene:*", "结账"):
            assert await place.search("guest", text) == ["scene:monthly-close@2.0"], text
        lab.link("gate", "down")  # the first leg of the router: the departments are apart
        place.seed = lab.hosts["b0"].ip
        assert await place.search("guest", "scene:monthly-close") == ["scene:monthly-close@2.0"]


async def test_the_seed_is_lost_for_good(lab: NetLab, tmp_path: Path) -> None:
    async with departments(lab, tmp_path) as place:
        lab.link("a0", "down")
        await place.stop("b2")
        again = await place.start("b2")  # configured with the dead seed; its memory knows others
        assert len(again.machine.table) >= 5
        place.seed = lab.hosts["b2"].ip
        assert await place.search("b2", "结账") == ["scene:monthly-close@2.0"]


async def test_everybody_restarts_at_once(lab: NetLab, tmp_path: Path) -> None:
    async with departments(lab, tmp_path) as place:
        await place.stop("author")  # and does not come back
        names = list(place.nodes)
        for name in names:
            await place.stop(name)
        async with asyncio.timeout(20):
            await asyncio.gather(*(rise(place, name) for name in names))
        await until(lambda: all(len(node.machine.table) >= 5 for node in place.nodes.values()))
        place.host("guest", "b")
        assert await place.search("guest", "scene:monthly-close") == ["scene:monthly-close@2.0"]


async def rise(place: Department, name: str) -> None:
    """As the supervisor does: try until the others are there."""
    while True:
        try:
            await place.start(name)
        except Exception as error:
            assert getattr(error, "code", "") == "dht.unreachable", error
            await asyncio.sleep(0.2)
        else:
            return
