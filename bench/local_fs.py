"""Folders: the first look, the look when nothing changed, and keeping the cache tree, for 10,000 items."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench import Row
from node.cache_memory import CacheMemory, read_cache
from node.cache_tree import CacheRow, write_cache
from node.io.clock import SystemClock
from node.io.files import RealFolders
from protocol.items import Reading, Report, Survey
from protocol.merge import merge
from protocol.query import Query
from protocol.trust import TrustPolicy, admit
from sources.local_fs import Config, make
from sources.ports import Context

COUNT = 10_000
SKILL = """apiVersion: skill.ooder.net/v1
kind: Skill
metadata: {{id: skill-{n}, name: 技能 {n}, version: "1.{n}", description: Collects the tasks of the day, author: Team, keywords: [a, b]}}
spec:
  skillForm: PROVIDER
  capabilities:
    - {{id: cap-{c}, name: Run, description: Runs it, category: service}}
  dependencies:
    - {{skillId: skill-{d}, version: ">=1.0.0", required: true}}
"""


@dataclass
class _Ports:
    context: Context
    folders: RealFolders
    memory: CacheMemory


class _Listener:
    """The least an index has to remember."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.signatures: dict[str, dict[str, str]] = {}
        self.surveys = 0
        self.again = 0

    def emit(self, report: Report) -> None:
        if isinstance(report, Reading):
            self.readings[report.place] = report
            self.signatures.setdefault(report.origin, {})[report.place] = report.signature
            self.again += 1
        elif isinstance(report, Survey):
            self.surveys += 1

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        return self.signatures.get(origin, {})


def run() -> list[Row]:
    """Measured in a folder of its own below the temporary directory."""
    with tempfile.TemporaryDirectory(prefix="bench-local-fs-") as place:
        root, home = Path(place) / "root", Path(place) / "home"
        for n in range(COUNT):
            folder = root / f"group-{n % 100}" / f"skill-{n}"
            folder.mkdir(parents=True)
            (folder / "skill.yaml").write_text(SKILL.format(n=n, c=n % 500, d=(n * 7) % COUNT), "utf-8")
        listener = _Listener()
        return [*_scans(root, home, listener), *_cache(home / "cache", listener)]


def _scans(root: Path, home: Path, listener: _Listener) -> list[Row]:
    context = Context(SystemClock(), listener, home, Random(0))
    ports = _Ports(context, RealFolders(), CacheMemory(home / "cache"))
    provider = make(Config(folders=(root,), agent_folders=False), ports)

    def scan() -> None:
        asyncio.run(provider.search(Query(), listener.emit))

    first = _seconds(scan)
    assert listener.again == COUNT
    again = min(_seconds(scan) for _ in range(3))
    assert listener.again == COUNT, "nothing changed, nothing may be read"
    plain = min(_seconds(lambda: _walk_and_stat(root)) for _ in range(3))
    return [
        Row("first look at 10,000 items, with digests", COUNT / first, "files/s", ">= 2,000"),
        Row("look at 10,000 unchanged files", again, "s", "<= 0.5", plain, "os.walk + stat"),
    ]


def _cache(cache: Path, listener: _Listener) -> list[Row]:
    policy, now = TrustPolicy(), time.time()
    rows: list[CacheRow] = []
    for reading in listener.readings.values():
        for sighting in reading.sightings:
            entry = merge([admit(sighting, policy, now)], policy)
            assert entry
            rows.append(CacheRow(entry, (sighting,)))
    first = _seconds(lambda: write_cache(cache, rows, {}, now))
    plain = _seconds(lambda: _write_plainly(cache.with_name("plain"), cache))
    again = _seconds(lambda: write_cache(cache, rows, {}, now))
    back = _seconds(lambda: list(read_cache(cache)))
    return [
        Row("cache tree of 10,000 items, all new", first, "s", "", plain, "same files, open and write"),
        Row("cache tree of 10,000 items, nothing changed", again, "s"),
        Row("reading 10,000 items back from the cache tree", back, "s"),
    ]


def _walk_and_stat(root: Path) -> None:
    for folder, _, names in os.walk(root):
        for name in names:
            os.stat(f"{folder}/{name}", follow_symlinks=False)


def _write_plainly(target: Path, source: Path) -> None:
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True)
        for name in names:
            (place / name).write_bytes((Path(folder) / name).read_bytes())


def _seconds(work: object) -> float:
    assert callable(work)
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    for row in run():
        print(row)
