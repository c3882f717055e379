"""A package from a neighbour, beside a bare aiohttp download of the same bytes over the same cable. Needs root."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
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


async def fetch(ip: str, skill: str, digest: str) -> None:
    """Both downloads in turn; prints the seconds of the quickest as JSON, since others use this machine, too."""
    import aiohttp

    from node.io.peer_client import PeerClient, Point
    from protocol.identity import SigningKey

    key = SigningKey(bytes(range(32)))
    client = PeerClient(lambda: key, time.time, lambda who: False)
    point = Point("node-x", ip, 48_889)
    took: dict[str, float] = {}
    ours: list[tuple[float, float]] = []
    bare: list[tuple[float, float]] = []

    def clocks() -> tuple[float, float]:
        return time.perf_counter(), time.process_time()

    def since(start: tuple[float, float]) -> tuple[float, float]:
        now = clocks()
        return now[0] - start[0], now[1] - start[1]

    names = [file.path for file in await client.tree([point], digest)]
    for _ in range(ROUNDS):
        start = clocks()
        await client.tree([point], digest)
        ours.append(since(start))
        start = clocks()
        async with aiohttp.ClientSession() as session:
            for name in names:
                async with session.get(f"http://{ip}:8000/{skill}/{name}") as answer:
                    await answer.read()
        bare.append(since(start))
    for name, rounds in (("ours", ours), ("bare", bare)):
        took[name] = min(seconds for seconds, _ in rounds)
        took[f"{name}_cpu"] = min(cpu for _, cpu in rounds)
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
        took = {}
        for skill, (digest, _) in skills.items():
            words = [sys.executable, "-m", "bench.neighbour", "fetch", lab.hosts["desk"].ip, skill, digest]
            done = lab.run("laptop", words, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr[-2_000:])
            took[skill] = json.loads(done.stdout.splitlines()[-1])
    return [*rows_of(took["heavy"], skills["heavy"][1]), *rows_of_many(took["many"])]


def rows_of(took: dict[str, float], size: int) -> list[Row]:
    """What large files say: bytes per second, and what it costs."""
    bare = "bare aiohttp"
    rates = size / MIB / took["ours"], size / MIB / took["bare"]
    return [
        Row("package from a neighbour, verified", rates[0], "MiB/s", "", rates[1], bare),
        Row("package from a neighbour, of a bare download", took["bare"] / took["ours"] * 100, "%", ">= 70"),
        Row("CPU of who fetches it", took["ours_cpu"] * 1_000, "ms", "", took["bare_cpu"] * 1_000, bare),
    ]


def rows_of_many(took: dict[str, float]) -> list[Row]:
    """What many small files say: time."""
    name = f"package of {SMALL_FILES} small files"
    return [
        Row(f"{name}, verified", took["ours"] * 1_000, "ms", "", took["bare"] * 1_000, "bare aiohttp, file by file"),
        Row(f"{name}, of a bare download", took["bare"] / took["ours"] * 100, "%", ">= 70"),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve_bare(sys.argv[2]))
    elif sys.argv[1:2] == ["fetch"]:
        asyncio.run(fetch(*sys.argv[2:5]))
    else:
        for row in run():
            print(row)
