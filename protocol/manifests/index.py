"""Indexes: skill-index in its old and new form, its included sections, entries, scene and capability indexes (FORMATS 1.2-1.5).

An index only claims that something exists, so its rows are `Listing`s, never items. Its counts are not believed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from protocol import limits
from protocol.items import Dependency, Item, Json, Problem, Provided
from protocol.manifests.fields import Row, first, make_item, row_of, rows_of, slug, text, texts
from protocol.manifests.needs import needs_of
from protocol.manifests.reading import Document, Listing
from protocol.manifests.scene import capability_needs
from protocol.manifests.skill import provided
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind, is_id

SECTIONS: Final = {
    "skills": Kind.SKILL,
    "scenes": Kind.SCENE,
    "sceneGroups": Kind.SCENE,
    "sceneDrivers": Kind.SCENE,
    "capabilities": Kind.CAPABILITY,
    "agents": Kind.AGENT,
}
"""Keys under which an index lists things."""

_IDS: Final = {
    Kind.SKILL: ("skillId", "id", "name"),
    Kind.SCENE: ("sceneId", "sceneGroupId", "id", "name"),
    Kind.CAPABILITY: ("capId", "capabilityId", "id", "name"),
    Kind.AGENT: ("agentId", "id", "name"),
}
_WORDS: Final = {
    "sceneType": "sceneType", "subCategory": "subCategory", "visibility": "visibility", "businessCategory": "businessCategory",
    "maxMembers": "maxMembers", "mainFirst": "mainFirst", "status": "status", "aliases": "aliases", "builtIn": "builtIn",
    "location": "location", "type": "type", "required": "required", "driverCapabilities": "driverCapabilities",
    "collaborativeCapabilities": "collaborativeCapabilities", "downloadUrl": "downloadUrl", "giteeDownloadUrl": "giteeDownloadUrl",
    "skillForm": "form", "capabilityAddresses": "addresses", "priority": "priority",
}  # fmt: skip
_DIGEST: Final = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")


def read_index(doc: Document) -> tuple[tuple[Listing, ...], tuple[str, ...]]:
    """All rows of an index, and the patterns it includes as written."""
    root, spec = doc.root, row_of(doc.root.get("spec"))
    listings: list[Listing] = []
    for section, kind in SECTIONS.items():
        for holder in (root, spec):
            listings += read_rows(
                doc, holder.get(section), kind, driver=section == "sceneDrivers", group=section == "sceneGroups"
            )
    includes = texts(spec.get("includes") or root.get("includes"), limits.INDEX_INCLUDES)
    return tuple(listings), includes


def read_rows(doc: Document, rows: Tree, kind: Kind, *, driver: bool = False, group: bool = False) -> list[Listing]:
    """Rows of one section. A row without a usable id is a problem of its own and does not hurt the others."""
    found = []
    for number, row in enumerate(rows_of(rows), 1):
        row_kind = kind if first(row, *_IDS[kind]) else Kind.SCENE
        name = first(row, *_IDS[row_kind])
        item_id = name if is_id(name) else slug(name) if not first(row, *_IDS[row_kind][:-1]) else ""
        if not item_id:
            doc.remark("manifest.bad_entry", entry=number)
            continue
        found.append(_listing(doc, row, row_kind, item_id, driver=driver, group=group))
    return found


def _listing(doc: Document, row: Row, kind: Kind, item_id: str, *, driver: bool, group: bool) -> Listing:
    spec = row_of(row.get("spec"))
    facts: dict[str, Json] = {}
    for holder in (row, spec):
        for key, value in holder.items():
            fact = _WORDS.get(key)
            if fact is not None and value:
                facts[fact] = value
    if driver:
        facts["form"] = "DRIVER"
    if group:
        facts["group"] = True
    if scenes := [*texts(row.get("sceneId"), 1), *texts(row.get("scenes"), limits.TAGS)] if kind is Kind.SKILL else []:
        facts["scenes"] = scenes
    digest = _DIGEST.fullmatch(first(row, "checksum", "sha256", "digest"))
    if digest:
        facts["downloadDigest"] = f"sha256:{digest[1].lower()}"
    item = make_item(
        doc,
        kind,
        item_id,
        row,
        name=first(row, "displayName", "name", "skillName", "sceneName", "capabilityName"),
        category=first(row, "category", "capabilityCategory"),
        tags=texts(row.get("tags") or row.get("keywords"), limits.TAGS),
        provides=_provides(row, kind, driver=driver),
        requires=_requires(doc, row, kind, driver=driver),
        facts=facts,
        raw=row,
        versioned=False,
    )
    return Listing(
        item,
        path=first(row, "path", "configPath", "manifest"),
        download_url=first(row, "downloadUrl", "giteeDownloadUrl", "url"),
        digest=f"sha256:{digest[1].lower()}" if digest else "",
    )


def _provides(row: Row, kind: Kind, *, driver: bool) -> list[Provided]:
    return provided(row.get("capabilities")) if kind is Kind.SKILL or kind is Kind.AGENT or driver else []


def _requires(doc: Document, row: Row, kind: Kind, *, driver: bool) -> list[Dependency]:
    needs = needs_of(doc, row.get("dependencies"))
    if kind is Kind.SCENE and not driver:
        needs += capability_needs(row.get("requiredCapabilities") or row.get("capabilities"), required=True)
        needs += capability_needs(row.get("optionalCapabilities"), required=False)
        needs += needs_of(doc, row.get("scenes"), Kind.SCENE)
        needs += needs_of(doc, row.get("skills"))
    return needs


def read_entry(doc: Document) -> tuple[Listing, ...]:
    """A skill-index-entry.yaml: one row, written as a document beside the skill it speaks of."""
    meta, spec = row_of(doc.root.get("metadata")), row_of(doc.root.get("spec"))
    row: Row = {**spec, **meta}
    if not first(row, "skillId", "id") and is_id(doc.folder):
        row["id"] = doc.folder
        doc.remark("manifest.id_from_folder", id=doc.folder)
    listings = read_rows(doc, [row], Kind.SKILL)
    return tuple(Listing(each.item, each.path, each.download_url, each.digest) for each in listings)


def read_registry(doc: Document) -> tuple[Listing, ...]:
    """A capability-registry.yaml: segments with slots; the address is a fact, never the identity (WIRE section 4, 13)."""
    holder = row_of(doc.root.get("spec")) or doc.root
    listings: list[Listing] = []
    for segment in rows_of(holder.get("segments") or doc.root.get("segments"), "code"):
        code = first(segment, "code", "name")
        for slot in rows_of(segment.get("slots"), "name"):
            name = first(slot, "id", "code") or slug(first(slot, "name"))
            row: Row = {
                **slot,
                "id": name or f"{code}-{first(slot, 'offset')}",
                "category": first(slot, "category") or code,
            }
            for each in read_rows(doc, [row], Kind.CAPABILITY):
                facts = dict(each.item.facts) | {
                    "segment": code,
                    "address": {"base": text(segment.get("baseAddress")), "offset": text(slot.get("offset"))},
                    "providers": [
                        first(one, "skillId", "id", "name") for one in rows_of(slot.get("providers"), "skillId")
                    ],
                }
                item = each.item
                listings.append(
                    Listing(
                        Item(
                            item.kind,
                            item.id,
                            item.version,
                            item.name,
                            item.description,
                            item.category,
                            facts=facts,
                            dialect=item.dialect,
                            raw=item.raw,
                            repaired=item.repaired,
                        )
                    )
                )
    return tuple(listings)


def resolve_includes(
    index_path: str, patterns: Iterable[str], all_paths: Collection[str]
) -> tuple[tuple[str, ...], tuple[Problem, ...]]:
    """The files an index pulls in, sorted, and the patterns that are refused.

    A pattern is looked up in the index's folder first, then at the root (WIRE section 4, 20). `*` may stand in the last part only;
    absolute patterns and `..` are refused. A pattern that meets nothing is no problem: real indexes have many.
    """
    folder = index_path.rpartition("/")[0]
    by_folder: dict[str, list[str]] = {}
    for path in all_paths:
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    found: set[str] = set()
    problems = []
    for pattern in patterns:
        if reason := _refusal(pattern):
            problems.append(
                Problem(
                    "manifest.bad_include", index_path, 0, {"pattern": pattern[:200], "reason": reason}, fatal=False
                )
            )
            continue
        plain = "/".join(part for part in pattern.split("/") if part != ".")
        for candidate in dict.fromkeys((f"{folder}/{plain}" if folder else plain, plain)):
            parent, _, last = candidate.rpartition("/")
            match = _glob(last)
            if hits := [path for path in by_folder.get(parent, ()) if match.fullmatch(path.rpartition("/")[2])]:
                found.update(hits)
                break
    found.discard(index_path)
    return tuple(sorted(found)[: limits.INDEX_INCLUDES]), tuple(problems)


def _refusal(pattern: str) -> str:
    parts = pattern.split("/")
    if not pattern or pattern.startswith(("/", "~")) or ":" in pattern or "\\" in pattern or "\0" in pattern:
        return "it is not a relative path"
    if ".." in parts:
        return "it leaves the folder with .."
    if any("*" in part for part in parts[:-1]) or "**" in parts[-1]:
        return "* may stand in the last part only"
    return ""


def _glob(last: str) -> re.Pattern[str]:
    return re.compile("[^/]*".join(re.escape(part) for part in last.split("*")))
