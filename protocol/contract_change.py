"""What differs between two contracts, and what that means: compatible is what an old caller does not notice (FLOWS 4.3).

A request may ask for less and accept more; a response may promise more. Removed or retyped fields, newly required request
fields, responses that no longer promise a field, another path, method or offline strategy, removed error codes are
incompatible, and need a new MAJOR version; anything else that differs needs at least a new MINOR one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from protocol import limits
from protocol.contract import Contract
from protocol.typed_schema import Schema, resolved
from protocol.versions import compare_key, is_version

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_OPAQUE: Final = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "pattern", "format", "multipleOf", "const")
_OPAQUE_MORE: Final = (
    "prefixItems",
    "contains",
    "propertyNames",
    "patternProperties",
    "dependentSchemas",
    "uniqueItems",
)
_TYPES: Final = ("array", "boolean", "null", "number", "object", "string")


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """`what` at `place` (`request/text`): `removed`, `added`, `retyped`, `required`, `not_required`, `narrowed`, `widened`,
    `changed`. `breaking` is for callers of the claimed contract."""

    place: str
    what: str
    claimed: str = ""
    implemented: str = ""
    breaking: bool = True

    def __str__(self) -> str:
        values = " -> ".join(one for one in (self.claimed, self.implemented) if one)
        values = f" ({values})" if values else ""
        return f"{self.place}: {self.what}{values}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every difference, sorted by place."""

    differences: tuple[Difference, ...]

    @property
    def compatible(self) -> bool:
        return not self.breaking

    @property
    def breaking(self) -> tuple[Difference, ...]:
        return tuple(one for one in self.differences if one.breaking)


def compare_contracts(claimed: Contract, implemented: Contract) -> Comparison:
    """Whether callers of `claimed` are served by `implemented`, with the exact differences."""
    found = [
        Difference(name, "changed", old, new)
        for name, old, new in (
            ("path", claimed.path, implemented.path),
            ("method", claimed.method, implemented.method),
            ("protocol", claimed.protocol, implemented.protocol),
            ("offline", claimed.offline, implemented.offline),
        )
        if old != new
    ]
    for code in claimed.errors.keys() - implemented.errors.keys():
        found.append(Difference(f"errors/{code}", "removed", code))
    for code in implemented.errors.keys() - claimed.errors.keys():
        found.append(Difference(f"errors/{code}", "added", "", code, breaking=False))
    found += compare_schemas(claimed.request, implemented.request, "request", asks=True)
    found += compare_schemas(claimed.response, implemented.response, "response", asks=False)
    return Comparison(tuple(sorted(set(found)))[: limits.CONTRACT_DIFFERENCES])


def version_needed(old: Contract, new: Contract) -> str:
    """`none`, `minor` or `major`: the step in the version that the differences ask for."""
    comparison = compare_contracts(old, new)
    if comparison.breaking:
        return "major"
    return "minor" if comparison.differences else "none"


def version_is_enough(old: Contract, new: Contract) -> bool:
    """Whether the version of `new` says as much as its differences mean. Versions that cannot be compared say nothing."""
    needed = version_needed(old, new)
    if needed == "none":
        return True
    if not (is_version(old.version) and is_version(new.version)):
        return False
    before, after = ((*compare_key(one.version)[1], 0, 0)[:2] for one in (old, new))
    if needed == "major" and before[0]:
        return after[0] > before[0]
    return after > before or (after == before and needed == "minor" and _patch(new) > _patch(old) and not before[0])


def _patch(contract: Contract) -> int:
    return (*compare_key(contract.version)[1], 0, 0, 0)[2]


def compare_schemas(claimed: Schema, implemented: Schema, place: str, *, asks: bool) -> list[Difference]:
    """Differences of two schemas; `asks`: the implementer takes such values, else it gives them."""
    return list(_compare(claimed, implemented, (claimed, implemented), place, asks, 0))


def _compare(
    old: Schema, new: Schema, roots: tuple[Schema, Schema], place: str, asks: bool, depth: int
) -> Iterator[Difference]:
    old, new = resolved(old, roots[0]), resolved(new, roots[1])
    if old == new and not _refers(old):
        return
    if depth > limits.SCHEMA_DEPTH:
        return
    if not isinstance(old, dict) or not isinstance(new, dict):
        before, after = _word(old), _word(new)
        if before != after:
            wider = new is True or new == {}
            yield Difference(place, "changed", before, after, breaking=wider is not asks)
        return
    yield from _types(old, new, place, asks)
    yield from _required(old, new, place, asks)
    yield from _properties(old, new, roots, place, asks, depth)
    yield from _limits(old, new, place, asks)
    if ("items" in old or "items" in new) and old.get("items", True) != new.get("items", True):
        yield from _compare(old.get("items", True), new.get("items", True), roots, f"{place}[]", asks, depth + 1)
    for word in (*_OPAQUE, *_OPAQUE_MORE):
        if old.get(word) != new.get(word):
            if word in old and word in new:
                yield Difference(f"{place}/{word}", "changed", _word(old[word]), _word(new[word]))
            else:
                wider = word not in new
                yield Difference(
                    f"{place}/{word}",
                    "removed" if wider else "added",
                    _word(old.get(word)),
                    _word(new.get(word)),
                    breaking=wider is not asks,
                )


def _types(old: dict[str, Any], new: dict[str, Any], place: str, asks: bool) -> Iterator[Difference]:
    before, after = _type_set(old), _type_set(new)
    if before == after:
        return
    fits = _covers(after, before) if asks else _covers(before, after)
    what = "retyped" if not fits else "widened" if asks else "narrowed"
    yield Difference(place, what, _word(old.get("type")), _word(new.get("type")), breaking=not fits)


def _type_set(schema: dict[str, Any]) -> frozenset[str]:
    said = schema.get("type")
    if isinstance(said, str):
        return frozenset({said})
    return frozenset(said) if isinstance(said, list) else frozenset(_TYPES)


def _covers(wide: frozenset[str], narrow: frozenset[str]) -> bool:
    return all(one in wide or (one == "integer" and "number" in wide) for one in narrow)


def _required(old: dict[str, Any], new: dict[str, Any], place: str, asks: bool) -> Iterator[Difference]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    for name in after - before:
        yield Difference(f"{place}/{name}", "required", breaking=asks)
    gone = before - after
    for name in gone:
        if asks or name in new.get("properties", {}) or name not in old.get("properties", {}):
            yield Difference(f"{place}/{name}", "not_required", breaking=not asks)


def _properties(
    old: dict[str, Any], new: dict[str, Any], roots: tuple[Schema, Schema], place: str, asks: bool, depth: int
) -> Iterator[Difference]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield Difference(f"{place}/{name}", "removed", _word(_type_of(before[name])))
    closed = old.get("additionalProperties") is False
    for name in after.keys() - before.keys():
        yield Difference(f"{place}/{name}", "added", "", _word(_type_of(after[name])), breaking=closed and not asks)
    for name in before.keys() & after.keys():
        yield from _compare(before[name], after[name], roots, f"{place}/{name}", asks, depth + 1)
    more_old, more_new = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if more_old != more_new:
        wider = more_new is True or (more_old is False and more_new is not False)
        yield Difference(
            f"{place}/*",
            "widened" if wider else "narrowed",
            _word(more_old),
            _word(more_new),
            breaking=wider is not asks,
        )


def _limits(old: dict[str, Any], new: dict[str, Any], place: str, asks: bool) -> Iterator[Difference]:
    for words, stricter in ((_LOWER, operator.gt), (_UPPER, operator.lt)):
        for word in words:
            before, after = old.get(word), new.get(word)
            if before == after:
                continue
            narrower = after is not None and (before is None or stricter(after, before))
            yield Difference(
                f"{place}/{word}",
                "narrowed" if narrower else "widened",
                _word(before),
                _word(after),
                breaking=narrower is asks,
            )
    if old.get("enum") != new.get("enum"):
        before_set, after_set = _values(old.get("enum")), _values(new.get("enum"))
        wider = after_set is None or (before_set is not None and before_set <= after_set)
        narrower = before_set is None or (after_set is not None and after_set <= before_set)
        if not (wider and narrower):
            fits = wider if asks else narrower
            what = "widened" if wider else "narrowed" if narrower else "changed"
            yield Difference(f"{place}/enum", what, _word(old.get("enum")), _word(new.get("enum")), breaking=not fits)


def _values(enum: Any) -> frozenset[str] | None:
    return None if not isinstance(enum, list) else frozenset(f"{type(one).__name__}:{one}" for one in enum)


def _type_of(schema: Schema) -> Any:
    return schema.get("type", "") if isinstance(schema, dict) else schema


def _refers(schema: Schema) -> bool:
    return "'$ref'" in repr(schema)


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))[:80]
    return str(value)[:80]
