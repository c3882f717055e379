"""Following registries: first look at 100,000 releases, an unchanged one, a push, a dead one, failures recovered elsewhere."""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from bench import Row
from node import config
from node.aggregator import Aggregator
from node.io.http import Door
from node.paths import Paths
from node.service import Service
from protocol import limits
from protocol.errors import OoderError
from protocol.http.exchange import HttpBounds, HttpRequest
from protocol.query import Query
from sources import skill_center
from tests.fakes.fault_proxy import Fault, FaultProxy
from tests.fakes.registry_server import CENTER, SignedRegistry
from tests.fakes.web_server import WebServer

RELEASES = 100_000


async def _looked(service: Service, source: skill_center.Provider) -> float:
    """Seconds of one look, until everything is in the index."""
    aggregator = Aggregator(service.index, lambda: service.rules, service.ports.context.clock)
    service.ports.waiting.add(aggregator)
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(aggregator.run())
        await source.search(Query(), aggregator.tell)
        await aggregator.settle()
        writer.cancel()
    return time.perf_counter() - began


def _source(service: Service, section: dict[str, Any]) -> skill_center.Provider:
    return skill_center.make(skill_center.Config.model_validate(section), service.ports)


async def following(releases: int = RELEASES) -> list[Row]:
    """The first look, an unchanged one in the same and in a new process' state, one change, one push."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "home")
        service = Service(paths, config.load(paths, environ={}))
        async with SignedRegistry(service.now()) as registry:
            for at in range(releases):
                registry.publish(f"s{at}")
            _answer_as_prepared(registry)
            source = _source(service, registry.config())
            busy = time.process_time()
            first = await _looked(service, source)
            busy = time.process_time() - busy
            counted = service.counts()["skills"]
            assert counted == releases, counted
            same = min([await _looked(service, source) for _ in range(3)])
            own = await _unchanged(service, source)
            again = await _looked(service, _source(service, registry.config()))
            pushed = await _pushed(service, registry)
        service.close()
    name = f"{releases:,} releases"
    return [
        Row(f"first look at {name}, verified and indexed", first, "s", "<= 60"),
        Row("the same in processor time, the serving fake included", busy, "s"),
        Row(f"unchanged look at {name}: the source", own, "s", "<= 0.2"),
        Row(f"unchanged look at {name}: until the index has renewed all", same, "s", "<= 0.2"),
        Row(f"the same in a new process, {name}", again, "s"),
        Row(f"push to index beside {name}, p50 of 9", pushed * 1000, "ms", "<= 200"),
    ]


def _answer_as_prepared(registry: SignedRegistry) -> None:
    """The fake registry scans all it has for every page; with many releases that is not what is measured."""
    from protocol.skill_center.changes import encode_change
    from protocol.skill_center.release import item_text

    ordered = sorted(registry.kept.values(), key=lambda one: one.n)

    def changes(request: Any) -> dict[str, Any]:
        since, limit = int(request.query.get("since", 0)), int(request.query.get("limit", 500))
        late = sorted((one for one in registry.kept.values() if one.n > since), key=lambda one: one.n)
        part = ordered[since : since + limit] if since < len(ordered) else late[:limit]
        rows = [encode_change(one.n, one.text, item_text(one.item)) for one in part]
        return {"changes": rows, "last": ordered[-1].n, "more": len(rows) == limit}

    registry.lies["/api/v1/changes"] = changes


async def _unchanged(service: Service, source: skill_center.Provider) -> float:
    found = []
    for _ in range(5):
        began = time.perf_counter()
        await source.search(Query(), lambda report: None)
        found.append(time.perf_counter() - began)
    return sorted(found)[2]


async def _pushed(service: Service, registry: SignedRegistry) -> float:
    from protocol.refs import Kind

    aggregator = Aggregator(service.index, lambda: service.rules, service.ports.context.clock)
    source = _source(service, registry.config())
    took = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(aggregator.run()), group.create_task(source.run(aggregator.tell))]
        while not registry.pushes:
            await asyncio.sleep(0.01)
        await asyncio.sleep(3)
        for at in range(9):
            began = time.perf_counter()
            registry.publish(f"pushed{at}")
            while not await asyncio.to_thread(service.knows, Kind.SKILL, f"pushed{at}"):
                await asyncio.sleep(0.002)
            took.append(time.perf_counter() - began)
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
    return sorted(took)[4]


async def dead() -> list[Row]:
    """How soon a registry that went silent (no reset, nothing) is noticed, idle and in use."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "home")
        service = Service(paths, config.load(paths, environ={}))
        async with SignedRegistry(service.now()) as registry:
            registry.publish("a")
            async with FaultProxy(registry.web.port, Fault.BLACKHOLE, when=b"\x00never") as proxy:
                section = registry.config()
                section["registries"][0]["url"] = f"http://127.0.0.1:{proxy.port}"
                source = _source(service, section)
                listening = asyncio.ensure_future(source.run(lambda report: None))
                while not registry.pushes:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.5)
                proxy.when = b""  # from now on everything that is sent there is swallowed
                began = time.perf_counter()
                try:
                    await listening
                except OoderError:
                    idle = time.perf_counter() - began
            door = Door(paths.http_cache, service.ports.context.clock, Random(1))
            async with FaultProxy(registry.web.port, Fault.RESET, when=b"") as proxy:
                host = f"127.0.0.1:{proxy.port}"
                client = door.client(HttpBounds(hosts=frozenset({host})))
                calls = 0
                while True:
                    try:
                        await client.ask(HttpRequest(f"http://{host}/x", method="POST", body=b"{}"))
                    except OoderError as error:
                        if error.code == "http.resting":
                            break
                    calls += 1
        service.close()
    return [
        Row("a silent registry is noticed, idle", idle, "s", "<= 30"),
        Row("a dead registry is left alone after", calls, "calls", "5"),
    ]


async def recovered(rounds: int = 60) -> list[Row]:
    """Looks whose first place fails in one of nine ways; a mirror has the same."""
    random, good = Random(5), 0
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "home")
        service = Service(paths, config.load(paths, environ={}))
        async with SignedRegistry(service.now()) as registry:
            registry.publish("a")
            for _ in range(rounds):
                fault = random.choice([one for one in Fault if one not in (Fault.LATENCY, Fault.SLICE)])
                async with FaultProxy(registry.web.port, fault, when=b"/api", at=random.randrange(0, 300)) as proxy:
                    entry = {
                        "url": f"http://127.0.0.1:{proxy.port}",
                        "mirrors": [registry.url],
                        "key": CENTER.public.fingerprint,
                    }
                    source = _source(service, {"registries": [entry], "timeout_s": 0.5})
                    try:
                        await source.search(Query(), lambda report: None)
                        good += 1
                    except OoderError:
                        continue
        service.close()
    return [Row("first-attempt failures recovered elsewhere", 100 * good / rounds, "%", ">= 85")]


async def streamed(size: int = 60 * limits.MIB) -> list[Row]:
    """A large package into a file: speed, and how much memory it takes."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        with data.open("wb") as out:
            for _ in range(size // limits.MIB):
                out.write(Random(1).randbytes(limits.MIB))
        from aiohttp import web

        async def serve(_: web.Request) -> web.StreamResponse:
            return web.FileResponse(data)

        async with WebServer() as server:
            server.route("/p", serve)
            from node.io.clock import SystemClock

            client = Door(Path(folder) / "http", SystemClock(), Random(1)).client(
                HttpBounds(hosts=frozenset({server.host}))
            )
            small = HttpRequest(server.url("/p"), types=(), most=limits.PACKAGE_BYTES)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.perf_counter()
            await client.download(small, Path(folder) / "out")
            took = time.perf_counter() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [
        Row("a 60 MiB download, checked", size / limits.MIB / took, "MiB/s"),
        Row("memory it took at its highest", grown, "MiB", "flat"),
    ]


def run() -> list[Row]:
    """All of it; memory first, as nothing large was held before."""
    rows = asyncio.run(streamed())
    rows += asyncio.run(dead())
    rows += asyncio.run(recovered())
    return rows + asyncio.run(following())


if __name__ == "__main__":
    for row in run():
        print(row)
