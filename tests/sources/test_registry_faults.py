"""Nine faults between a node and its registry, at every call: deadlines kept, the right kind of error, the next place used, no wrong byte."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from protocol.errors import OoderError
from protocol.http.exchange import HttpRequest
from protocol.items import Channel
from protocol.query import Query
from sources.center_registry import bounds_of
from tests.fakes.fault_proxy import Fault, FaultProxy
from tests.fakes.registry_server import CENTER, SignedRegistry
from tests.sources.test_skill_center import Node, until

CALLS = (b"/api/v1/center", b"/api/v1/changes", b"/api/v1/revocations", b"/api/v1/ws")
SLOW = (Fault.LATENCY, Fault.RATE, Fault.SLICE)


def seconds_of(fault: Fault) -> float:
    """Short where it will be waited out, long where a busy machine is the only reason to wait."""
    return 1.0 if fault in (Fault.BLACKHOLE, Fault.RATE) else 4.0


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[SignedRegistry]:
    async with SignedRegistry(Node(tmp_path / "clock").clock.wall()) as made:
        for at in range(5):
            made.publish(f"s{at}")
        made.revoke("sha256:" + "0" * 64)
        yield made


def config(proxy: FaultProxy, *mirrors: str) -> dict[str, object]:
    entry = {"url": f"http://127.0.0.1:{proxy.port}", "key": CENTER.public.fingerprint, "mirrors": mirrors}
    return {"registries": [entry], "timeout_s": seconds_of(proxy.fault)}


async def one(home: Path, registry: SignedRegistry, fault: Fault, when: bytes, at: int) -> None:
    wanted = {f"skill:s{n}@1.0" for n in range(5)}
    async with FaultProxy(registry.web.port, fault, when=when, at=at) as proxy:
        alone = Node(home / "alone")
        began = asyncio.get_running_loop().time()
        code = await alone.look(config(proxy))
        took = asyncio.get_running_loop().time() - began
        assert took < 3 * seconds_of(fault) + 2, (fault, when, took)  # three requests at most
        assert alone.refs().keys() in (set(), wanted), (fault, when)
        if fault not in SLOW and proxy.struck and code:
            assert code.partition(".")[0] in ("http", "record", "center", "registry"), code
        if not code:
            assert alone.refs().keys() == wanted
        beside = Node(home / "beside")
        assert await beside.look(config(proxy, registry.url)) == "", (fault, when)
        assert beside.refs().keys() == wanted


@pytest.mark.parametrize("fault", Fault)
async def test_looking_through_a_faulty_line(tmp_path: Path, registry: SignedRegistry, fault: Fault) -> None:
    async with asyncio.TaskGroup() as group:
        for number, when in enumerate(CALLS[:3]):
            for at in (0, 40, 400):
                home = tmp_path / f"{number}-{at}"
                home.mkdir()
                group.create_task(one(home, registry, fault, when, at))


@pytest.mark.parametrize("fault", Fault)
async def test_a_push_through_a_faulty_line_is_caught_up(
    tmp_path: Path, registry: SignedRegistry, fault: Fault
) -> None:
    """Whatever becomes of the push, the next look - on reconnecting - brings what it spoke of."""
    node = Node(tmp_path / "node")
    async with FaultProxy(registry.web.port, fault, when=CALLS[3], at=20) as proxy:
        source = node.source(config(proxy, registry.url))
        listening = asyncio.ensure_future(source.run(node.heard))
        try:
            await asyncio.sleep(0.05)
            registry.publish("late")
            if fault in SLOW:
                await until(lambda: "skill:late@1.0" in node.refs())
            else:
                await source.search(Query(), node.heard)  # what the node does every so often
                assert "skill:late@1.0" in node.refs()
        finally:
            listening.cancel()


@pytest.mark.parametrize("fault", Fault)
async def test_no_wrong_byte_of_a_package_is_accepted(tmp_path: Path, registry: SignedRegistry, fault: Fault) -> None:
    node = Node(tmp_path / "node")
    release = registry.publish("big")
    data = Random(3).randbytes(60_000)
    sha256 = hashlib.sha256(data).hexdigest()
    registry.web.route("/download/big/1.0", body=data, headers={"ETag": '"1"'})
    assert release.package != sha256

    async def bring(number: int, at: int) -> str:
        async with FaultProxy(registry.web.port, fault, when=b"/download", at=at) as proxy:
            base = f"http://127.0.0.1:{proxy.port}"
            http = node.http(bounds_of((base,), (), (), "", "", seconds_of(fault)))
            path = tmp_path / f"p{number}"
            request = HttpRequest(
                f"{base}/download/big/1.0",
                types=(),
                most=100_000,
                total_s=1.0 if fault is Fault.SLICE else seconds_of(fault),
            )
            try:
                await http.download(request, path, sha256)
            except OoderError as error:
                assert not path.exists()
                return error.code
            assert path.read_bytes() == data
            return ""

    random = Random(7)
    places = [0, 10, *(random.randrange(150, 60_000) for _ in range(8))]
    codes = await asyncio.gather(*(bring(number, at) for number, at in enumerate(places)))
    if fault in (Fault.FLIP, Fault.GARBAGE):
        assert all(codes[2:])
    if fault in (Fault.BLACKHOLE, Fault.REFUSE, Fault.RATE):
        assert all(codes)
    if fault in (Fault.LATENCY,):
        assert not any(codes)


@pytest.mark.parametrize("fault", Fault)
async def test_lists_of_a_registry_that_signs_nothing(tmp_path: Path, registry: SignedRegistry, fault: Fault) -> None:
    """Without signatures a changed byte cannot be told from a true one - so nothing from there is more than unverified, a list that
    breaks off forgets nothing, and the deadline holds."""
    registry.lies["/api/v1/center"] = lambda _: web.Response(status=404)
    body = json.dumps(registry.rows()).encode()
    registry.web.route("/api/v1/skills", body=body, content_type="application/json")
    node = Node(tmp_path / "node")
    async with FaultProxy(registry.web.port, fault, when=b"\x00never") as proxy:
        entry = {"registries": [{"url": f"http://127.0.0.1:{proxy.port}"}], "timeout_s": seconds_of(fault)}
        if fault is not Fault.REFUSE:
            assert await node.look(entry) == ""
            assert len(node.refs()) == 5
        for at in (0, 300):
            proxy.when, proxy.at = b"/api/v1/skills", at
            began = asyncio.get_running_loop().time()
            code = await node.look(entry)
            assert asyncio.get_running_loop().time() - began < 5 * seconds_of(fault) + 2
            if code:
                assert code.partition(".")[0] in ("http", "registry"), code
                assert len(node.refs()) in (0, 5)
        assert all(one.evidence.channel is Channel.PLAIN for one in node.heard.sightings())
