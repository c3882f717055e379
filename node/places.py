"""Adding and removing places of sources from the command line: a folder, a repository, a registry. Writes only our own drop-in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node import config
from node.paths import Paths
from protocol.errors import NotFoundError, UsageError
from protocol.git_rules import parse_url

_FORGE = re.compile(r"(github|gitee):([\w.-]+(?:/[\w.-]+)?)", re.ASCII)
_REGISTRY = re.compile(r"skill_center:(https?://\S+)|(https?://\S+)/api/v1/?", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:", re.IGNORECASE)
BY_NAME = ("ssh", "file")
"""Schemes of repositories that are allowed by naming an address; git and http are not protected on the way, and need a setting."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source should look. `source` and `key` say which list of the settings it belongs to."""

    source: str
    key: str
    text: str

    @property
    def value(self) -> Any:
        """As it stands in the settings."""
        return {"url": self.text} if self.source in ("git_repository", "skill_center") else self.text


def read_place(text: str, base: Path) -> Place:
    """Tell a folder from a repository, from `github:owner` or `github:owner/name`, and from a registry: `skill_center:URL`, or an
    address that ends in /api/v1. Raises UsageError `source.bad_place`."""
    if registry := _REGISTRY.fullmatch(text):
        return Place("skill_center", "registries", registry[1] or registry[2])
    if forge := _FORGE.fullmatch(text):
        return Place(forge[1], "repositories" if "/" in forge[2] else "owners", forge[2])
    if _URL.match(text):
        return Place("git_repository", "repositories", text)
    try:
        folder = (base / Path(text).expanduser()).absolute()
        is_folder = folder.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a null byte, nobody's home
        raise UsageError("source.bad_place", place=text) from error
    if is_folder:
        bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
        return (
            Place("git_repository", "repositories", f"file://{folder}")
            if bare
            else Place("local_fs", "folders", str(folder))
        )
    raise UsageError("source.bad_place", place=text)


def add_place(paths: Paths, place: Place, loaded: config.Config) -> bool:
    """Remember a place; False when the settings name it already. What the source itself refuses is refused here, unwritten."""
    if place.text in {_text(entry) for entry in _configured(loaded, place)}:
        return False
    new = {place.key: [place.value]} | _allowance(loaded, place)
    _validate(loaded, place, new)
    own = config.read_own(paths)
    section = own.setdefault("sources", {}).setdefault(place.source, {})
    for key, entries in new.items():
        section[key] = [*(old for old in section.get(key, []) if old not in entries), *entries]
    config.write_own(paths, own)
    return True


def remove_place(paths: Paths, text: str) -> Place:
    """Forget a place the command line added. Raises NotFoundError `source.no_such_place` (and says where it is set)."""
    own = config.read_own(paths)
    for source, section in own.get("sources", {}).items():
        for key, entries in section.items():
            kept = [entry for entry in entries if _text(entry) != text] if isinstance(entries, list) else entries
            if kept != entries:
                section[key] = kept
                config.write_own(paths, own)
                return Place(source, key, text)
    raise NotFoundError("source.no_such_place", place=text, file=str(paths.config))


def switch(paths: Paths, source: str, *, on: bool) -> None:
    """Enable or disable a source."""
    own = config.read_own(paths)
    own.setdefault("sources", {}).setdefault(source, {})["enabled"] = "true" if on else "false"
    config.write_own(paths, own)


def _configured(loaded: config.Config, place: Place) -> list[Any]:
    return list(loaded.settings.sources.get(place.source, {}).get(place.key) or [])


def _allowance(loaded: config.Config, place: Place) -> dict[str, list[Any]]:
    """What naming a repository allows besides. Raises UsageError `git.bad_url`, `git.scheme_refused`."""
    if place.source != "git_repository":
        return {}
    allowed = list(loaded.settings.sources.get(place.source, {}).get("allow") or ["https"])
    scheme = parse_url(place.text, tuple(dict.fromkeys((*allowed, *BY_NAME)))).scheme
    return {} if scheme in allowed else {"allow": [*allowed, scheme]}


def _validate(loaded: config.Config, place: Place, new: Mapping[str, list[Any]]) -> None:
    section = dict(loaded.settings.sources.get(place.source, {}))
    for key, entries in new.items():
        section[key] = [*(section.get(key) or []), *entries]
    problems = config.check_section(place.source, section, loaded)
    if problems:
        raise config.invalid(problems)


def _text(entry: object) -> str:
    return str(entry.get("url") or entry.get("name", "")) if isinstance(entry, Mapping) else str(entry)
