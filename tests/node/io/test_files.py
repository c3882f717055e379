"""Folders for real: every nasty thing that can lie in one ends in a value, and nothing outside is ever touched."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.io.files import RealFolders, hash_files, read_files, walk
from protocol import limits
from sources.folders import Look

LIMIT = limits.MANIFEST_BYTES


def put(root: Path, path: str, data: bytes = b"x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def codes(look: Look) -> dict[str, str]:
    return {problem.place: problem.code for problem in look.problems}


def names(look: Look) -> list[str]:
    return [file.path for file in look.files]


def test_a_plain_folder(tmp_path: Path) -> None:
    put(tmp_path, "b/run.sh").chmod(0o755)
    put(tmp_path, "a/日报.md", b"12345")
    look = walk(tmp_path)
    assert [(file.path, file.size, file.executable, file.own) for file in look.files] == [
        ("a/日报.md", 5, False, True),
        ("b/run.sh", 1, True, True),
    ]
    assert not look.problems
    assert not look.blind


def test_machinery_is_not_walked_and_the_choice_of_top_folders_holds_only_at_the_top(tmp_path: Path) -> None:
    for path in (".git/config", "a/node_modules/x.js", "a/skip/y", "b/z", "a/.DS_Store", ".agents/skills/x/SKILL.md"):
        put(tmp_path, path)
    assert names(walk(tmp_path)) == [".agents/skills/x/SKILL.md", "a/skip/y", "b/z"]
    assert names(walk(tmp_path, only=frozenset({"a", "y"}))) == ["a/skip/y"]


def test_links_are_never_followed_and_told_when_they_leave_or_loop(tmp_path: Path) -> None:
    root, friend = tmp_path / "root", tmp_path / "friend"
    put(root, "real/skill.yaml")
    put(friend, "skill.yaml")
    put(tmp_path, "outside/secret.yaml")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "file.yaml").symlink_to("/etc/passwd")
    (root / "real/loop").symlink_to("..")
    (root / "self").symlink_to("self")
    (root / "inside").symlink_to("real")
    (root / "to-friend").symlink_to(friend)
    look = walk(root, friends=[friend])
    assert names(look) == ["real/skill.yaml"]
    assert codes(look) == {
        "out": "folder.link_leaves",
        "file.yaml": "folder.link_leaves",
        "real/loop": "folder.link_loops",
    }


def test_a_folder_swapped_for_a_link_while_walking_is_not_entered(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "a/b/skill.yaml")
    put(tmp_path, "outside/secret.yaml")

    def swap(folder: str) -> None:
        if folder == "a":
            (root / "a/b").rename(root / "moved")
            (root / "a/b").symlink_to(tmp_path / "outside")

    assert not [name for name in names(walk(root, before_folder=swap)) if "secret" in name]


def test_reading_does_not_follow_links_either(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "a.yaml")
    put(tmp_path, "outside/secret.yaml")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "leaf.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    found = read_files(root, ["a.yaml", "link/secret.yaml", "leaf.yaml", "gone.yaml"], LIMIT)
    assert [content.data for content in found] == [b"x", b"", b"", b""]
    assert [content.problem.code if content.problem else "" for content in found] == ["", *["folder.unreadable"] * 3]


def test_special_files_are_remarks_and_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "skill.yaml")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.sock")
        look = walk(tmp_path)
    assert codes(look) == {"skill.yaml": "folder.special_file", "s.sock": "folder.special_file"}
    content = read_files(tmp_path, ["skill.yaml"], LIMIT)[0]
    assert content.problem
    assert content.problem.code == "folder.unreadable"


def test_a_sparse_gigabyte_is_refused_at_the_limit(tmp_path: Path) -> None:
    with (tmp_path / "skill.yaml").open("wb") as file:
        file.truncate(1 << 30)
    began = time.process_time()
    for content in (*read_files(tmp_path, ["skill.yaml"], LIMIT), *hash_files(tmp_path, ["skill.yaml"], LIMIT)):
        assert content.problem
        assert content.problem.code == "folder.too_large"
        assert content.data == b""
    assert time.process_time() - began < 0.5


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    put(tmp_path, "a", b"x" * LIMIT)
    assert len(read_files(tmp_path, ["a"], LIMIT)[0].data) == LIMIT
    assert read_files(tmp_path, ["a"], LIMIT)[0].sha256 == hash_files(tmp_path, ["a"], LIMIT)[0].sha256


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of a user who is not root."""
    root = Path(tempfile.mkdtemp(prefix="folders-"))
    if os.geteuid() != 0:
        yield root
    else:
        os.chown(root, 65534, -1)
        os.seteuid(65534)
        try:
            yield root
        finally:
            os.seteuid(0)
    for folder in [root, *root.rglob("*")]:
        folder.chmod(0o700)
    shutil.rmtree(root)


def test_unreadable_files_and_folders(as_nobody: Path) -> None:
    root = as_nobody
    put(root, "open/skill.yaml")
    put(root, "closed/skill.yaml")
    put(root, "secret.yaml").chmod(0)
    (root / "closed").chmod(0)
    look = walk(root)
    assert names(look) == ["open/skill.yaml", "secret.yaml"]
    assert look.blind == ("closed",)
    assert codes(look) == {"closed": "folder.unreadable"}
    content = read_files(root, ["secret.yaml"], LIMIT)[0]
    assert content.problem
    assert content.problem.params["reason"] == "Permission denied"
    root.chmod(0)
    assert walk(root).blind == ("",)


def test_folders_that_vanish_while_walked(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in "abc":
        put(root, f"{name}/skill.yaml")

    def remove_the_others(folder: str) -> None:
        for name in {"a", "b", "c"} - {folder}:
            if folder:
                shutil.rmtree(root / name, ignore_errors=True)

    assert len(names(walk(root, before_folder=remove_the_others))) == 1

    def remove_all(folder: str) -> None:
        if folder == "":
            shutil.rmtree(root)

    look = walk(root, before_folder=remove_all)
    assert look.blind == ("",)
    assert codes(look) == {".": "folder.unreadable"}
    assert not walk(root).exists


def test_depth_and_number_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "/".join("d" * (limits.FOLDER_DEPTH + 1)) + "/skill.yaml")
    put(tmp_path, "/".join("e" * limits.FOLDER_DEPTH) + "/skill.yaml")
    look = walk(tmp_path)
    assert len(look.files) == 1
    assert list(codes(look).values()) == ["folder.too_deep"]
    monkeypatch.setattr(limits, "FOLDER_ENTRIES", 5)
    look = walk(tmp_path)
    assert look.blind == ("",)
    assert "folder.too_many_entries" in codes(look).values()


def test_odd_names(tmp_path: Path) -> None:
    put(tmp_path, "a\u202egnp.yaml")
    put(tmp_path, "line\nbreak/skill.yaml")
    put(tmp_path, os.fsdecode(b"\xff\xfe.yaml"))
    look = walk(tmp_path)
    assert names(look) == ["a\u202egnp.yaml", "line\nbreak/skill.yaml"]
    assert codes(look) == {r"\udcff\udcfe.yaml": "folder.bad_name"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_what_another_user_can_write_is_not_own(tmp_path: Path) -> None:
    for path in ("mine/a", "writable/a", "theirs/a"):
        put(tmp_path, path)
    os.chown(tmp_path / "theirs", 65534, -1)
    (tmp_path / "writable").chmod(0o777)
    put(tmp_path, "mine/open").chmod(0o666)
    assert {file.path: file.own for file in walk(tmp_path).files} == {
        "mine/a": True,
        "mine/open": False,
        "theirs/a": False,
        "writable/a": False,
    }


def test_the_stamp_changes_with_the_file(tmp_path: Path) -> None:
    file = put(tmp_path, "a")
    stamps = [walk(tmp_path).files[0].stamp]
    for change in (lambda: file.write_bytes(b"yy"), lambda: os.utime(file, (1, 1)), lambda: file.chmod(0o700)):
        time.sleep(0.01)
        change()
        stamps.append(walk(tmp_path).files[0].stamp)
    assert len(set(stamps)) == 4
    assert walk(tmp_path).files[0].stamp == stamps[-1]


@pytest.mark.parametrize("kernel", [True, False])
async def test_watching_notices_new_changed_and_late_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    if not kernel:
        monkeypatch.setattr(limits, "WATCHED_FOLDERS", 0)
    root = tmp_path / "root"
    put(root, "a/skill.yaml")
    watch = RealFolders(poll_seconds=0.02).watch([root])
    async with asyncio.TaskGroup() as group:
        for change in ("a/skill.yaml", "new/deep/skill.yaml", "new/deep/skill.yaml"):
            told = group.create_task(anext(watch))
            await asyncio.sleep(0.05)
            put(root, change, os.urandom(8))
            await asyncio.wait_for(told, 5)
    await watch.aclose()
