"""This home's node of the DHT: opened when somebody needs it, joined, kept fresh, and remembered on disk.

It guarantees: no socket before there is somebody to talk to (or this node is a seed); one full node per home and process,
shared by the source and by searches; a search while no full node runs here is a client on a free port under a throw-away key.
It leaves to others: what is shared (`offers`), who is near (`neighbours`), and everything about the network (`protocol/dht`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from node.dht_state import DhtState
from node.keys import node_key
from node.paths import Paths
from protocol import limits
from protocol.dht.contacts import Contact, Networks
from protocol.dht.node import DhtNode
from protocol.dht.record import Pointer, SignedPointer, open_pointer, sign_pointer
from protocol.dht.seal import KeySeal
from protocol.dht.store import StoreChange
from protocol.dht.writing import PublishReport, join, publish, refresh
from protocol.errors import OoderError, UnavailableError
from protocol.identity import KEY_BYTES, SigningKey
from sources.ports import Clock

if TYPE_CHECKING:
    from node.io.dht_server import DhtServer, Within
    from sources.dht_kademlia import Config

log = logging.getLogger("ooder.dht")
T = TypeVar("T")

REFRESH_EVERY = 900.0  # seconds
REFRESH_FEW = 120.0  # seconds, while not even a bucket's worth of others is known
WATCH_EVERY = 30.0  # seconds between looks at what is shared, whether anybody is left, and writing to disk
RETRY_AFTER = 3.0  # seconds at first; the supervisor waits longer each time
_VERIFIED_AT_ONCE = 100  # records of the last run checked before others get their turn
_NO_ONE: Callable[[], Iterable[tuple[str, int]]] = lambda: ()  # noqa: E731
_NOTHING: Callable[[], Iterable[Pointer]] = lambda: ()  # noqa: E731


async def _nobody_asks(port: int) -> None:
    """Nobody wants to know the port."""


class HomeDht:
    """The port of the source `dht_kademlia`. `offers` is called in a thread;
    `on_port` is told the port of the full node, 0 when it ends; `pace` are seconds between looks at what is shared."""

    def __init__(
        self,
        paths: Paths,
        clock: Clock,
        random: Random,
        within: Within = contextlib.nullcontext,
        pace: float | None = None,
    ) -> None:
        self.pace = pace
        self._paths, self._clock, self._random, self._within = paths, clock, random, within
        self._full: LiveNode | None = None
        self.offers = _NOTHING
        self.neighbours = _NO_ONE
        self.on_port = _nobody_asks

    @property
    def path(self) -> Path:
        """The file of the memory."""
        return self._paths.home / "dht.db"

    @property
    def running(self) -> LiveNode | None:
        """The full node, while it runs in this process."""
        return self._full

    def remark(self) -> OoderError | None:
        """Why the full node works only half, while it does."""
        return self._full.remark if self._full is not None else None

    @asynccontextmanager
    async def session(self, config: Config, *, serve: bool) -> AsyncIterator[LiveNode]:
        """Join for as long as the block lasts (see `sources.dht_kademlia.Dht`); a full node also needs its `keep_up`."""
        if not serve and self._full is not None and self._full.joined:
            yield self._full
            return
        live = LiveNode(self, config, self._clock, self._random, self._within, serve=serve)
        await live.open(node_key(self._paths) if serve else SigningKey(self._random.randbytes(KEY_BYTES)))
        try:
            if serve:
                self._full = live
                await self.on_port(0 if config.client else live.server.port)
            yield live
        finally:
            if self._full is live:
                self._full = None
                await self.on_port(0)
            await live.close()


class LiveNode:
    """One node while it runs."""

    def __init__(
        self, home: HomeDht, config: Config, clock: Clock, random: Random, within: Within, *, serve: bool
    ) -> None:
        self._home, self._config, self._clock, self._random, self._within = home, config, clock, random, within
        self.serve = serve
        self._server: DhtServer | None = None
        self._state: DhtState | None = None
        self._key: SigningKey | None = None
        self._records: dict[str, bytes] = {}
        self._fixed: list[tuple[str, int]] = []
        self.joined = False
        self.remark: OoderError | None = None
        self._saved: frozenset[Contact] = frozenset()
        self._unsaved: dict[tuple[bytes, tuple[bytes, str]], StoreChange] = {}
        self.report = PublishReport()
        self.published_at = 0.0
        self._met = 0  # contacts when the last sweep began

    @property
    def problem(self) -> str:
        """The code of `remark`: of what works only half, "" when all is well."""
        return self.remark.code if self.remark is not None else ""

    @property
    def machine(self) -> DhtNode:
        return self.server.machine

    @property
    def server(self) -> DhtServer:
        assert self._server is not None
        return self._server

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work of the machine."""
        return await self.server.do(work)

    async def open(self, key: SigningKey) -> None:
        """Remember, listen, join. Raises UnavailableError `dht.no_bootstrap`, `dht.unreachable`, `dht.port_taken`."""
        self._key = key
        self._state = state = await asyncio.to_thread(DhtState, self._home.path if self._keeps() else None)
        if state.damaged:
            self._trouble(OoderError("dht.state_damaged", path=str(self._home.path)))
        if state.unwritable:
            self._trouble(OoderError("dht.state_unwritable", reason=state.unwritable))
        self._fixed = await self._resolve()
        kept = await asyncio.to_thread(state.contacts)
        known = self._known(kept)
        if not known and not (self._config.seed and self.serve):
            await self.close()
            raise UnavailableError("dht.no_bootstrap", retry_after=RETRY_AFTER)
        try:
            await self._listen(key)
            await self._recall(state)
            self.joined = bool(known) and await self._join(known) > 0
            if not self.joined and not (self._config.seed and self.serve):
                some = ", ".join(f"{ip}:{port}" for ip, port in known[:3])
                raise UnavailableError("dht.unreachable", count=len(known), some=some, retry_after=RETRY_AFTER)
        except BaseException:
            await self.close()
            raise
        self.joined = True

    async def close(self) -> None:
        """Write what must outlive this process, and be silent."""
        server, self._server = self._server, None
        state, self._state = self._state, None
        if server is not None:
            if state is not None and self.serve:
                await self._save(server.machine, state)
            server.stop()
        if state is not None:
            state.close()

    async def keep_up(self) -> None:
        """Stay joined, fresh, published and written down, until cancelled."""
        loop = asyncio.get_running_loop()
        fresh = loop.time()
        while True:
            try:
                if not len(self.machine.table):
                    known = self._known([])
                    if known:
                        await self._join(known)
                elif loop.time() - fresh > self._refresh_every() * self._random.uniform(0.9, 1.1):
                    await self.do(refresh(self.machine))
                    fresh = loop.time()
                await self._publish()
            except OoderError as error:
                self._trouble(error)
            if self._state is not None:
                await self._save(self.machine, self._state)
            await asyncio.sleep((self._home.pace or WATCH_EVERY) * self._random.uniform(0.9, 1.1))

    # --- private steps -----------------------------------------------------------------------------------------------

    def _refresh_every(self) -> float:
        return REFRESH_EVERY if len(self.machine.table) >= limits.DHT_K else REFRESH_FEW

    def _keeps(self) -> bool:
        """A client reads the memory when there is one, and makes none."""
        return self.serve or self._home.path.exists()

    def _known(self, kept: list[Contact]) -> list[tuple[str, int]]:
        """Whom to join through: who is configured, near, remembered, or left us last; for a search beside a seed, the seed."""
        left = list(self._server.machine.left) if self._server is not None else []
        last = [(each.ip, each.port) for each in kept]
        own = [("127.0.0.1", self._config.port)] if self._config.seed and self._config.port and not self.serve else []
        return list(dict.fromkeys([*own, *self._fixed, *self._home.neighbours(), *last, *left]))[: limits.DHT_BOOTSTRAP]

    async def _resolve(self) -> list[tuple[str, int]]:
        """Configured names as addresses; a name that has none now is left out."""
        loop = asyncio.get_running_loop()
        found: list[tuple[str, int]] = []
        for host, port in self._config.addresses():
            with contextlib.suppress(OSError, UnicodeError):
                for _, _, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
                    found.append((str(address[0]), port))
        return list(dict.fromkeys(found))

    async def _listen(self, key: SigningKey) -> None:
        from node.io.dht_server import DhtServer

        loop = asyncio.get_running_loop()
        machine = DhtNode(
            KeySeal(key),
            Networks(self._config.networks),
            self._random,
            now=loop.time(),
            wall=self._clock.wall(),
            client=self._config.client or not self.serve,
            capacity=self._config.records,
        )
        self._server = DhtServer(machine, self._clock, self._within)
        port = self._config.port if self.serve and not self._config.client else 0
        heard = 0
        for interface in self._config.listen:
            try:
                await self._server.listen(port, interface)
                heard += 1
            except UnavailableError:
                raise
            except OSError as error:  # a family this machine does not have
                log.info("cannot listen on %s: %s", interface, error)
        if not heard:
            raise UnavailableError("dht.port_taken", port=port)

    async def _recall(self, state: DhtState) -> None:
        """Records of the last run, verified anew."""
        if not self.serve:
            return
        wall = self._clock.wall()
        self._records = await asyncio.to_thread(state.published)
        for number, kept in enumerate(await asyncio.to_thread(state.records)):
            with contextlib.suppress(OoderError):
                self.machine.store.put(kept.key, open_pointer(kept.raw, wall), kept.network, wall)
            if number % _VERIFIED_AT_ONCE == 0:
                await asyncio.sleep(0)
        self.machine.store.changes()

    async def _join(self, known: list[tuple[str, int]]) -> int:
        return await self.do(join(self.machine, known))

    async def _publish(self) -> None:
        """Sweep when something changed, an hour went by, or others came who should hold it too."""
        wall = self._clock.wall()
        offers = await asyncio.to_thread(lambda: list(self._home.offers()))
        records = self._signed(offers[: limits.DHT_PUBLISHED], wall)
        raws = {signed.record.name: signed.raw for signed in records}
        rests = wall - self.published_at < self._config.republish_s and not self._outgrown()
        if raws == self._records and rests:
            return
        if raws != self._records and self._state is not None:
            try:
                await asyncio.to_thread(self._state.save_published, raws)
            except OoderError as error:  # it is published all the same
                self._trouble(error)
        self._records, self.published_at, self._met = raws, wall, len(self.machine.table)
        if records:
            self.report = await self.do(publish(self.machine, records))
            failed = self.report.failed if len(self.machine.table) else []
            if failed:
                self._trouble(OoderError("dht.not_taken", count=len(failed), some=", ".join(failed[:3])))
            else:
                self._mended("dht.not_taken")

    def _outgrown(self) -> bool:
        """Whether the last sweep met a network too small for K replicas, which has grown since: a node that publishes among
        the first would otherwise be forgotten with those few. Only growth counts, so a key that is full is not swept anew."""
        there_are = len(self.machine.table) + (not self._config.client)
        return len(self.machine.table) > self._met and self.report.replicas < min(limits.DHT_K, there_are)

    def _signed(self, offers: list[Pointer], wall: float) -> list[SignedPointer]:
        """Records for what is offered: the old one while it says the same and holds for long, tombstones for what is not."""
        assert self._key is not None
        wanted = {str(offer.ref.any_version): offer for offer in offers}
        found = []
        for name in [*wanted, *(name for name in self._records if name not in wanted)]:
            old = self._old(name, wall)
            pointer = wanted.get(name)
            if pointer is None:
                if old is None:
                    continue
                pointer = Pointer(old.pointer.ref, gone=True)
                if old.pointer.gone:
                    found.append(old)
                    continue
            if old is not None and old.pointer == pointer and old.record.expires_at - wall > self._config.life_s / 2:
                found.append(old)
                continue
            seq = max(int(wall * 1000), old.record.seq + 1 if old else 0)
            life = limits.DHT_LIFE_SECONDS if pointer.gone else self._config.life_s
            try:
                found.append(open_pointer(sign_pointer(self._key, pointer, seq=seq, issued=wall, life=life), wall))
            except OoderError as error:
                self._trouble(error)
        return found

    def _old(self, name: str, wall: float) -> SignedPointer | None:
        raw = self._records.get(name)
        if raw is None:
            return None
        try:
            return open_pointer(raw, wall)
        except OoderError:
            return None

    async def _save(self, machine: DhtNode, state: DhtState) -> None:
        contacts = [entry.contact for entry in sorted(machine.table, key=lambda entry: -entry.seen)]
        self._unsaved |= {(change.key, change.ident): change for change in machine.store.changes()}
        if not self._unsaved and frozenset(contacts) == self._saved:
            return
        try:
            await asyncio.to_thread(state.save, contacts, list(self._unsaved.values()), self._clock.wall())
        except OoderError as error:
            self._trouble(error)
            if len(self._unsaved) <= 2 * self._config.records:
                return  # written when there is room again
        else:
            if not state.unwritable:
                self._mended("dht.state_unwritable", "dht.state_damaged")
        self._unsaved.clear()
        self._saved = frozenset(contacts)

    def _trouble(self, error: OoderError) -> None:
        if error.code != self.problem:
            log.warning("%s", error)
        self.remark = error

    def _mended(self, *codes: str) -> None:
        if self.problem in codes:
            self.remark = None
