"""Refs: how people, files and the DHT name an item - `scene:ID`, `cap:ID`, `skill:ID`, `agent:ID`, optionally `@VERSION`.

Guide 3.3 (key space). Ids are ASCII so that two strangers cannot read one name as two; display names carry the Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from protocol import limits
from protocol.errors import DataError


class Kind(StrEnum):
    """What an item is. The value is the word used in JSON, SQL and file names."""

    SCENE = "scene"
    CAPABILITY = "capability"
    SKILL = "skill"
    AGENT = "agent"

    @property
    def prefix(self) -> str:
        """The word before the colon of a ref (guide 3.3 writes `cap:`)."""
        return "cap" if self is Kind.CAPABILITY else self.value


KIND_OF_PREFIX = {kind.prefix: kind for kind in Kind} | {"capability": Kind.CAPABILITY}

_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{limits.ID_CHARS - 1}}}")
_VERSION = re.compile(rf"[0-9A-Za-z][0-9A-Za-z.+_-]{{0,{limits.VERSION_CHARS - 1}}}")


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A name for an item, or for one version of it when `version` is not empty."""

    kind: Kind
    id: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.kind.prefix}:{self.id}" + (f"@{self.version}" if self.version else "")

    @property
    def any_version(self) -> Ref:
        """The same item without a version."""
        return Ref(self.kind, self.id) if self.version else self


def is_id(text: str) -> bool:
    """Whether `text` can be an id, and so also one part of a path."""
    return _ID.fullmatch(text) is not None and not text.endswith(".")


def check_id(text: str) -> str:
    """Return `text` if it is an id. Raises DataError `ref.bad_id`."""
    if not is_id(text):
        raise DataError("ref.bad_id", text=text[: limits.ID_CHARS + 1])
    return text


def parse_ref(text: str) -> Ref:
    """Read `kind:id` or `kind:id@version`. Raises DataError `ref.malformed` or `ref.bad_id`.

    >>> str(parse_ref("cap:daily-report@1.2"))
    'cap:daily-report@1.2'
    """
    prefix, colon, rest = text.partition(":")
    kind = KIND_OF_PREFIX.get(prefix)
    if kind is None or not colon:
        raise DataError("ref.malformed", text=text[: limits.QUERY_CHARS])
    item_id, at, version = rest.partition("@")
    if at and not _VERSION.fullmatch(version):
        raise DataError("ref.malformed", text=text[: limits.QUERY_CHARS])
    return Ref(kind, check_id(item_id), version)
