"""Facts of the facade as JSON, with the same fields on the command line and in the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from node import config
from node.config_file import Keys
from node.index import Row, Told
from node.supervisor import SourceState
from protocol.messages import render

HIDDEN = ("token", "password", "secret")
"""Settings whose name ends so are not shown."""


def row_body(row: Row) -> dict[str, object]:
    """One row as JSON, with the field names of the guide's DiscoveredItem beside ours (WIRE section 4, 11)."""
    return {
        "ref": str(row.ref),
        "kind": row.ref.kind,
        "id": row.ref.id,
        "version": row.version,
        "name": row.name,
        "description": row.description,
        "category": row.category,
        "trust": row.trust,
        "freshness": row.freshness,
        "seen_at": row.seen_at,
        "expires_at": row.expires_at,
        "sources": list(row.sources),
        "principal": row.principal,
        "digest": row.digest,
        "status": row.status,
        "installable": row.installable,
        "conflicts": row.conflicts,
        "releases": row.releases,
        "signals": dict(row.signals),
    }


def state_body(state: SourceState, language: str = "en") -> dict[str, object]:
    """A source's state; what is wrong with it in `language`."""
    said = state.said(language)
    return {
        "name": state.name,
        "light": state.light.value,
        "last_attempt": state.last_attempt,
        "last_success": state.last_success,
        "next_retry": state.next_retry,
        "seconds": round(state.seconds, 3),
        "code": state.code,
        "reason": said.text,
        "next_step": said.next_step,
    }


def problem_body(row: Told, language: str) -> dict[str, Any]:
    """What could not be read, in words."""
    problem = row.problem
    params = {**problem.params, "path": problem.place, "place": problem.place, "line": problem.line}
    said = render(problem.code, params, language)
    return {
        "source": row.source,
        "origin": row.origin,
        "place": problem.place,
        "line": problem.line,
        "code": problem.code,
        "fatal": problem.fatal,
        "message": said.text,
        "next_step": said.next_step,
    }


def settings_rows(loaded: config.Config) -> Iterator[tuple[str, Any, str]]:
    """Every setting: key, value, where it comes from. Secrets show as `***`."""
    for keys, value in _leaves(_everything(loaded), ()):
        shown = "***" if value and keys[-1].lower().endswith(HIDDEN) else value
        yield ".".join(keys), shown, _origin(loaded, keys)


def config_problem_body(problem: config.ConfigProblem) -> dict[str, object]:
    """One thing wrong with the settings."""
    return {"origin": problem.origin, "key": problem.key, "reason": problem.reason, "near": list(problem.near)}


def _everything(loaded: config.Config) -> dict[str, Any]:
    values = loaded.settings.model_dump(mode="json", exclude={"sources"})
    values["sources"] = {}
    for name in loaded.source_names():
        section = {"enabled": loaded.enabled.get(name, True)}
        if name in loaded.sources:
            section |= loaded.sources[name].model_dump(mode="json")
        values["sources"][name] = section
    return values


def _leaves(values: Mapping[str, Any], at: Keys) -> Iterator[tuple[Keys, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, str(key)))
        else:
            yield (*at, str(key)), value


def _origin(loaded: config.Config, keys: Keys) -> str:
    return next(
        (loaded.origins[keys[:end]] for end in range(len(keys), 1, -1) if keys[:end] in loaded.origins), ""
    ) or (loaded.origins.get(keys, "default"))
