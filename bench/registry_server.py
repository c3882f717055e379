"""A SkillCenter with 100,000 items under 50 clients, beside bare aiohttp with the same SQLite statement in the same run; and how
long a published version takes to reach who listens.

Server, yardstick and clients are processes of their own; clients ask without pause (closed loop), and once at a steady pace. A filled
registry is kept in the system's folder for temporary files, under the hash of everything that made it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter, process_time, time
from typing import Any

import aiohttp
from aiohttp import web

from bench import Row
from bench.search_corpus import LIFE
from node import config
from node.api.gate import open_gate
from node.api.listening import bind, serve
from node.index import Rules
from node.keys import node_key
from node.paths import Paths
from node.service import Service
from node.skill_center.shelf import Shelf
from node.skill_center.sqlite import SqliteDatabase
from node.skill_center.store import Store
from node.skill_center.tables import NewRelease
from protocol.identity import SigningKey
from protocol.items import Item
from protocol.skill_center.release import Release, SignedRelease, item_text, open_release, sha256_of, sign_release

ITEMS = 100_000
CLIENTS = 50
CALM = 500  # questions per second of all clients: how long the server takes, not how long the queue is that 50 without pause make
SECONDS = 5.0
BATCH = 2_000
NOW = time()
PUBLISHER = SigningKey(b"b" * 32)
ROOT = Path(__file__).resolve().parent.parent
_MAKERS = (
    "node/skill_center/shelf.py",
    "node/skill_center/tables.py",
    "protocol/skill_center/r*.py",
    "node/index/*.py",
)
BARE = "SELECT s.text, s.downloads FROM (SELECT row FROM shown WHERE kind = ? AND listed = 1 ORDER BY key LIMIT 50 OFFSET ?) x CROSS JOIN shown s ON s.row = x.row ORDER BY s.key"


def _releases(count: int) -> Iterator[tuple[NewRelease, Item]]:
    random = Random(7)
    for number in range(count):
        item = LIFE.item(random, number)
        text = item_text(item)
        content = f"{number:064x}"
        release = Release(item.ref, f"sha256:{content}", content, 1_000, 3_000, 3, sha256_of(text.encode()))
        record = sign_release(PUBLISHER, release, number + 1, NOW)
        signed = SignedRelease(
            release, PUBLISHER.public.fingerprint, number + 1, NOW, record, sha256_of(record.encode())
        )
        yield NewRelease(signed, text), item


def filled(items: int = ITEMS) -> Path:
    """A home whose registry holds `items` items; made only if it was not made by the same code before."""
    makers = sorted(path for pattern in _MAKERS for path in ROOT.glob(pattern))
    code = hashlib.sha256(b"\0".join(path.read_bytes() for path in makers)).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / "ooder-bench"
    kept.mkdir(exist_ok=True)
    home = kept / f"registry-{items}-{code}"
    if not home.exists():
        for old in kept.glob(f"registry-{items}-*"):
            shutil.rmtree(old)
        fresh = home.with_suffix(".part")
        shutil.rmtree(fresh, ignore_errors=True)
        start = perf_counter()
        _fill(Paths(fresh), items)
        (fresh / "figures.json").write_text(json.dumps({"fill_ms": (perf_counter() - start) * 1000 / items}))
        fresh.replace(home)
    return home


def _fill(paths: Paths, items: int) -> None:
    paths.ensure()
    key = node_key(paths)
    folder = paths.home / "skill-center"
    db = SqliteDatabase(folder / "registry.db")
    store, batch = Store(db, key, time), []
    for new, _ in _releases(items):
        batch.append(new)
        if len(batch) == BATCH:
            store.adopt(batch)
            batch = []
    store.adopt(batch)
    shelf = Shelf(folder, Rules, time)
    shelf.belongs_to(store.agent_id)
    while changed := store.changes(shelf.n, BATCH):
        shelf.show([[one] for one in changed], changed[-1].n)
    shelf.close()
    db.close()


def _serve(home: str, pipe: Any) -> None:
    """The server process; a message through the pipe publishes a version, an empty one ends it."""

    async def main() -> None:
        paths = Paths(Path(home))
        flags: dict[tuple[str, ...], Any] = {
            ("api", "port"): 0,
            ("peer", "port"): 0,
            ("peer", "host"): "127.0.0.1",
            ("skill_center", "enabled"): True,
            ("skill_center", "rate"): 100_000,
        }
        service = Service(paths, config.load(paths, flags, environ={}))
        async with open_gate(service, lambda: service.config, lambda: None) as desk:
            center = desk.center
            assert center is not None
            pipe.send((desk.peer_base, str(paths.home / "skill-center" / "shelf.db")))
            while told := await asyncio.to_thread(pipe.recv):
                if told == "cpu":
                    pipe.send(process_time())
                    continue
                record = _one_more(int(told))
                await asyncio.to_thread(center.store.adopt, [record])

    asyncio.run(main())


def _one_more(number: int) -> NewRelease:
    item = Item(LIFE.item(Random(1), 0).kind, f"pushed-{number}", "1.0.0", name="pushed")
    text = item_text(item)
    release = Release(item.ref, "sha256:" + "a" * 64, "a" * 64, 1, 1, 1, sha256_of(text.encode()))
    return NewRelease(open_release(sign_release(PUBLISHER, release, 1, time()), time()), text)


def _bare(shelf: str, pipe: Any) -> None:
    """The yardstick: aiohttp and one SQLite connection, nothing else."""

    async def main() -> None:
        db = sqlite3.connect(shelf)

        async def rows(request: web.Request) -> web.Response:
            found = db.execute(BARE, ("skill", int(request.query.get("offset", "0")))).fetchall()
            body = "[" + ",".join(f'{text},"downloads":{downloads}}}' for text, downloads in found) + "]"
            return web.Response(text=body, content_type="application/json")

        app = web.Application()
        app.router.add_get("/api/v1/skills", rows)
        listener = bind("127.0.0.1", 0)
        async with serve(app, listener):
            pipe.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
            while await asyncio.to_thread(pipe.recv):
                pipe.send(process_time())

    asyncio.run(main())


@dataclass(frozen=True)
class Asked:
    """Requests per second, per second of the server's processor time, and the slowest of a hundred in milliseconds."""

    rate: float
    core: float
    p99: float


async def _ask(
    client: aiohttp.ClientSession,
    pipe: Any,
    urls: list[str],
    headers: dict[str, str] | None = None,
    pause: float = 0.0,
) -> Asked:
    """Ask without pause, or every `pause` seconds; then times count from when the question was due, not from when it got away."""
    times: list[float] = []
    pipe.send("cpu")
    used = pipe.recv()
    end = perf_counter() + SECONDS

    async def one(number: int) -> None:
        random = Random(number)
        due = perf_counter() + random.random() * pause
        while (now := perf_counter()) < end:
            if pause:
                await asyncio.sleep(due - now)
            start, due = due if pause else now, due + pause
            async with client.get(random.choice(urls), headers=headers) as answer:
                await answer.read()
                assert answer.status in (200, 304)
            times.append(perf_counter() - start)

    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    pipe.send("cpu")
    cpu = pipe.recv() - used
    return Asked(len(times) / SECONDS, len(times) / cpu, sorted(times)[int(len(times) * 0.99)] * 1000)


async def _pushed(base: str, pipe: Any) -> float:
    """p95 in milliseconds from the wish to publish until a listener can ask for it."""
    late = []
    async with aiohttp.ClientSession() as client, client.ws_connect(base + "/api/v1/ws") as socket:
        for number in range(40):
            start = perf_counter()
            pipe.send(str(number + 1))
            await socket.receive_json(timeout=10)
            late.append(perf_counter() - start)
            async with client.get(f"{base}/api/v1/skills/pushed-{number + 1}") as answer:
                assert answer.status == 200
    return sorted(late)[int(len(late) * 0.95)] * 1000


async def _measure(base: str, bare: str, pipe: Any, yardstick: Any) -> list[Row]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
        pages = [f"/api/v1/skills?limit=50&offset={offset}" for offset in range(0, 20_000, 50)]
        never = [f"/api/v1/skills?limit=50&offset={offset}" for offset in range(50_000)]
        plain = await _ask(client, yardstick, [bare + page for page in pages])
        deep = await _ask(client, yardstick, [bare + page for page in never])
        fresh = await _ask(client, pipe, [base + page for page in never])
        asked = await _ask(client, pipe, [base + page for page in pages])
        calm = await _ask(client, pipe, [base + page for page in pages], pause=CLIENTS / CALM)
        calm_plain = await _ask(client, yardstick, [bare + page for page in pages], pause=CLIENTS / CALM)
        async with client.get(base + "/api/v1/skills") as answer:
            known = {"If-None-Match": answer.headers["ETag"]}
        same = await _ask(client, pipe, [base + "/api/v1/skills"], known)
        found = await _ask(client, pipe, [f"{base}/api/v1/skills?q={one}" for one in LIFE.questions(ITEMS)])
    name, aim = "aiohttp + SQLite", ">= 1,500"
    rows = []
    for what, one, beside in (
        ("400 different pages", asked, plain),
        ("50,000 different pages", fresh, deep),
        ("the first page, unchanged since", same, plain),
        ("400 different searches", found, plain),
    ):
        listed = one is asked
        rows += [
            Row(f"registry: {what}, on one core", one.core, "/s", aim if listed else "", beside.core, name),
            Row("registry: the same, by the clock", one.rate, "/s", "", beside.rate, name),
            Row("registry: the same, 50 clients", one.p99, "ms p99", "<= 30" if listed else "", beside.p99, name),
        ]
    rows.append(
        Row(
            f"registry: 400 different pages, {CALM} questions a second",
            calm.p99,
            "ms p99",
            "<= 30",
            calm_plain.p99,
            name,
        )
    )
    return [*rows, Row("registry: from publishing to a listener", await _pushed(base, pipe), "ms p95", "<= 200")]


def run() -> list[Row]:
    """Fill a registry, start it and the yardstick, ask."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(filled(), home)
        (here, there), (this, that) = context.Pipe(), context.Pipe()
        server = context.Process(target=_serve, args=(str(home), there))
        server.start()
        base, shelf = here.recv()
        yardstick = context.Process(target=_bare, args=(shelf, that))
        yardstick.start()
        try:
            rows = asyncio.run(_measure(base, this.recv(), here, this))
        finally:
            here.send("")
            this.send("")
            server.join(10)
            yardstick.join(10)
        figures = json.loads((home / "figures.json").read_text())
        return [*rows, Row("registry: taking one item in, of 100,000", figures["fill_ms"], "ms")]


if __name__ == "__main__":
    for row in run():
        sys.stdout.write(f"{row}\n")
