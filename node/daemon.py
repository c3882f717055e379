"""The node as a process: sources run and are asked again from time to time, changes are taken in as they come.

It guarantees: one node per home; SIGTERM and SIGINT end it in order, within seconds; a failing source costs only itself.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from node import config
from node.aggregator import Aggregator
from node.app import make_providers
from node.config import Config, settings_stamp
from node.control import Method
from node.events import Change
from node.install.engine import Engine
from node.install.queue import Queue, retry
from node.lan import Lan
from node.peer_control import peer_methods
from node.peer_list import describe_peers
from node.scene.connectors.base import Told
from node.scene.host import host_scenes
from node.scene.node_agents import agents_of
from node.service import Service
from node.source_states import save_states, state_change
from node.supervisor import Light, SearchEvent, SourceState, Supervisor
from protocol.errors import ConflictError, OoderError, StorageError

if TYPE_CHECKING:
    from node.api.desk import Desk

REMEMBER_SECONDS = 30.0
FOLLOW_SECONDS = 1.0
"""Between looks at whether the settings changed."""
OBEY_SECONDS = 0.2
"""Between looks at what is installed while much is pushed."""


class Daemon:
    """Keeps the index of one home true until it is told to stop."""

    def __init__(
        self,
        service: Service,
        tell: Callable[[SearchEvent], None],
        changed: Callable[[int], None],
        failed: Callable[[OoderError], None] = lambda error: None,
        *,
        load: Callable[[], Config] | None = None,
        opened: Callable[[str, str, str], None] = lambda url, link, center: None,
    ) -> None:
        """`load` reads the settings anew after they were changed over the API; `opened` is told the address of the API,
        a link that signs one browser in, and where the SkillCenter is that this node is ("" = it is none)."""
        self._service = service
        self._tell = tell
        self._changed = changed
        self._failed = failed
        self._load = load or (lambda: config.load(service.paths))
        self._opened = opened
        self._stop = asyncio.Event()
        self._reloaded = asyncio.Event()
        self._due = asyncio.Event()
        self._desk: Desk | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only node of this home. Raises ConflictError `node.already_running`."""
        path = self._service.paths.node_lock
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError("home.unwritable", path=str(path), reason=error.strerror or "") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError("node.already_running", pid=self._service.running_node()) from None
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
            yield
        finally:
            os.close(handle)

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        service = self._service
        aggregator = Aggregator(service.index, lambda: service.rules, service.ports.context.clock)
        service.ports.waiting.add(aggregator)
        async with self._api(), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(aggregator.run()),
                group.create_task(self._listen(aggregator)),
                group.create_task(self._look()),
                group.create_task(self._follow()),
                group.create_task(self._obey(aggregator)),
                group.create_task(self._remember()),
                group.create_task(self._peer()),
                group.create_task(self._host(lambda event, ref: aggregator.note(Change(event, ref)))),
            ]
            await self._stop.wait()
            for task in tasks:
                task.cancel()

    @asynccontextmanager
    async def _api(self) -> AsyncIterator[None]:
        if not self._service.config.settings.api.enabled:
            yield
            return
        from node.api.gate import open_gate  # brings aiohttp, which a node without an API does not pay for

        async with open_gate(self._service, self._load, self._reloaded.set) as desk:
            self._desk = desk
            desk.peers = lambda: describe_peers(self._service.ports.lan)
            center = desk.peer_base if desk.center else ""
            self._opened(desk.base, f"{desk.base}/#t={desk.keys.make_link()}", center)
            yield

    async def _listen(self, aggregator: Aggregator) -> None:
        """Take in what sources push; after a change of settings, listen anew."""
        service = self._service
        clock = service.ports.context.clock
        while True:
            self._reloaded.clear()
            providers = make_providers(service.config, service.scope_sources(), service.ports)
            supervisor = Supervisor(providers, clock, aggregator.tell, lambda state: self._lit(aggregator, state))
            async with asyncio.TaskGroup() as group:
                task = group.create_task(supervisor.run())
                await self._reloaded.wait()
                task.cancel()

    async def _obey(self, aggregator: Aggregator) -> None:
        """What was pushed may concern what is installed: a revoked release is out of service at once, not at the next scan."""
        engine = Engine(self._service)
        seen = 0
        while True:
            seen = await aggregator.changed(seen)
            try:
                await asyncio.to_thread(engine.after_scan)
            except OoderError as error:
                self._failed(error)
            await asyncio.sleep(OBEY_SECONDS)

    def _lit(self, aggregator: Aggregator, state: SourceState) -> None:
        """A listening source was lost or came back between two scans: everybody who asks is told so."""
        aggregator.note(state_change(state))
        if state.light not in (Light.OFFLINE, Light.ONLINE):
            return
        try:
            save_states(self._service.paths.states, {state.name: state})
        except OoderError as error:
            self._failed(error)

    async def _peer(self) -> None:
        """Offer what is shared, where there is an API."""
        if self._desk is not None:
            from node.peer_ears import PeerEars
            from node.peering import Peering

            ports = self._service.ports
            async with asyncio.TaskGroup() as group:
                group.create_task(Peering(self._desk, self._failed).run())
                group.create_task(PeerEars(ports.lan, ports.peers.listen, ports.context.clock).run())

    async def _remember(self) -> None:
        """What was learned of the local network outlives a restart, also after a crash."""
        lan = self._service.ports.lan
        try:
            while True:
                await asyncio.sleep(REMEMBER_SECONDS)
                self._keep(lan)
        finally:
            self._keep(lan)

    def _keep(self, lan: Lan) -> None:
        try:
            lan.keep()
        except OoderError as error:
            self._failed(error)

    async def _host(self, told: Told) -> None:
        """Installed scenes run in here; a store that cannot be read costs only them."""
        try:
            await host_scenes(self._service.paths, told, self._failed, peer_methods(self._service), self._answer)
        except OoderError as error:
            self._failed(error)

    def _answer(self, methods: Mapping[str, Method]) -> None:
        """The API answers what the control socket answers."""
        if self._desk is not None:
            self._desk.methods = methods

    async def _look(self) -> None:
        """Scan at start and then every so often; what pushes comes in between by itself."""
        service = self._service
        while True:
            self._due.clear()
            try:
                before = service.last_event()
                outcome = await service.scan(self._tell, service.scope_sources(), wished=False)
                if outcome.changes and before:
                    self._changed(outcome.changes)
            except OoderError as error:  # a full disk ends a scan, not the node
                self._failed(error)
            await self._retry()
            with suppress(TimeoutError):
                async with asyncio.timeout(service.config.settings.scan.every):
                    await self._due.wait()

    async def _follow(self) -> None:
        """What the command line or an editor writes into the settings and the pins counts from now on; settings that do not hold are
        said, and the old ones stay."""
        service = self._service
        seen = await asyncio.to_thread(settings_stamp, service.paths)
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            found = await asyncio.to_thread(settings_stamp, service.paths)
            if found == seen:
                continue
            seen = found
            try:
                loaded = await asyncio.to_thread(self._load)
                if wrong := config.check(loaded):
                    raise config.invalid(wrong)
                same, rules = loaded.raw == service.config.raw, service.rules
                service.use(loaded)
                if not same:
                    self._reloaded.set()
                    self._due.set()
                if await asyncio.to_thread(lambda: service.rules) != rules:
                    await asyncio.to_thread(service.remerge)
            except OoderError as error:
                self._failed(error)

    async def _retry(self) -> None:
        """Complete installs that waited for a source; what is wrong with one of them costs only itself."""
        queue = Queue(self._service.paths)
        engine = Engine(self._service, agents_of(self._service.paths))
        try:
            await asyncio.to_thread(engine.after_scan)
            if queue.entries():
                await retry(engine, queue, lambda event: None)
        except OoderError as error:
            self._failed(error)
