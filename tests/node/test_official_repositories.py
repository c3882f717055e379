"""A repository marked `official: true` reaches the trust policy; a bare repository on this disk keeps its name."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from node import config
from node.config import Settings
from node.paths import Paths
from node.places import add_place, read_place
from node.policy import TrustDecisions, policy_of
from protocol.errors import UsageError


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


def test_naming_an_address_allows_its_scheme_but_no_bare_one(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    for text in ("git@h.example:team/skills.git", "https://h.example/o/r", "file:///srv/skills.git"):
        assert add_place(paths, read_place(text, tmp_path), config.load(paths, environ={}))
    loaded = config.load(paths, environ={})
    assert config.check(loaded) == ()
    assert loaded.settings.sources["git_repository"]["allow"] == ["https", "ssh", "file"]
    before = paths.own_config.read_bytes()
    for text in ("git://h.example/o/r", "http://h.example/o/r"):
        with pytest.raises(UsageError, match=r"uses (git|http), allowed"):
            add_place(paths, read_place(text, tmp_path), loaded)
    assert paths.own_config.read_bytes() == before
