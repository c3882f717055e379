"""Installs that wait for a source: through restarts, by themselves, and never as more than was agreed to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]


@pytest.fixture
def away(ooder: Ooder, catalogue: Path) -> Path:
    """A catalogue that was indexed, and is out of reach now."""
    ooder("scan", str(catalogue))
    return catalogue.rename(catalogue.with_name("unplugged"))


def events(ooder: Ooder) -> list[str]:
    return [row["type"] for row in data(ooder("status", "--events", "0", "-n", "1000", "--json"))["events"]]


def wait_for_it(ooder: Ooder) -> None:
    code, out, err = ooder("install", "skill:skill-text-digest", "--yes", "--queue")
    assert code == 4 and "waits for a source" in out, out + err


def test_what_cannot_be_had_waits_and_completes_by_itself(ooder: Ooder, away: Path) -> None:
    wait_for_it(ooder)
    row = data(ooder("queue", "list", "--json"))["waiting"][0]
    assert row["target"] == "skill:skill-text-digest" and row["agreed"] >= 1
    away.rename(away.with_name("catalogue"))
    _, _, err = ooder("scan")
    assert "is installed now: generation 1" in err, err
    assert data(ooder("queue", "list", "--json"))["waiting"] == []
    assert {"skill.install.queued", "skill.install.completed"} <= set(events(ooder))
    assert ooder("verify")[0] == 0


def test_a_wider_plan_waits_for_the_person(ooder: Ooder, away: Path) -> None:
    wait_for_it(ooder)
    manifest = away / "skills/skill-text-digest/skill.yaml"
    manifest.write_text(manifest.read_text("utf-8").replace("server.py]", "server.py, --all]"), "utf-8")
    away.rename(away.with_name("catalogue"))
    ooder("scan")
    assert data(ooder("queue", "list", "--json"))["waiting"][0]["code"] == "queue.asks_again"
    assert data(ooder("installed", "--json"))["generation"] == 0


def test_an_unknown_target_waits_without_consent(ooder: Ooder, catalogue: Path) -> None:
    code, _, err = ooder("--offline", "install", "skill:skill-text-digest", "--queue", "--yes")
    assert code == 4, err
    ooder("scan", str(catalogue))
    assert data(ooder("queue", "list", "--json"))["waiting"][0]["code"] == "queue.asks_again"
    assert ooder("queue", "drop", "skill:skill-text-digest")[0] == 0
    assert ooder("queue", "drop", "skill:skill-text-digest")[0] == 3


def test_without_the_flag_nothing_waits(ooder: Ooder, away: Path) -> None:
    assert ooder("install", "skill:skill-text-digest", "--yes")[0] != 0
    assert data(ooder("queue", "list", "--json"))["waiting"] == []


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 2}', '{"format": 1, "waiting": [7]}'])
def test_a_damaged_queue_is_named_and_kept(ooder: Ooder, tmp_path: Path, content: str) -> None:
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "queue.json"
    path.write_text(content)
    code, _, err = ooder("queue", "list")
    assert code == 1 and "queue.damaged" in err and path.read_text() == content


def test_the_file_is_private_and_plain(ooder: Ooder, away: Path, tmp_path: Path) -> None:
    wait_for_it(ooder)
    path = tmp_path / "home" / "queue.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["waiting"][0]["plan"].startswith("sha256:")
