"""What `ooder doctor` says of the forges, without asking one."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.doctor import examine
from node.finding import Finding, Health
from node.paths import Paths
from node.source_states import read_states, save_states
from node.supervisor import Light, SourceState


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("OODER_SOURCES__GITHUB__ENABLED", "true")
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Paths(tmp_path)


def said(paths: Paths) -> Finding:
    return next(one for one in examine(paths) if one.check == "forges")


def test_not_asked(paths: Paths) -> None:
    assert said(paths).found == "not asked in the scope personal"


def test_with_and_without_a_key(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODER_SCOPE", "community")
    assert said(paths).found == "github without a key"
    monkeypatch.setenv("GH_TOKEN", "secret-word")
    assert said(paths).found == "github with a key"


def test_a_key_file_that_others_can_read(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODER_SCOPE", "community")
    key = paths.home / "key"
    key.write_text("secret-word")
    key.chmod(0o644)
    paths.config.write_text(f"sources: {{github: {{keys: ['file:{key}']}}}}\n")
    found = said(paths)
    assert found.health is Health.FAIL
    assert "0600" in found.found
    assert "secret-word" not in found.found


def test_how_the_last_look_went(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OODER_SCOPE", "community")
    params = {"host": "github.com", "left": 3, "limit": 60, "waiting": 2}
    state = SourceState("github", Light.SLOW, code="forge.low_allowance", params=params)
    save_states(paths.states, {"github": state})
    found = said(paths)
    assert (found.health, found.found) == (Health.WARN, "github without a key: " + state.reason)
    assert found.fix == state.said("en").next_step
    assert "3/60" in read_states(paths.states)["github"].said("zh").text
