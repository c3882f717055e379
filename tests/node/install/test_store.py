"""The store: commit, update, uninstall, rollback, garbage collection, verification, projection."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from node.install.store import Store
from protocol.errors import ConflictError, DataError, IntegrityError, NotFoundError, StorageError
from protocol.install.apply import Change
from protocol.install.lockfile import decode_lock
from protocol.install.model import EMPTY
from tests.node.install.packages import check_whole, install, skill_files, stage_scene


def test_nothing_installed(tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    assert store.current() == EMPTY
    assert store.history() == ()
    assert store.verify().ok
    assert not (tmp_path / "home").exists()


def test_a_scene_becomes_visible_with_all_its_skills(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = install(store, "daily", "1.0", {"pdf": "1.0", "ocr": "2.0"})
    assert done.problem is None
    assert done.generation == store.current()
    assert [s.id for s in store.current().skills] == ["ocr", "pdf"]
    assert store.current().skills[0].required_by == ("scene:daily@1.0 local:1000",)
    check_whole(tmp_path)
    config = yaml.safe_load((tmp_path / "installed/daily/config.yaml").read_text())
    assert config["sceneId"] == "daily"
    assert [skill["skillId"] for skill in config["skills"]] == ["ocr", "pdf"]
    assert (tmp_path / "installed/daily/skills/pdf/SKILL.md").read_text() == "# pdf 1.0\n"
    assert (tmp_path / "installed/daily/skills/pdf/scripts/part2.sh").stat().st_mode & 0o777 == 0o700
    lock = tomllib.loads((tmp_path / "ooder.lock").read_text())
    assert [row["name"] for row in lock["skill"]] == ["ocr", "pdf"]
    assert {i.digest for i in decode_lock((tmp_path / "ooder.lock").read_text())} == store.current().digests


def test_update_uninstall_rollback_and_collect(tmp_path: Path) -> None:
    store = Store(tmp_path)
    install(store, "daily", "1.0", {"pdf": "1.0", "ocr": "2.0"})
    install(store, "other", "1.0", {"ocr": "2.0"})
    install(store, "daily", "1.1", {"pdf": "1.1", "ocr": "2.0"})
    assert [s.version for s in store.current().skills] == ["2.0", "1.1"]
    store.uninstall(("scene:daily",), 4.0)
    assert [s.id for s in store.current().skills] == ["ocr"]
    assert not (tmp_path / "installed/daily").exists()
    done = store.rollback(2, 5.0)
    assert done.generation.number == 5
    assert done.generation.items == store.generation(2).items
    check_whole(tmp_path)
    assert (tmp_path / "installed/daily/skills/pdf/SKILL.md").read_text() == "# pdf 1.0\n"
    gone = store.collect(keep=1)
    assert gone.generations == (1, 2, 3, 4)
    assert len(gone.trees) == 2
    assert [g.number for g in store.history()] == [5]
    check_whole(tmp_path)
    with pytest.raises(NotFoundError) as caught:
        store.rollback(2, 6.0)
    assert caught.value.code == "install.no_generation"


def test_every_changed_byte_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    install(store, "daily", "1.0", {"pdf": "1.0"})
    digest = store.current().skills[0].digest
    (store.tree(digest) / "SKILL.md").write_text("# pdf 9.9\n")
    (store.tree(digest) / "scripts/part1.sh").unlink()
    (store.tree(digest) / "new").write_text("x")
    os.chmod(store.tree(digest) / "scripts/part2.sh", 0o600)
    (found,) = store.verify().drifted
    assert [(d.path, d.what) for d in found.drifts] == [
        ("SKILL.md", "changed"),
        ("new", "added"),
        ("scripts/part1.sh", "missing"),
        ("scripts/part2.sh", "mode"),
    ]
    assert found.releases == ("skill:pdf@1.0 local:1000",)
    with pytest.raises(IntegrityError) as caught:
        store.rollback(1, 2.0)
    assert caught.value.code == "store.drift"
    install(store, "daily", "1.0", {"pdf": "1.0"})
    check_whole(tmp_path)


def test_a_tree_swapped_between_verify_and_commit_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.stage() as stage:
        change = stage_scene(stage, "daily", "1.0", {"pdf": "1.0"})
        digest = change.add[0].digest
        (stage.path(digest) / "SKILL.md").write_text("evil\n")
        with pytest.raises(IntegrityError) as caught:
            store.commit(change, 1.0, stage)
    assert caught.value.code == "install.staged_changed"
    assert store.current() == EMPTY
    check_whole(tmp_path)


def test_what_is_refused_before_anything_changes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done = install(store, "daily", "1.0", {"pdf": "1.0"}).generation
    skill = done.skills[0]
    with pytest.raises(ConflictError) as conflict:
        store.commit(Change("x", base=0), 2.0)
    assert conflict.value.code == "install.base_moved"
    with pytest.raises(ConflictError) as conflict:
        store.uninstall(("skill:pdf",), 2.0)
    assert conflict.value.code == "install.needed"
    with pytest.raises(NotFoundError):
        store.uninstall(("skill:none",), 2.0)
    with pytest.raises(DataError) as data:
        store.commit(Change("x", (replace(skill, id="new", requested=True, digest="sha256:" + "0" * 64),)), 2.0)
    assert data.value.code == "install.missing_bytes"
    with pytest.raises(ConflictError) as conflict:
        store.commit(Change("x", (replace(skill, digest="sha256:" + "0" * 64),)), 2.0)
    assert conflict.value.code == "install.equivocation"
    assert store.current() == done
    check_whole(tmp_path)


def test_activation_stays_pending_until_it_is_settled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.stage() as stage:
        store.commit(stage_scene(stage, "daily", "1.0", {"pdf": "1.0"}), 1.0, stage, activation=True)
    assert store.pending() == (1,)
    assert store.recover().pending == (1,)
    store.settle(1)
    assert store.pending() == ()


def test_a_damaged_or_missing_current_is_never_taken_for_an_empty_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    install(store, "daily", "1.0", {"pdf": "1.0"})
    install(store, "other", "1.0", {"ocr": "1.0"})
    path = tmp_path / "store-v1/gen/2.json"
    path.write_bytes(path.read_bytes().replace(b'"other"', b'"older"'))
    with pytest.raises(StorageError) as caught:
        store.current()
    assert caught.value.code == "store.damaged"
    assert store.rollback(1, 3.0).generation.number == 3
    check_whole(tmp_path, leftovers=False)
    (tmp_path / "store-v1/current").write_bytes(b"9" * 200)
    with pytest.raises(StorageError) as caught:
        store.current()
    assert caught.value.code == "store.damaged"
    (tmp_path / "store-v1/current").unlink()
    with pytest.raises(StorageError):
        install(store, "third", "1.0", {"ocr": "1.0"})
    assert (tmp_path / "store-v1/gen/1.json").exists()


def test_the_projection_is_rebuilt_and_leaves_foreign_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "installed/daily").mkdir(parents=True)
    (tmp_path / "installed/daily/mine.txt").write_text("mine")
    store = Store(tmp_path)
    done = install(store, "daily", "1.0", {"pdf": "1.0"})
    assert done.foreign == (str(tmp_path / "installed/daily"),)
    assert (tmp_path / "installed/daily/mine.txt").read_text() == "mine"
    install(store, "other", "1.0", {"pdf": "1.0"})
    target = tmp_path / "installed/other"
    (target / "config.yaml").write_text((target / "config.yaml").read_text() + "# edited\n")
    (tmp_path / "ooder.lock").write_text("edited")
    assert set(store.verify().projection) >= {"ooder.lock", "installed/other/config.yaml"}
    assert store.project() == (str(tmp_path / "installed/daily"),)
    assert all(path.startswith("installed/daily/") for path in store.verify().projection)


def test_staged_folder_copies_no_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "SKILL.md").write_text("x")
    (source / "link").symlink_to("/etc/passwd")
    (source / ".git").mkdir()
    (source / ".git/config").write_text("x")
    with Store(tmp_path / "home").stage() as stage:
        done = stage.folder(source, skip=frozenset({".git"}))
        assert done.ignored == (".git", "link")
        assert [f.path for f in done.files] == ["SKILL.md"]
        assert stage.files(skill_files("pdf", "1")).digest in stage.trees
