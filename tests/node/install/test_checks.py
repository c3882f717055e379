"""Every check is needed: switch one off, and what it stands against succeeds."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from node.install import commit, members, store, tar_members, unpack, zip_members
from node.install.files import Files
from protocol.errors import OoderError
from protocol.install import apply, codec
from tests.node.install import test_store, test_unpack
from tests.node.install.packages import check_whole, install, stage_scene, tar_bytes, zip_bytes

Attack = Callable[[Path], None]
"""Passes while the check is in place, fails (in any way) without it."""


def unpacking(data: bytes, name: str = "x.zip") -> Attack:
    def attack(folder: Path) -> None:
        with Files().open(folder) as into, pytest.raises(OoderError) as caught:
            unpack.unpack_archive(io.BytesIO(data), name, into)
        assert caught.value.code.startswith("unpack.")

    return attack


def reused_tree(folder: Path) -> None:
    """A tree in the store that was tampered with is not used again for something new."""
    there = store.Store(folder)
    install(there, "daily", "1.0", {"pdf": "1.0"})
    there.uninstall(("scene:daily",), 2.0)
    for path in (folder / "store-v1/store").glob("*/tree/SKILL.md"):
        path.write_text("evil")
    with there.stage() as stage:
        change = stage_scene(stage, "daily", "1.0", {"pdf": "1.0"})
    with pytest.raises(OoderError):
        there.commit(change, 3.0)


def stale_plan(folder: Path) -> None:
    test_store.test_what_is_refused_before_anything_changes(folder)


def refusal_after_the_commit_point(folder: Path) -> None:
    """The disk refuses the very sync that follows the switch: the commit stands, and is not undone."""

    class RefusingSync(Files):
        def do(self, op, act):  # type: ignore[no-untyped-def]
            if op.why == "current.folder":
                raise OSError(5, os.strerror(5), op.path)
            return act()

    done = install(store.Store(folder, RefusingSync()), "daily", "1.0", {"pdf": "1.0"})
    assert done.problem is not None
    assert done.problem.code == "store.unsettled"
    store.Store(folder).recover()
    check_whole(folder)


def nothing(*_: object, **__: object) -> None:
    return None


def blind_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "check_member", lambda name: tuple(name.split("/")))


CHECKS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Attack]] = {
    "hash of the staged tree": (
        lambda m: m.setattr(commit, "_check_staged", nothing),
        test_store.test_a_tree_swapped_between_verify_and_commit_is_refused,
    ),
    "hash of a tree that is reused": (lambda m: m.setattr(commit, "drift", lambda *_: ()), reused_tree),
    "hash before a rollback": (
        lambda m: m.setattr(store, "_check_whole", nothing),
        test_store.test_every_changed_byte_is_named,
    ),
    "checksum of a generation": (
        lambda m: m.setattr(codec, "_checksum", lambda body: "same"),
        test_store.test_a_damaged_or_missing_current_is_never_taken_for_an_empty_store,
    ),
    "closure and equivocation": (
        lambda m: m.setattr(apply, "_added", lambda items, add: {**items, **{i.release: i for i in add}}),
        stale_plan,
    ),
    "no undo after the commit point": (
        lambda m: m.setattr(store.ledger, "read_current", lambda root: 0),
        refusal_after_the_commit_point,
    ),
    "member names": (blind_names, unpacking(zip_bytes({"ok": b"x", "a/../../evil": b"x"}))),
    "name collisions": (
        lambda m: m.setattr(unpack.Names, "add", nothing),
        unpacking(zip_bytes({"README": b"x", "readme": b"y"})),
    ),
    "zip link and mode": (
        lambda m: m.setattr(zip_members, "check_mode", nothing),
        unpacking(test_unpack.zip_mode(0o120777)),
    ),
    "tar mode": (
        lambda m: m.setattr(tar_members, "check_mode", nothing),
        unpacking(test_unpack.tar_entry(mode=0o4755), "x.tar.gz"),
    ),
    "ratio": (
        lambda m: m.setattr(members.limits, "UNPACK_RATIO", 10**9),
        unpacking(tar_bytes({f"f{n}": bytes(8 << 20) for n in range(2)}), "x.tar.gz"),
    ),
    "size of one file": (
        lambda m: m.setattr(unpack.limits, "ITEM_FILE_BYTES", 10**9),
        unpacking(tar_bytes({"f": os.urandom(1 << 20) * 17}), "x.tar.gz"),
    ),
    "number of files": (
        lambda m: m.setattr(unpack.limits, "ITEM_FILES", 10**9),
        unpacking(zip_bytes({f"f{n}": b"" for n in range(2001)})),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_attack_fails(name: str, tmp_path: Path) -> None:
    CHECKS[name][1](tmp_path)


@pytest.mark.parametrize("name", CHECKS)
def test_and_would_succeed_without_the_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_off, attack = CHECKS[name]
    switch_off(monkeypatch)
    with pytest.raises((Exception, pytest.fail.Exception)):
        attack(tmp_path)
