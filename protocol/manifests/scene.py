"""Scenes: definitions, groups, templates, descriptions and the guide's own scene.yaml (FORMATS 1.4)."""

from __future__ import annotations

from typing import Final

from protocol import limits
from protocol.items import Dependency, Item, Json
from protocol.manifests.fields import Row, choose_id, first, flag, make_item, row_of, rows_of, slug, text, texts
from protocol.manifests.needs import needs_of
from protocol.manifests.reading import Document
from protocol.manifests.skill import CAPABILITY_IDS, config_facts, contracts_of, named_rows
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind, is_id

OWN_FOLDER_NAMES: Final = frozenset({"scene", "scene-template", "scene-group"})
"""File stems that mean: the folder is the scene's own, and may name it."""

_WORDS: Final = {
    "type": "type", "scenePrefix": "prefix", "suite": "suite", "roles": "roles", "activationSteps": "activation", "menus": "menus",
    "uiSkills": "uiSkills", "privateCapabilities": "privateCapabilities", "installOrder": "installOrder", "offline": "offline",
    "estimatedResources": "resources", "estimatedDuration": "estimatedDuration", "deployment": "deployment", "agentConfig": "agent",
    "agents": "agents", "workflow": "workflow", "policies": "policies", "networkConfig": "network", "keyConfig": "keys",
    "auditConfig": "audit", "members": "members", "protocols": "protocols", "interfaces": "interfaces", "fallback": "fallback",
    "communicationProtocol": "protocol", "securityPolicy": "securityPolicy", "participantMode": "participantMode", "scene": "scene",
    "sceneType": "sceneType", "skillForm": "form", "maxMembers": "maxMembers", "transport": "transport", "priority": "priority",
    "collaborativeScenes": "collaborativeScenes", "driverCapabilities": "driverCapabilities", "owner": "owner", "icon": "icon",
    "createdAt": "createdAt",
}  # fmt: skip


def read_scene(doc: Document) -> Item | None:
    """The scene of a document of any of the kinds above; None (with a problem) without a usable id."""
    root = doc.root
    inner = (
        next((row for key in ("scene", "cmd", "msg") if (row := row_of(root.get(key)))), None)
        if "metadata" not in root
        else None
    )
    meta = row_of(root.get("metadata")) or inner or root
    spec = row_of(root.get("spec")) or (meta if "metadata" not in root else {})
    own_folder = doc.folder if doc.stem in OWN_FOLDER_NAMES else ""
    stem = doc.stem if doc.stem not in OWN_FOLDER_NAMES else ""
    category = first(meta, "category")
    named = category.lower() if root.get("kind") == "SceneDescription" else ""
    item_id = choose_id(
        doc, first(meta, "sceneId", "sceneGroupId", "id") or named, (slug(first(meta, "name")), own_folder, stem)
    )
    if not item_id:
        return None
    if own_folder and own_folder != item_id:
        doc.remark("manifest.id_not_folder", id=item_id, folder=own_folder)
    return make_item(
        doc,
        Kind.SCENE,
        item_id,
        {**meta, "author": meta.get("author") or meta.get("owner")},
        name=first(meta, "displayName", "name", "sceneName"),
        category=category or first(spec, "category"),
        tags=texts(meta.get("keywords") or meta.get("tags") or spec.get("tags"), limits.TAGS),
        requires=scene_needs(doc, spec),
        facts=_facts(doc, meta, spec),
    )


def scene_needs(doc: Document, spec: Row) -> list[Dependency]:
    """Capabilities, skills and scenes a scene asks for."""
    needs: list[Dependency] = []
    capabilities = spec.get("capabilities")
    if "requiredCapabilities" in spec or "optionalCapabilities" in spec:
        needs += capability_needs(spec.get("requiredCapabilities"), required=True)
        needs += capability_needs(spec.get("optionalCapabilities"), required=False)
    else:
        needs += capability_needs(capabilities, required=True, defined_here=True)
    for row in rows_of(capabilities):
        if is_id(provider := first(row, "provider")):
            needs.append(Dependency(Kind.SKILL, provider, required=flag(row.get("required"), True)))
    needs += needs_of(doc, spec.get("skills"))
    needs += needs_of(doc, spec.get("members"))
    needs += needs_of(doc, spec.get("scenes"), Kind.SCENE)
    if not _is_order(spec.get("dependencies")):
        needs += needs_of(doc, spec.get("dependencies"))
    needs += needs_of(doc, spec.get("collaborativeScenes"), Kind.SCENE, required=False)
    return needs


def _is_order(dependencies: Tree) -> bool:
    """A scene group writes the order of its scenes as `dependencies: [{sceneId, dependsOn}]`."""
    return isinstance(dependencies, list) and any(isinstance(row, dict) and "dependsOn" in row for row in dependencies)


def capability_needs(value: Tree, *, required: bool, defined_here: bool = False) -> list[Dependency]:
    """Capability names, plain or as mappings in any dialect. Where they are `defined_here`, a version is no constraint."""
    return [
        Dependency(
            Kind.CAPABILITY,
            cap_id,
            constraint="" if defined_here else first(row, "version")[: limits.NAME_CHARS],
            required=flag(row.get("required"), required) and not flag(row.get("optional"), False),
            purpose=text(row.get("description"))[: limits.NAME_CHARS],
        )
        for row in rows_of(value)
        if is_id(cap_id := first(row, "capId", "id", "capabilityId", "name"))
    ]


def _facts(doc: Document, meta: Row, spec: Row) -> dict[str, Json]:
    facts: dict[str, Json] = {}
    for row in (spec, meta):
        for key, value in row.items():
            fact = _WORDS.get(key)
            if fact is not None and value and fact not in facts:
                facts[fact] = value
    if contracts := contracts_of(spec.get("capabilities")):
        facts["contracts"] = contracts
    if config := config_facts(spec.get("config"), spec.get("configSchema")):
        facts["config"] = config
    if permissions := named_rows(spec.get("permissions")):
        facts["permissions"] = permissions
    names: dict[str, Json] = {
        cap_id: name
        for row in rows_of(spec.get("capabilities"))
        if (cap_id := first(row, *CAPABILITY_IDS)) and (name := first(row, "name", "capabilityName")) and name != cap_id
    }
    if names:
        facts["capabilityNames"] = names
    if _is_order(spec.get("dependencies")):
        facts["startOrder"] = spec["dependencies"]
    if doc.root.get("kind") in ("SceneGroupDefinition", "SceneGroup"):
        facts["group"] = True
    return facts
