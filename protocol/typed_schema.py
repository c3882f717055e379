"""JSON Schemas from manifests, where every scalar is text: `minLength: "1"` becomes 1, `required: "true"` a list, `enum` by its type.

Also the border for hostile schemas: bounded in size and depth, no reference out of the document, no pattern that could run for
ever. What comes out is a valid Draft 2020-12 schema or an error.

>>> typed_schema({"type": "string", "minLength": "1"})
{'type': 'string', 'minLength': 1}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from protocol import limits
from protocol.errors import DataError
from protocol.items import Json
from protocol.safe_pattern import check_pattern

Schema = bool | dict[str, Any]

_WHOLE: Final = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains"}
)
_NUMBERS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_FLAGS: Final = frozenset({"uniqueItems", "readOnly", "writeOnly", "deprecated"})
_ONE: Final = frozenset(
    {"items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "unevaluatedItems"}
    | {"unevaluatedProperties", "additionalItems"}
)
_MANY: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_REFS: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_NAMES_OF_DOCUMENT: Final = frozenset({"$id", "id", "$schema", "$vocabulary"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def typed_schema(raw: Json, place: str = "schema") -> Schema:
    """Read a schema. Raises DataError `contract.bad_schema` (place, reason) or `contract.remote_ref` (place, target)."""
    from protocol.schema_check import schema_fault  # loads jsonschema, which takes long

    reader = _Reader()
    schema = reader.schema(raw, place, 0)
    fault = schema_fault(schema)
    if fault is not None:
        reason, where = fault
        raise _bad(f"{place}/{where}" if where else place, reason)
    for target, where in reader.refs:
        if _resolve(schema, target) is None:
            raise _bad(where, f"{target[:80]!r} points nowhere")
    return schema


def resolved(schema: Schema, root: Schema) -> Schema:
    """`schema`, or what it refers to in `root`; a circle of references is left where it closes."""
    for _ in range(limits.SCHEMA_DEPTH):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str) or len(schema) > 1:
            return schema
        target = _resolve(root, schema["$ref"])
        if target is None:
            return schema
        schema = target
    return schema


def _resolve(root: Schema, pointer: str) -> Schema | None:
    at: Any = root
    for part in pointer.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict) and name in at:
            at = at[name]
        elif isinstance(at, list) and name.isdigit() and int(name) < len(at):
            at = at[int(name)]
        else:
            return None
    return at if isinstance(at, bool | dict) else None


class _Reader:
    """One schema; counts its nodes and remembers its references."""

    def __init__(self) -> None:
        self._nodes = 0
        self.refs: list[tuple[str, str]] = []

    def schema(self, raw: Json, place: str, depth: int) -> Schema:
        self._nodes += 1
        if depth > limits.SCHEMA_DEPTH:
            raise _bad(place, f"more than {limits.SCHEMA_DEPTH} deep")
        if self._nodes > limits.SCHEMA_NODES:
            raise _bad(place, f"more than {limits.SCHEMA_NODES} parts")
        flag = _flag(raw)
        if flag is not None:
            return flag
        if not isinstance(raw, Mapping):
            raise _bad(place, "is no mapping")
        kind = raw.get("type")
        schema: dict[str, Any] = {}
        for word, value in raw.items():
            if word in _NAMES_OF_DOCUMENT and isinstance(value, str):
                if depth and word == "$id":
                    raise _bad(place, "$id inside a schema")
                continue
            found = self._keyword(word, value, kind, f"{place}/{word}", depth)
            if found is not None:
                schema[word] = found
        _hoist_required(raw, schema)
        return schema

    def _keyword(self, word: str, value: Json, kind: Json, place: str, depth: int) -> Any:
        if word in _REFS:
            return self._ref(value, place)
        if word in _WHOLE:
            return _typed(value, "integer", place)
        if word in _NUMBERS:
            return _typed(value, "number", place)
        if word in _FLAGS or word == "required":
            flag = _flag(value)
            return None if word == "required" and flag is not None else value if flag is None else flag
        if word in _ONE:
            return self.schema(value, place, depth + 1)
        if word in _MANY and isinstance(value, Sequence) and not isinstance(value, str):
            return [self.schema(one, f"{place}/{at}", depth + 1) for at, one in enumerate(value)]
        if word in _NAMED and isinstance(value, Mapping):
            for name in value if word == "patternProperties" else ():
                check_pattern(name, place)
            return {name: self.schema(one, f"{place}/{name}", depth + 1) for name, one in value.items()}
        if word == "pattern" and isinstance(value, str):
            return check_pattern(value, place)
        if word in ("const", "default"):
            return _value(value, kind, place)
        if word in ("enum", "examples") and isinstance(value, Sequence) and not isinstance(value, str):
            return [_value(one, kind, place) for one in value]
        return value

    def _ref(self, value: Json, place: str) -> str:
        if not isinstance(value, str) or not (value == "#" or value.startswith("#/")):
            raise DataError("contract.remote_ref", place=place, target=str(value)[:80])
        self.refs.append((value, place))
        return value


def _hoist_required(raw: Mapping[str, Json], schema: dict[str, Any]) -> None:
    """`required: true` beside a property, as older dialects write it, belongs to the list of the object."""
    properties = raw.get("properties")
    if isinstance(properties, Mapping):
        said = [name for name, one in properties.items() if isinstance(one, Mapping) and _flag(one.get("required"))]
        if said:
            listed = schema.get("required", [])
            schema["required"] = list(dict.fromkeys([*(listed if isinstance(listed, list) else []), *said]))


def _value(value: Json, kind: Json, place: str) -> Any:
    """A value of the schema's own type; text where the schema names none or several."""
    if isinstance(value, str) and isinstance(kind, str) and kind in ("integer", "number", "boolean", "null"):
        return _typed(value, kind, place)
    return value


def _typed(value: Json, kind: str, place: str) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "boolean" and (flag := _flag(text)) is not None:
        return flag
    if kind == "null" and text in ("", "null", "~"):
        return None
    if kind in ("integer", "number") and _INTEGER.fullmatch(text) and len(text) <= limits.VERSION_CHARS:
        return int(text)
    if kind in ("integer", "number") and _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number) and (kind == "number" or number.is_integer()):
            return number
    raise _bad(place, f"{text[:40]!r} is no {kind}")


def _flag(value: Json) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _bad(place: str, reason: str) -> DataError:
    return DataError("contract.bad_schema", place=place, reason=reason)
