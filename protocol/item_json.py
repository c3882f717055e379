"""Items and sightings as JSON values and back: one form for the index, the cache tree, the API and exports.

`encode_*` leave out every field that has its default value, so most items are small. `decode_*` accept any JSON value and
raise only `DataError item.malformed` with the path of the field that is wrong; unknown keys are ignored, so an older node
reads what a newer one wrote. Enumerations travel by value, mappings as objects, times as wall seconds.

>>> item = Item(Kind.SKILL, "daily-report", "1.10", name="日报")
>>> write_json(encode_item(item))
'{"kind":"skill","id":"daily-report","version":"1.10","name":"日报"}'
>>> decode_item(read_json(write_json(encode_item(item)))) == item
True
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from math import isfinite
from typing import TypeVar

from protocol.errors import DataError
from protocol.items import (
    Channel,
    Dependency,
    Evidence,
    Item,
    Json,
    Problem,
    Provided,
    Sighting,
    Standing,
    Status,
)
from protocol.refs import Kind, is_id

_NUMBERS_BELOW = 2.0**63  # what every reader of JSON and SQLite can hold
_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)
Object = dict[str, Json]


# --- JSON text ------------------------------------------------------------------------------------------------------
def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _clean(value: object) -> object:
    """A copy that any JSON reader and any UTF-8 writer accepts: no lone surrogates, no infinities."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_clean(str(key))): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def write_json(value: object) -> str:
    """Compact JSON text that is valid UTF-8. Read-only mappings are objects; lone surrogates become `?`, NaN null."""
    try:
        text = _COMPACT.encode(value)
        text.encode("utf-8")
    except ValueError:
        return _COMPACT.encode(_clean(value))
    return text


def read_json(text: str | bytes) -> Json:
    """The value of `text`. Raises DataError `item.malformed` for anything that is not JSON."""
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError("item.malformed", field="", reason=str(error)[:200]) from None
    return value


# --- Items ----------------------------------------------------------------------------------------------------------
def _provided(value: Provided) -> Object:
    found: Object = {"id": value.id}
    if value.name:
        found["name"] = value.name
    if value.description:
        found["description"] = value.description
    if value.category:
        found["category"] = value.category
    if value.version:
        found["version"] = value.version
    return found


def _dependency(value: Dependency) -> Object:
    found: Object = {"kind": value.kind.value, "id": value.id}
    if value.constraint:
        found["constraint"] = value.constraint
    if not value.required:
        found["required"] = False
    if value.platform:
        found["platform"] = True
    if value.purpose:
        found["purpose"] = value.purpose
    return found


_ITEM_TEXTS = ("version", "name", "description", "category", "author", "license", "dialect")


def encode_item(item: Item, *, raw: bool = True) -> Object:
    """The JSON object of `item`; `raw=False` leaves the document as read out (lists, the peer plane)."""
    found: Object = {"kind": item.kind.value, "id": item.id}
    for name in _ITEM_TEXTS:
        text = getattr(item, name)
        if text:
            found[name] = text
    if item.tags:
        found["tags"] = list(item.tags)
    if item.provides:
        found["provides"] = [_provided(one) for one in item.provides]
    if item.requires:
        found["requires"] = [_dependency(one) for one in item.requires]
    if item.facts:
        found["facts"] = dict(item.facts)
    if item.repaired:
        found["repaired"] = list(item.repaired)
    if raw and item.raw:
        found["raw"] = dict(item.raw)
    return found


def decode_item(value: object, field: str = "item") -> Item:
    """The item of a JSON object; `field` is where it stood, for the error."""
    box = _Box(value, field)
    return Item(
        kind=box.choice("kind", Kind),
        id=box.id("id"),
        **{name: box.text(name) for name in _ITEM_TEXTS},
        tags=box.texts("tags"),
        provides=box.many("provides", _decode_provided),
        requires=box.many("requires", _decode_dependency),
        facts=box.mapping("facts"),
        raw=box.mapping("raw"),
        repaired=box.texts("repaired"),
    )


def _decode_provided(value: object, field: str) -> Provided:
    box = _Box(value, field)
    names = ("name", "description", "category", "version")
    return Provided(id=box.text("id"), **{name: box.text(name) for name in names})


def _decode_dependency(value: object, field: str) -> Dependency:
    box = _Box(value, field)
    return Dependency(
        kind=box.choice("kind", Kind),
        id=box.text("id"),
        constraint=box.text("constraint"),
        required=box.flag("required", default=True),
        platform=box.flag("platform", default=False),
        purpose=box.text("purpose"),
    )


# --- Sightings and problems -----------------------------------------------------------------------------------------
_EVIDENCE_TEXTS = ("key", "owner", "commit", "relayed_by")
_SIGHTING_TEXTS = ("source", "origin", "place", "location", "principal")
_SIGHTING_REST = ("digest", "manifest_digest", "expires_at", "size", "files", "seq")


def encode_evidence(evidence: Evidence) -> Object:
    """The JSON object of `evidence`."""
    found: Object = {"channel": evidence.channel.value}
    for name in _EVIDENCE_TEXTS:
        text = getattr(evidence, name)
        if text:
            found[name] = text
    return found


def decode_evidence(value: object, field: str = "evidence") -> Evidence:
    """The evidence of a JSON object."""
    box = _Box(value, field)
    return Evidence(box.choice("channel", Channel), **{name: box.text(name) for name in _EVIDENCE_TEXTS})


def encode_sighting(sighting: Sighting, *, raw: bool = True) -> Object:
    """The JSON object of `sighting`, the item included; `raw=False` leaves out the document as read."""
    found: Object = {"item": encode_item(sighting.item, raw=raw)}
    for name in _SIGHTING_TEXTS:
        found[name] = getattr(sighting, name)
    found["evidence"] = encode_evidence(sighting.evidence)
    found["seen_at"] = sighting.seen_at
    for name in _SIGHTING_REST:
        value = getattr(sighting, name)
        if value:
            found[name] = value
    if sighting.standing is not Standing.MAIN:
        found["standing"] = sighting.standing.value
    if sighting.status is not Status.ACTIVE:
        found["status"] = sighting.status.value
    if sighting.signals:
        found["signals"] = dict(sighting.signals)
    return found


def decode_sighting(value: object, field: str = "sighting") -> Sighting:
    """The sighting of a JSON object."""
    box = _Box(value, field)
    return Sighting(
        item=decode_item(box.get("item"), f"{field}.item"),
        **{name: box.text(name) for name in _SIGHTING_TEXTS},
        evidence=decode_evidence(box.get("evidence"), f"{field}.evidence"),
        seen_at=box.number("seen_at"),
        digest=box.text("digest"),
        manifest_digest=box.text("manifest_digest"),
        expires_at=box.number("expires_at"),
        size=int(box.number("size")),
        files=int(box.number("files")),
        seq=int(box.number("seq")),
        standing=box.choice("standing", Standing, Standing.MAIN),
        status=box.choice("status", Status, Status.ACTIVE),
        signals=box.numbers("signals"),
    )


def encode_problem(problem: Problem) -> Object:
    """The JSON object of `problem` (without its sentence: that depends on the language)."""
    found: Object = {"code": problem.code, "place": problem.place}
    if problem.line:
        found["line"] = problem.line
    if problem.params:
        found["params"] = dict(problem.params)
    if not problem.fatal:
        found["fatal"] = False
    return found


def decode_problem(value: object, field: str = "problem") -> Problem:
    """The problem of a JSON object."""
    box = _Box(value, field)
    params = {key: one for key, one in box.mapping("params").items() if isinstance(one, str | int)}
    return Problem(
        code=box.text("code"),
        place=box.text("place"),
        line=int(box.number("line")),
        params=params,
        fatal=box.flag("fatal", default=True),
    )


# --- Reading fields -------------------------------------------------------------------------------------------------
class _Box:
    """One JSON object whose fields are asked for by type; says which field is wrong."""

    __slots__ = ("_field", "_values")

    def __init__(self, value: object, field: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(field, "an object")
        self._values: Mapping[str, object] = value
        self._field = field

    def get(self, name: str) -> object:
        return self._values.get(name)

    def text(self, name: str) -> str:
        value = self._values.get(name, "")
        if not isinstance(value, str):
            raise _wrong(f"{self._field}.{name}", "text")
        return value

    def id(self, name: str) -> str:
        value = self.text(name)
        if not is_id(value):
            raise _wrong(f"{self._field}.{name}", "an id")
        return value

    def number(self, name: str) -> float:
        value = self._values.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _NUMBERS_BELOW:
            raise _wrong(f"{self._field}.{name}", "a number")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise _wrong(f"{self._field}.{name}", "true or false")
        return value

    def choice(self, name: str, kind: type[_E], default: _E | None = None) -> _E:
        value = self._values.get(name, default)
        try:
            return kind(value)  # type: ignore[arg-type]
        except (ValueError, TypeError):
            raise _wrong(f"{self._field}.{name}", "one of " + ", ".join(kind)) from None

    def mapping(self, name: str) -> Mapping[str, Json]:
        value = self._values.get(name, {})
        if not isinstance(value, Mapping):
            raise _wrong(f"{self._field}.{name}", "an object")
        return value

    def numbers(self, name: str) -> Mapping[str, float]:
        return {
            key: float(value)
            for key, value in self.mapping(name).items()
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _NUMBERS_BELOW
        }

    def texts(self, name: str) -> tuple[str, ...]:
        return self.many(name, _text)

    def many(self, name: str, read: Callable[[object, str], _T]) -> tuple[_T, ...]:
        value = self._values.get(name, ())
        if not isinstance(value, list | tuple):
            raise _wrong(f"{self._field}.{name}", "a list")
        return tuple(read(one, f"{self._field}.{name}[{at}]") for at, one in enumerate(value))


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise _wrong(field, "text")
    return value


def _wrong(field: str, wanted: str) -> DataError:
    return DataError("item.malformed", field=field, reason=f"not {wanted}")
