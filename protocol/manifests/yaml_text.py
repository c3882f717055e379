"""YAML as text: the limits-first reader behind every manifest (SECURITY 5.1, FORMATS 1.6).

It builds the tree from the event stream of libyaml, so that no typed value is ever made: `1.10`, `on`, `0x2D`, `07`, `40` and
dates stay the text that was written. Only a plain empty, `~` or `null` becomes None. Everything that could make reading costly
or two readers disagree is refused with a code and a line: size, depth, nodes (aliases count as what they expand to), duplicate
keys, merge keys, keys that are not scalars, foreign tags, a second document, bytes that are not UTF-8.

The stream is stopped at the first event that is too deep; composing (which recurses in C) never happens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from protocol import limits
from protocol.errors import DataError

Tree = None | str | list["Tree"] | dict[str, "Tree"]
"""What a document becomes."""

_CORE: Final = "tag:yaml.org,2002:"
_CORE_TAGS: Final = {"!", *(_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))}
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def read_yaml(data: bytes) -> Tree:
    """Read one document. An empty document is None. Raises DataError `manifest.*` with `line` (1 = first) and `reason`."""
    if len(data) > limits.MANIFEST_BYTES:
        raise DataError("manifest.too_big", line=0, reason=f"{len(data)} bytes", limit=limits.MANIFEST_BYTES)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("manifest.encoding", line=_line(data, error.start), reason=error.reason) from None
    try:
        return _Builder(data).build()
    except yaml.reader.ReaderError as error:
        reason = (
            f"{error.reason} (U+{ord(error.character) if isinstance(error.character, str) else error.character:04X})"
        )
        raise DataError("manifest.control_character", line=_line(data, error.position), reason=reason) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        raise DataError("manifest.syntax", line=(mark.line + 1) if mark is not None else 0, reason=reason) from None


def _line(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _refuse(code: str, event: Any, reason: str) -> DataError:
    return DataError(code, line=event.start_mark.line + 1, reason=reason)


class _Builder:
    """One pass over the events, with an explicit stack."""

    def __init__(self, data: bytes) -> None:
        self._next: Callable[[], Any] = CParser(
            data
        ).get_event  # typed as Any: one isinstance per event would cost a third
        self._nodes = 0
        self._aliases = 0
        self._anchors: dict[str, tuple[Tree, int]] = {}

    def build(self) -> Tree:
        self._next()  # stream start
        event = self._next()
        if type(event) is StreamEndEvent:
            return None
        root = self._document()
        self._next()  # document end
        event = self._next()
        if type(event) is DocumentStartEvent:
            raise _refuse("manifest.several_documents", event, "a second document starts here")
        if self._aliases and _depth(root) > limits.YAML_DEPTH:
            raise DataError("manifest.depth", line=0, reason="too deep after aliases are expanded")
        return root

    def _document(self) -> Tree:
        """The tree between document start and document end. The hot loop: kept flat on purpose."""
        get = self._next
        holder: list[Tree] = []
        stack: list[tuple[list[Tree] | dict[str, Tree], str, str, int]] = []
        current: list[Tree] | dict[str, Tree] = holder
        mapping = pending = False
        key: Any = ""
        anchor, before, nodes = "", 0, 0
        while True:
            event = get()
            kind = type(event)
            value: Tree
            if kind is ScalarEvent:
                nodes += 1
                value = event.value
                if mapping and not pending:
                    key = value
                    if key in current or key == "<<" or len(key) > limits.YAML_KEY_CHARS or event.anchor:
                        self._check_key(event, key in current)
                    pending = True
                    continue
                if event.tag is not None:
                    value = _tagged(event)
                elif value in _NULLS and event.implicit[0] and not event.style:
                    value = None
                if event.anchor is not None:
                    self._anchors[event.anchor] = (value, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                nodes += 1
                if (mapping and not pending) or len(stack) >= limits.YAML_DEPTH or event.tag is not None:
                    self._check_start(event, len(stack), mapping and not pending)
                stack.append((current, key, anchor, before))
                current = {} if kind is MappingStartEvent else []
                mapping, pending, anchor, before = kind is MappingStartEvent, False, event.anchor or "", nodes - 1
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                value = current
                if anchor:
                    self._anchors[anchor] = (value, nodes - before)
                current, key, anchor, before = stack.pop()
                mapping = pending = type(current) is dict
            else:
                value, size = self._alias(event, mapping and not pending)
                nodes += size
            if nodes > limits.YAML_NODES:
                raise _refuse("manifest.nodes", event, f"more than {limits.YAML_NODES} nodes")
            if mapping:
                current[key] = value
                pending = False
            else:
                current.append(value)  # type: ignore[union-attr]
                if not stack:
                    return value

    def _alias(self, event: AliasEvent, as_key: bool) -> tuple[Tree, int]:
        if as_key:
            raise _refuse("manifest.complex_key", event, "an alias is used as a key")
        self._aliases += 1
        if self._aliases > limits.YAML_ALIASES:
            raise _refuse("manifest.aliases", event, f"more than {limits.YAML_ALIASES} aliases")
        if event.anchor not in self._anchors:
            raise _refuse("manifest.aliases", event, "an alias of something not finished yet")
        return self._anchors[event.anchor]

    def _check_key(self, event: ScalarEvent, repeated: bool) -> None:
        if repeated:
            raise _refuse("manifest.duplicate_key", event, f"the key {event.value[:80]!r} occurs twice")
        if event.value == "<<" and not event.style:
            raise _refuse("manifest.merge_key", event, "merge keys (<<) are not read")
        if len(event.value) > limits.YAML_KEY_CHARS:
            raise _refuse("manifest.key_too_long", event, f"a key longer than {limits.YAML_KEY_CHARS} characters")
        if event.anchor is not None:
            self._anchors[event.anchor] = (event.value, 1)

    def _check_start(self, event: MappingStartEvent | SequenceStartEvent, depth: int, as_key: bool) -> None:
        if as_key:
            raise _refuse("manifest.complex_key", event, "a key that is not plain text")
        if depth >= limits.YAML_DEPTH:
            raise _refuse("manifest.depth", event, f"nested deeper than {limits.YAML_DEPTH}")
        if event.tag not in _CORE_TAGS:
            raise _refuse("manifest.tag", event, f"the tag {(event.tag or '')[:80]!r}")


def _tagged(event: ScalarEvent) -> Tree:
    if event.tag not in _CORE_TAGS:
        raise _refuse("manifest.tag", event, f"the tag {(event.tag or '')[:80]!r}")
    return None if event.tag == _CORE + "null" else str(event.value)


def _depth(root: Tree) -> int:
    """The deepest nesting; stops looking once the limit is passed."""
    deepest, todo = 0, [(root, 1)]
    while todo and deepest <= limits.YAML_DEPTH:
        tree, depth = todo.pop()
        if isinstance(tree, dict | list):
            deepest = max(deepest, depth)
            todo.extend((child, depth + 1) for child in (tree.values() if isinstance(tree, dict) else tree))
    return deepest
