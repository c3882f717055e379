"""Every sentence an error or a problem report can say, by stable code, in English and Chinese.

Each area has a module with a `MESSAGES` table: code -> `Message`. A placeholder `{name}` is filled from the parameters of
the error; a missing parameter shows as `?`, so rendering never fails on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import NamedTuple

from protocol.messages.message import Message

AREAS = (
    "api",
    "cache",
    "center",
    "config",
    "conflict",
    "core",
    "dht",
    "digest",
    "folder",
    "forge",
    "git",
    "http",
    "index",
    "install",
    "lan",
    "manifest",
    "plan",
    "registry",
    "relation",
    "scenario",
    "scene",
    "share",
    "source",
    "trust",
)


class _Sentences(Mapping[str, Message]):
    """All areas as one table, read when the first sentence is wanted: most processes end without one."""

    def __init__(self) -> None:
        self._table: dict[str, Message] = {}

    def _read(self) -> dict[str, Message]:
        if not self._table:
            for area in AREAS:
                self._table |= import_module(f"protocol.messages.{area}").MESSAGES
        return self._table

    def __getitem__(self, code: str) -> Message:
        return self._read()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


MESSAGES: Mapping[str, Message] = _Sentences()


class Rendered(NamedTuple):
    """A message in one language: what happened, and what to do next."""

    text: str
    next_step: str


class _Gaps(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def _shown(value: object) -> object:
    """A list as a sentence would say it."""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return "?" if value is None else value


def render(code: str, params: Mapping[str, object], language: str) -> Rendered:
    """Fill the message of `code` in `language` ("en" or "zh"). Raises KeyError for an unknown code."""
    message = MESSAGES[code]
    values = _Gaps({key: _shown(value) for key, value in params.items()})
    if language == "zh":
        return Rendered(message.zh.format_map(values), message.next_zh.format_map(values))
    return Rendered(message.en.format_map(values), message.next_en.format_map(values))
