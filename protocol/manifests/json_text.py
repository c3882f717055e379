"""skill.json as text: the same tree and the same refusals as for YAML, read with the JSON parser."""

from __future__ import annotations

import json

from protocol import limits
from protocol.errors import DataError
from protocol.manifests.yaml_text import Tree


def read_json(data: bytes) -> Tree:
    """Read one JSON document with every scalar as text. Raises DataError `manifest.*` like `read_yaml`."""
    if len(data) > limits.MANIFEST_BYTES:
        raise DataError("manifest.too_big", line=0, reason=f"{len(data)} bytes", limit=limits.MANIFEST_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("manifest.encoding", line=data.count(b"\n", 0, error.start) + 1, reason=error.reason) from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        raise DataError("manifest.syntax", line=error.lineno, reason=error.msg) from None
    except RecursionError:
        raise DataError("manifest.depth", line=0, reason=f"nested deeper than {limits.YAML_DEPTH}") from None
    return _as_text(value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError("manifest.duplicate_key", line=0, reason=f"the key {twice[:80]!r} occurs twice")
    return found


def _as_text(value: object) -> Tree:
    """Booleans become text; depth and node count are those of the YAML reader."""
    holder: list[Tree] = []
    todo: list[tuple[object, list[Tree] | dict[str, Tree], str, int]] = [(value, holder, "", 1)]
    nodes = 0
    while todo:
        current, parent, key, depth = todo.pop()
        nodes += 1
        made: Tree
        if isinstance(current, dict | list):
            if depth > limits.YAML_DEPTH:
                raise DataError("manifest.depth", line=0, reason=f"nested deeper than {limits.YAML_DEPTH}")
            if isinstance(current, dict):
                made = {}
                todo += [(each, made, str(name), depth + 1) for name, each in reversed(current.items())]
            else:
                made = []
                todo += [(each, made, "", depth + 1) for each in reversed(current)]
        elif isinstance(current, bool):
            made = "true" if current else "false"
        else:
            made = current if isinstance(current, str) or current is None else str(current)
        if isinstance(parent, dict):
            parent[key] = made
        else:
            parent.append(made)
        if nodes > limits.YAML_NODES:
            raise DataError("manifest.nodes", line=0, reason=f"more than {limits.YAML_NODES} nodes")
    return holder[0]
