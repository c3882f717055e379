"""From files to claims: which files count, what is a copy, what an item's folder is, where a sighting points."""

from __future__ import annotations

import pytest

from protocol.items import Channel, Evidence, Standing
from protocol.manifests import is_manifest, read_manifest
from protocol.manifests.collection import item_folder, listed_place, sightings_of, standing_of

YES = """SKILL.md skills/a/SKILL.md skills/.curated/a/SKILL.md .agents/skills/a/SKILL.md .claude/skills/a/SKILL.md .github/skills/a/SKILL.md
.qoder/skills/x/SKILL.md skill.yaml a/b/skill.yaml a/skill.yml a/skill-manifest.yaml a/skill-index-entry.yaml skill-index.yaml skill-index-dev.yaml
skill-index/index.yaml skill-index/skills/util.yaml scene.yaml scenes/x/scene.yaml scenes/x.yaml a/msg-scene.yaml a/home-group.yaml scene-index.yaml
cap.yaml cap/40/cap.yaml cap-index.yaml capability-registry.yaml templates/skill-scene-v2.3.yaml a/skill.json capabilities/c.yaml skills/s.yaml
.archive/a/skill.yaml target/classes/skill.yaml .ooder/cache/discovery/gitee_a_skills_.json""".split()  # noqa: SIM905
NO = """README.md skill.md.bak scene.md cap.md application.yml a/values.yaml .github/workflows/ci.yaml node_modules/a/SKILL.md a/.git/skill.yaml
dist/skill.yaml build/skill.yaml __pycache__/skill.yaml config/app.yaml skills/a/pom.xml skills/a/data.json docker-compose.yaml skill.yaml/x.txt
templates/index.yaml src/skill_yaml.py yaml .yaml""".split()  # noqa: SIM905


@pytest.mark.parametrize("path", YES)
def test_files_worth_reading(path: str) -> None:
    assert is_manifest(path)


@pytest.mark.parametrize("path", NO)
def test_files_not_worth_reading(path: str) -> None:
    assert not is_manifest(path)


@pytest.mark.parametrize(
    ("path", "standing"),
    [
        ("skills/a/skill.yaml", Standing.MAIN),
        ("SKILL.md", Standing.MAIN),
        (".claude/skills/a/SKILL.md", Standing.MAIN),
        ("skills/.experimental/a/SKILL.md", Standing.MAIN),
        ("scenes/archive.yaml", Standing.MAIN),
        ("skills/.archive/v0/a/skill.yaml", Standing.COPY),
        ("archive/a/skill.yaml", Standing.COPY),
        ("mvp/.ooder/downloads/a/skill.yaml", Standing.COPY),
        ("a/target/classes/skill.yaml", Standing.COPY),
        ("a/src/main/resources/skill.yaml", Standing.COPY),
        (".hidden/a/skill.yaml", Standing.COPY),
    ],
)
def test_what_is_a_copy(path: str, standing: Standing) -> None:
    assert standing_of(path) is standing


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("skills/a/skill.yaml", "skills/a"),
        ("skills/a/SKILL.md", "skills/a"),
        ("SKILL.md", ""),
        ("scenes/demo/scene.yaml", "scenes/demo"),
        ("scenes/demo-scene.yaml", "scenes/demo-scene.yaml"),
        ("scenes/scene.yaml", "scenes/scene.yaml"),
        ("a/src/main/resources/skill.yaml", "a/src/main/resources/skill.yaml"),
        ("cap/40/cap.yaml", "cap/40"),
        ("skill-index.yaml", "skill-index.yaml"),
    ],
)
def test_the_folder_of_an_item(path: str, folder: str) -> None:
    assert item_folder(path) == folder


@pytest.mark.parametrize(
    ("place", "path", "target"),
    [
        ("skill-index.yaml", "skills/a", "skills/a"),
        ("repo/skill-index/skills/util.yaml", "skills/a", "repo/skills/a"),
        ("cap/cap-index.yaml", "40/cap.yaml", "cap/40/cap.yaml"),
        ("res/scenes/scene-index.yaml", "scenes/a.yaml", "res/scenes/a.yaml"),
        ("skill-index.yaml", "../a", ""),
        ("skill-index.yaml", "/etc", ""),
        ("skill-index.yaml", "file:///etc", ""),
        ("skill-index.yaml", "a\\b", ""),
        ("skill-index.yaml", "a\u202e", ""),
        ("skill-index.yaml", "", ""),
    ],
)
def test_where_an_index_row_points(place: str, path: str, target: str) -> None:
    assert listed_place(place, path) == target


def test_sightings_of_items_and_listings() -> None:
    def claims(path: str, data: bytes) -> list[tuple[str, str, str, Standing, int]]:
        found = sightings_of(
            read_manifest(path, data), source="local_fs", origin="o", place=path, location=lambda each: f"file:///o/{each}", principal="local:1",
            evidence=Evidence(Channel.OWN_FILES), at=5.0, digest="sha256:1", manifest_digest="sha256:2", size=3, files=4,
        )  # fmt: skip
        assert all((each.seen_at, each.place, each.principal) == (5.0, path, "local:1") for each in found)
        return [(each.item.id, each.location, each.digest, each.standing, each.files) for each in found]

    skill = b"kind: Skill\nmetadata: {id: a, version: 1.0.0}"
    assert claims("skills/a/skill.yaml", skill) == [("a", "file:///o/skills/a", "sha256:1", Standing.MAIN, 4)]
    assert claims("archive/a/skill.yaml", skill)[0][3] is Standing.COPY
    index = b"kind: Skills\nskills: [{id: b, path: s/b}, {id: c, downloadUrl: 'https://h.example/c.jar'}, {id: d, downloadUrl: 'http://h.example/d'}]"
    assert claims("skill-index/skills/x.yaml", index) == [
        ("b", "file:///o/s/b", "", Standing.LISTING, 0),
        ("c", "https://h.example/c.jar", "", Standing.LISTING, 0),
        ("d", "file:///o/skill-index/skills/x.yaml", "", Standing.LISTING, 0),
    ]
