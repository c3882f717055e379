"""Real DHT nodes on loopback: joining, publishing, searching, IPv6, restarts without the seed, damage, silence."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from kademlia.network import Server

from node import dht_state
from node.cli.main import run as ooder
from node.dht import HomeDht, LiveNode
from node.dht_state import DhtState
from node.io.clock import SystemClock
from node.keys import read_key
from node.paths import Paths
from node.supervisor import Light, Supervisor
from protocol.dht.messages import Place
from protocol.dht.reading import get
from protocol.dht.record import Pointer, name_key, sign_pointer
from protocol.errors import OoderError, UnavailableError
from protocol.identity import SigningKey
from protocol.items import Reading
from protocol.query import Query
from protocol.refs import Kind, parse_ref
from sources.dht_kademlia import Config, Provider, make, read_address, read_question
from sources.ports import Context
from tests.fakes.lan_ports import NoPlaces

PDF = parse_ref("skill:pdf-tools")
OFFER = Pointer(PDF, "1.2.0", "sha256:" + "ab" * 32, 1234, ("http://127.0.0.1:48889",), "PDF 审批", ("office",))


class Town:
    """Nodes on loopback; the first is the seed."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder, self.host, self.seed_port = folder, host, 0
        self.stack = AsyncExitStack()
        self.homes: list[HomeDht] = []
        self.live: list[LiveNode] = []
        self.tasks: list[asyncio.Task[None]] = []

    def home(self, name: str) -> HomeDht:
        paths = Paths(self.folder / name)
        paths.ensure()
        return HomeDht(paths, SystemClock(), Random(name))

    def config(self, **more: Any) -> Config:
        host = f"[{self.host}]" if ":" in self.host else self.host
        known = (f"{host}:{self.seed_port}",) if self.seed_port else ()
        return Config(**{"port": 0, "listen": (self.host,), "bootstrap": known, "seed": not known, **more})

    async def add(self, *offers: Pointer) -> LiveNode:
        home = self.home(f"n{len(self.homes)}")
        home.offers = lambda: offers
        live = await self.stack.enter_async_context(home.session(self.config(), serve=True))
        self.homes.append(home)
        self.live.append(live)
        self.tasks.append(asyncio.create_task(live.keep_up()))
        self.seed_port = self.seed_port or live.server.port
        return live

    def provider(self, name: str = "reader", **more: Any) -> Provider:
        context = Context(SystemClock(), NoPlaces(), self.folder, Random(1))
        return make(self.config(seed=False, **more), SimpleNamespace(context=context, dht=self.home(name)))


@asynccontextmanager
async def town(folder: Path, count: int, *offers: Pointer, host: str = "127.0.0.1") -> AsyncIterator[Town]:
    place = Town(folder, host)
    async with place.stack:
        for number in range(count):
            await place.add(*(offers if number == count - 1 else ()))
        await until(lambda: not offers or place.live[-1].report.replicas > 0)
        try:
            yield place
        finally:
            for task in place.tasks:
                task.cancel()
            await asyncio.gather(*place.tasks, return_exceptions=True)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent nodes are given up after a moment."""
    monkeypatch.setattr("protocol.dht.node.HARD", 0.2)


async def until(done: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)


async def heard(provider: Provider, text: str = "", kinds: frozenset[Kind] = frozenset()) -> list[Reading]:
    reports: list[Any] = []
    await provider.search(Query(text, kinds), reports.append)
    return [report for report in reports if isinstance(report, Reading)]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_what_is_shared_is_found_by_ref_listing_and_word(tmp_path: Path, host: str) -> None:
    async with town(tmp_path, 6, OFFER, host=host) as place:
        provider = place.provider()
        for text in ("skill:pdf-tools", "skill:*", "pdf", "审批", "pdf-t*", ""):
            readings = await heard(provider, text)
            assert len(readings) == 1, text
            (sighting,) = readings[0].sightings
            assert sighting.item.ref.id == "pdf-tools" and sighting.item.version == "1.2.0"
            assert sighting.digest == OFFER.digest and sighting.location.startswith("peer+http://node-")
            assert sighting.location.endswith(f"@127.0.0.1:48889/{'ab' * 32}")
            assert sighting.principal.startswith("key:") and sighting.evidence.key in sighting.principal
        assert not await heard(provider, "scene:*") and not await heard(provider, "xyz")
        assert await provider.detail(PDF, lambda report: None) == 1


async def test_a_miss_is_no_statement(tmp_path: Path) -> None:
    """A freeze: nothing is found any more, and nothing is said to be gone."""
    async with town(tmp_path, 4) as place:
        reports: list[Any] = []
        await place.provider().search(Query("skill:pdf-tools"), reports.append)
        await place.provider().search(Query(), reports.append)
        assert reports == []


async def test_what_is_no_longer_shared_is_withdrawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.dht.WATCH_EVERY", 0.05)
    async with town(tmp_path, 5, OFFER) as place:
        assert len(await heard(place.provider(), "pdf")) == 1
        before = place.live[-1].published_at
        place.homes[-1].offers = lambda: ()
        await until(lambda: place.live[-1].published_at > before)
        await asyncio.sleep(0.1)
        readings = await heard(place.provider(), "pdf")
        assert [reading.sightings for reading in readings] == [()]


async def test_what_the_first_node_published_moves_on_to_those_who_come_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.dht.WATCH_EVERY", 0.05)
    place = Town(tmp_path)
    async with place.stack:
        first = await place.add(OFFER)  # alone: its own replica is the only one
        await until(lambda: first.report.replicas == 1)
        for _ in range(4):
            await place.add()
        await until(lambda: first.report.replicas == 5)
        swept = first.published_at
        await asyncio.sleep(0.2)
        assert first.published_at == swept, "everybody holds it: nothing to sweep"
        place.tasks[0].cancel()
        first.server.stop()
        other = place.live[2]
        found = await other.do(get(other.machine, name_key(PDF), Place(), careful=True))
        assert [signed.pointer.version for signed in found.live] == ["1.2.0"]
        for task in place.tasks:
            task.cancel()
        await asyncio.gather(*place.tasks, return_exceptions=True)


async def test_a_restart_needs_no_seed_and_forgets_nothing(tmp_path: Path, impatient: None) -> None:
    async with town(tmp_path, 5, OFFER) as place:
        old, home = place.live[2], place.homes[2]
        await until(lambda: place.live[-1].report.unplaced == 0 and place.live[-1].report.replicas)
        stored = old.machine.store.count
        assert stored
        async with AsyncExitStack() as life:
            again = place.home("n9")
            await life.enter_async_context(again.session(place.config(), serve=True))
        place.live[0].server.stop()  # the seed is gone
        async with again.session(Config(port=0, listen=("127.0.0.1",)), serve=True) as live:
            assert live.joined and len(live.machine.table) >= 3
            found = await live.do(get(live.machine, name_key(PDF), Place()))
            assert len(found.live) == 1
        assert home.path.exists()
    async with place.home("n2").session(Config(port=0, listen=("127.0.0.1",), seed=True), serve=True) as alone:
        assert alone.machine.store.count == stored


async def test_nobody_to_talk_to_means_no_socket_and_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Town(tmp_path)
    monkeypatch.setattr(socket.socket, "bind", lambda *a: pytest.fail("a socket was bound"))
    with pytest.raises(UnavailableError) as caught:
        await heard(place.provider(bootstrap=()))
    assert caught.value.code == "dht.no_bootstrap" and caught.value.params["retry_after"]
    assert "bootstrap" in caught.value.next_step()


async def test_unreachable_nodes_are_named(tmp_path: Path, impatient: None) -> None:
    place = Town(tmp_path)
    with pytest.raises(UnavailableError) as caught:
        await heard(place.provider(bootstrap=("127.0.0.1:9",)))
    assert caught.value.code == "dht.unreachable" and "127.0.0.1:9" in str(caught.value)


def lit(town: Town, **more: Any) -> Supervisor:
    """A supervisor over a source that finds something, and the DHT."""

    class Near:
        name, priority, kinds, pushes, delivers = "near", 1, frozenset(Kind), False, False

        async def run(self, emit: Any) -> None:
            return

        async def search(self, query: Query, emit: Any) -> None:
            emit(Reading("near", "o", "p", 1.0))

    providers: Any = {"dht_kademlia": town.provider(**more), "near": Near()}
    return Supervisor(providers, SystemClock(), lambda report: None, lambda state: None)


async def test_with_nobody_to_join_through_its_light_says_so_and_the_neighbours_are_found(tmp_path: Path) -> None:
    supervisor = lit(Town(tmp_path), bootstrap=())
    await supervisor.search(Query(), ["dht_kademlia", "near"], lambda event: None)
    lights = supervisor.states
    assert lights["dht_kademlia"].light is Light.OFFLINE and lights["dht_kademlia"].code == "dht.no_bootstrap"
    assert lights["near"].light is Light.ONLINE and lights["near"].places == 1
    keeping = asyncio.create_task(supervisor.run())
    await until(lambda: lights["dht_kademlia"].next_retry > 0)
    keeping.cancel()
    assert 1 <= lights["dht_kademlia"].next_retry - lights["dht_kademlia"].last_attempt <= 5


async def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        config = Config(port=other.getsockname()[1], listen=("127.0.0.1",), seed=True)
        with pytest.raises(UnavailableError, match="taken"):
            async with Town(tmp_path).home("x").session(config, serve=True):
                pass


async def test_neighbours_of_the_local_network_are_enough_to_join(tmp_path: Path) -> None:
    async with town(tmp_path, 3, OFFER) as place:
        home = place.home("near")
        home.neighbours = lambda: [("127.0.0.1", place.seed_port)]
        async with home.session(Config(port=0, listen=("127.0.0.1",)), serve=True) as live:
            assert live.joined


async def test_a_node_behind_nat_publishes_under_its_own_key_and_is_remembered_by_nobody(tmp_path: Path) -> None:
    async with town(tmp_path, 4) as place:
        home = place.home("nat")
        home.offers = lambda: [OFFER]
        ports: list[int] = []

        async def told(port: int) -> None:
            ports.append(port)

        home.on_port = told
        async with home.session(place.config(client=True, seed=False), serve=True) as live:
            upkeep = asyncio.create_task(live.keep_up())
            await until(lambda: live.report.replicas >= 4)
            upkeep.cancel()
            (reading,) = await heard(place.provider(), "pdf")
            key = read_key(Paths(tmp_path / "nat"))
            assert key is not None and reading.sightings[0].principal == key.public.principal
            assert all(node.machine.table.known(live.machine.own.id) is None for node in place.live)
        assert set(ports) == {0}


async def test_a_search_uses_the_node_that_runs(tmp_path: Path) -> None:
    async with town(tmp_path, 3) as place, place.homes[1].session(place.config(), serve=False) as live:
        assert live is place.live[1]


async def test_a_stock_node_that_wanders_in_is_neither_believed_nor_harmful(tmp_path: Path) -> None:
    async with town(tmp_path, 4, OFFER) as place:
        stock = Server()
        await stock.listen(0, "127.0.0.1")
        try:
            own = stock.transport.get_extra_info("sockname")
            for live in place.live:
                stock.protocol.transport.sendto(b"\x00" + bytes(20) + b"garbage", ("127.0.0.1", live.server.port))
                stock.protocol.ping(("127.0.0.1", live.server.port), stock.node.id)
                stock.protocol.store(("127.0.0.1", live.server.port), stock.node.id, name_key(PDF), b"mine")
            await until(lambda: all(live.machine.counts["dht.malformed"] >= 3 for live in place.live))
            assert len(await heard(place.provider(), "skill:pdf-tools")) == 1
            assert all(entry.contact.port != own[1] for live in place.live for entry in live.machine.table)
        finally:
            stock.stop()


# --- memory ----------------------------------------------------------------------------------------------------------


def test_a_damaged_memory_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "dht.db"
    path.write_bytes(b"this is no database" * 500)
    state = DhtState(path)
    assert state.damaged and state.records() == [] and state.contacts() == []
    state.close()
    assert path.with_suffix(".damaged").exists()
    again = DhtState(path)
    assert not again.damaged
    again.close()


async def test_a_record_somebody_changed_on_disk_is_not_believed(tmp_path: Path, impatient: None) -> None:
    async with town(tmp_path, 4, OFFER):
        pass
    with sqlite3.connect(tmp_path / "n2" / "dht.db") as db:
        rows = db.execute("SELECT count(*) FROM record").fetchone()[0]
        db.execute("UPDATE record SET raw = zeroblob(200)")
    assert rows
    place = Town(tmp_path)
    async with place.home("n2").session(Config(port=0, listen=("127.0.0.1",), seed=True), serve=True) as live:
        assert live.machine.store.count == 0


def test_a_memory_of_another_form_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "dht.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE record (id INTEGER)")
    state = DhtState(path)
    assert state.damaged and not state.unwritable and path.with_suffix(".damaged").exists()
    state.save_published({"skill:x": b"y"})
    assert state.published() == {"skill:x": b"y"}
    state.close()


def test_a_memory_damaged_in_the_middle_is_set_aside_and_the_node_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "dht.db"
    state = DhtState(path)
    state.save_published({f"skill:x-{n}": bytes(300) for n in range(200)})
    state.close()
    data = bytearray(path.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    path.write_bytes(data)
    again = DhtState(path)
    assert again.damaged and again.published() == {}
    again.close()


async def test_on_a_full_disk_it_says_so_goes_on_and_writes_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.dht.WATCH_EVERY", 0.02)
    async with town(tmp_path, 3) as place:
        live = place.live[1]
        state = live._state
        assert state is not None
        pages = state._db.execute("PRAGMA page_count").fetchone()[0]
        state._db.execute(f"PRAGMA max_page_count={pages}")
        offers = tuple(Pointer(parse_ref(f"skill:much-{n}"), "1", tags=("x" * 30,)) for n in range(60))
        place.homes[2].offers = lambda: offers
        await until(lambda: live.problem == "dht.state_unwritable" and place.live[2].report.records == 60)
        assert len(await heard(place.provider(), "skill:*")) == 60  # it stores and answers all the same
        state._db.execute("PRAGMA max_page_count=100000")
        await until(lambda: not live._unsaved and len(state.records()) == live.machine.store.count)
        await until(lambda: place.homes[1].remark() is None)


async def test_a_node_at_rest_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.dht.WATCH_EVERY", 0.01)
    saves: list[int] = []
    save = DhtState.save

    def counted(self: DhtState, contacts: Any, changes: Any, wall: float) -> None:
        saves.append(len(changes))
        save(self, contacts, changes, wall)

    monkeypatch.setattr(DhtState, "save", counted)
    async with town(tmp_path, 3, OFFER) as place:
        await until(lambda: all(len(live.machine.table) == 2 for live in place.live) and len(saves) >= 3)
        await asyncio.sleep(0.1)
        before = len(saves)
        await asyncio.sleep(0.3)
        assert len(saves) == before


async def test_a_full_disk_at_the_start_costs_only_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    async with town(tmp_path, 4, OFFER):
        pass
    path = tmp_path / "n2" / "dht.db"
    before = path.read_bytes()
    connect = sqlite3.connect

    def full(where: Any, **more: Any) -> Any:
        if where == path:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        return connect(where, **more)

    monkeypatch.setattr(sqlite3, "connect", full)
    place = Town(tmp_path)
    async with place.home("n2").session(Config(port=0, listen=("127.0.0.1",), seed=True), serve=True) as live:
        assert live.problem == "dht.state_unwritable" and live.machine.store.count
    assert path.read_bytes() == before


def test_a_memory_that_may_not_be_written_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = DhtState(tmp_path / "dht.db")
    state.save_published({"skill:x": b"y"})
    state.close()
    error = sqlite3.OperationalError("attempt to write a readonly database")
    error.sqlite_errorcode = sqlite3.SQLITE_READONLY
    connect = dht_state._connect
    monkeypatch.setattr(dht_state, "_connect", lambda where: connect(where) if where == ":memory:" else (_raise(error)))
    again = DhtState(tmp_path / "dht.db")
    assert not again.damaged and "readonly" in again.unwritable and again.published() == {"skill:x": b"y"}
    again.close()


def _raise(error: Exception) -> Any:
    raise error


# --- settings and questions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", ":1", "a b", "host:", "host:0", "host:70000", "host:x", "[::1", "[::1]:99999"])
def test_bad_addresses_are_refused_with_a_reason(text: str) -> None:
    if text == "[::1":
        assert read_address(text) == ("::1", 48890)
        return
    with pytest.raises(OoderError, match="address"):
        read_address(text)
    with pytest.raises(ValueError, match="address"):
        Config(bootstrap=(text,))


def test_questions_become_refs_or_words() -> None:
    assert read_question(Query("skill:pdf-tools@1.0")) == [PDF]
    assert read_question(Query("skill:*")) == [(Kind.SKILL, "*")]
    assert read_question(Query("cap:pdf-t*")) == [(Kind.CAPABILITY, "^pdf")]
    assert read_question(Query("审批", frozenset({Kind.SKILL}))) == [(Kind.SKILL, "审批")]
    assert len(read_question(Query())) == len(Kind)
    assert read_question(Query("skill:not an id")) == [(Kind.SKILL, "not")]


# --- the command line ------------------------------------------------------------------------------------------------


async def test_the_command_line_puts_gets_traces_and_lists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OODER_LANG", "en")
    home = tmp_path / "cli"
    home.mkdir()
    async with town(tmp_path, 5) as place:
        text = f"sources:\n  dht_kademlia:\n    bootstrap: ['127.0.0.1:{place.seed_port}']\n    listen: ['127.0.0.1']\n"
        (home / "config.yaml").write_text(text)

        async def call(*words: str) -> tuple[int, str]:
            capsys.readouterr()
            code = await asyncio.to_thread(ooder, ["--home", str(home), *words])
            said = capsys.readouterr()
            return code, said.out + said.err

        assert (
            "Published skill:from-hand on 5 nodes"
            in (await call("dht", "put", "skill:from-hand", "--title", "报表"))[1]
        )
        code, said = await call("dht", "get", "skill:from-hand", "--json")
        assert code == 0 and json.loads(said)["records"][0]["ref"] == "skill:from-hand"
        assert "skill:from-hand" in (await call("dht", "get", "skill:*", "--word", "报表"))[1]
        code, said = await call("dht", "get", "skill:nothing")
        assert code == 3 and "dht.not_found" in said
        assert json.loads((await call("dht", "trace", "skill:from-hand", "--json"))[1])["trace"][-1]["answered"] >= 4
        assert len(json.loads((await call("dht", "peers", "--json"))[1])["peers"]) >= 4
        assert json.loads((await call("dht", "status", "--json"))[1])["joined"]
        assert "Published" in (await call("dht", "put", "skill:from-hand", "--withdraw"))[1]
        assert (await call("dht", "get", "skill:from-hand"))[0] == 3
    code, said = await asyncio.to_thread(lambda: (ooder(["--home", str(tmp_path / "no"), "dht", "status"]), ""))
    assert code == 5


def test_a_record_too_long_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OoderError, match="cannot be published"):
        sign_pointer(SigningKey(bytes(32)), Pointer(PDF, places=("x" * 200,)), seq=1, issued=1e9, life=60)
