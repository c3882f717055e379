"""Agent Skills: a folder with a SKILL.md, whose frontmatter has six standard fields (ECOSYSTEM 1.1).

What breaks the standard is a remark, not a refusal: a person wants to find the skill first. The Chinese name lies in
`metadata` (`ooder.display-name`), because the standard allows only ASCII in `name`.
"""

from __future__ import annotations

import re
from typing import Final

from protocol import limits
from protocol.items import Item, Json
from protocol.manifests.fields import Row, choose_id, first, make_item, row_of, text, texts
from protocol.manifests.needs import needs_of
from protocol.manifests.reading import Document
from protocol.manifests.skill import provided
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind

FIELDS: Final = ("name", "description", "license", "compatibility", "metadata", "allowed-tools")
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_CHARS, _DESCRIPTION_CHARS, _COMPATIBILITY_CHARS = 64, 1024, 500
_DISPLAY_NAMES: Final = ("ooder.display-name", "ooder.displayName", "display-name", "displayName", "display_name")
_FENCE: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def split_frontmatter(data: bytes) -> tuple[bytes, bytes] | None:
    """(frontmatter, body) of a SKILL.md; None if it does not begin with a fenced block.

    The frontmatter begins with an empty line, so that its line numbers are those of the file.
    """
    fence = _FENCE.match(data)
    return (b"\n" + (fence[1] or b""), data[fence.end() :]) if fence else None


def read_agent_skill(doc: Document, body: bytes) -> Item | None:
    """The skill of a SKILL.md; None (with a problem) without a usable name."""
    root = doc.root
    meta = row_of(root.get("metadata"))
    name = first(root, "name")
    item_id = choose_id(doc, name, (doc.folder,))
    if not item_id:
        return None
    _check(doc, item_id)
    facts: dict[str, Json] = {"bodyBytes": len(body), "bodyLines": body.count(b"\n")}
    for key, fact in (("compatibility", "compatibility"), ("allowed-tools", "allowedTools")):
        if root.get(key):
            facts[fact] = root[key]
    if text(meta.get("internal")).lower() == "true":
        facts["internal"] = True
    if meta:
        facts["metadata"] = meta
    row: Row = {
        "version": first(meta, "version", "ooder.version") or first(root, "version"),
        "description": root.get("description"),
        "author": meta.get("author") or root.get("author"),
        "license": root.get("license"),
    }
    return make_item(
        doc,
        Kind.SKILL,
        item_id,
        row,
        name=first(meta, *_DISPLAY_NAMES) or item_id,
        category=first(meta, "ooder.category", "category"),
        tags=texts(meta.get("ooder.tags") or meta.get("tags") or root.get("tags"), limits.TAGS),
        provides=provided(_words(meta.get("ooder.capabilities") or meta.get("capabilities"))),
        requires=needs_of(doc, _words(meta.get("ooder.requires") or meta.get("ooder.dependencies"))),
        facts=facts,
        versioned=False,
    )


def _words(value: Tree) -> Tree:
    """`metadata` maps text to text, so a list is written with commas or blanks."""
    if isinstance(value, str):
        return list(filter(None, re.split(r"[,\s]+", value)))
    return value


def _check(doc: Document, item_id: str) -> None:
    root = doc.root
    if doc.folder and item_id != doc.folder:
        doc.remark("manifest.id_not_folder", id=item_id, folder=doc.folder)
    for field, reason in _breaches(root, item_id):
        doc.remark("manifest.agent_skill", field=field, reason=reason)


def _breaches(root: Row, item_id: str) -> list[tuple[str, str]]:
    found = []
    if len(item_id) > _NAME_CHARS or not _NAME.fullmatch(item_id):
        found.append(("name", f"not 1 to {_NAME_CHARS} of a-z 0-9 with single hyphens between"))
    description = text(root.get("description"))
    if not 1 <= len(description) <= _DESCRIPTION_CHARS:
        found.append(("description", f"{len(description)} characters, not 1 to {_DESCRIPTION_CHARS}"))
    if len(text(root.get("compatibility"))) > _COMPATIBILITY_CHARS:
        found.append(("compatibility", f"longer than {_COMPATIBILITY_CHARS} characters"))
    meta = root.get("metadata")
    if meta is not None and not (isinstance(meta, dict) and all(isinstance(value, str) for value in meta.values())):
        found.append(("metadata", "not a mapping from text to text"))
    found += [(field[:80], "not one of the six standard fields") for field in root if field not in FIELDS]
    return found[:12]
