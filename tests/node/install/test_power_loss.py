"""Power is lost after any operation; and the proof that every sync is needed: leave out any one, and this model finds a loss."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.fakes.disks import SYNCS, Counting, Forgetting
from tests.fakes.power import Machine
from tests.node.install.stories import MORE_STORIES, STORIES, Story, Template, template

ALL = (*STORIES, *MORE_STORIES)
SYNC_PLACES = {
    "home.folder": "install",
    "root.folder": "install",
    "tx.file": "activate",
    "tx.folder": "activate",
    "tree.file": "install",
    "tree.folder": "install",
    "list.file": "install",
    "tree.top": "install",
    "store.folder": "install",
    "gen.file": "install",
    "gen.folder": "install",
    "current.file": "install",
    "current.folder": "install",
    "lock.file": "update",
    "lock.folder": "update",
    "installed.file": "install",
    "installed.tree": "install",
    "installed.folder": "update",
    "undo.gen": "recover",
    "discard.store": "recover",
    "collect.gen": "collect",
}
"""Every place in the code that syncs, and a story that loses something without it; docs/reference/install-store.md lists what each is for."""


@pytest.fixture
def folder() -> Iterator[Path]:
    where = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="ooder-power-", dir=where if where.is_dir() else None))
    yield made
    shutil.rmtree(made)


def lose_power(t: Template, folder: Path, per_operation: int, seed: int = 1) -> int:
    """Check `per_operation` states after every operation; the number of different states."""
    machine = Machine(t.home, t.after, t.trace)
    random = Random(seed)
    safe = next((at for at, op in enumerate(t.trace) if op.why == "current.folder"), len(t.trace))
    seen: set[object] = set()
    for after in range(1, t.ops + 1):
        for turn in range(per_operation):
            state = machine.state(after, random, journal=turn % 2 == 0)
            key = (state.key(), after > safe)
            if key in seen:
                continue
            seen.add(key)
            home = folder / "lost"
            shutil.rmtree(home, ignore_errors=True)
            machine.write_state(state, home)
            t.check(
                home,
                next_install=len(seen) % 8 == 0 or t.story.name == "recover",
                needed=t.new if after > safe else None,
            )
    return len(seen)


def lossy_template(story: Story, folder: Path, disk: Counting) -> Template:
    (folder / story.name).mkdir()
    return template(story, folder / story.name, disk)


@pytest.mark.parametrize("story", ALL, ids=lambda story: story.name)
@pytest.mark.parametrize("per_operation", [8, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_power_lost_after_any_operation(story: Story, per_operation: int, folder: Path) -> None:
    states = lose_power(lossy_template(story, folder, Counting()), folder, per_operation)
    print(f"{story.name}: {states} states")
    assert states >= 20


def test_the_list_of_syncs_is_complete(folder: Path) -> None:
    found = {op.why for story in ALL for op in lossy_template(story, folder, Counting()).trace if op.kind in SYNCS}
    assert found == set(SYNC_PLACES)


@pytest.mark.parametrize("why", SYNC_PLACES)
def test_no_sync_can_be_left_out(why: str, folder: Path) -> None:
    story = next(story for story in ALL if story.name == SYNC_PLACES[why])
    t = lossy_template(story, folder, Forgetting(why))
    for seed in range(4):
        try:
            lose_power(t, folder, 6, seed)
        except Exception:  # any way of noticing the loss will do
            return
    pytest.fail(f"nothing is lost without the sync {why}")
