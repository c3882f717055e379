"""What an item may do once it is installed, as far as it says so itself: shown before anything is fetched, never obeyed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.items import Item, Json

SHOWN: Final = 200  # rows of one sort that a plan carries


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting an item wants. Values are never part of a plan."""

    name: str
    required: bool
    secret: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class Abilities:
    """`commands` would be run (arguments joined with blanks), `addresses` would be called, `endpoints` are served."""

    permissions: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    offline: bool = False


def abilities_of(item: Item, *, offline: bool) -> Abilities:
    """Read the facts of docs/reference/items.md; whatever has another shape is left out."""
    connectors = [*_connectors(item), *_mappings(item.facts.get("run"))]
    return Abilities(
        permissions=_unique(_text(row.get("id")) for row in _mappings(item.facts.get("permissions"))),
        commands=_unique(command for row in connectors for command in _commands(row)),
        addresses=_unique(_text(row.get(key)) for row in connectors for key in ("baseUrl", "url", "endpoint")),
        endpoints=_unique(
            f"{_text(row.get('method')) or 'GET'} {_text(row.get('path'))}"
            for row in _mappings(item.facts.get("endpoints"))
            if row.get("path")
        ),
        settings=_settings(item.facts.get("config")),
        offline=offline,
    )


def _connectors(item: Item) -> list[Mapping[str, Json]]:
    """The connectors of an item with their settings beside the type."""
    rows = [*_mappings(item.facts.get("implements")), *_mappings(item.facts.get("connector"))]
    found: list[Mapping[str, Json]] = []
    for row in rows:
        connector = row.get("connector", row)
        if isinstance(connector, Mapping):
            inner = connector.get("config")
            found.append({**connector, **inner} if isinstance(inner, Mapping) else connector)
    return found


def _commands(row: Mapping[str, Json]) -> list[str]:
    command = row.get("command")
    if isinstance(command, str):
        return [command]
    if isinstance(command, Sequence):
        return [" ".join(part for part in command if isinstance(part, str))]
    entry = _text(row.get("entryPoint"))
    jar = _text(row.get("jar"))
    return [f"java -jar {jar}"] if jar else [entry] if entry else []


def _settings(config: Json) -> tuple[Setting, ...]:
    if not isinstance(config, Mapping):
        return ()
    found = []
    for word, required in (("required", True), ("optional", False)):
        for row in _mappings(config.get(word)):
            name = _text(row.get("name"))
            if name:
                secret = str(row.get("secret", "")).lower() == "true"
                found.append(Setting(name, required, secret, _text(row.get("description"))[:SHOWN]))
    return tuple(found[:SHOWN])


def _mappings(value: Json) -> list[Mapping[str, Json]]:
    if isinstance(value, Mapping):
        return [value]
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return [row if isinstance(row, Mapping) else {"id": row, "name": row} for row in value if row]


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _unique(values: object) -> tuple[str, ...]:
    assert hasattr(values, "__iter__")
    return tuple(dict.fromkeys(value for value in values if value))[:SHOWN]
