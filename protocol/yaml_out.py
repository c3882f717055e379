"""Writing YAML that every reader understands alike: block style, LF, and text quoted whenever some reader might see a number,
a date or a truth value in it (FORMATS 1.6: `1.10`, `on`, `0x2D`, `40`, `2026-02-20` stay text also for YAML 1.1).

The same value always gives the same bytes; keys keep the order they are given in.

>>> print(emit({"version": "1.10", "name": "日报", "tags": ["on", "daily"], "count": 2}), end="")
version: "1.10"
name: 日报
tags:
- "on"
- daily
count: 2
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from protocol.items import Json

_PLAIN = re.compile(r"[A-Za-z\u4e00-\u9fff][A-Za-z0-9\u4e00-\u9fff_./-]*(?: [A-Za-z0-9\u4e00-\u9fff_./-]+)*")
_TYPED = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_quote = json.JSONEncoder(ensure_ascii=False).encode


def emit(value: Mapping[str, Json]) -> str:
    """`value` as one YAML document."""
    return "\n".join(_mapping(value, "")) + "\n" if value else "{}\n"


def json_in_yaml(value: Json) -> str:
    """`value` as indented JSON with sorted keys, escaped so that it is one YAML document, too."""
    return escape(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, default=_as_json)) + "\n"


def escape(text: str) -> str:
    """Escape, in quoted text, the characters that YAML forbids or takes for line ends."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def scalar(value: str | int | float | bool | None) -> str:
    """One value on one line."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _TYPED:
            return value
        return escape(_quote(value))
    return _quote(value)


def _mapping(value: Mapping[str, Json], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{indent}{scalar(key)}:", item, indent)


def _entry(head: str, value: Json, indent: str) -> Iterator[str]:
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        yield f"{head} {scalar(value)}"
    elif isinstance(value, Mapping):
        yield from (head, *_mapping(value, indent + "  ")) if value else (f"{head} {{}}",)
    else:
        yield from (head, *_sequence(value, indent)) if value else (f"{head} []",)


def _sequence(value: Sequence[Json], indent: str) -> Iterator[str]:
    for item in value:
        if isinstance(item, Mapping) and item:
            first, *rest = _mapping(item, indent + "  ")
            yield f"{indent}- {first.lstrip(' ')}"
            yield from rest
        else:
            yield from _entry(f"{indent}-", item, indent + "  ")


def _as_json(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
