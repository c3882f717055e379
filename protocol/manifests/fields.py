"""Taking fields out of documents that follow a format only roughly: alias chains, one-or-many, flags, ids, text that is cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from protocol import limits
from protocol.display import is_deceptive
from protocol.items import Dependency, Item, Json, Provided
from protocol.manifests.reading import Document
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind, is_id

_Named = TypeVar("_Named", Provided, Dependency)

Row = dict[str, Tree]

_SEMVER: Final = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")
_USUAL_ID: Final = re.compile(r"[a-z0-9]+(?:[-._][a-z0-9]+)*")
_SLUG_GAPS: Final = re.compile(r"[^A-Za-z0-9._-]+")
_TRUE: Final = frozenset({"true", "yes", "on", "1", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "0", "n"})


def text(value: Tree) -> str:
    """The text of a scalar, stripped; "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def first(row: Row, *keys: str) -> str:
    """The first non-empty text among `keys`."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str) and (value := value.strip()):
            return value
    return ""


def row_of(value: Tree) -> Row:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows_of(value: Tree, key: str = "id") -> list[Row]:
    """One or many: a list of mappings and plain names, or a mapping from names to mappings, as a list of mappings."""
    if isinstance(value, list):
        return [entry if isinstance(entry, dict) else {key: entry} for entry in value if isinstance(entry, dict | str)]
    if isinstance(value, dict):
        return [{key: name, **row_of(entry)} for name, entry in value.items()]
    return [{key: value}] if isinstance(value, str) and value else []


def texts(value: Tree, limit: int) -> tuple[str, ...]:
    """A list of plain texts, or one text with commas."""
    if isinstance(value, str):
        return tuple(part for word in value.split(",")[:limit] if (part := word.strip()))
    if isinstance(value, list):
        return tuple(part for word in value[:limit] if isinstance(word, str) and (part := word.strip()))
    return ()


def flag(value: Tree, default: bool) -> bool:
    """A YAML or JSON boolean as people write it."""
    word = value.strip().lower() if isinstance(value, str) else ""
    return True if word in _TRUE else False if word in _FALSE else default


def slug(name: str) -> str:
    """An id made of a display name; "" if nothing usable is left."""
    made = _SLUG_GAPS.sub("-", name.strip()).strip("-._")[: limits.ID_CHARS]
    return made if is_id(made) else ""


def choose_id(doc: Document, explicit: str, fallbacks: Iterable[str]) -> str:
    """The id of a document: the explicit one, which must be an id, else the first usable fallback. "" after noting why not."""
    if explicit:
        if is_id(explicit):
            if not _USUAL_ID.fullmatch(explicit):
                doc.remark("manifest.id_pattern", id=explicit)
            return explicit
        doc.refuse("manifest.no_id", reason=repr(explicit[: limits.ID_CHARS + 1]))
        return ""
    for fallback in fallbacks:
        if is_id(fallback):
            doc.remark("manifest.id_from_folder", id=fallback)
            return fallback
    doc.refuse("manifest.no_id", reason="neither the document nor its place names it")
    return ""


def make_item(
    doc: Document,
    kind: Kind,
    item_id: str,
    meta: Row,
    *,
    name: str,
    category: str = "",
    tags: Sequence[str] = (),
    provides: Sequence[Provided] = (),
    requires: Sequence[Dependency] = (),
    facts: dict[str, Json] | None = None,
    raw: Row | None = None,
    versioned: bool = True,
) -> Item:
    """An item in normal form: text cut at its limits, unusual things remarked."""
    version, description = first(meta, "version"), text(meta.get("description"))
    if versioned:
        check_version(doc, item_id, version)
    for field, value in (("name", name), ("description", description), ("version", version)):
        if not value.isprintable() and is_deceptive(value):
            doc.remark("manifest.hidden_characters", field=field, id=item_id)
    return Item(
        kind=kind,
        id=item_id,
        version=version[: limits.VERSION_CHARS],
        name=(name or item_id)[: limits.NAME_CHARS],
        description=description[: limits.DESCRIPTION_CHARS],
        category=category[: limits.NAME_CHARS],
        tags=tuple(tags),
        author=person(meta.get("author"))[: limits.NAME_CHARS],
        license=first(meta, "license")[: limits.NAME_CHARS],
        provides=_bounded(doc, item_id, "capabilities", provides, limits.PROVIDES),
        requires=_bounded(doc, item_id, "dependencies", requires, limits.REQUIRES),
        facts=facts or {},
        dialect=doc.dialect,
        raw=doc.root if raw is None else raw,
        repaired=doc.repaired,
    )


def check_version(doc: Document, item_id: str, version: str) -> None:
    """Remark a version that is missing or unusual."""
    if not version:
        doc.remark("manifest.no_version", id=item_id)
    elif not _SEMVER.fullmatch(version):
        doc.remark("manifest.version_not_semver", id=item_id, version=version[: limits.VERSION_CHARS])


def person(value: Tree) -> str:
    """An author as text or as a mapping with a name."""
    return first(value, "name", "id", "email") if isinstance(value, dict) else text(value)


def _bounded(doc: Document, item_id: str, field: str, values: Sequence[_Named], limit: int) -> tuple[_Named, ...]:
    """Without repetitions of one name (the first stays), and not more than are kept."""
    seen: dict[object, _Named] = {}
    for value in values:
        seen.setdefault((value.kind, value.id) if isinstance(value, Dependency) else value.id, value)
    if len(seen) > limit:
        doc.remark("manifest.too_many", id=item_id, field=field, limit=limit)
    return tuple(seen.values())[:limit]
