"""Kill -9 before every operation of every kind of change, a refusing disk at every operation, eight installers at once.

Every operation is killed and refused in the default run; double faults (a kill, then a kill in the recovery) are sampled there
and taken more densely by `make prove`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.install.store import Store
from protocol.errors import OoderError
from tests.fakes.disks import Counting, Killing, Lazy, Refusing, in_child
from tests.node.install.packages import check_whole, install
from tests.node.install.stories import STORIES, Story, Template, template

KILLED = 9


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: these tests ask for the order of operations, not for a disk."""
    import shutil
    import tempfile

    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="ooder-crash-", dir=where))
    yield made
    shutil.rmtree(made)


_made: dict[tuple[Path, str], Template] = {}


def made(folder: Path, story: Story) -> Template:
    key = (folder, story.name)
    if key not in _made:
        _made[key] = template(story, folder)
    return _made[key]


def kill_points(count: int, step: int, story: Story) -> range:
    return range(STORIES.index(story) % step, count, step)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_killed_before_any_operation(story: Story, folder: Path) -> None:
    t = made(folder, story)
    for at in range(t.ops):
        home = t.copy(folder / "killed")
        assert in_child(lambda home=home, at=at: story.act(Store(home, Killing(at)))) == KILLED
        t.check(home)
    home = t.copy(folder / "killed")
    assert in_child(lambda: story.act(Store(home, Killing(t.ops)))) == 0, "there are more operations than were counted"
    assert t.check(home) or t.old == t.new


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
@pytest.mark.parametrize("step", [11, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_killed_again_in_every_operation_of_the_recovery(story: Story, step: int, folder: Path) -> None:
    t = made(folder, story)
    faults = 0
    for at in kill_points(t.ops, step, story):
        first = t.copy(folder / "first")
        in_child(lambda home=first, at=at: story.act(Store(home, Killing(at))))
        disk = Counting()
        probe = Template(story, first, t.old, t.new)
        Store(probe.copy(folder / "probe"), disk).recover()
        for again in range(0, len(disk.ops), 2 if step > 3 else 1):
            home = probe.copy(folder / "second")
            assert in_child(lambda home=home, again=again: Store(home, Killing(again)).recover()) == KILLED
            t.check(home, next_install=False)
            faults += 1
    assert faults >= (20 if step == 3 else 3)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("lasting", [True, False], ids=["lasting", "once"])
def test_refused_at_any_operation(story: Story, code: int, lasting: bool, folder: Path) -> None:
    t = made(folder, story)
    for at in range(0, t.ops, 1 if lasting else 3):
        home = t.copy(folder / "refused")
        disk = Refusing(at, code, lasting=lasting)
        try:
            story.act(Store(home, disk))
            needed = t.new
        except (OoderError, OSError) as error:
            assert isinstance(error, OoderError), f"operation {at} lets {error!r} out"
            assert error.code in ("store.failed", "unpack.unreadable"), error.code
            needed = t.old
        disk.healed = True
        t.check(home, needed=needed)


def test_eight_installers_at_once_some_of_them_killed(folder: Path) -> None:
    home = folder / "eight"
    home.mkdir()
    children = []
    for worker in range(8):
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                for turn in range(6):
                    disk = Killing(30 * worker - 135) if worker >= 5 and turn == 3 else Lazy()
                    install(Store(home, disk), f"scene{worker}", f"1.{turn}", {"pdf": f"{worker}.{turn}", "ocr": "1.0"})
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    assert codes[:5] == [0] * 5
    assert codes[5:] == [KILLED] * 3
    store = Store(home, Lazy())
    store.recover()
    check_whole(home)
    assert {s.id: s.version for s in store.current().scenes}.items() >= {f"scene{w}": "1.5" for w in range(5)}.items()
    assert [g.number for g in store.history()] == list(range(1, store.current().number + 1))
    store.collect()
    check_whole(home)
