"""Every sentence an error or a problem report can say, by stable code, in English and Chinese.

Each area has a module with a `MESSAGES` table: code -> `Message`. A placeholder `{name}` is filled from the parameters of
the error; a missing parameter shows as `?`, so rendering never fails on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from protocol.messages import (
    api,
    cache,
    center,
    config,
    conflict,
    core,
    dht,
    digest,
    folder,
    forge,
    git,
    http,
    index,
    install,
    lan,
    manifest,
    plan,
    registry,
    relation,
    scenario,
    scene,
    share,
    source,
    trust,
)
from protocol.messages.message import Message

AREAS = (
    api,
    cache,
    center,
    config,
    conflict,
    core,
    dht,
    digest,
    folder,
    forge,
    git,
    http,
    index,
    install,
    lan,
    manifest,
    plan,
    registry,
    relation,
    scenario,
    scene,
    share,
    source,
    trust,
)

MESSAGES: Mapping[str, Message] = {code: message for area in AREAS for code, message in area.MESSAGES.items()}


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
