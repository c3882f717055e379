"""From a file to the reader of its dialect: parse strictly, repair if need be, then decide by `kind` and, without one, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from protocol import limits
from protocol.errors import DataError
from protocol.items import Item, Problem
from protocol.manifests.agent_skill import read_agent_skill, split_frontmatter
from protocol.manifests.capability import read_capability
from protocol.manifests.index import SECTIONS, read_entry, read_index, read_registry, read_rows
from protocol.manifests.json_text import read_json
from protocol.manifests.places import MANIFEST_NAMES
from protocol.manifests.reading import Document, Listing, ManifestReading
from protocol.manifests.repair import repair
from protocol.manifests.scene import read_scene
from protocol.manifests.skill import read_skill
from protocol.manifests.yaml_text import Tree, read_yaml
from protocol.refs import Kind

_ITEM_KINDS: Final[dict[str, Callable[[Document], Item | None]]] = {
    "Skill": read_skill,
    "SkillPackage": read_skill,
    "Scene": read_scene,
    "SceneDefinition": read_scene,
    "SceneDescription": read_scene,
    "SceneGroup": read_scene,
    "SceneGroupDefinition": read_scene,
    "SceneTemplate": read_scene,
    "Capability": read_capability,
    "CapabilityDefinition": read_capability,
}
_INDEX_KINDS: Final = frozenset(
    {"SkillIndex", "Skills", "Scenes", "SceneDrivers", "SceneIndex", "CapabilityIndex", "Capabilities", "Categories"}
)
_KIND_OF_STEM: Final = (("skill", "Skill"), ("scene", "SceneDefinition"), ("cap", "CapabilityDefinition"))
_LEAD: Final = r"^[ \t]{0,40}(?:- )?[\"']?"
_SALVAGE: Final = {
    "id": re.compile(
        _LEAD + r"(?:id|skillId|sceneId|capId)[\"']?: {0,8}[\"']?([A-Za-z0-9][\w.-]{0,127})", re.MULTILINE | re.ASCII
    ),
    "name": re.compile(
        _LEAD + r"(?:name|skillName|sceneName|displayName)[\"']?: {0,8}[\"']?([^\"'\n]{1,200})", re.MULTILINE
    ),
    "version": re.compile(_LEAD + r"version[\"']?: {0,8}[\"']?([0-9][\w.+-]{0,63})", re.MULTILINE | re.ASCII),
}


def read_manifest(path: str, data: bytes) -> ManifestReading:
    """Read one file. `path` is posix and relative to its origin; its name and folder decide the dialect and the fallback id."""
    body = b""
    if path.endswith(("SKILL.md", "skill.md")):
        parts = split_frontmatter(data)
        if parts is None:
            return ManifestReading(
                problems=(Problem("manifest.no_frontmatter", path, 1, {"reason": "the first line is not ---"}),)
            )
        data, body = parts
    parse = read_json if path.endswith(".json") else read_yaml
    try:
        return _of_tree(path, parse(data), body, ())
    except DataError as error:
        strict = error
    line, reason = _place_of(strict)
    fixed = repair(data, parse, prose=path.endswith(".md"))
    if fixed is None:
        bound: dict[str, str | int] = {"limit": limits.MANIFEST_BYTES} if strict.code == "manifest.too_big" else {}
        problem = Problem(strict.code, path, line, {"reason": reason} | bound)
        return ManifestReading(problems=(problem, *_salvage(path, data)))
    tree, steps = fixed
    reading = _of_tree(path, tree, body, steps)
    remark = Problem("manifest.repaired", path, line, {"steps": ", ".join(steps), "reason": reason}, fatal=False)
    return ManifestReading(
        reading.items, reading.listings, reading.includes, (remark, *reading.problems), reading.dialect
    )


def _place_of(error: DataError) -> tuple[int, str]:
    line, reason = error.params.get("line"), error.params.get("reason")
    return line if isinstance(line, int) else 0, reason if isinstance(reason, str) else ""


def _salvage(path: str, data: bytes) -> tuple[Problem, ...]:
    """What a file that cannot be read seems to be about; for people, never an item."""
    head = data[: 16 * limits.KIB].decode("utf-8", "replace")
    found = {key: match[1].strip() for key, pattern in _SALVAGE.items() if (match := pattern.search(head))}
    return (Problem("manifest.malformed", path, 0, found, fatal=False),) if "id" in found else ()


def _of_tree(path: str, tree: Tree, body: bytes, repaired: tuple[str, ...]) -> ManifestReading:
    if isinstance(tree, list) and _is_section(path):
        doc = Document(path, {}, "fragment", repaired)
        return _done(doc, listings=tuple(read_rows(doc, tree, Kind.SCENE if "/scenes/" in path else Kind.SKILL)))
    if not isinstance(tree, dict) or not tree:
        return _void(path, "the document is empty" if not tree else "the document is not a mapping")
    doc = Document(path, tree, repaired=repaired)
    kind, api = tree.get("kind"), tree.get("apiVersion")
    kind = kind if isinstance(kind, str) else ""
    doc.dialect = " ".join(part for part in (api if isinstance(api, str) else "", kind) if part)[: limits.NAME_CHARS]
    if path.endswith(".md"):
        doc.dialect = "agent-skill"
        item = read_agent_skill(doc, body)
        return _done(doc, (item,) if item else ())
    if kind:
        return _of_kind(doc, kind)
    return _of_name(doc)


def _of_kind(doc: Document, kind: str) -> ManifestReading:
    reader = _ITEM_KINDS.get(kind)
    if reader is not None:
        if not (doc.root.get("metadata") or doc.root.get("spec") or len(doc.root) > 2):
            return _void(doc.path, "neither metadata nor spec")
        item = reader(doc)
        return _done(doc, (item,) if item else ())
    if kind in _INDEX_KINDS:
        listings, includes = read_index(doc)
        return _done(doc, listings=listings, includes=includes)
    if kind == "SkillIndexEntry":
        return _done(doc, listings=read_entry(doc))
    if kind == "CapabilityRegistry":
        return _done(doc, listings=read_registry(doc))
    return ManifestReading(dialect=doc.dialect)  # a document of another world


def _of_name(doc: Document) -> ManifestReading:
    """Documents without `kind`: flat skills, `scene:`, `cap:`, `cmd:` and `msg:` forms, and bare index sections."""
    root, stem = doc.root, doc.stem
    doc.dialect = doc.dialect or "flat"
    if stem == "skill-index-entry" and (root.get("metadata") or root.get("spec")):
        return _done(doc, listings=read_entry(doc))
    if "segments" in root and "cap" in stem:
        return _done(doc, listings=read_registry(doc))
    if stem not in ("skill", "scene", "cap") and (
        "includes" in root or any(isinstance(root.get(key), list) for key in SECTIONS)
    ):
        listings, includes = read_index(doc)
        if listings or includes:
            return _done(doc, listings=listings, includes=includes)
    kind = _kind_of_flat(doc)
    if kind is not None:
        item = kind(doc)
        return _done(doc, (item,) if item else ())
    return _void(doc.path, f"only {', '.join(sorted(root)[:3])[:80]}")


def _kind_of_flat(doc: Document) -> Callable[[Document], Item | None] | None:
    root, stem = doc.root, doc.stem
    named = any(
        isinstance(root.get(key), str)
        for key in ("id", "name", "skillId", "sceneId", "capId", "skillName", "sceneName")
    )
    named = named or isinstance(root.get("metadata"), dict)
    if any(
        isinstance(row := root.get(key), dict) and not row.keys().isdisjoint(("sceneId", "id", "name"))
        for key in ("scene", "cmd", "msg")
    ):
        return read_scene if "scene" in stem or "scene" in doc.folder else None
    if isinstance(root.get("cap"), dict):
        return read_capability
    if not named:
        return None
    for start, kind in _KIND_OF_STEM:
        if stem.startswith(start):
            return _ITEM_KINDS[kind]
    by_folder = {"skills": "Skill", "scenes": "SceneDefinition", "capabilities": "CapabilityDefinition"}.get(
        doc.folder, ""
    )
    if by_folder and (root.get("version") or root.get("metadata")):
        return _ITEM_KINDS[by_folder]
    return read_scene if stem.endswith(("-scene", "-group")) and "sceneId" in root else None


def _is_section(path: str) -> bool:
    name = path.rpartition("/")[2]
    return "skill-index/" in path or "section" in name


def _void(path: str, reason: str) -> ManifestReading:
    """A manifest by its name that says nothing is a problem; any other file is simply of another world."""
    if path.rpartition("/")[2] in MANIFEST_NAMES:
        return ManifestReading(problems=(Problem("manifest.void", path, 1, {"reason": reason}),))
    return ManifestReading()


def _done(
    doc: Document, items: tuple[Item, ...] = (), listings: tuple[Listing, ...] = (), includes: tuple[str, ...] = ()
) -> ManifestReading:
    return ManifestReading(items, listings, includes, tuple(doc.problems), doc.dialect)
