"""How a skill says it is called: `spec.implements[].connector` made into one of three plain values (docs/reference/connectors.md).

A skill that says nothing that can be run is no error: `Nothing` carries the reason, and the scene is installed as
PENDING_ACTIVATION with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from protocol import limits
from protocol.install.model import Generation, Installed
from protocol.items import Item, Json

RUN: Final = "run: "
"""Before a command among the permissions that a consent remembers."""


@dataclass(frozen=True, slots=True)
class Document:
    """Text for a person or a model."""


@dataclass(frozen=True, slots=True)
class Http:
    """A service that runs already. Seconds; `health` is "" when there is no check."""

    base_url: str
    health: str = ""
    timeout: float = limits.CALL_SECONDS
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Process:
    """A program in the skill's folder."""

    command: tuple[str, ...]
    health: str = "/health"


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to run: `code` is a message code, `detail` fills it."""

    code: str
    detail: str = ""


Connector = Document | Http | Process | Nothing

_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{0,255}")


def implements(item: Item, capability: str) -> bool:
    """Whether a skill says it can answer for a capability."""
    return any(provided.id == capability for provided in item.provides)


def connector_of(item: Item, capability: str) -> Connector:
    """How `item`, a skill, is called for `capability`."""
    if item.dialect == "agent-skill":
        return Document()
    for how, config in _declared(item, capability):
        if how == "document":
            return Document()
        if how == "http":
            return _http(config)
        if how in ("process", "jar", "local-jar", "local_jar"):
            return _process(how, config)
        return Nothing("scene.unknown_connector", how)
    return Nothing("scene.nothing_runnable")


def may_run(generation: Generation, item: Installed, spec: Process) -> bool:
    """Whether somebody agreed that exactly these bytes run exactly this command."""
    word = RUN + " ".join(spec.command)
    return any(
        consent.release == item.release and consent.digest == item.digest and word in consent.permissions
        for consent in generation.consents
    )


def _declared(item: Item, capability: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Connector rows, those of this capability first."""
    rows = item.facts.get("implements")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("capId") == capability:
            connector = row.get("connector")
            if isinstance(connector, dict):
                config = connector.get("config")
                yield str(connector.get("type", "")), config if isinstance(config, dict) else {}
    run = item.facts.get("run")
    if isinstance(run, dict) and run.get("how"):
        yield str(run["how"]), run


def _http(config: Mapping[str, Json]) -> Connector:
    base = config.get("baseUrl")
    if not isinstance(base, str):
        return Nothing("scene.bad_connector", "baseUrl")
    reason = base_url_fault(base)
    if reason:
        return Nothing("scene.bad_connector", f"baseUrl: {reason}")
    health = config.get("health", "")
    if not isinstance(health, str) or (health and not _PATH.fullmatch(health)):
        return Nothing("scene.bad_connector", "health")
    timeout = _number(
        config.get("timeout"), 1, int(limits.CALL_LONGEST_SECONDS * 1000), int(limits.CALL_SECONDS * 1000)
    )
    return Http(base.rstrip("/"), health, timeout / 1000, _number(config.get("retry"), 0, limits.CALL_RETRIES, 0))


def base_url_fault(url: str) -> str:
    """Why `url` cannot be a base URL; empty when it can."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "not an http or https URL"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment or port == 0:
        return "has a user, a query, a fragment or port 0"
    return "" if len(url) <= limits.GIT_URL_CHARS and url.isascii() and url.isprintable() else "too long or not ASCII"


def _process(how: str, config: Mapping[str, Json]) -> Connector:
    command = config.get("command")
    jar = config.get("jar") or config.get("jarPath")
    if isinstance(jar, str) and jar and not command:
        command = ["java", "-jar", jar]
    if not isinstance(command, list) or not command or len(command) > limits.COMMAND_WORDS:
        return Nothing("scene.bad_connector", "command" if how == "process" else "jar")
    words = [str(word) for word in command]
    if not words[0] or any("\0" in word or len(word) > limits.COMMAND_WORD_CHARS for word in words):
        return Nothing("scene.bad_connector", "command")
    health = config.get("health", "/health")
    if not isinstance(health, str) or not _PATH.fullmatch(health):
        return Nothing("scene.bad_connector", "health")
    return Process(tuple(words), health)


def _number(value: Json, least: int, most: int, default: int) -> int:
    text = str(value).strip() if value is not None else ""
    return min(most, max(least, int(text))) if text.isdecimal() and len(text) < 12 else default
