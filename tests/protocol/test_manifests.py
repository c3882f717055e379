"""Reading manifests: every dialect in, normal forms out, never an exception."""

from __future__ import annotations

from protocol.items import Standing
from protocol.manifests import is_manifest, read_manifest
from protocol.manifests.collection import item_folder, standing_of
from protocol.refs import Kind

SKILL = """\
apiVersion: skill.ooder.net/v1
kind: Skill
metadata: {id: skill-demo, name: 演示, version: 1.10, description: Demo, author: Team, keywords: [demo]}
spec:
  skillForm: PROVIDER
  capability: {address: 0x51, category: util}
  capabilities: [{id: on, name: Run, category: service}]
  dependencies: [{skillId: skill-common, version: ">=3.0.0"}, fastjson2]
"""


def test_the_main_form_of_a_skill() -> None:
    reading = read_manifest("skills/skill-demo/skill.yaml", SKILL.encode())
    (item,) = reading.items
    assert (item.kind, item.id, item.version, item.name, item.category) == (
        Kind.SKILL,
        "skill-demo",
        "1.10",
        "演示",
        "util",
    )
    assert [each.id for each in item.provides] == ["on"]
    assert [(each.id, each.constraint, each.platform) for each in item.requires] == [
        ("skill-common", ">=3.0.0", False),
        ("fastjson2", "", True),
    ]
    assert item.facts["address"] == {"address": "0x51", "category": "util"}


def test_which_files_are_manifests() -> None:
    for path in (
        "SKILL.md",
        "a/skill.yaml",
        "skill-index/skills/util.yaml",
        "x/scenes/a-scene.yaml",
        ".claude/skills/a/SKILL.md",
    ):
        assert is_manifest(path), path
    for path in ("README.md", "pom.xml", "a/application.yml", "node_modules/a/SKILL.md", ".github/workflows/ci.yaml"):
        assert not is_manifest(path), path


def test_copies_and_item_folders() -> None:
    assert standing_of("skills/.archive/v0/skill-a/skill.yaml") is Standing.COPY
    assert standing_of("a/src/main/resources/skill.yaml") is Standing.COPY
    assert standing_of(".agents/skills/a/SKILL.md") is Standing.MAIN
    assert item_folder("skills/skill-a/skill.yaml") == "skills/skill-a"
    assert item_folder("scenes/a-scene.yaml") == "scenes/a-scene.yaml"
    assert item_folder("SKILL.md") == ""
