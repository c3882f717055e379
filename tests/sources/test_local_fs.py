"""Source local_fs on real folders: finds, notices, forgets, survives junk, and repeats its memory without renewing it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from node.io.files import RealFolders
from protocol.items import Channel, Evidence, Item, Reading, Report, Sighting, Standing
from protocol.query import Query
from protocol.refs import Kind
from sources.folders import Content
from sources.local_fs import Config, Provider, make
from sources.ports import Context
from tests.fakes.places import Listener

SKILL = "apiVersion: skill.ooder.net/v1\nkind: Skill\nmetadata: {{id: {id}, version: '{version}', name: {id}}}\n"
AGENT_SKILL = "---\nname: {id}\ndescription: d\n---\n# x\n"


class StillClock:
    """Wall time that moves only when told."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def wall(self) -> float:
        return self.now

    def loop(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


class CountingFolders(RealFolders):
    """The real folders, counting what is read."""

    def __init__(self) -> None:
        super().__init__(poll_seconds=0.02)
        self.opened: list[str] = []

    async def read(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        self.opened += paths
        return await super().read(root, paths, limit)

    async def hashes(self, root: Path, paths: Sequence[str], limit: int) -> list[Content]:
        self.opened += paths
        return await super().hashes(root, paths, limit)


class FakeMemory:
    """A cache tree that remembers what it is given."""

    def __init__(self) -> None:
        self.kept: list[Reading] = []

    async def origins(self) -> Sequence[tuple[str, str]]:
        return [(reading.source, reading.origin) for reading in self.kept]

    async def readings(self, origins: Sequence[tuple[str, str]]) -> Sequence[Reading]:
        return [reading for reading in self.kept if (reading.source, reading.origin) in origins]


@dataclass
class PortsForTests:
    context: Context
    folders: CountingFolders
    memory: FakeMemory


@dataclass
class Bench:
    """One provider over `root`, with everything it talks to."""

    root: Path
    ports: PortsForTests
    clock: StillClock
    listener: Listener
    provider: Provider

    @property
    def opened(self) -> list[str]:
        return self.ports.folders.opened

    async def scan(self) -> Listener:
        self.listener.forget()
        self.opened.clear()
        self.clock.now += 60
        await self.provider.search(Query(), self.listener.emit)
        return self.listener

    def put(self, path: str, text: str | bytes = "x") -> Path:
        return put(self.root, path, text)

    def skill(self, path: str, item_id: str, version: str = "1.0.0") -> Path:
        return self.put(path, SKILL.format(id=item_id, version=version))


def put(root: Path, path: str, text: str | bytes = "x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    root = tmp_path / "root"
    root.mkdir()
    clock, listener = StillClock(), Listener()
    context = Context(clock, listener, tmp_path / "user/.ooder", Random(0))
    ports = PortsForTests(context, CountingFolders(), FakeMemory())
    return Bench(root, ports, clock, listener, make(Config(folders=(root,)), ports))


# --- Finding --------------------------------------------------------------------------------------------------------
async def test_items_with_digest_size_principal_and_evidence(bench: Bench) -> None:
    bench.skill("skills/日报/skill.yaml", "daily-report")
    bench.put("skills/日报/run.sh", "echo hi").chmod(0o755)
    bench.put("agents/SKILL.md", AGENT_SKILL.format(id="x"))
    sighting = (await bench.scan()).items()["skill:daily-report"]
    assert sighting.digest.startswith("sha256:")
    assert (sighting.files, sighting.source, sighting.origin) == (2, "local_fs", bench.root.as_uri())
    assert sighting.place == "skills/日报/skill.yaml"
    assert sighting.location == bench.root.as_uri() + "/skills/%E6%97%A5%E6%8A%A5"
    assert sighting.principal == f"local:{os.geteuid()}"
    assert sighting.evidence == Evidence(Channel.OWN_FILES)
    assert sighting.seen_at == bench.clock.now
    survey = next(survey for survey in bench.listener.surveys() if survey.origin == bench.root.as_uri())
    assert survey.places == {"skills/日报/skill.yaml", "agents/SKILL.md"}
    progress = bench.listener.last_progress()
    assert progress
    assert progress.done == progress.total == 2


async def test_the_same_files_have_the_same_digest_anywhere(bench: Bench) -> None:
    for folder in ("a", "deep/er/b"):
        bench.skill(f"{folder}/skill.yaml", "same")
        bench.put(f"{folder}/data.bin", b"\0\1")
    found = (await bench.scan()).sightings()
    assert len({sighting.digest for sighting in found}) == 1
    assert found[0].digest


async def test_a_changed_script_changes_the_item(bench: Bench) -> None:
    bench.skill("a/skill.yaml", "a")
    script = bench.put("a/scripts/run.sh", "one")
    before = (await bench.scan()).items()["skill:a"]
    script.write_text("other")
    after = (await bench.scan()).items()["skill:a"]
    assert after.digest != before.digest
    assert after.manifest_digest == before.manifest_digest


async def test_a_nested_manifest_is_an_item_of_its_own_and_a_copy(bench: Bench) -> None:
    bench.skill("a/skill.yaml", "a")
    bench.skill("a/src/main/resources/skill.yaml", "a", "0.9.0")
    found = {sighting.item.version: sighting.standing for sighting in (await bench.scan()).sightings()}
    assert found == {"1.0.0": Standing.MAIN, "0.9.0": Standing.COPY}


async def test_only_what_changed_is_read_again(bench: Bench) -> None:
    for number in range(100):
        bench.skill(f"s{number}/skill.yaml", f"s{number}")
    await bench.scan()
    assert len(bench.opened) == 100
    await bench.scan()
    assert bench.opened == []
    assert bench.listener.read_again() == []
    assert len(bench.listener.items()) == 100
    bench.skill("s7/skill.yaml", "s7", "2.0.00")
    shutil.rmtree(bench.root / "s8")
    bench.skill("new/skill.yaml", "new")
    await bench.scan()
    assert sorted(bench.opened) == ["new/skill.yaml", "s7/skill.yaml"]
    assert bench.listener.items()["skill:s7"].item.version == "2.0.00"
    assert "skill:s8" not in bench.listener.items()


async def test_an_index_pulls_in_files_of_any_name_and_they_stay(bench: Bench) -> None:
    bench.put("skill-index.yaml", "kind: SkillIndex\nspec: {includes: ['more/*.yaml', '../x.yaml']}\n")
    bench.put("more/odd.yaml", "kind: Skills\nskills: [{skillId: from-index, version: '1', path: nowhere}]\n")
    for _ in range(2):
        await bench.scan()
        assert bench.listener.items()["skill:from-index"].standing is Standing.LISTING
    assert "manifest.bad_include" in {problem.code for problem in bench.listener.problems()}


async def test_agents_folders_of_the_user(bench: Bench) -> None:
    put(bench.ports.context.home.parent, ".claude/skills/x/SKILL.md", AGENT_SKILL.format(id="x"))
    assert "skill:x" in (await bench.scan()).items()
    without = make(Config(agent_folders=False), bench.ports)
    assert all(".claude" not in str(root.path) for root in without.roots())


async def test_other_layouts(bench: Bench) -> None:
    home = bench.ports.context.home
    put(home, "skills/old/skill.json", json.dumps({"id": "old", "name": "Old", "version": "2.30"}))
    put(home, "cache/scenes/flat.yaml", "kind: Scene\nmetadata: {sceneId: flat, version: '1'}\n")
    put(home, "cache/discovery/gitee_ooderCN_skills_.cache", b"\xac\xed\0\5")
    rows = [{"skillId": "cached", "version": "1.10"}, 7, {"id": "../x"}]
    cached_file = {"skills": rows, "timestamp": 1_700_000_000_000, "ttl": 1000}
    put(home, "cache/discovery/gitee_ooderCN_skills_.json", json.dumps(cached_file))
    put(home, "cache/git/mirror/skills/x/skill.yaml", SKILL.format(id="in-mirror", version="1"))
    bench.skill(".ooder/activated/mvp/skill.yaml", "mvp")
    bench.put(".ooder/installed/registry.properties", "# x\nreg.id=reg\nreg.path=/somewhere\n")
    found = (await bench.scan()).items()
    assert found.keys() == {"skill:old", "scene:flat", "skill:cached", "skill:mvp", "skill:reg"}
    assert found["skill:old"].item.version == "2.30"
    cached = found["skill:cached"]
    assert (cached.seen_at, cached.expires_at, cached.evidence.channel) == (1.7e9, 1.7e9 + 1, Channel.HEARSAY)
    assert found["skill:reg"].standing is Standing.LISTING
    assert found["skill:mvp"].standing is Standing.COPY


async def test_the_home_inside_a_named_folder_is_not_read_twice(bench: Bench) -> None:
    home = bench.ports.context.home
    put(home, "skills/x/skill.yaml", SKILL.format(id="x", version="1"))
    put(home, "installed/s/skills/y/skill.yaml", SKILL.format(id="installed", version="1"))
    provider = make(Config(folders=(home.parent,), agent_folders=False), bench.ports)
    await provider.search(Query(), bench.listener.emit)
    assert [(s.item.id, s.origin) for s in bench.listener.sightings()] == [("x", home.as_uri())]


# --- Junk -----------------------------------------------------------------------------------------------------------
async def test_hostile_folder(bench: Bench, tmp_path: Path) -> None:
    bench.skill("good/skill.yaml", "good")
    bench.put("binary/skill.yaml", os.urandom(4096))
    with bench.put("sparse/skill.yaml").open("wb") as file:
        file.truncate(1 << 30)
    bench.put("bomb/skill.yaml", "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(100)))
    bench.put("deep/skill.yaml", "[" * 100_000)
    bench.skill("names/evil\u202etxt.\x1b[31m/skill.yaml", "hidden")
    with bench.put("big/data").open("wb") as file:
        file.truncate(65 << 20)
    bench.skill("big/skill.yaml", "big")
    (bench.root / "loop").symlink_to(bench.root)
    (bench.root / "out").symlink_to(tmp_path)
    os.mkfifo(bench.root / "pipe")
    found = await bench.scan()
    problems = {problem.place: problem.code for problem in found.problems()}
    assert {"skill:good", "skill:big", "skill:hidden"} <= found.items().keys()
    assert problems["sparse/skill.yaml"] == "folder.too_large"
    assert problems["out"] == "folder.link_leaves"
    assert problems["loop"] == "folder.link_loops"
    assert problems["pipe"] == "folder.special_file"
    assert problems["big/skill.yaml"] == "folder.no_digest"
    assert found.items()["skill:big"].digest == ""
    assert {"binary/skill.yaml", "bomb/skill.yaml", "deep/skill.yaml"} <= problems.keys()
    await bench.scan()
    assert bench.opened == []


async def test_a_missing_folder_is_said_and_a_vanished_one_keeps_what_was_known(bench: Bench) -> None:
    bench.skill("a/skill.yaml", "a")
    await bench.scan()
    bench.root.rename(bench.root.with_name("away"))
    found = await bench.scan()
    assert [problem.code for problem in found.problems()] == ["source.folder_missing"]
    assert found.problems()[0].params["path"] == str(bench.root)
    assert "skill:a" in found.items()
    assert all(one.unseen == ("",) for one in found.surveys() if one.origin == bench.root.as_uri()), "renews nothing"
    bench.root.with_name("away").rename(bench.root)
    found = await bench.scan()
    assert found.problems() == []
    assert "skill:a" in found.items()


async def test_a_folder_that_vanishes_while_scanned(bench: Bench) -> None:
    bench.skill("a/skill.yaml", "a")
    bench.skill("b/skill.yaml", "b")
    await bench.scan()

    def remove(folder: str) -> None:
        if folder == "" and bench.root.exists():
            shutil.rmtree(bench.root)

    bench.ports.folders._before_folder = remove
    found = await bench.scan()
    assert found.items().keys() == {"skill:a", "skill:b"}
    assert {problem.code for problem in found.problems()} == {"folder.unreadable"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
async def test_files_of_others_are_foreign(bench: Bench) -> None:
    bench.skill("a/skill.yaml", "a")
    os.chown(bench.put("a/run.sh"), 65534, -1)
    bench.skill("b/skill.yaml", "b")
    found = (await bench.scan()).items()
    assert found["skill:a"].evidence.channel is Channel.FOREIGN_FILES
    assert found["skill:b"].evidence.channel is Channel.OWN_FILES


def test_bad_configuration() -> None:
    for bad in ({"folders": ["a\0b"]}, {"folders": ["~nobody-of-this-name/x"]}, {"folder": ["x"]}):
        with pytest.raises(ValidationError):
            Config.model_validate(bad)


# --- Memory ---------------------------------------------------------------------------------------------------------
def remembered(origin: str) -> Reading:
    sighting = Sighting(
        Item(Kind.SKILL, "far"), "git_repository", origin, "far/skill.yaml", "https://h/x", "git:h/x",
        Evidence(Channel.ORIGIN, relayed_by="cache"), 1_700_000_000.0,
    )  # fmt: skip
    return Reading("git_repository", origin, "far/skill.yaml", 1_700_000_000.0, (sighting,))


async def test_memory_is_repeated_with_its_times_and_only_for_origins_nobody_heard(bench: Bench) -> None:
    bench.ports.memory.kept = [remembered("https://h/x"), remembered("https://h/y")]
    first_hand = replace(remembered("https://h/y"), signature="s", sightings=())
    bench.listener.emit(first_hand)
    for _ in range(2):
        await bench.scan()
        far = bench.listener.items()["skill:far"]
        assert (far.origin, far.seen_at, far.evidence.relayed_by) == ("https://h/x", 1_700_000_000.0, "cache")
        assert bench.listener.readings["git_repository", "https://h/y", "far/skill.yaml"] is first_hand
        assert not [survey for survey in bench.listener.surveys() if survey.source == "git_repository"]


# --- Watching -------------------------------------------------------------------------------------------------------
async def test_changes_are_noticed_while_running_and_it_ends_at_once(bench: Bench) -> None:
    heard = asyncio.Event()

    def emit(report: Report) -> None:
        bench.listener.emit(report)
        if "skill:late" in bench.listener.items():
            heard.set()

    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.provider.run(emit))
        await asyncio.sleep(0.1)
        bench.skill("late/skill.yaml", "late")
        await asyncio.wait_for(heard.wait(), 5)
        running.cancel()


# --- Real files -----------------------------------------------------------------------------------------------------
def corpus() -> Path:
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
    place = Path(os.environ.get("OODER_CORPUS", beside))
    if not place.is_dir():
        pytest.skip("the folder of real files is not here (OODER_CORPUS)")
    return place


async def test_real_files(bench: Bench) -> None:
    shutil.copytree(corpus(), bench.root, dirs_exist_ok=True)
    found = await bench.scan()
    fatal = {problem.place for problem in found.problems() if problem.fatal}
    places = {survey.origin: survey.places for survey in found.surveys()}[bench.root.as_uri()]
    assert len(places) >= 80
    assert len(found.items()) >= 60
    assert all(problem.place for problem in found.problems())
    assert len(fatal) < len(places) / 3
    await bench.scan()
    assert bench.opened == []
