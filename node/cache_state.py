"""`cache/state.json`: what the cache tree holds, so that the next write need not look, and when each origin was confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protocol.errors import DataError
from protocol.item_json import read_json
from protocol.items import Json
from protocol.provenance import Confirmed
from protocol.yaml_out import json_in_yaml

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """One item in the tree: what its files were made from (a short hash) and how many bytes they have."""

    fingerprint: str
    size: int


@dataclass(frozen=True, slots=True)
class CacheState:
    """`items` by "folder/id"; `written_at` in wall seconds, 0 = never. `complete` is False when the tree may hold more than this."""

    written_at: float = 0.0
    origins: Confirmed = field(default_factory=dict)
    items: Mapping[str, Kept] = field(default_factory=dict)
    complete: bool = False


def encode_state(state: CacheState) -> bytes:
    """The file, deterministic."""
    origins: Json = [{"source": s, "origin": o, "seen_at": at} for (s, o), at in sorted(state.origins.items())]
    items: Json = {name: [kept.fingerprint, kept.size] for name, kept in sorted(state.items.items())}
    value: Json = {"schema_version": SCHEMA, "written_at": state.written_at, "origins": origins, "items": items}
    return json_in_yaml(value).encode("utf-8")


def read_state(path: Path) -> CacheState:
    """The state last written; an empty one when there is none or it cannot be used (then everything is written anew)."""
    try:
        value = read_json(path.read_bytes())
    except (OSError, DataError):
        return CacheState()
    try:
        return _decode(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        return CacheState()


def _decode(value: object) -> CacheState:
    if not isinstance(value, dict) or value["schema_version"] != SCHEMA:
        return CacheState()
    origins = {(str(row["source"]), str(row["origin"])): float(row["seen_at"]) for row in value["origins"]}
    items = {str(name): Kept(str(kept[0]), int(kept[1])) for name, kept in value["items"].items()}
    return CacheState(float(value["written_at"]), origins, items, complete=True)
