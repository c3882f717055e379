"""Skills: every dialect of skill.yaml, skill-manifest.yaml and skill.json (FORMATS 1.1, 1.2, 3.8)."""

from __future__ import annotations

from typing import Final

from protocol import limits
from protocol.items import Item, Json, Provided
from protocol.manifests.fields import Row, choose_id, first, flag, make_item, row_of, rows_of, slug, text, texts
from protocol.manifests.needs import needs_of
from protocol.manifests.reading import Document
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind, is_id

CAPABILITY_IDS: Final = ("id", "capId", "capabilityId", "name")
_WORDS: Final = {
    "skillForm": "form", "sceneType": "sceneType", "ownership": "ownership", "visibility": "visibility", "purposes": "purposes",
    "subCategory": "subCategory", "businessCategory": "businessCategory", "offline": "offline", "distribution": "distribution",
    "compatibility": "compatibility", "runtime": "runtime", "execution": "execution", "entryPoint": "entryPoint", "roles": "roles",
    "deployment": "deployment", "resources": "resources", "estimatedResources": "resources", "healthCheck": "health",
    "llmConfig": "llm", "knowledge": "knowledge", "menus": "menus", "menu": "menus", "activationSteps": "activation",
    "installOrder": "installOrder", "estimatedDuration": "estimatedDuration", "agentConfig": "agent", "lifecycle": "lifecycle",
    "providedInterfaces": "interfaces", "supportedSceneTypes": "supportedSceneTypes", "driverType": "driverType",
    "providerType": "providerType", "implements": "implements", "rateLimit": "rateLimit", "capability": "address",
    "connector": "connector", "autoStart": "autoStart", "autoJoin": "autoJoin", "fallback": "fallback", "tools": "tools",
}  # fmt: skip
"""Keys that become facts as they are: field of the manifest -> fact."""
_META_WORDS: Final = {
    "homepage": "homepage", "repository": "repository", "icon": "icon", "displayName": "displayName", "createdAt": "createdAt",
    "updatedAt": "updatedAt", "labels": "labels", "visibility": "visibility", "sceneCategory": "sceneCategory",
}  # fmt: skip
_CONTRACT_KEYS: Final = (
    "interface", "inputSchema", "outputSchema", "input", "output", "parameters", "returnType", "returns", "operations", "request", "response",
    "schema", "async", "errors", "timeout",
)  # fmt: skip
_SCENE_FORMS: Final = frozenset({"scene", "scene-skill"})


def read_skill(doc: Document) -> Item | None:
    """The skill of a document with `metadata`/`spec`, or of a flat one; None (with a problem) without a usable id."""
    root = doc.root
    meta = row_of(root.get("metadata")) or root
    spec = row_of(root.get("spec")) or (root if meta is root else {})
    item_id = choose_id(doc, _explicit_id(root, meta), (doc.folder, doc.stem))
    if not item_id:
        return None
    if doc.folder and doc.folder != item_id and doc.stem in ("skill", "SKILL", "skill-manifest"):
        doc.remark("manifest.id_not_folder", id=item_id, folder=doc.folder)
    facts = skill_facts(doc, meta, spec)
    capability = row_of(spec.get("capability"))
    config = row_of(spec.get("config"))
    return make_item(
        doc,
        Kind.SKILL,
        item_id,
        meta if "version" in meta or meta is root else {**meta, "version": root.get("version")},
        name=first(meta, "displayName", "name", "skillName"),
        category=first(spec, "skillCategory", "category") or first(capability, "category") or first(meta, "category"),
        tags=texts(meta.get("keywords") or meta.get("tags") or spec.get("tags"), limits.TAGS),
        provides=[*provided(spec.get("capabilities")), *_implemented(spec.get("implements"))],
        requires=[*needs_of(doc, spec.get("dependencies")), *needs_of(doc, config.get("dependencies"))],
        facts=facts,
    )


def _explicit_id(root: Row, meta: Row) -> str:
    explicit = first(meta, "id", "skillId") or first(root, "id", "skillId")
    if explicit:
        return explicit
    name = first(meta, "name")  # SkillPackage says so, and one real Skill has nothing else
    return name if is_id(name) else ""


def provided(value: Tree) -> list[Provided]:
    """The capabilities of a skill: plain names, or mappings in any of the dialects."""
    found = []
    for row in rows_of(value):
        item_id = first(row, *CAPABILITY_IDS)
        if not is_id(item_id):
            item_id = slug(item_id)
        if item_id:
            found.append(
                Provided(
                    item_id,
                    first(row, "name", "capabilityName")[: limits.NAME_CHARS],
                    text(row.get("description"))[: limits.DESCRIPTION_CHARS],
                    first(row, "category", "type")[: limits.NAME_CHARS],
                    first(row, "version")[: limits.VERSION_CHARS],
                )
            )
    return found


def _implemented(value: Tree) -> list[Provided]:
    return [
        Provided(cap_id, version=first(row, "version")[: limits.VERSION_CHARS])
        for row in rows_of(value, "capId")
        if is_id(cap_id := first(row, "capId", "capabilityId", "id"))
    ]


def skill_facts(doc: Document, meta: Row, spec: Row) -> dict[str, Json]:
    """Everything declared beyond identity, under the keys of docs/reference/items.md."""
    facts: dict[str, Json] = {}
    for words, row in ((_WORDS, spec), (_META_WORDS, meta)):
        for key, value in row.items():
            fact = words.get(key)
            if fact is not None and value and fact not in facts:
                facts[fact] = value
    kind_word = first(spec, "type") if spec is not meta else ""
    if kind_word := kind_word or first(meta, "type", "skillType"):
        facts["type"] = kind_word
    if _is_scene_skill(meta, spec, kind_word):
        facts["sceneSkill"] = True
    if config := config_facts(spec.get("config"), spec.get("configSchema"), spec.get("parameters")):
        facts["config"] = config
    if permissions := named_rows(spec.get("permissions")):
        facts["permissions"] = permissions
    if endpoints := endpoint_facts(spec.get("endpoints")):
        facts["endpoints"] = endpoints
    if contracts := contracts_of(spec.get("capabilities")):
        facts["contracts"] = contracts
    if scenes := [
        name
        for row in rows_of(spec.get("scenes") or meta.get("scene"))
        if (name := first(row, "sceneId", "id", "name"))
    ]:
        facts["scenes"] = scenes
    if run := run_facts(spec):
        facts["run"] = run
    return facts


def _is_scene_skill(meta: Row, spec: Row, kind_word: str) -> bool:
    return (
        first(spec, "skillForm").upper() == "SCENE"
        or kind_word.lower() in _SCENE_FORMS
        or text(meta.get("type")).lower() in _SCENE_FORMS
        or flag(spec.get("sceneSkill"), False)
        or flag(meta.get("sceneSkill"), False)
    )


def contracts_of(value: Tree) -> dict[str, Json]:
    """capability id -> what it says about input and output, for capabilities that say something."""
    contracts: dict[str, Json] = {}
    for row in value if isinstance(value, list) else ():
        if not isinstance(row, dict) or row.keys().isdisjoint(_CONTRACT_KEYS):
            continue
        contract = {key: row[key] for key in _CONTRACT_KEYS if row.get(key)}
        if contract and (item_id := first(row, *CAPABILITY_IDS)):
            contracts[item_id] = contract
    return contracts


def config_facts(config: Tree, schema: Tree = None, parameters: Tree = None) -> dict[str, Json]:
    """`required` and `optional` settings alike in all dialects; what has another shape stays under `other`, a schema under `schema`."""
    groups: dict[str, list[Json]] = {"required": [], "optional": []}
    other: dict[str, Json] = {}
    for key, value in row_of(config).items():
        if key in groups and isinstance(value, list):
            groups[key] += [_setting(row) for row in rows_of(value, "name")]
        elif key not in ("dependencies", "schema") and value not in (None, [], {}):
            other[key] = value
    for row in rows_of(parameters, "name") or (rows_of(config, "name") if isinstance(config, list) else []):
        groups["required" if flag(row.get("required"), False) else "optional"].append(_setting(row))
    facts: dict[str, Json] = {key: rows for key, rows in groups.items() if rows}
    if found := schema or row_of(config).get("schema"):
        facts["schema"] = found
    if other:
        facts["other"] = other
    return facts


def _setting(row: Row) -> dict[str, Json]:
    setting: dict[str, Json] = {
        key: row[key] for key in ("name", "type", "default", "description") if row.get(key) is not None
    }
    if flag(row.get("secret"), False):
        setting["secret"] = True
    return setting


def named_rows(value: Tree) -> list[Json]:
    """A list of names or mappings as mappings with `id`."""
    return [{"id": first(row, "id", "name", "permission"), **row} for row in rows_of(value)]


def endpoint_facts(value: Tree) -> list[Json]:
    """Endpoints with the keys that matter outside Java."""
    keys = ("path", "method", "description", "capability", "authentication")
    return [{key: row[key] for key in keys if row.get(key)} for row in rows_of(value, "path")]


def run_facts(spec: Row) -> dict[str, Json]:
    """How the skill is started or reached: `how` is http, jar, process or the connector's own word."""
    for row in rows_of(spec.get("implements"), "capId"):
        connector = row_of(row.get("connector"))
        if connector:
            return {"how": first(connector, "type") or "unknown", **row_of(connector.get("config"))}
    runtime, distribution = row_of(spec.get("runtime")), row_of(spec.get("distribution"))
    connector = row_of(spec.get("connector"))
    run: dict[str, Json] = {}
    if connector:
        run = {"how": first(connector, "type") or "unknown", **row_of(connector.get("config"))}
    entry = first(spec, "entryPoint", "entrypoint") or first(runtime, "entryPoint", "mainClass", "command", "main")
    entry = entry or first(distribution, "entrypoint", "entryPoint")
    language = first(runtime, "language", "type")
    if not run and (entry or language):
        run["how"] = "jar" if language.lower() == "java" or first(distribution, "format") == "jar" else "process"
    if entry:
        run["entryPoint"] = entry
    if language:
        run["language"] = language
    return run
