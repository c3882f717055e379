"""The HTTP API over 100,000 items, beside aiohttp's own hello-world in the same run; and events to 100 open streams.

Server and clients are two processes. Clients ask one after the other without pause (closed loop).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from time import monotonic, perf_counter
from typing import Any

import aiohttp
from aiohttp import web

from bench import Row
from bench.search import ITEMS, filled
from bench.search_corpus import LIFE
from node import config
from node.api.gate import open_gate
from node.api.listening import bind, serve
from node.events import Change
from node.paths import Paths
from node.service import Service
from protocol import limits

SECONDS = 5.0
CLIENTS = 20
STREAMS = 100


def _serve(home: str, pipe: Any) -> None:
    """The server process: the API and a hello-world; a message through the pipe makes an event, none ends it."""

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="Hello, world")

    async def main() -> None:
        # One client here asks faster than anybody may for long; what is measured is the node and not its patience.
        vars(limits).update(API_RATE=1e9, API_BURST=1e9)
        paths = Paths(Path(home))
        service = Service(paths, config.load(paths, {("api", "port"): 0}, environ={}))
        app = web.Application()
        app.router.add_get("/", hello)
        plain = bind("127.0.0.1", 0)
        async with open_gate(service, lambda: service.config, lambda: None) as desk, serve(app, plain):
            pipe.send((desk.base, desk.keys.token, f"http://127.0.0.1:{plain.getsockname()[1]}/"))
            while await asyncio.to_thread(pipe.recv):
                change = [Change("item.changed", "skill:x", json.dumps({"at": monotonic()}))]
                await asyncio.to_thread(service.index.apply, [], service.rules, service.now(), change)

    asyncio.run(main())


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)] * 1000


async def _ask(
    client: aiohttp.ClientSession, urls: list[str], clients: int, pause: float = 0.0, *, anew: bool = False
) -> tuple[float, float]:
    """Requests per second and p95 in milliseconds. `anew`: every address is asked once (by its length of page), so that nothing is held."""
    times: list[float] = []
    asked: dict[str, int] = {}
    end = perf_counter() + SECONDS

    async def one(number: int) -> None:
        random = Random(number)
        await asyncio.sleep(random.random() * pause)
        while perf_counter() < end:
            url = random.choice(urls)
            if anew:
                asked[url] = asked.get(url, 0) + 1
                url = url.replace("limit=50", f"limit={50 + asked[url] % 100}")
            start = perf_counter()
            async with client.get(url) as answer:
                await answer.read()
                assert answer.status == 200, url
            times.append(perf_counter() - start)
            await asyncio.sleep(random.random() * 2 * pause)

    await asyncio.gather(*(one(number) for number in range(clients)))
    return len(times) / SECONDS, p95(times)


async def _fan_out(base: str, token: str, pipe: Any) -> float:
    """p95 in milliseconds from writing an event to reading it, over all streams."""
    late: list[float] = []
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    ready = asyncio.Semaphore(0)

    async def listen(client: aiohttp.ClientSession) -> None:
        async with client.get(base + "/api/v1/events", headers=headers) as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    body = json.loads(line[6:])
                    if body["type"] == "snapshot":
                        ready.release()
                    elif "at" in body["data"]:
                        late.append(monotonic() - body["data"]["at"])

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        tasks = [asyncio.ensure_future(listen(client)) for _ in range(STREAMS)]
        for _ in range(STREAMS):
            await ready.acquire()
        for number in range(40):
            pipe.send("event")
            while len(late) < (number + 1) * STREAMS:
                await asyncio.sleep(0.02)
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    return p95(late)


async def _measure(base: str, token: str, hello: str, pipe: Any) -> list[Row]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Authorization": f"Bearer {token}"}, cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        asked = [f"{base}/api/v1/items?q={text}&limit=50" for text in LIFE.questions(ITEMS)[:400]]
        lists = [f"{base}/api/v1/items?kind=skill&limit=50&offset={offset}" for offset in range(0, 2_000, 50)]
        async with client.get(lists[0]) as answer:
            ref = (await answer.json())["items"][0]["ref"]
        plain, _ = await _ask(client, [hello], CLIENTS)
        detail, _ = await _ask(client, [f"{base}/api/v1/items/{ref}"], CLIENTS)
        rate, searched = await _ask(client, asked, CLIENTS)
        new_rate, anew = await _ask(client, asked, CLIENTS, anew=True)
        _, listed = await _ask(client, lists, CLIENTS)
        _, typed = await _ask(client, asked, CLIENTS, pause=0.1)
    return [
        Row("api: cached detail, 20 clients without pause", detail, "/s", ">= 1,500", plain, "aiohttp hello-world"),
        Row("api: 400 different searches, 20 clients without pause", searched, "ms p95", "<= 20"),
        Row("api: the same, requests", rate, "/s"),
        Row("api: searches that nobody asked before, 20 clients without pause", anew, "ms p95"),
        Row("api: the same, requests", new_rate, "/s"),
        Row("api: the 400 searches, every client asks 10 times a second", typed, "ms p95", "<= 20"),
        Row("api: lists, 20 clients without pause", listed, "ms p95", "<= 20"),
        Row("api: an event reaches 100 SSE clients", await _fan_out(base, token, pipe), "ms p95", "<= 50"),
    ]


def run() -> list[Row]:
    """Fill an index, start a server, ask."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "home")
        paths.ensure()
        shutil.copy(filled(LIFE), paths.index)
        here, there = multiprocessing.get_context("spawn").Pipe()
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(str(paths.home), there))
        server.start()
        base, token, hello = here.recv()
        try:
            return asyncio.run(_measure(base, token, hello, here))
        finally:
            here.send("")
            server.join(10)


if __name__ == "__main__":
    for row in run():
        sys.stdout.write(f"{row}\n")
