"""Layouts of earlier Ooder software that are no manifests: `registry.properties` and the JSON search caches (FORMATS 3.8).

Both only say that something exists, so they become listings. Java-serialised `.cache` files are never opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol import limits
from protocol.errors import DataError
from protocol.item_json import read_json
from protocol.items import Channel, Evidence, Item, Problem
from protocol.manifests import Listing, ManifestReading
from protocol.refs import Kind, is_id

_REGISTRY = "registry.properties"
_CACHE = "cache/discovery"
HEARSAY = Evidence(Channel.HEARSAY, relayed_by="legacy cache")
"""Remembered by other software: its times are not renewed by seeing the file again."""


@dataclass(frozen=True, slots=True)
class LegacyReading:
    """What one file lists; `at` and `expires_at` are the times it gives itself (wall seconds, 0 = none)."""

    manifest: ManifestReading
    evidence: Evidence
    at: float = 0.0
    expires_at: float = 0.0


def is_legacy(path: str) -> bool:
    """Whether `path` is a file of one of these layouts."""
    folder, _, name = path.rpartition("/")
    if name == _REGISTRY:
        return True
    return name.endswith(".json") and (folder == "discovery" or folder.endswith(_CACHE))


def read(path: str, data: bytes) -> LegacyReading | None:
    """Read such a file; None for any other. Never raises for bad content."""
    if not is_legacy(path):
        return None
    if path.endswith(_REGISTRY):
        listings = tuple(_registry_rows(data.decode("utf-8", "replace")))
        return LegacyReading(ManifestReading(listings=listings, dialect="registry.properties"), HEARSAY)
    try:
        value = read_json(data)
    except DataError as error:
        problem = Problem("manifest.syntax", path, 0, {"reason": error.text()})
        return LegacyReading(ManifestReading(problems=(problem,), dialect="json-cache"), HEARSAY)
    if not isinstance(value, Mapping) or not isinstance(value.get("skills"), list):
        return LegacyReading(ManifestReading(dialect="json-cache"), HEARSAY)
    at = _seconds(value.get("timestamp"))
    listings = tuple(_cached_rows(value["skills"]))
    reading = ManifestReading(listings=listings, dialect="json-cache")
    return LegacyReading(reading, HEARSAY, at, at + _seconds(value.get("ttl")) if at else 0.0)


def _registry_rows(text: str) -> Iterator[Listing]:
    """`{id}.id=`, `{id}.path=`, `{id}.installedAt=` lines; a path outside the folder is not taken over."""
    for line in text.splitlines()[: limits.INDEX_INCLUDES]:
        key, equals, value = line.strip().partition("=")
        if equals and key.endswith(".id") and not key.startswith(("#", "!")) and is_id(value.strip()):
            yield Listing(Item(Kind.SKILL, value.strip(), dialect="registry.properties"))


def _cached_rows(rows: object) -> Iterator[Listing]:
    for row in rows[: limits.INDEX_INCLUDES] if isinstance(rows, list) else []:
        if not isinstance(row, Mapping):
            continue
        item_id = _text(row, "skillId", "id")
        if is_id(item_id):
            item = Item(
                Kind.SKILL,
                item_id,
                version=_text(row, "version")[: limits.VERSION_CHARS],
                name=_text(row, "name", "skillName")[: limits.NAME_CHARS],
                description=_text(row, "description")[: limits.DESCRIPTION_CHARS],
                category=_text(row, "category")[: limits.NAME_CHARS],
                author=_text(row, "author")[: limits.NAME_CHARS],
                dialect="json-cache",
            )
            yield Listing(item, download_url=_text(row, "downloadUrl"))


def _text(row: Mapping[object, object], *names: str) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _seconds(milliseconds: object) -> float:
    """Java counts milliseconds; anything that is no sane time is none."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return 0.0
    seconds = milliseconds / 1000
    return seconds if 0 < seconds < 2**40 else 0.0
