"""The changes that the crash tests interrupt: a home before, one action on it, and what may be current afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.install.files import Files, Op
from node.install.store import STORE, Store
from protocol.install.lockfile import decode_lock
from protocol.install.model import Generation
from tests.fakes.disks import Counting, KillingBefore, Lazy, in_child
from tests.node.install.packages import check_whole, install


def _nothing(store: Store) -> None:
    pass


def _one(store: Store) -> None:
    install(store, "daily", "1.0", {"pdf": "1.0", "ocr": "1.0"})


def _two(store: Store) -> None:
    _one(store)
    install(store, "other", "1.0", {"ocr": "1.0"}, 2.0)


def _many(store: Store) -> None:
    for number in range(1, 5):
        install(store, "daily", f"1.{number}", {"pdf": f"1.{number}"}, float(number))


def _torn(store: Store) -> None:
    """An update that was killed right before its commit point."""
    _two(store)
    disk = KillingBefore("rename", ".current.new")

    def update() -> None:
        install(Store(store.home, disk), "daily", "1.1", {"pdf": "1.1"}, 9.0)

    assert in_child(update) == 9


@dataclass(frozen=True)
class Story:
    name: str
    before: Callable[[Store], object]
    act: Callable[[Store], object]
    activation: bool = False


STORIES = (
    Story("install", _nothing, _one),
    Story("update", _two, lambda store: install(store, "daily", "1.1", {"pdf": "1.1", "ocr": "1.0"}, 9.0)),
    Story("rollback", _two, lambda store: store.rollback(1, 9.0)),
    Story("uninstall", _two, lambda store: store.uninstall(("scene:daily",), 9.0)),
    Story("collect", _many, lambda store: store.collect(keep=2)),
)
MORE_STORIES = (
    Story(
        "activate",
        _one,
        lambda store: install(store, "other", "1.0", {"csv": "1.0"}, 9.0, activation=True),
        activation=True,
    ),
    Story("recover", _torn, lambda store: store.recover()),
)


@dataclass(frozen=True)
class Template:
    """A home before the action, the states that may be current after it was interrupted, and its operations."""

    story: Story
    home: Path
    old: Generation
    new: Generation
    trace: tuple[Op, ...] = ()
    after: Path = Path()

    @property
    def ops(self) -> int:
        return len(self.trace)

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.home, to)
        return to

    def check(self, home: Path, *, next_install: bool = True, needed: Generation | None = None) -> bool:
        """Old or new, whole, nothing left over, and the next install works. Returns whether it is the new state."""
        store = Store(home, Lazy())
        now = store.current()
        assert same(now, self.old) or same(now, self.new), f"neither old nor new: {now}"
        assert needed is None or same(now, needed), f"{now.number} instead of {needed.number}"
        lock = home / "ooder.lock"
        assert not lock.exists() or decode_lock(lock.read_text()) is not None
        if (home / STORE / "store").exists():
            for generation in store.history():
                assert not store.verify(generation.number).drifted, generation.number
        recovered = store.recover()
        assert same(store.current(), now)
        pending = self.story.activation and same(now, self.new)
        assert recovered.pending == ((now.number,) if pending else ())
        for number in recovered.pending:
            store.settle(number)
        if self.story.name == "collect":
            store.collect(keep=2)
        check_whole(home)
        if next_install:
            before = store.current().number
            install(store, "next", "1.0", {"next": "1.0"}, 99.0, count=1)
            assert store.current().number > before
            check_whole(home)
        return same(now, self.new) and not same(self.old, self.new)


def same(one: Generation, other: Generation) -> bool:
    """The same content under the same number; times and consents aside."""
    return one.number == other.number and one.items == other.items


def template(story: Story, folder: Path, disk: Counting | None = None) -> Template:
    """Prepare a home for `story` below `folder`, and count what its action does (on `disk`)."""
    home = folder / f"{story.name}-before"
    home.mkdir()
    story.before(Store(home, Lazy()))
    old = Store(home).current()
    disk = disk or Counting()
    after = folder / f"{story.name}-after"
    shutil.copytree(home, after)
    story.act(Store(after, disk))
    check_whole(after, leftovers=not story.activation)
    return Template(story, home, old, Store(after, Files()).current(), tuple(disk.ops), after)
