"""The contract of a capability at run time: where it is called, and whether a request or an answer fits it.

Schemas are JSON Schema (2020-12) without references to anywhere else. Manifests hold every scalar as text; `typed` gives the
words of JSON Schema their types back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from protocol import limits
from protocol.items import Item, Json

_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Contract:
    """What a call needs to know. `seconds` 0: the contract says nothing. Schemas are None when there are none."""

    capability: str
    path: str = ""
    method: str = "POST"
    seconds: float = 0.0
    request: Json = None
    response: Json = None


class Checks(Protocol):
    """Compares values with schemas."""

    def faults(self, schema: Json, value: Json) -> list[str]:
        """What does not fit, as sentences with the place; empty when all does."""


def contract_of(capability: str, definition: Item | None, skill: Item) -> Contract:
    """The contract from the capability's own definition, else from what the skill says about its endpoint."""
    facts = definition.facts.get("contract") if definition is not None else None
    if isinstance(facts, dict):
        method = str(facts.get("method", "POST")).upper()
        return Contract(
            capability,
            _path(facts.get("path")) or _endpoint(capability, skill)[0],
            method if method in _METHODS else "POST",
            _seconds(facts.get("timeout")),
            _schema(facts.get("request")),
            _schema(facts.get("response")),
        )
    path, method = _endpoint(capability, skill)
    return Contract(capability, path, method)


def _endpoint(capability: str, skill: Item) -> tuple[str, str]:
    rows = skill.facts.get("endpoints")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("capability") == capability:
            method = str(row.get("method", "POST")).upper()
            return _path(row.get("path")), method if method in _METHODS else "POST"
    return "", "POST"


def _path(value: Json) -> str:
    """A path that stays below the base URL, "" for anything else."""
    text = value if isinstance(value, str) else ""
    fine = text.startswith("/") and not text.startswith("//") and text.isascii() and text.isprintable()
    return text if fine and not set(text) & set(" \\#?") and ".." not in text.split("/") else ""


def _seconds(value: Json) -> float:
    text = str(value)
    return min(int(text) / 1000, limits.CALL_LONGEST_SECONDS) if text.isdecimal() and len(text) < 12 else 0.0


def _schema(part: Json) -> Json:
    schema = part.get("schema") if isinstance(part, dict) else None
    return typed(schema) if isinstance(schema, dict) else None


_LEAST_MOST: Final = ("Length", "Items", "Properties", "Contains", "imum")
_NUMBERS: Final = frozenset(
    {
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        *(start + end for start in ("min", "max") for end in _LEAST_MOST),
    }
)
_FLAGS: Final = frozenset({"uniqueItems", "additionalProperties", "unevaluatedProperties", "nullable"})
_MAPS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLE: Final = frozenset({"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"})


def typed(schema: Json) -> Json:
    """A schema with numbers and flags where a manifest's reader left text."""
    if not isinstance(schema, dict):
        return {"true": True, "false": False}.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema.get("type")
    return {key: _typed_word(key, value, kind) for key, value in schema.items()}


def _typed_word(key: str, value: Json, kind: Json) -> Json:
    if key in _NUMBERS:
        return _number(value)
    if key in _MAPS and isinstance(value, dict):
        return {name: typed(inner) for name, inner in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [typed(inner) for inner in value]
    if key in _SINGLE or key in _FLAGS:
        return typed(value)
    if key in ("default", "const"):
        return _of_kind(value, kind)
    if key in ("enum", "examples") and isinstance(value, list):
        return [_of_kind(one, kind) for one in value]
    return value


def _of_kind(value: Json, kind: Json) -> Json:
    if kind in ("integer", "number"):
        return _number(value)
    return typed(value) if kind == "boolean" else value


def _number(value: Json) -> Json:
    if not isinstance(value, str) or len(value) > 40:
        return value
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value


class SchemaChecks:
    """Checks with the jsonschema library; nothing is ever fetched for a `$ref`."""

    def faults(self, schema: Json, value: Json) -> list[str]:
        """What does not fit; a schema that is none fits nothing and says so."""
        if schema is None:
            return []
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from referencing import Registry
        from referencing.exceptions import Unresolvable

        if not isinstance(schema, Mapping | bool):
            return ["the contract's schema is not a mapping"]
        checker: Any = Draft202012Validator
        try:
            checker.check_schema(schema)
            errors = checker(schema, registry=Registry()).iter_errors(value)
            found = [f"{_place(error)}: {error.message[:200]}" for error, _ in zip(errors, range(_SHOWN), strict=False)]
        except SchemaError as error:
            return [f"the contract's schema is no JSON Schema: {error.message[:200]}"]
        except Unresolvable as error:
            return [f"the contract's schema refers to something that is not in it: {str(error)[:200]}"]
        return found


def _place(error: Any) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
