"""Values against JSON Schemas in bounded time: long texts and long lists are faults, not work. Loads `jsonschema`, so it is imported
only where a value or a schema is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import referencing
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError, ValidationError, best_match

from protocol.safe_pattern import TEXT_CHARS


def first_fault(schema: Any, value: Any) -> tuple[str, str]:
    """What is most wrong with `value` and its place (`/a/0`); ("", "/") when it holds."""
    try:
        error = best_match(_Bounded(schema, registry=referencing.Registry()).iter_errors(value))
    except RecursionError:
        return "the schema refers to itself without end", "/"
    except referencing.exceptions.Unresolvable as missing:
        return f"the schema refers to {str(missing.ref)[:80]}", "/"
    if error is None:
        return "", "/"
    return error.message[:300], "/" + "/".join(map(str, error.absolute_path))


def schema_fault(schema: Any) -> tuple[str, str] | None:
    """What is wrong with a Draft 2020-12 schema, and where in it (`a/0`, "" for the whole)."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message[:200], "/".join(map(str, error.absolute_path))
    except RecursionError:
        return "too deep", ""
    return None


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str):
        if len(instance) > TEXT_CHARS:
            yield ValidationError(f"longer than the {TEXT_CHARS} characters that a pattern is matched against")
        else:
            yield from Draft202012Validator.VALIDATORS["pattern"](validator, pattern, instance, schema)


def _unique(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted and isinstance(instance, list) and len(instance) > TEXT_CHARS:
        yield ValidationError(f"more than {TEXT_CHARS} entries to be told apart")
    else:
        yield from Draft202012Validator.VALIDATORS["uniqueItems"](validator, wanted, instance, schema)


_extend: Any = validators.extend  # has no types
_Bounded: Any = _extend(Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique})
