"""Settings on their way from the skill that is replaced to the one that replaces it."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.paths import Paths
from node.scene.configuring import configure
from node.scene.migrating import migrated
from node.scene.settings import read_settings
from protocol.items import Item
from protocol.manifests import read_manifest


def skill(name: str, settings: str) -> Item:
    text = f"apiVersion: skill.ooder.net/v1\nkind: Skill\nmetadata: {{id: {name}, version: '1.0'}}\nspec:\n  config: {{optional: [{settings}]}}\n"
    return read_manifest("skill.yaml", text.encode()).items[0]


OLD = skill("old", "{name: HOST}, {name: PORT}, {name: TOKEN, secret: true}")
NEW = skill("new", "{name: HOST}, {name: PORT}, {name: TOKEN, secret: true}, {name: COLOUR}")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(tmp_path)
    configure(paths, OLD, {"HOST": "mail.example", "PORT": "25", "TOKEN": "s3cret"})
    configure(paths, NEW, {"PORT": "587"})
    return paths


def test_what_both_declare_is_taken_over_and_nothing_is_overwritten(paths: Paths) -> None:
    with migrated(paths, OLD, NEW, one_principal=True) as done:
        assert (set(done.taken), done.held_back) == ({"HOST", "TOKEN"}, ())
    assert read_settings(paths, "new") == {"HOST": "mail.example", "PORT": "587", "TOKEN": "s3cret"}
    secrets = paths.skill_config / "new" / "secrets.yaml"
    assert secrets.stat().st_mode & 0o777 == 0o600 and "s3cret" in secrets.read_text()


def test_secrets_stay_with_their_publisher(paths: Paths) -> None:
    with migrated(paths, OLD, NEW, one_principal=False) as done:
        assert (done.taken, done.held_back) == (("HOST",), ("TOKEN",))
    assert "TOKEN" not in read_settings(paths, "new")


def test_a_secret_does_not_become_plain_because_the_new_skill_says_so(paths: Paths) -> None:
    plain = skill("new", "{name: TOKEN}")
    with migrated(paths, OLD, plain, one_principal=False) as done:
        assert done.held_back == ("TOKEN",)


def test_a_failure_takes_it_back(paths: Paths) -> None:
    with pytest.raises(RuntimeError), migrated(paths, OLD, NEW, one_principal=True):
        raise RuntimeError
    assert read_settings(paths, "new") == {"PORT": "587"}
    assert not (paths.skill_config / "new" / "secrets.yaml").exists()
