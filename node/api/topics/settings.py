"""Settings: what is set and by whom, what is wrong, and changes to the drop-in that the command line also writes."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field, JsonValue

from node import config
from node.api.route import Asked, Call, Route, Told
from node.bodies import config_problem_body, settings_rows
from protocol import limits
from protocol.errors import UsageError


class Setting(Told):
    """One setting. Secrets show as `***`."""

    key: str
    value: Any
    origin: str = Field(description="file:line, variable, flag or default")


class Settings(Told):
    """Every setting."""

    settings: list[Setting]


class Wrong(Told):
    """One thing wrong with the settings."""

    origin: str
    key: str
    reason: str
    near: list[str]


class Checked(Told):
    """All that is wrong."""

    problems: list[Wrong]


class Change(Asked):
    """Settings by their dotted key; null takes ours back, so that the layer below counts again."""

    settings: dict[str, JsonValue] = Field(min_length=1, max_length=100)


async def show(call: Call) -> dict[str, Any]:
    """Every setting with its origin."""
    service = call.desk.service
    rows = await call.desk.read(lambda: list(settings_rows(service.config)))
    return {"settings": [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]}


async def check(call: Call) -> dict[str, Any]:
    """Read the files anew and say all that is wrong."""
    paths = call.desk.service.paths
    problems = await call.desk.read(lambda: config.check(config.load(paths)))
    return {"problems": [config_problem_body(problem) for problem in problems]}


async def schema(call: Call) -> Any:
    """JSON Schema of config.yaml."""
    return await call.desk.read(config.schema)


async def change(call: Call) -> dict[str, Any]:
    """Write settings to our own drop-in, if all of them hold."""
    wanted: dict[str, JsonValue] = call.body.settings
    paths = call.desk.service.paths

    def write() -> None:
        own = config.read_own(paths)
        for key, value in wanted.items():
            _set(own, key, value)
        loaded = config.load(paths, {}, own=own)
        problems = config.check(loaded)
        if problems:
            raise config.invalid(problems)
        config.write_own(paths, own)

    await call.desk.change_settings(write)
    return await show(call)


def _set(own: dict[str, Any], key: str, value: JsonValue) -> None:
    parts = key.split(".")
    if not all(part and part.isprintable() and len(part) <= 100 for part in parts) or len(parts) > 8:
        raise UsageError("api.bad_request", name="settings", reason=f"'{key[:100]}' is not a key")
    at = own
    for part in parts[:-1]:
        inner = at.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UsageError("api.bad_request", name=key[:100], reason=f"'{part}' is not a section")
        at = inner
    if value is None:
        at.pop(parts[-1], None)
    else:
        at[parts[-1]] = _as_text(value)


def _as_text(value: JsonValue) -> Any:
    """As a settings file says it: scalars are text."""
    if isinstance(value, dict):
        return {str(key): _as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_text(inner) for inner in value]
    return value if value is None or isinstance(value, str) else json.dumps(value)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/config",
        name="show_settings",
        summary="Every setting with its value and where it comes from",
        handler=show,
        answer=Settings,
        tagged=True,
    ),
    Route(
        method="PATCH",
        path="/api/v1/config",
        name="change_settings",
        summary="Change settings; nothing is written unless all hold",
        handler=change,
        body=Change,
        answer=Settings,
        errors=("config.invalid", "source.unknown"),
    ),
    Route(
        method="GET",
        path="/api/v1/config/problems",
        name="check_settings",
        summary="All that is wrong with the settings files",
        handler=check,
        answer=Checked,
        errors=("config.syntax", "config.unreadable"),
    ),
    Route(
        method="GET",
        path="/api/v1/config/schema",
        name="settings_schema",
        summary="JSON Schema of config.yaml, for editors",
        handler=schema,
        answer=dict[str, Any],
        held=limits.API_ANSWER_SECONDS,
    ),
)
