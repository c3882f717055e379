"""JSON of strangers: every scalar as text, so that `1.10` stays `1.10`; what is broken in one object costs that object only. Pure.

Bytes are bounded by who fetched them. Depth, lone surrogates and the number of values are bounded here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from protocol import limits
from protocol.errors import DataError


@dataclass(frozen=True, slots=True)
class Broken:
    """An object with a key twice: nobody can say what it means."""

    key: str


Value = None | str | Broken | list["Value"] | dict[str, "Value"]


def read_body(data: bytes) -> Value:
    """Scalars as text (`true`, `false`; null is None), objects as dicts or `Broken`. Raises DataError `http.no_json` with line and
    reason, `http.json_too_deep`."""
    try:
        text = data.decode("utf-8-sig")
        found: Value = json.loads(
            text, object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise DataError("http.no_json", line=error.lineno, reason=error.msg) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("http.no_json", line=line, reason=f"no UTF-8: {error.reason}") from None
    except RecursionError:
        raise DataError("http.json_too_deep", limit=limits.HTTP_JSON_DEPTH) from None
    _check(found)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Value] | Broken:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        return Broken(next(name for name in names if names.count(name) > 1)[: limits.NAME_CHARS])
    for key, value in pairs:
        if value is True or value is False:
            found[key] = "true" if value else "false"
    return found


def _no_constant(name: str) -> str:
    raise json.JSONDecodeError(f"{name} is no JSON", "", 0)


def _check(value: Value) -> None:
    """Depth, and text that no UTF-8 writer accepts."""
    level: list[Value] = [value]
    for _ in range(limits.HTTP_JSON_DEPTH):
        below: list[Value] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return
        level = below
    raise DataError("http.json_too_deep", limit=limits.HTTP_JSON_DEPTH)


def clean(text: str) -> str:
    """`text` without what cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
