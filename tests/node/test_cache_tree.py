"""The cache tree: readable by others, whole at any moment, cheap to keep, and a memory without authority."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from node.cache_memory import CacheMemory, read_cache
from node.cache_tree import CacheRow, cache_info, clear_cache, write_cache
from node.io.atomic import FileBatch
from protocol.cache_documents import HEADER
from protocol.errors import StorageError
from protocol.item_json import encode_sighting
from protocol.items import Channel, Dependency, Evidence, Item, Provided, Sighting, Standing
from protocol.manifests import read_manifest
from protocol.merge import merge
from protocol.refs import Kind
from protocol.trust import TrustPolicy, admit

GIT = ("git_repository", "https://example.org/r")
NOW = 1_790_000_000.0


def sighting(kind: Kind, item_id: str, version: str = "1.10", **other: object) -> Sighting:
    item = Item(
        kind, item_id, version, name=f"名 {item_id}", description="Says: on\nand more", category="tools", tags=("on", "日报"),
        provides=(Provided("demo-run", "Run", version="1.0"),),
        requires=(Dependency(Kind.SKILL, "skill-common", ">=3.0.0"), Dependency(Kind.CAPABILITY, "40", required=False)),
        facts={"form": "PROVIDER", "offline": {"enabled": True}}, raw={"version": version, "id": item_id}, dialect="Skill",
    )  # fmt: skip
    made = Sighting(
        item, *GIT, f"{item_id}/skill.yaml", f"https://example.org/r/{item_id}", "git:example.org/r",
        Evidence(Channel.ORIGIN, owner="example.org/r", commit="c0ffee"), NOW - 5, digest="sha256:" + "0" * 64, size=7, files=2,
    )  # fmt: skip
    return replace(made, **other)


def row(*sightings: Sighting) -> CacheRow:
    policy = TrustPolicy()
    entry = merge([admit(each, policy, NOW) for each in sightings], policy)
    assert entry
    return CacheRow(entry, sightings)


def rows(count: int = 3, version: str = "1.10") -> list[CacheRow]:
    kinds = [Kind.SCENE, Kind.CAPABILITY, Kind.SKILL, Kind.AGENT]
    return [row(sighting(kinds[n % 4], f"item-{n}", version)) for n in range(count)]


def remembered(cache: Path) -> list[object]:
    """Every sighting of the tree as JSON, without the mark that it was only remembered."""
    found = [each for reading in read_cache(cache) for each in reading.sightings]
    assert all(each.evidence.relayed_by for each in found)
    return _comparable([replace(each, evidence=replace(each.evidence, relayed_by="")) for each in found])


def _comparable(sightings: Sequence[Sighting]) -> list[object]:
    return sorted((encode_sighting(each) for each in sightings), key=repr)


def snapshot(cache: Path) -> dict[str, bytes]:
    return {str(path.relative_to(cache)): path.read_bytes() for path in cache.rglob("*") if path.is_file()}


# --- The tree -------------------------------------------------------------------------------------------------------
def test_the_layout_of_the_guide_in_forms_that_can_be_read(tmp_path: Path) -> None:
    report = write_cache(tmp_path, rows(4), {GIT: NOW - 5}, NOW)
    assert (report.written, report.unchanged, report.removed) == (4, 0, 0)
    assert set(snapshot(tmp_path)) == {
        "scenes/scene-index.yaml", "scenes/item-0/scene.yaml", "scenes/item-0/scene.md", "scenes/item-0/provenance.yaml",
        "capabilities/cap-index.yaml", "capabilities/item-1/cap.yaml", "capabilities/item-1/cap.md",
        "capabilities/item-1/provenance.yaml", "skills/skill-index.yaml", "skills/item-2/skill.yaml",
        "skills/item-2/provenance.yaml", "agents/agent-index.yaml", "agents/item-3/agent.yaml",
        "agents/item-3/provenance.yaml", "state.json",
    }  # fmt: skip
    for path, data in snapshot(tmp_path).items():
        if path.endswith((".yaml", ".json")):
            assert yaml.load(data, yaml.CSafeLoader), path
        assert b"\r" not in data
    scene = yaml.load((tmp_path / "scenes/item-0/scene.yaml").read_bytes(), yaml.CSafeLoader)
    assert scene["metadata"]["version"] == "1.10"
    assert scene["metadata"]["keywords"] == ["on", "日报"]
    assert scene["spec"]["optionalCapabilities"] == ["40"]


@pytest.mark.parametrize(
    ("path", "kind"), [("scenes/item-0/scene.yaml", Kind.SCENE), ("skills/item-2/skill.yaml", Kind.SKILL)]
)
def test_our_own_reader_understands_the_projections(tmp_path: Path, path: str, kind: Kind) -> None:
    write_cache(tmp_path, rows(4), {}, NOW)
    reading = read_manifest(path, (tmp_path / path).read_bytes())
    item = reading.items[0]
    assert not [problem for problem in reading.problems if problem.fatal]
    assert (item.kind, item.version, item.category) == (kind, "1.10", "tools")
    assert ("skill-common", ">=3.0.0") in {(need.id, need.constraint) for need in item.requires}
    index = read_manifest("skills/skill-index.yaml", (tmp_path / "skills/skill-index.yaml").read_bytes())
    assert [listing.item.id for listing in index.listings] == ["item-2"]


def test_the_same_knowledge_gives_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    known = rows(12)
    write_cache(tmp_path / "a", known, {GIT: NOW - 5}, NOW)
    random.Random(1).shuffle(known)
    write_cache(tmp_path / "b", known, {GIT: NOW - 5}, NOW)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")


def test_only_what_changed_is_written_even_when_everything_was_confirmed_again(tmp_path: Path) -> None:
    write_cache(tmp_path, rows(8), {GIT: NOW - 5}, NOW)
    before = {path: (tmp_path / path).stat().st_mtime_ns for path in snapshot(tmp_path) if path != "state.json"}
    later = [row(*(replace(each, seen_at=NOW + 300) for each in each_row.sightings)) for each_row in rows(8)]
    report = write_cache(tmp_path, later, {GIT: NOW + 300}, NOW + 300)
    assert (report.written, report.unchanged) == (0, 8)
    assert before == {path: (tmp_path / path).stat().st_mtime_ns for path in before}
    assert {each.seen_at for reading in read_cache(tmp_path) for each in reading.sightings} == {NOW + 300}
    later[3] = row(sighting(Kind.AGENT, "item-3", "2.0"))
    report = write_cache(tmp_path, later, {GIT: NOW + 300}, NOW + 300)
    assert (report.written, report.unchanged) == (1, 7)


def test_what_is_gone_is_removed_also_when_the_state_was_lost(tmp_path: Path) -> None:
    write_cache(tmp_path, rows(8), {}, NOW)
    assert write_cache(tmp_path, rows(4), {}, NOW).removed == 4
    assert not (tmp_path / "skills/item-6").exists()
    (tmp_path / "state.json").write_text("{ torn")
    report = write_cache(tmp_path, rows(2), {}, NOW)
    assert (report.written, report.removed) == (2, 2)
    assert sum(cache_info(tmp_path).items.values()) == 2
    assert clear_cache(tmp_path) == 2
    assert not list(read_cache(tmp_path))
    assert cache_info(tmp_path).size == 0


def test_files_of_others_are_never_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "skills/item-2/skill.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("id: item-2\n")
    (tmp_path / "skills/skill-index.yaml").write_text("skills: []\n")
    (tmp_path / "skills/other").mkdir()
    (tmp_path / "skills/other/skill.jar").write_bytes(b"PK")
    assert write_cache(tmp_path, rows(8), {}, NOW).skipped == 1
    clear_cache(tmp_path)
    assert mine.read_text() == "id: item-2\n"
    assert (tmp_path / "skills/skill-index.foreign.yaml").read_text() == "skills: []\n"
    assert (tmp_path / "skills/other/skill.jar").exists()


def test_a_folder_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "cache/skills").mkdir(parents=True)
    (tmp_path / "cache/skills/item-2").symlink_to(tmp_path / "outside")
    assert write_cache(tmp_path / "cache", rows(4), {}, NOW).skipped == 1
    assert not list((tmp_path / "outside").iterdir())


def test_sizes_for_the_panel(tmp_path: Path) -> None:
    write_cache(tmp_path, rows(4), {GIT: NOW - 5}, NOW)
    info = cache_info(tmp_path)
    items = [data for path, data in snapshot(tmp_path).items() if path.count("/") == 2]
    assert info.size == sum(map(len, items))
    assert info.items == {"scenes": 1, "capabilities": 1, "skills": 1, "agents": 1}
    assert (info.written_at, info.origins) == (NOW, {GIT: NOW - 5})


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(StorageError) as caught:
        write_cache(tmp_path / "cache", rows(1), {}, NOW)
    assert caught.value.code == "cache.unwritable"


# --- The memory -----------------------------------------------------------------------------------------------------
async def test_everything_comes_back_as_it_was_heard(tmp_path: Path) -> None:
    said = [
        sighting(Kind.SKILL, "a"),
        sighting(Kind.SKILL, "a", "0.9", standing=Standing.COPY, place="archive/a/skill.yaml", seen_at=NOW - 99),
        sighting(Kind.SKILL, "a", "3", source="udp_broadcast", origin="lan", place="p", principal="key:x",
                 evidence=Evidence(Channel.SIGNED, key="x", relayed_by="peer"), expires_at=NOW + 60, seq=4, signals={"stars": 3.5}),
    ]  # fmt: skip
    other = sighting(Kind.SCENE, "same-place", place="a/skill.yaml")
    write_cache(tmp_path, [row(*said), row(other)], {GIT: NOW - 5}, NOW)
    found = [replace(each, evidence=replace(each.evidence, relayed_by="")) for each in (*said, other)]
    assert remembered(tmp_path) == _comparable(found)
    readings = {(r.source, r.origin, r.place): r for r in read_cache(tmp_path)}
    assert len(readings) == 3
    together = readings[(*GIT, "a/skill.yaml")]
    assert {each.item.id for each in together.sightings} == {"a", "same-place"}
    assert (together.at, together.signature) == (NOW - 5, "")
    assert readings["udp_broadcast", "lan", "p"].sightings[0].evidence.relayed_by == "peer"
    memory = CacheMemory(tmp_path)
    assert sorted(await memory.origins()) == [GIT, ("udp_broadcast", "lan")]
    assert [reading.source for reading in await memory.readings([("udp_broadcast", "lan")])] == ["udp_broadcast"]


def test_writing_what_was_read_changes_nothing(tmp_path: Path) -> None:
    write_cache(tmp_path, rows(4), {GIT: NOW - 5}, NOW)
    before = snapshot(tmp_path)
    again = [row(each) for reading in read_cache(tmp_path) for each in reading.sightings]
    report = write_cache(tmp_path, again, {GIT: NOW - 5}, NOW)
    assert (report.written, snapshot(tmp_path)) == (0, before)


@pytest.mark.parametrize("junk", [b"", b"\0\1", b"[]", b'{"schema_version": 1}', b'{"schema_version": 1, "items": [{}], "claims": []}',
                                  b'{"schema_version": 1, "items": [], "claims": [{"item": 0}]}', b"[" * 100_000])  # fmt: skip
def test_damaged_records_are_told_and_cost_only_themselves(tmp_path: Path, junk: bytes) -> None:
    write_cache(tmp_path, rows(4), {}, NOW)
    (tmp_path / "skills/item-2/provenance.yaml").write_bytes(junk)
    readings = list(read_cache(tmp_path))
    assert [problem.code for reading in readings for problem in reading.problems] == ["folder.cache_damaged"]
    assert sum(len(reading.sightings) for reading in readings) == 3


def test_every_flipped_byte_is_harmless(tmp_path: Path) -> None:
    write_cache(tmp_path, rows(3), {}, NOW)
    file = tmp_path / "skills/item-2/provenance.yaml"
    good, chance = file.read_bytes(), random.Random(3)
    for _ in range(200):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(data)
        assert sum(len(reading.sightings) for reading in read_cache(tmp_path)) >= 2


@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_what_another_user_could_have_written_is_hearsay(tmp_path: Path, mode: int) -> None:
    write_cache(tmp_path, rows(3), {}, NOW)
    (tmp_path / "skills/item-2/provenance.yaml").chmod(mode)
    channels = {each.item.id: each.evidence.channel for reading in read_cache(tmp_path) for each in reading.sightings}
    assert channels == {"item-0": Channel.ORIGIN, "item-1": Channel.ORIGIN, "item-2": Channel.HEARSAY}


# --- Crashes --------------------------------------------------------------------------------------------------------
WRITER = """
import sys
from pathlib import Path
from tests.node import test_cache_tree as t
for n in range(10_000):
    t.write_cache(Path(sys.argv[1]), t.rows(60, f"1.{n}"), {}, t.NOW + n)
    print(n, flush=True)
"""


@pytest.mark.slow
def test_kill_in_the_middle_leaves_every_file_whole(tmp_path: Path) -> None:
    chance = random.Random(7)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=Path.cwd()
        )
        assert process.stdout
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        readings = list(read_cache(tmp_path))
        assert not [problem for reading in readings for problem in reading.problems]
        versions = {each.item.id: each.item.version for reading in readings for each in reading.sightings}
        assert len(versions) == 60
        for path in tmp_path.glob("*/item-*/*.yaml"):
            data = path.read_bytes()
            assert yaml.load(data, yaml.CSafeLoader), path
    report = write_cache(tmp_path, rows(60, "9"), {}, NOW)
    assert report.written == 60
    assert not (tmp_path / ".staging").exists()
    assert all(path.read_text().startswith(HEADER) for path in tmp_path.glob("skills/*/skill.yaml"))


def test_a_failing_disk_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cache(tmp_path, rows(8), {}, NOW)
    before = snapshot(tmp_path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError) as caught:
        write_cache(tmp_path, rows(8, "2"), {}, NOW)
    monkeypatch.undo()
    assert caught.value.code == "cache.full"
    assert {path: data for path, data in snapshot(tmp_path).items() if not path.startswith(".staging")} == before


def test_where_the_system_cannot_sync_all_at_once_files_are_synced_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("node.io.atomic._sync_file_system", lambda folder: False)
    monkeypatch.setattr(os, "fsync", synced.append)
    batch = FileBatch(tmp_path / "staging")
    for name in ("a", "b"):
        batch.add(tmp_path / name, b"x")
    batch.close()
    assert len(synced) == 3  # two files, one folder
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
