"""Indexes: rows become listings, includes stay inside, bad rows hurt nobody else."""

from __future__ import annotations

from pathlib import Path

from protocol.manifests import ManifestReading, read_manifest, resolve_includes
from protocol.refs import Kind

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "manifests"


def read(path: str) -> ManifestReading:
    return read_manifest(path, (SAMPLES / path).read_bytes())


def test_a_section_of_skills() -> None:
    reading = read("skill-index/skills/util.yaml")
    first, second = reading.listings
    assert (str(first.item.ref), first.path, first.download_url, first.digest) == (
        "skill:skill-main@2.30", "skills/skill-main", "https://files.example/skill-main.jar", "",
    )  # fmt: skip
    assert first.item.facts["scenes"] == ["morning"] and first.item.category == "util"
    assert second.digest == "sha256:" + "abcdef" * 10 + "abcd"
    assert [(problem.code, problem.params["entry"], problem.fatal) for problem in reading.problems] == [
        ("manifest.bad_entry", 2, False)
    ]
    assert not reading.items


def test_scenes_drivers_and_the_old_inline_form() -> None:
    (scene,) = read("skill-index/scenes/all.yaml").listings
    assert scene.item.kind is Kind.SCENE and [each.id for each in scene.item.requires] == ["weather-now"]
    old, driver = read("legacy/skill-index.yaml").listings
    assert (old.item.id, old.path) == ("skill-old", "skills/skill-old")
    assert [each.id for each in old.item.provides] == ["old-run"]
    assert (driver.item.kind, driver.item.id, driver.item.facts["form"]) == (Kind.SCENE, "org", "DRIVER")


def test_a_scene_index_and_the_capability_indexes() -> None:
    scene, group = read("scene-index.yaml").listings
    assert (scene.item.id, scene.path, group.item.facts["group"]) == ("demo", "scenes/demo/scene.yaml", True)
    (cap,) = read("cap/cap-index.yaml").listings
    assert (cap.item.id, cap.path, cap.item.facts["aliases"]) == ("40", "40/cap.yaml", ["send-message"])
    chat, image = read("cap/capability-registry.yaml").listings
    assert (chat.item.id, image.item.id, image.item.name) == ("llm-chat", "llm-02", "图像")
    assert chat.item.facts["address"] == {"base": "0x0100", "offset": "01"}
    assert chat.item.facts["providers"] == ["skill-main"]


def test_an_index_entry_and_a_bare_list() -> None:
    entry = b"""apiVersion: skill.ooder.net/v1
kind: SkillIndexEntry
metadata: {id: skill-a, name: A, version: 1.0.0}
spec: {skillForm: PROVIDER, category: util, tags: [x], dependencies: [skill-b]}
"""
    (listing,) = read_manifest("skills/skill-a/skill-index-entry.yaml", entry).listings
    assert (listing.item.id, listing.item.tags, listing.item.category) == ("skill-a", ("x",), "util")
    assert [each.id for each in listing.item.requires] == ["skill-b"]
    (bare,) = read_manifest("skill-index/skills-section.yaml", b"- {skillId: skill-c, version: 1.0.0}\n").listings
    assert bare.item.id == "skill-c"


def test_includes_are_found_beside_the_index_then_at_the_root() -> None:
    paths = ["skill-index/skills/a.yaml", "skill-index/skills/b.yaml", "skill-index/skills/deep/c.yaml", "skill-index/index.yaml",
             "skills/z.yaml", "skill-index.yaml", "top/x.yaml"]  # fmt: skip
    assert resolve_includes("skill-index.yaml", ["skill-index/skills/*.yaml"], paths)[0] == tuple(paths[:2])
    assert resolve_includes("skill-index/index.yaml", ["skills/*.yaml"], paths)[0] == tuple(paths[:2])
    assert resolve_includes("skill-index/index.yaml", ["top/x.yaml", "./skills/a.yaml"], paths)[0] == (
        "skill-index/skills/a.yaml",
        "top/x.yaml",
    )
    assert resolve_includes("skill-index.yaml", ["none/*.yaml", "skill-index.yaml"], paths) == ((), ())


def test_includes_that_leave_are_refused() -> None:
    patterns = read("skill-index.yaml").includes
    assert patterns == ("skill-index/skills/*.yaml", "skill-index/scenes/*.yaml", "../secret.yaml")
    bad = [
        "../secret.yaml",
        "a/../../b.yaml",
        "/etc/passwd",
        "~/x.yaml",
        "C:/x",
        "a\\b",
        "*/x.yaml",
        "a/**",
        "",
        "file:x",
    ]
    found, problems = resolve_includes(
        "i/skill-index.yaml", bad, ["secret.yaml", "b.yaml", "etc/passwd", "a/x.yaml", "i/a/x.yaml"]
    )
    assert found == () and [problem.params["pattern"] for problem in problems] == bad
    assert {(problem.code, problem.fatal) for problem in problems} == {("manifest.bad_include", False)}


def test_the_discovery_cache_of_java_nodes() -> None:
    data = b'{"expired": false, "skills": [{"skillId": "skill-a", "name": "A", "version": "2.30"}], "timestamp": 1, "ttl": 3600000}'
    (listing,) = read_manifest(".ooder/cache/discovery/gitee_a_skills_.json", data).listings
    assert str(listing.item.ref) == "skill:skill-a@2.30"
