"""Random walks over install, update, replace, rollback, uninstall, revoke, garbage collection and kill, against a dictionary.

Every step goes the whole way: plan, fetch, checks, commit. 8 walks of 30 steps by default, 2,000 by `make prove`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from node.install.fetch import Fetcher
from node.install.files import Files
from node.install.installer import Installer
from node.install.ledger import GENERATIONS
from node.install.stage import Stage
from node.install.store import STORE, Store
from node.install.unpack import PackedFile, Unpacked
from protocol.digest import TreeFile, file_sha256, tree_digest
from protocol.errors import OoderError
from protocol.install.model import Origin
from protocol.install.plan import PlanPolicy, make_plan
from protocol.install.questions import Choices, ResolveRules
from protocol.install.revoked import revoked_among
from protocol.install.universe import Candidate, Location, MemoryUniverse
from protocol.manifests import read_manifest
from protocol.query import Trust
from protocol.refs import parse_ref
from tests.fakes.disks import Killing, Lazy, in_child

SCENES, VERSIONS, SKILLS, PROVIDERS = "abc", range(5), "uvwxyz", ("p", "q")
Skills = tuple[tuple[str, str], ...]
Scenes = dict[str, tuple[str, Skills]]
"""scene -> its version and its skills with theirs."""


def needs_of(scene: str, version: str) -> dict[str, str]:
    """One scene version has one content, so the skills it needs follow from its name and version."""
    fixed = Random(f"{scene}{version}")
    return {fixed.choice(SKILLS): f"{fixed.randint(1, 3)}.0" for _ in range(2)}


def _manifests() -> Iterator[tuple[str, bytes]]:
    for scene in SCENES:
        for version in (f"1.{number}" for number in VERSIONS):
            needs = "".join(f"      - {{skillId: {n}, version: '={v}'}}\n" for n, v in needs_of(scene, version).items())
            text = f"kind: SceneDefinition\nmetadata: {{sceneId: {scene}, version: '{version}'}}\nspec:\n  requiredCapabilities: [k]\n  dependencies:\n    skills:\n{needs}"
            yield "scene.yaml", f"apiVersion: scene.ooder.net/v1\n{text}".encode()
    for skill in SKILLS:
        for number in (1, 2, 3):
            yield "skill.yaml", f"id: {skill}\nversion: '{number}.0'\n".encode()
    for skill in PROVIDERS:
        yield "skill.yaml", f"id: {skill}\nversion: '1.0'\ncapabilities: [{{id: k, name: K}}]\n".encode()


def _catalogue() -> dict[str, tuple[Candidate, PackedFile]]:
    """Place -> release and its one file."""
    found = {}
    for name, data in _manifests():
        item = read_manifest(name, data).items[0]
        digest = tree_digest([TreeFile(name, False, len(data), file_sha256(data))])
        url = f"mem:{item.ref}"
        place = (Location("local_fs", url, "p"),)
        found[url] = (
            Candidate(item, "p", Trust.OFFICIAL, digest, size=len(data), files=1, locations=place),
            PackedFile(name, False, data),
        )
    return found


CATALOGUE = _catalogue()


class Memory:
    """Brings any release of the catalogue."""

    near = True

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        return stage.files([CATALOGUE[location.url][1]]), Origin(location.source, location.url)


@dataclass
class Model:
    """What ought to be installed: the current set, every set a rollback may go to, and what nobody may install again."""

    now: Scenes = field(default_factory=dict)
    kept: dict[int, Scenes] = field(default_factory=dict)
    number: int = 0
    revoked: set[tuple[str, str]] = field(default_factory=set)

    def commit(self, scenes: Scenes) -> None:
        self.number += 1
        self.now = scenes
        self.kept[self.number] = scenes

    def universe(self) -> MemoryUniverse:
        def blocked(one: Candidate) -> str:
            return "revoked" if (one.item.id, one.item.version) in self.revoked else ""

        return MemoryUniverse([replace(one, blocked=blocked(one)) for one, _ in CATALOGUE.values()])

    def may_have(self, skills: Skills) -> bool:
        return not self.revoked & set(skills)

    def provider(self, scene: str) -> str:
        """Who provides the capability to an installed scene."""
        return next(name for name, _ in self.now[scene][1] if name in PROVIDERS)


def skills_of(scene: str, version: str, provider: str) -> Skills:
    return tuple(sorted({**needs_of(scene, version), provider: "1.0"}.items()))


def installed(store: Store, number: int | None = None) -> Scenes:
    generation = store.current() if number is None else store.generation(number)
    named = {item.release: item for item in generation.items}
    return {
        scene.id: (scene.version, tuple(sorted((named[need].id, named[need].version) for need in scene.needs)))
        for scene in generation.scenes
    }


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ooder-walk-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    yield made
    shutil.rmtree(made)


def carry_out(store: Store, model: Model, target: str, provider: str, *, upgrade: bool = False) -> None:
    """Plan and install. What is not possible raises, and what is done already does nothing."""
    policy = PlanPolicy(ResolveRules(upgrade=upgrade))
    choices = Choices(providers={"k": provider})
    plan = make_plan(parse_ref(target), model.universe(), store.current(), policy, choices, 1e9, time.monotonic)
    if not plan.is_done:
        installer = Installer(store, Fetcher({"mem": Memory()}, store.has), lambda: 1e9)
        asyncio.run(installer.install(plan, plan.questions, lambda event: None))


def go_back(store: Store, model: Model, number: int) -> None:
    """What `Engine.rollback` does."""
    assert not revoked_among(store.generation(number).items, model.universe())
    store.rollback(number, 1.0)


def step(model: Model, home: Path, random: Random) -> None:
    """One action on both, sometimes cut short by a kill; afterwards the store decides which side it fell on."""
    killing = random.random() < 0.25
    store = Store(home, Killing(random.randint(0, 90)) if killing else Lazy())
    choice = random.random()
    wanted: Scenes | None = None
    scene, provider = random.choice(SCENES), random.choice(PROVIDERS)
    act: Callable[[], object]
    if choice < 0.35 or not model.now:
        version = f"1.{random.choice(VERSIONS)}"
        skills = skills_of(scene, version, provider)
        wanted = {**model.now, scene: (version, skills)} if model.may_have(skills) else None
        act = lambda: carry_out(store, model, f"scene:{scene}@{version}", provider)  # noqa: E731
    elif choice < 0.5:
        scene = random.choice(sorted(model.now))
        provider = model.provider(scene)
        new = next(
            (v for v in (f"1.{n}" for n in reversed(VERSIONS)) if model.may_have(skills_of(scene, v, provider))), ""
        )
        wanted = {**model.now, scene: (new, skills_of(scene, new, provider))} if new else None
        act = lambda: carry_out(store, model, f"scene:{scene}", provider, upgrade=True)  # noqa: E731
    elif choice < 0.65:
        scene = random.choice(sorted(model.now))
        version = model.now[scene][0]
        skills = skills_of(scene, version, provider)
        wanted = {**model.now, scene: (version, skills)} if model.may_have(skills) else None
        act = lambda: carry_out(store, model, f"scene:{scene}@{version}", provider)  # noqa: E731
    elif choice < 0.75:
        scene = random.choice(sorted(model.now))
        wanted = {name: value for name, value in model.now.items() if name != scene}
        act = lambda: store.uninstall((f"scene:{scene}",), 1.0)  # noqa: E731
    elif choice < 0.85:
        number = random.choice(sorted(model.kept))
        gone = any(not model.may_have(skills) for _, skills in model.kept[number].values())
        wanted = None if gone else model.kept[number]
        act = (lambda: None) if gone else (lambda: go_back(store, model, number))
    elif choice < 0.92:
        model.revoked.add((random.choice(SKILLS), f"{random.randint(1, 3)}.0"))
        act = lambda: None  # noqa: E731
    else:
        act = lambda: store.collect(keep=3)  # noqa: E731
    refused = run(act, killing=killing)
    follow(model, home, wanted, killed=refused == "killed")


def run(act: Callable[[], object], *, killing: bool) -> str:
    """`done`, `killed`, or the code of what it was refused for."""
    if killing:
        status = in_child(lambda: _refusable(act))
        assert status in (0, 9), status
        return "killed" if status else "done"
    return _refusable(act)


def _refusable(act: Callable[[], object]) -> str:
    try:
        act()
    except OoderError as error:
        assert error.code.startswith("plan."), error
        return error.code
    return "done"


def follow(model: Model, home: Path, wanted: Scenes | None, *, killed: bool) -> None:
    store = Store(home, Lazy())
    number = store.current().number
    assert number in (model.number, model.number + 1)
    if number == model.number + 1:
        assert wanted is not None, "committed what may not be"
        model.commit(wanted)
    else:
        assert killed or wanted in (None, model.now), "a change that came to its end is not there"
    names = os.listdir(home / STORE / GENERATIONS) if (home / STORE / GENERATIONS).exists() else []
    there = {int(name.removesuffix(".json")) for name in names if not name.startswith(".")}
    model.kept = {n: scenes for n, scenes in model.kept.items() if n in there}
    assert installed(store) == model.now


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(1, 51))])
def test_random_walks(seed: int, folder: Path) -> None:
    for walk in range(40 if seed else 8):
        home = folder / f"home{walk}"
        random, model = Random(seed * 1_000 + walk), Model()
        for _ in range(30):
            step(model, home, random)
        store = Store(home, Lazy())
        store.recover()
        assert store.verify().ok
        for number, scenes in model.kept.items():
            assert installed(store, number) == scenes
            assert not store.verify(number).drifted
        shutil.rmtree(home, ignore_errors=True)


def test_the_catalogue_of_the_walks_installs_on_a_real_disk(tmp_path: Path) -> None:
    store = Store(tmp_path, Files())
    carry_out(store, Model(), "scene:a", "q")
    assert installed(store) == {"a": ("1.4", skills_of("a", "1.4", "q"))}
