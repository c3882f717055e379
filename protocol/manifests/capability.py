"""Capabilities: cap.yaml with its contract, in the form of the specification and the later `cap:` form (FORMATS 1.5)."""

from __future__ import annotations

from typing import Final

from protocol import limits
from protocol.items import Item, Json
from protocol.manifests.fields import Row, choose_id, first, make_item, row_of, slug, texts
from protocol.manifests.needs import needs_of
from protocol.manifests.reading import Document
from protocol.manifests.skill import named_rows
from protocol.refs import Kind

_OWN_FOLDER_NAMES: Final = frozenset({"cap", "capability"})
_COMMANDS: Final = ("standardCommands", "customCommands", "commandOptions")
_WORDS: Final = {
    "offline": "offline", "rateLimit": "rateLimit", "connectorTypes": "connectorTypes",
    "status": "status", "aliases": "aliases", "createdAt": "createdAt", "updatedAt": "updatedAt", "type": "type", "icon": "icon",
}  # fmt: skip
_ZONES: Final = ((0x40, "system"), (0xA0, "common"), (0x100, "extension"))


def read_capability(doc: Document) -> Item | None:
    """The capability of a document; None (with a problem) without a usable id."""
    root = doc.root
    inner = row_of(root.get("cap")) or row_of(root.get("capability"))
    meta = row_of(root.get("metadata")) or inner or root
    spec = row_of(root.get("spec")) or row_of(meta.get("spec")) or (meta if "metadata" not in root else {})
    folder = doc.folder if doc.stem in _OWN_FOLDER_NAMES else ""
    stem = doc.stem if doc.stem not in _OWN_FOLDER_NAMES else ""
    item_id = choose_id(doc, first(meta, "capId", "capabilityId", "id"), (slug(first(meta, "name")), folder, stem))
    if not item_id:
        return None
    facts: dict[str, Json] = {}
    for row in (spec, meta):
        for key, value in row.items():
            fact = _WORDS.get(key)
            if fact is not None and value and fact not in facts:
                facts[fact] = value
    if permissions := named_rows(spec.get("permissions")):
        facts["permissions"] = permissions
    if contract := contract_of(spec):
        facts["contract"] = contract
    if commands := {key: spec[key] for key in _COMMANDS if spec.get(key)}:
        facts["commands"] = commands
    if zone := zone_of(item_id):
        facts["zone"] = zone
    return make_item(
        doc,
        Kind.CAPABILITY,
        item_id,
        meta,
        name=first(meta, "displayName", "name", "capabilityName"),
        category=first(meta, "category"),
        tags=texts(meta.get("keywords") or meta.get("tags"), limits.TAGS),
        requires=needs_of(doc, spec.get("dependencies"), Kind.CAPABILITY),
        facts=facts,
    )


def contract_of(spec: Row) -> Row:
    """The interface of a capability: the `interface` mapping, or its parts written directly under `spec`."""
    found = row_of(spec.get("interface"))
    keys = (
        "protocol",
        "path",
        "method",
        "timeout",
        "request",
        "response",
        "errors",
        "inputSchema",
        "outputSchema",
        "parameters",
        "returnType",
    )
    return found or {key: spec[key] for key in keys if spec.get(key)}


def zone_of(cap_id: str) -> str:
    """The zone of a two-digit hexadecimal CAP id (WIRE section 4, 14); "" for every other id."""
    if len(cap_id) != 2:
        return ""
    try:
        number = int(cap_id, 16)
    except ValueError:
        return ""
    return next(name for end, name in _ZONES if number < end)
