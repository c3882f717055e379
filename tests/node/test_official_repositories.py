"""A repository marked `official: true` reaches the trust policy; a bare repository on this disk keeps its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

from node.config import Settings
from node.places import read_place
from node.policy import TrustDecisions, policy_of


def test_official_repositories_are_in_the_policy() -> None:
    entries = [{"url": "https://github.com/OoderCN/skills", "official": "true"}, {"url": "https://github.com/a/b"}]
    settings = Settings.model_validate({"sources": {"git_repository": {"repositories": entries}}})
    assert policy_of(settings, TrustDecisions()).official == {"git:github.com/oodercn/skills"}
    broken = Settings.model_validate(
        {"sources": {"git_repository": {"repositories": [{"url": "-u", "official": True}]}}}
    )
    assert policy_of(broken, TrustDecisions()).official == frozenset()
    assert policy_of(Settings(), TrustDecisions()).official == frozenset()


def test_a_bare_repository_keeps_its_chinese_name(tmp_path: Path) -> None:
    path = tmp_path / "仓库.git"
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    assert read_place(str(path), tmp_path).text == f"file://{path}"


def test_registries_are_told_from_repositories(tmp_path: Path) -> None:
    for text in ("skill_center:https://r.example", "https://r.example/api/v1", "https://r.example/api/v1/"):
        place = read_place(text, tmp_path)
        assert (place.source, place.value) == ("skill_center", {"url": "https://r.example"})
    assert read_place("https://h.example/o/r", tmp_path).source == "git_repository"


def test_an_official_registry_is_in_the_policy() -> None:
    entries = [{"url": "https://r.example/api/v1", "official": True}, {"url": "https://s.example"}]
    settings = Settings.model_validate({"sources": {"skill_center": {"registries": entries}}})
    assert policy_of(settings, TrustDecisions()).official == {"registry:r.example/*"}
