"""Random walks over install, update, uninstall, rollback, garbage collection and kill, against a dictionary as the model.

100 walks of 30 steps by default, 1,900 more by `make prove`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from node.install.ledger import GENERATIONS
from node.install.store import STORE, Store
from tests.fakes.disks import Killing, Lazy, in_child
from tests.node.install.packages import install

Scenes = dict[str, tuple[str, tuple[tuple[str, str], ...]]]
"""scene -> its version and its skills with theirs."""


@dataclass
class Model:
    """What ought to be installed: the current set, and every set a rollback may go to."""

    now: Scenes = field(default_factory=dict)
    kept: dict[int, Scenes] = field(default_factory=dict)
    number: int = 0

    def commit(self, scenes: Scenes) -> None:
        self.number += 1
        self.now = scenes
        self.kept[self.number] = scenes


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


def step(model: Model, home: Path, random: Random) -> None:
    """One action on both, sometimes cut short by a kill; afterwards the store decides which side it fell on."""
    killing = random.random() < 0.25
    store = Store(home, Killing(random.randint(0, 90)) if killing else Lazy())
    choice = random.random()
    wanted: Scenes | None = None
    if choice < 0.55 or not model.now:
        scene, version = random.choice("abc"), f"1.{random.randint(0, 4)}"
        # One scene version has one content, so its skills follow from its name and version.
        fixed = Random(f"{scene}{version}")
        skills = {fixed.choice("uvwxyz"): f"{fixed.randint(1, 3)}.0" for _ in range(2)}
        wanted = {**model.now, scene: (version, tuple(sorted(skills.items())))}
        done = run(lambda: install(store, scene, version, skills, count=2), killing=killing)
    elif choice < 0.7:
        scene = random.choice(sorted(model.now))
        wanted = {name: value for name, value in model.now.items() if name != scene}
        done = run(lambda: store.uninstall((f"scene:{scene}",), 1.0), killing=killing)
    elif choice < 0.85:
        number = random.choice(sorted(model.kept))
        wanted = model.kept[number]
        done = run(lambda: store.rollback(number, 1.0), killing=killing)
    else:
        done = run(lambda: store.collect(keep=3), killing=killing)
    assert done in (0, 9), done
    follow(model, home, wanted, killed=done == 9)


def run(act: Callable[[], object], *, killing: bool) -> int:
    if killing:
        return in_child(act)
    act()
    return 0


def follow(model: Model, home: Path, wanted: Scenes | None, *, killed: bool) -> None:
    store = Store(home, Lazy())
    number = store.current().number
    assert number in (model.number, model.number + 1)
    if wanted is not None and number == model.number + 1:
        model.commit(wanted)
    else:
        assert killed or wanted is None, "a change that came to its end is not there"
    names = os.listdir(home / STORE / GENERATIONS) if (home / STORE / GENERATIONS).exists() else []
    there = {int(name.removesuffix(".json")) for name in names if not name.startswith(".")}
    model.kept = {n: scenes for n, scenes in model.kept.items() if n in there}
    assert installed(store) == model.now


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(2, 40))])
def test_random_walks(seed: int, folder: Path) -> None:
    for walk in range(50):
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
