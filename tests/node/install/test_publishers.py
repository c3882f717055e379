"""Installing what only the DHT knows: the publisher is asked once, in full, at no address it has no business to send us to."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from node import config
from node.install.engine import Engine
from node.install.peer_deliverer import PeerDeliverer
from node.install.planning import PlanOptions
from node.install.publishers import Learned, learn, needed
from node.install.store import Store
from node.install.unpack import PackedFile
from node.io.peer_client import PeerClient
from node.paths import Paths
from node.service import Service
from protocol.catalogue import Offered, encode_row, rows_digest, sign_head
from protocol.dht.contacts import may_fetch
from protocol.dht.record import Pointer, open_pointer, sign_pointer
from protocol.errors import OoderError, PolicyError
from protocol.identity import SigningKey
from protocol.install.apply import Change
from protocol.install.model import Installed
from protocol.install.universe import Location
from protocol.items import Dependency, Item, Provided, Reading, Standing
from protocol.refs import Kind, parse_ref
from sources.dht_kademlia import reading_of

PEER = SigningKey(b"p" * 32)
DIGEST = "sha256:" + "ab" * 32
HERE = ("127.0.0.0/8",)
SCENE = Item(Kind.SCENE, "desk", "1.0", requires=(Dependency(Kind.CAPABILITY, "sum"),))
SKILL = Item(Kind.SKILL, "summer", "1.0", provides=(Provided("sum"),), requires=(Dependency(Kind.SKILL, "base"),))
OTHERS = [Item(Kind.CAPABILITY, "sum", "1.0"), Item(Kind.SKILL, "base", "1.0"), Item(Kind.SKILL, "unrelated", "1.0")]
ROWS = [Offered(item, "local:0", DIGEST, 9, 1) for item in (SCENE, SKILL, *OTHERS)]
FORBIDDEN = (
    "127.0.0.1", "::1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "fe80::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "224.0.0.1",
    "255.255.255.255", "localhost", "metadata.example", "0x7f.1", "2130706433", "",
)  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    paths = Paths(tmp_path / "home")
    made = Service(paths, config.load(paths))
    yield made
    made.close()


@asynccontextmanager
async def publisher(key: SigningKey = PEER) -> AsyncIterator[tuple[str, list[str]]]:
    """A peer plane with a catalogue signed by `key`; its URL, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        rows = [encode_row(row) for row in ROWS]
        head = sign_head(key, rows_digest(rows), len(rows), 7, time.time())
        return web.json_response({"last": 7, "full": True, "items": rows, "gone": [], "more": False, "head": head})

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


def heard(service: Service, *places: str, ref: str = "scene:desk", digest: str = DIGEST) -> None:
    """A scan heard PEER's record of the DHT."""
    now = service.now()
    pointer = Pointer(parse_ref(ref), "1.0", digest, 9, places, "Desk")
    raw = sign_pointer(PEER, pointer, seq=1, issued=now, life=9_999)
    service.index.apply([reading_of(open_pointer(raw, now), now)], service.rules, now)


def standings(service: Service, kind: Kind, name: str) -> list[Standing]:
    return [one.standing for one in service.index.sightings(kind, name)]


async def ask(service: Service, networks: Sequence[str] = HERE, ref: str = "scene:desk") -> Learned:
    return await asyncio.to_thread(learn, service, [parse_ref(ref)], networks)


async def test_a_publisher_tells_what_it_said_in_short_and_what_that_needs(service: Service) -> None:
    async with publisher() as (url, asked):
        heard(service, "http://192.0.2.1:48889", "http://name.example:48889", url)
        assert standings(service, Kind.SCENE, "desk") == [Standing.LISTING]
        learned = await ask(service)
        assert (learned.asked, learned.found, learned.errors) == (1, 1, [])
        found = {one.standing: one for one in service.index.sightings(Kind.SCENE, "desk")}[Standing.MAIN]
        assert found.item.requires == SCENE.requires and found.principal == PEER.public.principal
        assert found.source == "dht_kademlia" and found.location.endswith(f"{url[7:]}/{'ab' * 32}")
        for kind, name in ((Kind.CAPABILITY, "sum"), (Kind.SKILL, "summer"), (Kind.SKILL, "base")):
            assert standings(service, kind, name) == [Standing.MAIN], name
        assert not standings(service, Kind.SKILL, "unrelated")
        await ask(service)
        assert len(asked) == 1


async def test_who_is_not_asked(service: Service) -> None:
    async with publisher() as (url, asked):
        heard(service, url)
        (record,) = service.index.sightings(Kind.SCENE, "desk")
        own = replace(
            record, source="local_fs", origin="o", principal="local:0", standing=Standing.MAIN, expires_at=0.0
        )
        service.index.apply([Reading("local_fs", "o", "p", service.now(), (own,))], service.rules, service.now())
        assert (await ask(service)).asked == 0  # it is here already, and they are strangers
        assert (await asyncio.to_thread(learn, service, [parse_ref("scene:desk")], HERE, [record.principal])).asked == 1
        heard(service, url, ref="skill:x", digest="")
        assert (await ask(service, ref="skill:x")).asked == 0  # they only say that it exists
        assert len(asked) == 1


async def test_another_key_at_the_address_is_not_believed(service: Service) -> None:
    async with publisher(SigningKey(b"o" * 32)) as (url, asked):
        heard(service, url)
        learned = await ask(service)
        assert not learned.found and learned.errors and standings(service, Kind.SCENE, "desk") == [Standing.LISTING]
        assert asked


async def test_an_install_says_why_the_publisher_could_not_be_asked(service: Service) -> None:
    async with publisher() as (url, asked):
        heard(service, url)
        with pytest.raises(PolicyError) as caught:
            await asyncio.to_thread(Engine(service).plan, "scene:desk", PlanOptions())
        assert caught.value.code == "dht.private_address" and "fetch_networks" in caught.value.next_step()
        assert not asked


@pytest.mark.parametrize("ip", FORBIDDEN)
async def test_no_record_sends_us_where_strangers_have_no_business(
    ip: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("connected"))
    assert not may_fetch(ip)
    host = f"[{ip}]" if ":" in ip else ip
    deliverer = PeerDeliverer(PeerClient(lambda: PEER, time.time, lambda key: False))
    location = Location("dht_kademlia", f"peer+http://node-x@{host}:48889/{'ab' * 32}", "key:x")
    with pytest.raises(OoderError) as caught:
        await deliverer.bring(location, Store(tmp_path).stage(9).__enter__())
    assert caught.value.code in {"peer.forbidden_address", "dht.private_address", "peer.bad_location"}


@pytest.mark.parametrize("ip", ["9.9.9.9", "2620:fe::fe"])
def test_the_public_internet_and_configured_networks_may_be_asked(ip: str) -> None:
    assert may_fetch(ip) and may_fetch("10.1.2.3", ["10.0.0.0/8"]) and not may_fetch("10.1.2.3", ["10.2.0.0/16"])


def test_needed_takes_the_whole_way_and_nothing_else() -> None:
    assert {row.ref for row in needed(ROWS, (Kind.SKILL, "base"))} == {"skill:base"}
    assert len(needed(ROWS, (Kind.SCENE, "desk"))) == 4


async def test_what_is_outdated_is_asked_of_who_published_it(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "_fetch_networks", lambda self: HERE)
    engine = Engine(service)
    with engine.store.stage() as stage:
        rows = []
        for kind, name, text in ((Kind.SCENE, "desk", b"kind: Scene"), (Kind.SKILL, "base", b"kind: Skill")):
            tree = stage.files([PackedFile("skill.yaml", False, text)]).digest
            rows.append(Installed(kind, name, "0.9", PEER.public.principal, tree, requested=True))
        engine.store.commit(Change("install", tuple(rows)), service.now(), stage)
    async with publisher() as (url, asked):
        heard(service, url)
        heard(service, url, ref="skill:base", digest="sha256:" + "cd" * 32)
        await asyncio.to_thread(engine.outdated, PlanOptions(upgrade=True))
        assert asked == ["/peer/v1/offers"]  # once, about both
        for kind, name in ((Kind.SCENE, "desk"), (Kind.SKILL, "base")):
            assert Standing.MAIN in standings(service, kind, name), name


async def test_everything_that_an_uninstall_takes_away_is_an_event_of_its_kind(service: Service) -> None:
    engine = Engine(service)
    with engine.store.stage() as stage:
        tree = stage.files([PackedFile("x.yaml", False, b"x")]).digest
        skill = Installed(Kind.SKILL, "base", "1.0", "local:0", tree)
        scene = Installed(Kind.SCENE, "desk", "1.0", "local:0", tree, needs=(skill.release,), requested=True)
        engine.store.commit(Change("install", (skill, scene)), service.now(), stage)
    await engine.uninstall(["scene:desk"], lambda event: None)
    events = [(one["type"], one["ref"]) for one in service.events(0, 100)["events"] if "uninstalled" in one["type"]]
    assert sorted(events) == [("scene.uninstalled", "scene:desk@1.0"), ("skill.uninstalled", "skill:base@1.0")]
