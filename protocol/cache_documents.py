"""The documents of the cache tree, in the forms of FORMATS 1.1 to 1.5 that other readers of Ooder files understand.

They are projections for people and other tools; this node itself reads `provenance.yaml` beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protocol.items import Dependency, Item, Json, Provided
from protocol.merge import Entry
from protocol.refs import Kind

HEADER = (
    "# Written by ooder-discovery-node from what it discovered; changes are lost. Where it came from: provenance.yaml\n"
)
"""First line of every document here, by which a reader tells ours from others'."""

Document = dict[str, Json]


class Place(NamedTuple):
    """Where the guide (3.7) keeps a kind below `cache/`; agents are this project's own addition."""

    folder: str
    listing: str
    file: str
    text: str


PLACES = {
    Kind.SCENE: Place("scenes", "scene-index.yaml", "scene.yaml", "scene.md"),
    Kind.CAPABILITY: Place("capabilities", "cap-index.yaml", "cap.yaml", "cap.md"),
    Kind.SKILL: Place("skills", "skill-index.yaml", "skill.yaml", "skill.md"),
    Kind.AGENT: Place("agents", "agent-index.yaml", "agent.yaml", "agent.md"),
}

_ID_KEYS = {Kind.SCENE: "sceneId", Kind.CAPABILITY: "capId", Kind.SKILL: "skillId", Kind.AGENT: "agentId"}


def item_document(item: Item) -> Document:
    """`skill.yaml`, `scene.yaml`, `cap.yaml` or `agent.yaml`."""
    build = {Kind.SCENE: _scene, Kind.CAPABILITY: _capability, Kind.SKILL: _skill, Kind.AGENT: _agent}[item.kind]
    return build(item)


def item_text(item: Item) -> str:
    """`scene.md` or `cap.md` (guide 3.7); empty for other kinds and when there is nothing to tell."""
    if not item.description or item.kind not in (Kind.SCENE, Kind.CAPABILITY):
        return ""
    title = " ".join((item.name or item.id).split())
    return f"# {title}\n\n{item.description.strip()}\n"


def index_document(kind: Kind, rows: Sequence[Document]) -> Document:
    """`scene-index.yaml`, `cap-index.yaml`, `skill-index.yaml` or `agent-index.yaml`; `rows` in the order to be written."""
    head: Document = {"name": "ooder-cache", "version": "1.0.0", "count": len(rows)}
    if kind is Kind.SCENE:
        return _index("scene.ooder.net/v1", "SceneIndex", head) | {"spec": {"scenes": rows}}
    if kind is Kind.CAPABILITY:
        return _index("ooder.io/v1", "CapabilityIndex", head) | {"spec": {"capabilities": rows}}
    if kind is Kind.SKILL:
        return _index("ooder.io/v1", "SkillIndex", head) | {"skills": rows}
    return _index("ooder.io/v1", "AgentIndex", head) | {"agents": rows}


def index_row(entry: Entry) -> Document:
    """One row of the index of the entry's kind."""
    item, kind = entry.item, entry.item.kind
    path = f"{item.id}/{PLACES[kind].file}"
    row: Document = {_ID_KEYS[kind]: item.id, "name": item.name or item.id, "version": item.version}
    row |= _given(description=item.description, category=item.category, tags=list(item.tags))
    if kind is Kind.SCENE:
        row["requiredCapabilities"] = [one.id for one in _needs(item, Kind.CAPABILITY) if one.required]
        row["configPath"] = f"scenes/{path}"
    elif kind is Kind.CAPABILITY:
        row["path"] = path
    else:
        row |= {"capabilities": [one.id for one in item.provides], "path": item.id}
    return row | _given(principal=entry.chosen.principal, digest=entry.chosen.digest)


def _index(api: str, kind: str, head: Document) -> Document:
    return {"apiVersion": api, "kind": kind, "metadata": head}


def _skill(item: Item) -> Document:
    spec = _given(skillForm=item.facts.get("form"))
    spec |= _given(capabilities=[_provided(one, "id") for one in item.provides])
    spec |= _given(dependencies=[_needed(one, "skillId") for one in _needs(item, Kind.SKILL)])
    spec |= _given(requiredCapabilities=[one.id for one in _needs(item, Kind.CAPABILITY)])
    spec |= _given(scenes=[one.id for one in _needs(item, Kind.SCENE)])
    return _document(item, "skill.ooder.net/v1", "Skill", "id", spec)


def _scene(item: Item) -> Document:
    needs = _needs(item, Kind.CAPABILITY)
    spec: Document = {
        "requiredCapabilities": [one.id for one in needs if one.required],
        "optionalCapabilities": [one.id for one in needs if not one.required],
    }
    spec |= _given(capabilities=[_provided(one, "capId") for one in item.provides])
    scenes: Json = [_needed(one, "sceneId") for one in _needs(item, Kind.SCENE)]
    skills: Json = [_needed(one, "skillId") for one in _needs(item, Kind.SKILL)]
    spec["dependencies"] = {"scenes": scenes, "skills": skills}
    return _document(item, "scene.ooder.net/v1", "SceneDefinition", "sceneId", spec)


def _capability(item: Item) -> Document:
    spec = _given(dependencies=[_needed(one, "capId") for one in _needs(item, Kind.CAPABILITY)])
    return _document(item, "ooder.io/v1", "CapabilityDefinition", "capId", spec)


def _agent(item: Item) -> Document:
    spec = _given(capabilities=[_provided(one, "id") for one in item.provides])
    return _document(item, "ooder.io/v1", "Agent", "id", spec)


def _document(item: Item, api: str, kind: str, id_key: str, spec: Document) -> Document:
    metadata: Document = {id_key: item.id, "name": item.name or item.id, "version": item.version}
    metadata |= _given(
        description=item.description,
        category=item.category,
        author=item.author,
        license=item.license,
        keywords=list(item.tags),
    )
    facts = {key: item.facts[key] for key in sorted(item.facts) if key not in spec and key != "form"}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": {**spec, **facts}}


def _needs(item: Item, kind: Kind) -> list[Dependency]:
    return [one for one in item.requires if one.kind is kind]


def _needed(dependency: Dependency, id_key: str) -> Json:
    found: Document = {id_key: dependency.id}
    return found | _given(version=dependency.constraint) | {"required": dependency.required}


def _provided(provided: Provided, id_key: str) -> Json:
    found: Document = {id_key: provided.id}
    return found | _given(
        name=provided.name,
        description=provided.description,
        category=provided.category,
        version=provided.version,
    )


def _given(**values: Json) -> Document:
    return {key: value for key, value in values.items() if value}
