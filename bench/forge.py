"""Forges: what 100 repositories cost, first and unchanged, and when a few changed; beside a plain client that asks the same requests.

The forge is one of our own on loopback, in a process of its own, that answers as GitHub does. The plain client is bare aiohttp, eight
requests at a time, that reads every answer as JSON and does nothing with it. Requests are counted by the forge.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import tempfile
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

from bench import Row
from node.io.clock import SystemClock
from node.io.git import GitMirrors
from node.io.http import Door
from protocol.http.exchange import HttpBounds
from protocol.query import Query
from sources import github
from sources.ports import Context, Git, GitBounds, Http
from tests.fakes.fake_forge import FakeForge
from tests.fakes.forge_documents import MadeRepo
from tests.fakes.heard import Heard

REPOSITORIES = 100
SKILLS = 4  # in each, with a README and 20 further files
CHANGED = 5
ROUNDS = 3


def _repo(number: int, version: str = "1.0.0", pushed: str = "2026-01-01T00:00:00Z") -> MadeRepo:
    files = {"README.md": b"# Skills\n" * 50}
    for skill in range(SKILLS):
        name = f"skill-{number}-{skill}"
        files[f"skills/{name}/skill.yaml"] = f"id: {name}\nversion: {version}\nname: 技能 {name}\n".encode()
        files |= {f"skills/{name}/src/part{part}.py": f"{name} {part}".encode() for part in range(5)}
    return MadeRepo(f"acme/r{number}", files, stars=number, repo_id=number + 1, pushed=pushed)


def _serve(pipe: Connection) -> None:
    """The forge's process: tells its address, then takes one order after the other."""

    async def serve() -> None:
        async with FakeForge() as forge:
            for number in range(REPOSITORIES):
                forge.add(_repo(number))
            pipe.send(forge.api)
            while (order := await asyncio.to_thread(pipe.recv)) != "end":
                if order == "change":
                    for number in range(CHANGED):
                        forge.add(_repo(number, "2.0.0", "2026-02-02T00:00:00Z"))
                if order == "back":
                    for number in range(CHANGED):
                        forge.add(_repo(number))
                pipe.send([line.partition(" ")[2] for line in forge.asked])
                forge.asked.clear()

    asyncio.run(serve())


class _Ports:
    def __init__(self, folder: Path, heard: Heard) -> None:
        clock = SystemClock()
        self.context = Context(clock, heard, folder, Random(1))
        self.door = Door(folder / "http", clock, Random(1))

    def git(self, bounds: GitBounds) -> Git:
        return GitMirrors(self.context.home / "git", bounds)

    def http(self, bounds: HttpBounds) -> Http:
        return self.door.client(replace(bounds, parallel=8))


async def _look(api: str, folder: Path, heard: Heard, **places: Any) -> float:
    server = {"api": api, "topics": [], "rate": 10_000, **places}
    config = github.Config.model_validate({"public": False, "servers": [server], "parallel": 8, "every": 0})
    ports = _Ports(folder, heard)
    began = perf_counter()
    await github.make(config, ports).search(Query(), heard)
    return perf_counter() - began


async def _plain(api: str, paths: list[str]) -> float:
    import aiohttp

    gate = asyncio.Semaphore(8)
    async with aiohttp.ClientSession() as session:

        async def one(path: str) -> None:
            async with gate, session.get(api + path) as answer:
                await answer.json()

        began = perf_counter()
        async with asyncio.TaskGroup() as group:
            for path in paths:
                group.create_task(one(path))
        return perf_counter() - began


def run() -> list[Row]:
    """All figures; times in milliseconds, the best of several rounds."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    api = here.recv()
    try:
        return _measure(api, here)
    finally:
        here.send("end")
        process.join(10)


def _measure(api: str, here: Connection) -> list[Row]:
    named = {"repositories": [f"acme/r{number}" for number in range(REPOSITORIES)]}
    times: dict[str, list[float]] = {"first": [], "plain": [], "unchanged": [], "listed": [], "changed": []}
    counts: dict[str, int] = {}

    def asked(order: str = "") -> list[str]:
        here.send(order)
        return list(here.recv())

    for _ in range(ROUNDS):
        folder = Path(tempfile.mkdtemp(prefix="ooder-bench-forge-"))
        try:
            heard = Heard()
            asked("back")
            times["first"].append(asyncio.run(_look(api, folder, heard, **named)))
            assert len(heard.sightings()) == REPOSITORIES * SKILLS
            paths = asked()
            counts["first"] = len(paths)
            times["plain"].append(asyncio.run(_plain(api, paths)))
            asked()
            times["unchanged"].append(asyncio.run(_look(api, folder, heard, **named)))
            counts["unchanged"] = len(asked("change"))
            times["changed"].append(asyncio.run(_look(api, folder, heard, **named)))
            counts["changed"] = len(asked())
            listed = Heard()
            asyncio.run(_look(api, folder, listed, owners=["acme"]))
            asked()
            times["listed"].append(asyncio.run(_look(api, folder, listed, owners=["acme"])))
            counts["listed"] = len(asked())
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    best = {name: min(found) * 1_000 for name, found in times.items()}
    whole = f"{REPOSITORIES} repositories"
    naive = 2 + 1 + SKILLS * 2  # repository, commit, folder `skills`, then each folder and its manifest
    return [
        Row(f"first look, {whole}", best["first"], "ms", "", best["plain"], "the same requests, plain"),
        Row("requests of a repository, first", counts["first"] / REPOSITORIES, "", "", naive, "folder by folder"),
        Row(f"unchanged, {whole} named", best["unchanged"], "ms"),
        Row("requests of a repository, unchanged and named", counts["unchanged"] / REPOSITORIES, "", "<= 1"),
        Row(f"unchanged, {whole} listed by their owner", best["listed"], "ms"),
        Row("requests for all of them then", counts["listed"], "", "<= 2"),
        Row(f"{CHANGED} of {REPOSITORIES} changed", best["changed"], "ms"),
        Row("requests then beside the one of each", counts["changed"] - REPOSITORIES, ""),
    ]
