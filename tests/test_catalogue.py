"""The shipped catalogue is what its README says: readable where it means to be, broken where it means to be."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import threading
from collections import Counter
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml

from protocol.items import Channel, Evidence, Item, Sighting, Standing
from protocol.manifests import ManifestReading, is_manifest, read_manifest
from protocol.merge import merge_all
from protocol.refs import Kind, Ref
from protocol.trust import TrustPolicy, admit
from protocol.versions import parse_constraint

CATALOGUE = Path(__file__).resolve().parent.parent / "scenarios" / "catalogue"
BROKEN = {"skills/skill-visitor-pass/skill.yaml", "skills/skill-parking/skill.yaml"}
VOID = "skills/skill-badge/skill.yaml"
RUNNABLE = ("skill-text-digest", "skill-text-brief")


def load(path: Path) -> Any:
    """Every scalar as text, as the node reads it."""
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)


def place(path: Path) -> str:
    return path.relative_to(CATALOGUE).as_posix()


def manifests(*names: str) -> list[tuple[str, dict[str, Any]]]:
    found = [path for name in names for path in sorted(CATALOGUE.rglob(name))]
    return [(place(path), load(path)) for path in found if place(path) not in BROKEN | {VOID}]


def skill_id(document: dict[str, Any]) -> str:
    meta = document.get("metadata", document)
    return str(meta.get("id") or meta.get("skillId") or meta["name"])


def frontmatter(path: Path) -> dict[str, Any]:
    _, head, body = path.read_text("utf-8").split("---\n", 2)
    assert body.strip()
    document = yaml.load(head, Loader=yaml.BaseLoader)
    assert isinstance(document, dict)
    return document


SKILLS = manifests("skill.yaml", "skill-manifest.yaml")
CAPABILITIES = manifests("cap.yaml")
SCENES = manifests("scene.yaml")
DOCUMENTS = sorted(CATALOGUE.rglob("SKILL.md"))


def test_the_catalogue_has_the_size_its_readme_says() -> None:
    here = [name for name, _ in SKILLS if name.startswith("skills/")]
    assert (len(SCENES), len(CAPABILITIES), len(here), len(SKILLS), len(DOCUMENTS)) == (7, 13, 24, 26, 5)


def test_every_file_that_means_to_parse_does_and_the_broken_ones_do_not() -> None:
    for path in CATALOGUE.rglob("*.yaml"):
        if place(path) in BROKEN:
            with pytest.raises(yaml.YAMLError):
                load(path)
        else:
            assert isinstance(load(path), dict), place(path)
    assert load(CATALOGUE / VOID) == {"offline": {"enabled": "true"}}


def test_ids_are_unique_except_the_intended_ones() -> None:
    releases = Counter(
        (skill_id(document), str(document.get("metadata", document)["version"])) for _, document in SKILLS
    )
    assert {release for release, times in releases.items() if times > 1} == {("skill-approval", "1.5.0")}
    ids = Counter(skill_id(document) for _, document in SKILLS)
    assert {name for name, times in ids.items() if times > 1} == {"skill-approval"}
    for what in (
        [document["metadata"]["capId"] for _, document in CAPABILITIES],
        [document["metadata"]["sceneId"] for _, document in SCENES],
        [frontmatter(path)["name"] for path in DOCUMENTS],
    ):
        assert len(what) == len(set(what))


def test_agent_skills_keep_their_standard() -> None:
    for path in DOCUMENTS:
        head = frontmatter(path)
        assert set(head) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
        assert head["name"] == path.parent.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", head["name"])
        assert 0 < len(head["description"]) <= 1024
        assert all(isinstance(value, str) for value in head["metadata"].values())


def typed(path: str) -> dict[str, Any]:
    document = yaml.safe_load((CATALOGUE / path).read_text("utf-8"))
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("path", [name for name, _ in CAPABILITIES])
def test_contracts_are_whole(path: str) -> None:
    spec = typed(path)["spec"]
    interface = spec["interface"]
    assert interface["path"].startswith("/")
    for side in ("request", "response"):
        schema = interface[side]["schema"]
        jsonschema.Draft202012Validator.check_schema(schema)
        assert set(schema["required"]) <= set(schema["properties"])
    assert all(error["code"] and 400 <= error["httpStatus"] < 600 for error in interface["errors"])
    assert isinstance(spec["permissions"], list)
    if spec["offline"]["required"]:
        assert spec["offline"]["fallback"]["method"]


def provided(document: dict[str, Any]) -> set[str]:
    listed = document.get("spec", document).get("capabilities", [])
    return {entry if isinstance(entry, str) else entry.get("id") or entry["capabilityId"] for entry in listed}


def test_scenes_need_only_capabilities_that_have_a_contract_and_a_skill() -> None:
    contracts = {document["metadata"]["capId"] for _, document in CAPABILITIES}
    offered = set().union(*(provided(document) for _, document in SKILLS))
    skills = {skill_id(document) for _, document in SKILLS} | {path.parent.name for path in DOCUMENTS}
    for name, scene in SCENES:
        spec = scene["spec"]
        assert set(spec["requiredCapabilities"] + spec["optionalCapabilities"]) <= contracts & offered, name
        assert {need["skillId"] for need in spec["dependencies"]["skills"]} <= skills, name
        assert spec["agentConfig"]["type"] == "PRIMARY"


def test_the_indexes_disagree_exactly_where_the_readme_says() -> None:
    index = load(CATALOGUE / "skill-index.yaml")
    rows = [
        row
        for pattern in index["spec"]["includes"]
        for path in CATALOGUE.glob(pattern)
        for row in load(path).get("skills", [])
    ]
    assert len(rows) != int(index["spec"]["statistics"]["totalSkills"])
    versions = {
        skill_id(document): str(document.get("metadata", document)["version"])
        for name, document in SKILLS
        if name.startswith("skills/")
    }
    listed = {row.get("skillId") or row["id"]: row["version"] for row in rows}
    assert {name for name, version in listed.items() if versions.get(name) != version} == {
        "skill-task-collector",
        "skill-seat-map",
    }
    for row in load(CATALOGUE / "capabilities" / "cap-index.yaml")["spec"]["capabilities"]:
        document = load(CATALOGUE / "capabilities" / row["path"])
        assert (row["capId"], row["version"]) == (document["metadata"]["capId"], document["metadata"]["version"])


def module(name: str) -> ModuleType:
    """The script as a module, without leaving a compiled copy in the skill's folder."""
    path = CATALOGUE / "skills" / name / "server.py"
    loaded = ModuleType(name)
    exec(compile(path.read_text("utf-8"), str(path), "exec"), loaded.__dict__)
    return loaded


TEXT = "青禾做日报。天气很好！日报要写结果，不写辛苦。Search is fast. Version 2.3 is out?! 明天继续写日报。"


@pytest.mark.parametrize("name", RUNNABLE)
def test_process_skills_keep_the_contract_they_declare(name: str) -> None:
    interface = typed("capabilities/text-summarize/cap.yaml")["spec"]["interface"]
    codes = {error["code"] for error in interface["errors"]}
    server = ThreadingHTTPServer(("127.0.0.1", 0), module(name).Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()

    def ask(method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    try:
        assert ask("GET", "/health") == (200, {"status": "ok"})
        status, answer = ask("POST", interface["path"], json.dumps({"text": TEXT, "sentences": 2}).encode())
        assert status == 200
        jsonschema.validate(answer, interface["response"]["schema"])
        assert len(answer["sentences"]) == 2
        assert all(sentence in TEXT for sentence in answer["sentences"])
        for bad in (
            b"[]",
            b"{",
            b"\xff",
            b'{"text": ""}',
            b'{"text": 1}',
            b'{"text": "a", "sentences": true}',
            b"[" * 100_000,
        ):
            status, answer = ask("POST", interface["path"], bad)
            assert (status, answer["code"]) == (400, 4100)
        status, answer = ask("POST", interface["path"], json.dumps({"text": "a" * 200_001}).encode())
        assert status == 413 and answer["code"] in codes
        assert ask("GET", "/nothing")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_the_runnable_skills_declare_how() -> None:
    documents = {skill_id(document): document for _, document in SKILLS}
    for name in RUNNABLE:
        (implemented,) = documents[name]["spec"]["implements"]
        assert implemented["capId"] == "text-summarize"
        assert implemented["connector"] == {
            "type": "process",
            "config": {"command": ["python3", "server.py"], "health": "/health"},
        }
    (implemented,) = documents["skill-summary-service"]["spec"]["implements"]
    assert (
        implemented["connector"]["type"] == "http"
        and implemented["connector"]["config"]["baseUrl"] == "http://127.0.0.1:9471"
    )


def readings() -> dict[str, ManifestReading]:
    """Every manifest of the catalogue as this project reads it."""
    places = {place(path): path for path in CATALOGUE.rglob("*") if path.is_file()}
    return {name: read_manifest(name, path.read_bytes()) for name, path in places.items() if is_manifest(name)}


def test_the_node_reads_what_the_readme_promises() -> None:
    read = readings()
    fatal = {name: problem for name, reading in read.items() for problem in reading.problems if problem.fatal}
    assert set(fatal) == {"skills/skill-parking/skill.yaml", VOID}
    assert (fatal["skills/skill-parking/skill.yaml"].code, fatal["skills/skill-parking/skill.yaml"].line) == (
        "manifest.syntax",
        5,
    )
    assert fatal[VOID].code == "manifest.void"
    (repaired,) = [item for reading in read.values() for item in reading.items if item.repaired]
    assert (repaired.id, repaired.name, repaired.author) == ("skill-visitor-pass", "访客登记", "Wang Fang")

    kinds = Counter(item.kind for reading in read.values() for item in reading.items)
    assert kinds == {Kind.SCENE: 7, Kind.CAPABILITY: 13, Kind.SKILL: 24 + 1 + 2 + 5}


def test_text_stays_text_and_dependencies_are_told_apart() -> None:
    items = [item for reading in readings().values() for item in reading.items]
    refs = {str(item.ref) for item in items}
    assert {"cap:40@1.10", "skill:skill-git-activity@2.3", "skill:daily-report-writer@1.10"} <= refs
    needs = [need for item in items for need in item.requires]
    assert {need.id for need in needs if need.platform} == {"llm-sdk", "scene-engine"}
    known = {item.ref.any_version for item in items}
    assert {need.id for need in needs if not need.platform and need.ref not in known} == {"skill-invoice-vault"}


def sighting(name: str, item: Item, digest: str) -> Sighting:
    standing = Standing.COPY if name.startswith("archive/") else Standing.MAIN if digest else Standing.LISTING
    own = Evidence(Channel.OWN_FILES)
    return Sighting(item, "local_fs", "catalogue", name, name, "local:1", own, 1.0, digest, standing=standing)


def test_only_the_intended_contradictions_are_found() -> None:
    seen = []
    for name, reading in readings().items():
        digest = "sha256:" + hashlib.sha256((CATALOGUE / name).read_bytes()).hexdigest()
        seen += [sighting(name, item, digest) for item in reading.items]
        seen += [sighting(name, listing.item, "") for listing in reading.listings]
    entries = merge_all([admit(claim, TrustPolicy(), 2.0) for claim in seen], TrustPolicy())
    found = {
        entry.ref.id: {(c.kind.value, c.version) for c in entry.conflicts}
        for entry in entries.values()
        if entry.conflicts
    }
    assert found == {
        "skill-approval": {("equivocation", "1.5.0"), ("copy_differs", "1.2.0")},
        "skill-task-collector": {("index_disagrees", "1.3.0")},
        "meeting-minutes": {("index_disagrees", "0.9.0")},
    }
    assert entries[Kind.SKILL, "skill-approval"].chosen.frozen


def test_every_constraint_can_be_compared_and_one_cannot_be_met() -> None:
    items = [item for reading in readings().values() for item in reading.items]
    versions: dict[Ref, set[str]] = {}
    for item in items:
        versions.setdefault(item.ref.any_version, set()).add(item.version)
    unmet = {
        (item.id, need.id)
        for item in items
        for need in item.requires
        if need.ref in versions and not any(map(parse_constraint(need.constraint).allows, versions[need.ref]))
    }
    assert unmet == {("skill-attendance", "skill-calendar")}
