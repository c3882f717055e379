"""A lost index comes back from the cache tree: everything found again, nothing fresher or more trusted than it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.config import load
from node.paths import Paths
from node.service import Service
from protocol.query import Query
from protocol.refs import Kind


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    file = tmp_path / "folder/日报/skill.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("kind: Skill\nmetadata: {id: daily-report, name: 日报, version: '1.10'}\n", "utf-8")
    return tmp_path / "folder"


def opened(tmp_path: Path, folder: Path) -> Service:
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(f"sources:\n  local_fs:\n    folders: ['{folder}']\n    agent_folders: false\n", "utf-8")
    return Service(paths, load(paths, {}, {}))


async def test_the_index_is_filled_from_the_cache_tree(tmp_path: Path, folder: Path) -> None:
    service = opened(tmp_path, folder)
    await service.scan(lambda event: None, ["local_fs"])
    heard = service.index.sightings(Kind.SKILL, "daily-report")
    service.close()
    for ending in ("", "-wal", "-shm"):
        Path(f"{service.paths.index}{ending}").unlink(missing_ok=True)
    service = opened(tmp_path, folder)
    found = service.search(Query(text="日报")).rows
    assert [(str(row.ref), row.version) for row in found] == [("skill:daily-report", "1.10")]
    again = service.index.sightings(Kind.SKILL, "daily-report")
    assert [(s.seen_at, s.digest, s.evidence.channel) for s in again] == [
        (s.seen_at, s.digest, s.evidence.channel) for s in heard
    ]
    assert {s.evidence.relayed_by for s in again} == {"cache"}
    await service.scan(lambda event: None, ["local_fs"])
    assert {s.evidence.relayed_by for s in service.index.sightings(Kind.SKILL, "daily-report")} == {""}
    service.close()


async def test_a_scan_of_one_source_after_the_loss_keeps_what_others_had_said(tmp_path: Path, folder: Path) -> None:
    service = opened(tmp_path, folder)
    await service.scan(lambda event: None, ["local_fs"])
    service.close()
    for ending in ("", "-wal", "-shm"):
        Path(f"{service.paths.index}{ending}").unlink(missing_ok=True)
    service = opened(tmp_path, folder)
    await service.scan(lambda event: None, ["git_repository"])
    service.close()
    assert (service.paths.cache / "skills/daily-report/skill.yaml").exists()
