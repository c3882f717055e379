"""Every dialect of FORMATS section 1 in, normal forms out."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.items import Item
from protocol.manifests import ManifestReading, is_manifest, read_manifest

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "manifests"


def read(path: str) -> ManifestReading:
    assert is_manifest(path), path
    return read_manifest(path, (SAMPLES / path).read_bytes())


def only(path: str) -> Item:
    (item,) = read(path).items
    return item


def needs(item: Item) -> list[str]:
    return [
        f"{each.ref} {each.constraint}".strip() + ("" if each.required else "?") + ("!" if each.platform else "")
        for each in item.requires
    ]


def remarks(reading: ManifestReading) -> list[str]:
    return [problem.code.removeprefix("manifest.") for problem in reading.problems]


ITEMS = {
    "skills/skill-main/skill.yaml": ("skill:skill-main@2.30", "天气播报", "util",
        ["skill:skill-base >=1.0.0", "skill:skill-map ^2.1?", "skill:skill-plain", "skill:skill-extra?"]),
    "skills/skill-enterprise/skill.yaml": ("skill:skill-enterprise@1.0.0", "通知中心", "", ["skill:skill-directory"]),
    "skills/skill-flat/skill.yaml": ("skill:skill-flat@1.0.0", "Flat", "tools", ["skill:llm-sdk [1.0,2.0)!", "skill:skill-main?"]),
    "skills/skill-packed/skill-manifest.yaml": ("skill:skill-packed@1.2.0", "skill-packed", "", []),
    "skills/skill-json/skill.json": ("skill:skill-json@2.30", "Json", "", []),
    "skills/daily-digest/SKILL.md": ("skill:daily-digest@1.10", "每日摘要", "", []),
    "scenes/demo/scene.yaml": ("scene:demo@1.0.0", "演示场景", "tools",
        ["cap:weather-now", "cap:cap-note?", "skill:skill-enterprise?", "scene:base", "skill:skill-main >=1.0.0", "scene:evening?"]),
    "scenes/office-group.yaml": ("scene:office@1.0.0", "Office", "", ["scene:demo", "scene:evening?"]),
    "scenes/report-template.yaml": ("scene:report@1.0.0", "Report", "office",
        ["cap:report-write", "skill:skill-main >=2.0", "skill:skill-base", "skill:skill-map?"]),
    "scenes/service-scene.yaml": ("scene:SERVICE@1.0.0", "服务", "", ["cap:cap-auth", "skill:skill-auth"]),
    "scenes/old-scene.yaml": ("scene:msg@0.6.0", "Messages", "MSG", ["cap:send"]),
    "scenes/flow-scene.yaml": ("scene:flow", "Flow", "", []),
    "cap/40/cap.yaml": ("cap:40@1.0.0", "MSG_SEND", "messaging", ["cap:41?"]),
}  # fmt: skip


@pytest.mark.parametrize("path", ITEMS)
def test_one_file_of_every_dialect(path: str) -> None:
    item = only(path)
    assert (str(item.ref), item.name, item.category, needs(item)) == ITEMS[path]
    assert item.raw and item.dialect


def test_what_a_skill_declares() -> None:
    item = only("skills/skill-main/skill.yaml")
    assert [(each.id, each.name) for each in item.provides] == [("on", "Switch on"), ("weather-now", "现在的天气")]
    assert (item.author, item.license, item.tags) == ("Lin", "MIT", ("weather", "天气"))
    facts = item.facts
    assert facts["address"] == {"address": "0x2D", "category": "util"}
    assert facts["config"] == {
        "required": [{"name": "WEATHER_KEY", "type": "string", "secret": True}],
        "optional": [{"name": "UNIT", "type": "string", "default": "010"}],
    }
    assert facts["permissions"] == [{"id": "net.read"}, {"id": "place.read", "description": "Where you are"}]
    assert facts["contracts"] == {"weather-now": {"inputSchema": {"type": "object", "required": ["town"]}}}
    assert facts["endpoints"] == [{"path": "/weather", "method": "GET", "capability": "weather-now"}]
    assert facts["run"] == {"how": "jar", "entryPoint": "weather.Main", "language": "java"}
    assert facts["scenes"] == ["morning"]
    assert facts["form"] == "PROVIDER"


def test_the_connector_of_a_manifest() -> None:
    item = only("skills/skill-packed/skill-manifest.yaml")
    assert [(each.id, each.version) for each in item.provides] == [("packed-run", ""), ("40", "1.0")]
    assert item.facts["run"] == {"how": "http", "baseUrl": "http://127.0.0.1:9000"}
    assert item.facts["config"] == {"required": [{"name": "depth", "type": "integer"}]}


def test_the_contract_of_a_capability() -> None:
    item = only("cap/40/cap.yaml")
    contract = item.facts["contract"]
    assert isinstance(contract, dict) and contract["request"] == {"schema": {"type": "object", "required": ["to"]}}
    assert item.facts["zone"] == "common" and item.facts["createdAt"] == "2026-02-20"
    assert item.facts["permissions"] == [{"id": "message.send"}]


def test_the_command_form_of_a_capability() -> None:
    data = b"cap:\n  id: lamp\n  name: Lamp\n  version: 1.0.0\n  spec: {standardCommands: [{id: on}, {id: off}]}\n"
    (item,) = read_manifest("cap/lamp/cap.yaml", data).items
    assert item.id == "lamp" and item.facts["commands"] == {"standardCommands": [{"id": "on"}, {"id": "off"}]}


def test_an_agent_skill() -> None:
    reading = read("skills/daily-digest/SKILL.md")
    (item,) = reading.items
    assert [each.id for each in item.provides] == ["digest", "summary"]
    assert item.description.endswith("Use when: somebody asks for a digest.")
    assert item.repaired == ("colons",) and remarks(reading) == ["repaired"]
    assert item.facts["bodyLines"] == 3 and item.facts["allowedTools"] == "Read Bash(git:*)"


def test_an_agent_skill_that_breaks_the_standard_is_remarked_not_refused() -> None:
    data = f"---\nname: Big_Name\ndescription: {'x' * 1100}\nmetadata: {{deep: [1]}}\nmodel: opus\n---\n".encode()
    reading = read_manifest("other/SKILL.md", data)
    assert [item.id for item in reading.items] == ["Big_Name"]
    fields = [problem.params["field"] for problem in reading.problems if problem.code == "manifest.agent_skill"]
    assert fields == ["name", "description", "metadata", "model"] and "id_not_folder" in remarks(reading)
    assert not any(problem.fatal for problem in reading.problems)


def test_an_agent_skill_without_frontmatter_is_a_problem() -> None:
    (problem,) = read_manifest("a/SKILL.md", b"# Title\n").problems
    assert (problem.code, problem.line, problem.fatal) == ("manifest.no_frontmatter", 1, True)


def test_line_numbers_of_frontmatter_are_those_of_the_file() -> None:
    (problem, *_) = read_manifest("a/SKILL.md", b"---\nname: a\nname: b\n---\n").problems
    assert (problem.code, problem.line) == ("manifest.duplicate_key", 3)


@pytest.mark.parametrize(
    ("data", "folder", "expected"),
    [
        (b"kind: Skill\nmetadata: {id: a, skillId: b, name: c, version: 1.0.0}", "d", "a"),
        (b"kind: Skill\nmetadata: {skillId: b, name: c, version: 1.0.0}", "d", "b"),
        (b"kind: Skill\nid: e\nmetadata: {name: c, version: 1.0.0}", "d", "e"),
        (b"kind: SkillPackage\nmetadata: {name: c, version: 1.0.0}", "d", "c"),
        ("kind: Skill\nmetadata: {name: 名字, version: 1.0.0}".encode(), "d", "d"),
    ],
)
def test_the_chain_of_ids(data: bytes, folder: str, expected: str) -> None:
    (item,) = read_manifest(f"{folder}/skill.yaml", data).items
    assert item.id == expected


@pytest.mark.parametrize("bad", ["../evil", "a/b", "a b", "名字", "-a", "a" * 129, ".", "a."])
def test_an_id_that_is_none_is_refused_never_replaced(bad: str) -> None:
    reading = read_manifest("good/skill.yaml", f"kind: Skill\nmetadata: {{id: '{bad}', version: 1.0.0}}".encode())
    assert not reading.items
    assert [(problem.code, problem.fatal) for problem in reading.problems] == [("manifest.no_id", True)]


def test_unknown_fields_and_wrong_shapes_never_fail() -> None:
    data = b"""kind: Skill
metadata: {id: a, version: [1], name: {x: y}, keywords: {a: b}, description: [x], author: [z], extra: 1}
spec: {capabilities: 7, dependencies: text, config: [a], endpoints: {x: 1}, permissions: 3, scenes: x, runtime: [1], implements: y, offline: no}
"""
    (item,) = read_manifest("a/skill.yaml", data).items
    assert item.id == "a" and item.version == "" and item.name == "a"


def test_names_are_cut_and_hidden_characters_are_remarked() -> None:
    data = f"kind: Skill\nmetadata: {{id: a, version: 1.0.0, name: 'x\u202e{'y' * 900}', description: '{'z' * 9000}'}}".encode()
    reading = read_manifest("a/skill.yaml", data)
    assert len(reading.items[0].name) == 200 and len(reading.items[0].description) == 4000
    assert remarks(reading) == ["hidden_characters"]


def test_lint_is_a_remark() -> None:
    reading = read_manifest(
        "folder/skill.yaml",
        b"kind: Skill\nmetadata: {id: Big_ID, version: 2.3}\nspec: {dependencies: [{id: b, version: '>>x'}, ../c]}",
    )
    assert len(reading.items) == 1 and not any(problem.fatal for problem in reading.problems)
    assert sorted(remarks(reading)) == [
        "bad_constraint",
        "bad_reference",
        "id_not_folder",
        "id_pattern",
        "version_not_semver",
    ]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a/skill-index-entry.yaml", b"  dependencies: []\n"),
        ("a/skill-index-entry.yaml", b"    - skill-vfs-base\n"),
        ("templates/skill-manifest.yaml", b'    javaVersion: ">=8"\n'),
        ("a/skill.yaml", b""),
        ("a/skill.yaml", b"# nothing\n"),
        ("a/skill.yaml", b"text\n"),
        ("a/skill.yaml", b"kind: Skill\n"),
        ("a/scene.yaml", b"[]\n"),
    ],
)
def test_a_void_file_is_reported_as_void(path: str, data: bytes) -> None:
    reading = read_manifest(path, data)
    assert [(problem.code, problem.line, problem.fatal) for problem in reading.problems] == [("manifest.void", 1, True)]
    assert not reading.items and not reading.listings


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("config/scenes/app.yaml", b"spring: {datasource: {url: x}}\n"),
        ("skills/values.yaml", b"replicas: 3\nimage: x\n"),
        ("a/user-group.yaml", b"kind: ConfigMap\nmetadata: {name: x}\n"),
        ("skill-index/categories.yaml", b"kind: Categories\ncategories: [{id: a, name: b}]\n"),
    ],
)
def test_documents_of_another_world_are_passed_over(path: str, data: bytes) -> None:
    reading = read_manifest(path, data)
    assert (reading.items, reading.listings, reading.problems) == ((), (), ())


def test_a_text_beside_a_scene_is_no_manifest() -> None:
    assert not is_manifest("scenes/demo/scene.md") and not is_manifest("cap/40/cap.md")
