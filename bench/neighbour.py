"""A package from a neighbour, beside a bare aiohttp download of the same bytes over the same cable. Needs root."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import yaml

from bench import Row
from node import control
from node.paths import Paths
from protocol.digest import TreeFile, tree_digest
from protocol.errors import OoderError
from scenarios.netns import NetLab, why_not
from scenarios.topology import ROOT

MIB = 1 << 20
ROUNDS = 12
SMALL_FILES = 300
GIGABIT = ["rate", "1gbit", "burst", "512kb", "latency", "50ms"]


def furnish(folder: Path, home: Path) -> dict[str, tuple[str, int]]:
    """A skill of a few large files and one of many small ones; name -> (tree digest, bytes)."""
    made = {
        "heavy": {f"data/model-{n}.bin": os.urandom(15 * MIB) for n in range(3)},
        "many": {f"data/note-{n}.txt": os.urandom(4_000) for n in range(SMALL_FILES)},
    }
    found = {}
    for skill, contents in made.items():
        manifest = "apiVersion: skill.ooder.io/v1\nkind: Skill\nmetadata: {id: %s, name: %s, version: 1.0.0}\n"
        contents["skill.yaml"] = (manifest % (skill, skill)).encode()
        (folder / skill / "data").mkdir(parents=True)
        for name, data in contents.items():
            (folder / skill / name).write_bytes(data)
        files = [TreeFile(name, False, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()]
        found[skill] = tree_digest(files), sum(map(len, contents.values()))
    home.mkdir(mode=0o700)
    settings = {
        "name": "desk",
        "api": {"port": 0},
        "sources": {"local_fs": {"agent_folders": False, "folders": [str(folder)]}},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(settings))
    return found


def await_node(paths: Paths, seconds: float = 60.0) -> None:
    """Until it answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            control.ask(paths, "peers.list", {}, seconds=2.0)
        except OoderError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return time.sleep(0.5)  # the peer plane opens last


async def serve_bare(folder: str) -> None:
    from aiohttp import web

    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 8_000).start()
    print("up", flush=True)
    await asyncio.Event().wait()


async def fetch(ip: str, skill: str, digest: str, times: str) -> None:
    """Downloads in turn, into memory and to the disk (page cache, no sync), ours into a staging folder of the store; prints the
    seconds of the quickest as JSON, since others use this machine, too."""
    import aiohttp

    from node.install.files import Files
    from node.install.stage import Stage
    from node.io.peer_client import PeerClient, Point
    from protocol.identity import SigningKey

    key = SigningKey(bytes(range(32)))
    client = PeerClient(lambda: key, time.time, lambda who: False)
    point = Point("node-x", ip, 48_889)
    rounds: dict[str, list[tuple[float, float]]] = {}

    def clocks() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    async def timed(name: str, work: Callable[[], Awaitable[object]]) -> None:
        start = clocks()
        await work()
        now = clocks()
        rounds.setdefault(name, []).append((now[0] - start[0], now[1] - start[1]))

    names = [file.path for file in await client.tree([point], digest)]
    with tempfile.TemporaryDirectory() as folder:
        root = Files().open(Path(folder))

        async def ours_to_disk() -> None:
            with Stage(root) as stage:
                stage.files(await client.tree([point], digest))

        async def bare(to: Path | None) -> None:
            async with aiohttp.ClientSession() as session:
                for name in names:
                    async with session.get(f"http://{ip}:8000/{skill}/{name}") as answer:
                        if to is None:
                            await answer.read()
                            continue
                        (to / name).parent.mkdir(exist_ok=True)
                        with (to / name).open("wb") as file:
                            async for chunk in answer.content.iter_any():
                                file.write(chunk)

        for number in range(int(times)):
            await timed("ours", lambda: client.tree([point], digest))
            await timed("bare", lambda: bare(None))
            await timed("ours_disk", ours_to_disk)
            to = Path(folder, str(number))
            to.mkdir()
            await timed("bare_disk", lambda to=to: bare(to))  # type: ignore[misc]
            shutil.rmtree(to)
    took: dict[str, float] = {}
    for name, each in rounds.items():
        took[name] = min(seconds for seconds, _ in each)
        took[f"{name}_cpu"] = min(cpu for _, cpu in each)
    print(json.dumps(took), flush=True)


def run() -> list[Row]:
    """All figures; none without root."""
    if why_not():
        print(f"bench.neighbour skipped: {why_not()}")
        return []
    with tempfile.TemporaryDirectory() as temporary, NetLab() as lab:
        folder, home = Path(temporary, "skills"), Path(temporary, "home")
        lab.lan("l", "10.77.1.0/24")
        for name in ("desk", "laptop"):
            lab.host(name, "l")
        skills = furnish(folder, home)
        environment = {**os.environ, "OODER_HOME": str(home), "HOME": str(home)}

        def ooder(*words: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "node", *words], env=environment, cwd=ROOT, check=True, capture_output=True
            )

        ooder("scan", "--source", "local_fs")
        for skill in skills:
            ooder("share", f"skill:{skill}")
        quiet: Any = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        lab.popen("desk", [sys.executable, "-m", "node", "serve"], env=environment, **quiet)
        bare = lab.popen(
            "desk", [sys.executable, "-m", "bench.neighbour", "serve", str(folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert bare.stdout is not None
        bare.stdout.readline()
        await_node(Paths(home))

        def measure(skill: str, times: int) -> dict[str, float]:
            to = lab.hosts["desk"].ip
            words = [sys.executable, "-m", "bench.neighbour", "fetch", to, skill, skills[skill][0], str(times)]
            done = lab.run("laptop", words, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-2_000:])
            return dict(json.loads(done.stdout.splitlines()[-1]))

        heavy, many = measure("heavy", ROUNDS), measure("many", ROUNDS)
        lab.run("desk", ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf", *GIGABIT])
        cable = measure("heavy", 2)
    size = skills["heavy"][1]
    return [*rows_of(heavy, size), *rows_of_cable(cable, size), *rows_of_many(many)]


def rows_of(took: dict[str, float], size: int) -> list[Row]:
    """What large files say: bytes per second, and what it costs."""
    bare = "bare aiohttp"
    rates = size / MIB / took["ours"], size / MIB / took["bare"]
    disk = size / MIB / took["ours_disk"], size / MIB / took["bare_disk"]
    return [
        Row("package from a neighbour, verified, into memory", rates[0], "MiB/s", "", rates[1], bare),
        Row("the same, of a bare download into memory", took["bare"] / took["ours"] * 100, "%"),
        Row("package from a neighbour, verified and staged", disk[0], "MiB/s", "", disk[1], f"{bare} to files"),
        Row("the same, of a bare download to files", took["bare_disk"] / took["ours_disk"] * 100, "%", ">= 70"),
        Row("CPU of who fetches it", took["ours_cpu"] * 1_000, "ms", "", took["bare_cpu"] * 1_000, bare),
    ]


def rows_of_cable(took: dict[str, float], size: int) -> list[Row]:
    """The same over a cable of 1 Gbit/s, as people have."""
    rates = size / MIB / took["ours_disk"], size / MIB / took["bare_disk"]
    return [
        Row("verified and staged, over 1 Gbit/s", rates[0], "MiB/s", "", rates[1], "bare aiohttp to files"),
        Row("the same, of a bare download to files", rates[0] / rates[1] * 100, "%", ">= 70"),
    ]


def rows_of_many(took: dict[str, float]) -> list[Row]:
    """What many small files say: time."""
    name = f"package of {SMALL_FILES} small files"
    return [
        Row(f"{name}, verified", took["ours"] * 1_000, "ms", "", took["bare"] * 1_000, "bare aiohttp, file by file"),
        Row(f"{name}, of a bare download to files", took["bare_disk"] / took["ours_disk"] * 100, "%", ">= 70"),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve_bare(sys.argv[2]))
    elif sys.argv[1:2] == ["fetch"]:
        asyncio.run(fetch(*sys.argv[2:6]))
    else:
        for row in run():
            print(row)
