"""The aggregator: told is written, in order, together, and a failing disk loses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from node.aggregator import Aggregator
from node.events import Change
from node.index import Index, Rules
from node.io.clock import SystemClock
from protocol.errors import StorageError
from protocol.items import Channel, Evidence, Item, Progress, Provided, Reading, Sighting, Survey
from protocol.query import Query
from protocol.refs import Kind

NOW = 1_800_000_000.0
FAR = 4_000_000_000.0


def reading(id_: str) -> Reading:
    evidence = Evidence(Channel.OWN_FILES)
    said = Sighting(Item(Kind.SKILL, id_), "local_fs", "/x", id_, f"file:///x/{id_}", "local:1", evidence, NOW)
    return Reading("local_fs", "/x", id_, NOW, (said,), (), "sig")


@asynccontextmanager
async def aggregator(path: Path) -> AsyncIterator[tuple[Aggregator, Index]]:
    index = Index(path, lambda: NOW)
    made = Aggregator(index, Rules, SystemClock(FAR))
    task = asyncio.get_running_loop().create_task(made.run())
    try:
        yield made, index
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        index.close()


async def test_what_is_told_is_found_after_settling(tmp_path: Path) -> None:
    async with aggregator(tmp_path / "index.db") as (made, index):
        for n in range(2_500):
            made.tell(reading(f"a{n}"))
        made.tell(Progress("local_fs", 1))
        made.note(Change("discovery.completed"))
        await made.settle()
        assert index.counts().total == 2_500
        assert index.events_since(2_490).events[-1].type == "discovery.completed"
        assert index.last_wall() == FAR
        made.tell(Survey("local_fs", "/x", NOW + 1, frozenset({"a7"})))
        await made.settle()
        assert [row.ref.id for row in index.search(Query(), FAR).rows] == ["a7"]


async def test_listeners_hear_of_changes(tmp_path: Path) -> None:
    async with aggregator(tmp_path / "index.db") as (made, _), asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(made.changed())
        await asyncio.sleep(0)
        made.tell(reading("a"))


async def test_a_failing_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.write_text("in the way")
    async with aggregator(folder / "index.db") as (made, index):
        made.tell(reading("a"))
        with pytest.raises(StorageError):
            await made.settle()
        folder.unlink()
        folder.mkdir()
        while made.failure:
            await asyncio.sleep(0.05)
        assert index.counts().total == 1


async def test_too_many_reports_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocol.limits.REPORTS_WAITING", 3)
    async with aggregator(tmp_path / "index.db") as (made, index):
        for n in range(5):
            made.tell(reading(f"a{n}"))
        await made.settle()
        assert (made.dropped, index.counts().total) == (2, 3)


async def test_a_report_nobody_can_keep_costs_only_itself(tmp_path: Path) -> None:
    bad = reading("bad")
    bad = replace(bad, sightings=(replace(bad.sightings[0], seen_at=float("nan")),))
    odd = reading("odd")
    what = replace(odd.sightings[0].item, provides=(Provided("\ud800"),))
    odd = replace(odd, sightings=(replace(odd.sightings[0], item=what),))
    async with aggregator(tmp_path / "index.db") as (made, index), asyncio.timeout(10):
        for one in (reading("a"), bad, reading("b"), odd, reading("c")):
            made.tell(one)
        await made.settle()
        assert [row.ref.id for row in index.search(Query(), FAR).rows] == ["a", "b", "c"]
        assert made.dropped == 2
        made.tell(reading("d"))
        await made.settle()
        assert index.counts().total == 4


async def test_a_change_while_the_listener_is_busy_is_not_missed(tmp_path: Path) -> None:
    async with aggregator(tmp_path / "index.db") as (made, _), asyncio.timeout(5):
        made.tell(reading("a"))
        seen = await made.changed(0)
        made.tell(reading("b"))
        await made.settle()  # nobody waits meanwhile
        assert await made.changed(seen) == seen + 1
