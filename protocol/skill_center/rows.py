"""Flat rows: how the guide and the existing Java client see an item (WIRE 3.6).

The Java client reads JSON with a reader of its own: no escapes are decoded, a lone brace in a text ends the object, a backslash
at the end of one spoils the next. So texts in rows carry none of these; the item as it really is travels in a change
(`protocol.skill_center.changes`) beside the record that binds it.
"""

from __future__ import annotations

from typing import Final

from protocol import limits
from protocol.item_json import write_json
from protocol.items import Item, Json, Status
from protocol.refs import Kind
from protocol.skill_center.places import download_path
from protocol.skill_center.release import SignedRelease

ID_FIELDS: Final = {
    Kind.SKILL: "skillId",
    Kind.SCENE: "sceneId",
    Kind.CAPABILITY: "capId",
    Kind.AGENT: "agentId",
}
"""The name each kind's id has in its rows, beside `id`."""

_PLAIN = str.maketrans({"{": "(", "}": ")", "\\": "/", '"': "'"} | {chr(code): " " for code in (*range(32), 127)})


def plain(text: str, most: int = limits.DESCRIPTION_CHARS) -> str:
    """`text` as the Java reader survives it.

    >>> plain('a {b} "c"\\n\\\\')
    "a (b) 'c' /"
    """
    clean = text.translate(_PLAIN).encode("utf-8", "replace").decode("utf-8")
    return " ".join(clean.split())[:most]


def encode_row(item: Item, signed: SignedRelease, published_at: float, downloads: int = 0) -> dict[str, Json]:
    """The row of one release; the twin is the reading half. `checksum` is the SHA-256 of the package file, `digest` that of the tree,
    times are milliseconds since 1970, addresses are relative to the registry."""
    release = signed.release
    category, _, sub_category = item.category.partition("/")
    row: dict[str, Json] = {
        "id": item.id,
        ID_FIELDS[item.kind]: item.id,
        "name": plain(item.name or item.id, limits.NAME_CHARS),
        "description": plain(item.description),
        "version": item.version,
        "category": plain(category, limits.NAME_CHARS),
        "subCategory": plain(sub_category, limits.NAME_CHARS),
        "author": plain(item.author, limits.NAME_CHARS),
        "license": plain(item.license, limits.NAME_CHARS),
        "tags": [plain(tag, limits.NAME_CHARS) for tag in item.tags],
        "capabilities": [one.id for one in item.provides],
        "downloadUrl": download_path(item.kind, item.id, item.version),
        "checksum": release.package,
        "size": release.size,
        "kind": item.kind.value,
        "digest": release.digest,
        "publisher": signed.key,
        "seq": signed.seq,
        "status": release.status.value,
        "publishedAt": int(published_at * 1000),
        "updatedAt": int(signed.issued_at * 1000),
        "downloads": downloads,
    }
    if item.kind is Kind.SKILL:
        row["sceneId"] = _scene_of(item)
        row["mainClass"] = plain(_fact(item, "mainClass"), limits.NAME_CHARS)
    if item.kind is Kind.SCENE:
        row |= {"maxMembers": 0, "memberCount": 0}
        row["requires"] = [one.id for one in item.requires]
    if release.status is not Status.ACTIVE:
        row["statusReason"] = plain(release.reason, limits.NAME_CHARS)
    return row


def row_text(row: dict[str, Json]) -> str:
    """A row as JSON text, non-ASCII characters unescaped."""
    return write_json(row)


def _scene_of(item: Item) -> str:
    return next((one.id for one in item.requires if one.kind is Kind.SCENE), "")


def _fact(item: Item, name: str) -> str:
    found = item.facts.get(name)
    return found if isinstance(found, str) else ""
