"""What handlers may use: the facade, on a thread where it blocks, and the things that outlive one request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from node import config
from node.api.hub import Hub
from node.api.installs import Installs
from node.api.keys import Keys
from node.api.offers import NothingOffered, Offers
from node.api.pairings import Pairings
from node.api.peer_news import PeerNews
from node.api.scans import Scans
from node.control import Method
from node.scene.scenes import Scenes
from node.service import Service
from protocol.errors import UnavailableError

if TYPE_CHECKING:
    from node.api.metrics import Figures
    from node.skill_center.center import Center
    from node.skill_center.shared import SharedShelves

_T = TypeVar("_T")
THREADS = 4
PLANS_AT_ONCE = 2


class Desk:
    """One per node. `load` reads the settings anew; `reloaded` is told when they changed."""

    def __init__(
        self,
        service: Service,
        keys: Keys,
        *,
        load: Callable[[], config.Config] | None = None,
        reloaded: Callable[[], None] = lambda: None,
        offers: Offers | None = None,
    ) -> None:
        self.service = service
        self.keys = keys
        self.offers: Offers = offers or NothingOffered()
        self.hub = Hub(service, self.read)
        self.news = PeerNews(lambda: self.offers, self.read)
        self.scans = Scans(service)
        self.installs = Installs(service, self.read)
        self.pairings = Pairings(self)
        self.methods: Mapping[str, Method] = {}
        """What the running node answers about its scenes and peers; whoever hosts them replaces it."""
        self.peers: Callable[[], list[dict[str, Any]]] = list
        """Who is seen; the sources that see peers replace it. Blocks."""
        self.center: Center | None = None
        """The SkillCenter this node is, if it is one."""
        self.writes = 0
        """How many requests changed something."""
        self.base = ""
        """The address of the control plane, known once it listens."""
        self.peer_base = ""
        """That of the peer plane; "" while it does not listen."""
        self._load = load or (lambda: config.load(service.paths))
        self._reloaded = reloaded
        self._threads = ThreadPoolExecutor(THREADS, "ooder-api")
        self._planning = ThreadPoolExecutor(PLANS_AT_ONCE, "ooder-plans")
        self._changing = asyncio.Lock()

    @cached_property
    def figures(self) -> Figures:
        """Counted from the first question on, so that a node nobody measures pays nothing."""
        from node.api.metrics import Figures

        return Figures()

    @cached_property
    def shelves(self) -> Center | SharedShelves:
        """What the guide's interface shows: the SkillCenter this node is, else what it shares with everybody."""
        if self.center is not None:
            return self.center
        from node.skill_center.shared import SharedShelves

        return SharedShelves(self.service, self.offers, self.read)

    def count(self, name: str, status: int, seconds: float) -> None:
        """Take note of one answer, when somebody measures."""
        if "figures" in self.__dict__:
            self.figures.took(name, status, seconds)

    async def read(self, work: Callable[[], _T]) -> _T:
        """Do something that blocks, off the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def plan(self, work: Callable[[], _T]) -> _T:
        """Make plans, off the loop, few at a time: graphs made to take for ever do not hold up what is only read."""
        return await asyncio.get_running_loop().run_in_executor(self._planning, work)

    async def change_settings(self, work: Callable[[], _T]) -> _T:
        """Write settings, one writer at a time, then use them. Raises what `work` raises, or UsageError `config.invalid`."""
        async with self._changing:
            result = await self.read(work)
            loaded = await self.read(self._load)
            if loaded.problems:
                raise config.invalid(loaded.problems)
            self.service.use(loaded)
            self._reloaded()
        return result

    async def decide(self, work: Callable[[], object]) -> None:
        """Write down a decision about trust, then judge everything anew."""
        async with self._changing:
            await self.read(work)
            await self.read(self.service.remerge)

    async def ask(self, method: str, params: Mapping[str, Any], language: str) -> dict[str, Any]:
        """What the command line would ask over the control socket. Raises what the node raises, UnavailableError `node.not_running`."""
        found = self.methods.get(method)
        if found is None:
            raise UnavailableError("node.not_running", home=str(self.service.paths.home))
        results = [dict(one) async for one in found(params, language)]
        return results[0] if results else {}

    def scenes(self, language: str) -> Scenes:
        """The installed scenes of this home."""
        return Scenes(self.service.paths, lambda method, params: self.ask(method, params, language))

    async def run(self) -> None:
        """Serve scans, installs and streams until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.scans.run())
                group.create_task(self.installs.run())
                group.create_task(self.pairings.run())
                group.create_task(self.hub.run())
                group.create_task(self.news.run())
        finally:
            for pool in (self._threads, self._planning):
                pool.shutdown(wait=False, cancel_futures=True)
