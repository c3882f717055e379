"""Sources: lights, switches, and the places they look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from node import places, registry
from node.api import schemas
from node.api.route import Asked, Call, Nothing, Route, Told
from node.api.scans import scan_body
from node.bodies import state_body
from node.supervisor import Light
from protocol.errors import UsageError
from protocol.query import PRESETS, Scope


class OfScope(Asked):
    """Which scope's sources are marked; the configured one when absent."""

    scope: Scope | None = None


class SourceName(Asked):
    """A source."""

    name: str = Field(max_length=100)


class Where(Asked):
    """A folder (absolute) or the URL of a git repository."""

    place: str = Field(min_length=1, max_length=1_024)


class ScopeInfo(Told):
    """One scope: which sources it asks here, in which order."""

    scope: Scope
    strategy: str
    sources: list[str]
    preset: list[str]
    current: bool


class Scopes(Told):
    """The four scopes."""

    scopes: list[ScopeInfo]


async def list_sources(call: Call) -> dict[str, Any]:
    """Every source with its light."""
    service = call.desk.service
    scope = call.params.scope or service.config.settings.scope

    def look() -> dict[str, Any]:
        counts = service.counts_by_source()
        looks = service.index.origins()
        asked = service.scope_sources(scope)
        return {
            "scope": scope.value,
            "sources": [
                {
                    **state_body(state, call.language),
                    "badge": registry.BADGES.get(state.name, "🔌"),
                    "enabled": state.light is not Light.DISABLED,
                    "in_scope": state.name in asked,
                    "items": counts.get(state.name, 0),
                    "places": [info.origin for info in looks if info.source == state.name],
                    "looked_at": {info.origin: info.surveyed_at for info in looks if info.source == state.name},
                    "problems": {info.origin: info.problems for info in looks if info.source == state.name},
                }
                for state in service.states()
            ],
        }

    return await call.desk.read(look)


async def list_scopes(call: Call) -> dict[str, Any]:
    """The four scopes as they are set here."""
    service = call.desk.service
    current = service.config.settings.scope
    return {
        "scopes": [
            {
                "scope": scope.value,
                "strategy": preset.strategy.value,
                "sources": list(service.scope_sources(scope)),
                "preset": [*preset.sources, *preset.optional],
                "current": scope is current,
            }
            for scope, preset in PRESETS.items()
        ]
    }


async def enable(call: Call) -> dict[str, Any]:
    """Switch a source on."""
    return await _switch(call, on=True)


async def disable(call: Call) -> dict[str, Any]:
    """Switch a source off; what it found stays until it expires."""
    return await _switch(call, on=False)


async def _switch(call: Call, *, on: bool) -> dict[str, Any]:
    name = call.params.name
    registry.load(name)
    await call.desk.change_settings(lambda: places.switch(call.desk.service.paths, name, on=on))
    return {"done": "sources.enabled" if on else "sources.disabled", "params": {"source": name}}


async def check(call: Call) -> dict[str, Any]:
    """Ask one source now; follow it as a scan."""
    name = call.params.name
    registry.load(name)
    service = call.desk.service
    if not service.config.enabled.get(name, True):
        raise UsageError("source.disabled", name=name)
    return scan_body(call.desk.scans.start(service.config.settings.scope.value, (name,)), call.language)


async def add_place(call: Call) -> dict[str, Any]:
    """Remember a place; the next scan looks at it."""
    service = call.desk.service

    def write() -> places.Place:
        found = places.read_place(call.body.place, Path("/"))
        places.add_place(service.paths, found, service.config)
        return found

    found = await call.desk.change_settings(write)
    return {"done": "sources.added", "params": {"place": found.text, "source": found.source}}


async def remove_place(call: Call) -> dict[str, Any]:
    """Forget a place that was added here or on the command line."""
    service = call.desk.service

    def write() -> tuple[str, str]:
        try:
            text = places.read_place(call.params.place, Path("/")).text
        except UsageError:  # a folder that is gone must be removable too
            text = call.params.place
        return text, places.remove_place(service.paths, text).source

    text, source = await call.desk.change_settings(write)
    return {"done": "sources.removed", "params": {"place": text, "source": source}}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/sources",
        name="list_sources",
        summary="Every source: light, last success, next retry, counts",
        handler=list_sources,
        params=OfScope,
        answer=schemas.Sources,
        tagged=True,
    ),
    Route(
        method="GET",
        path="/api/v1/scopes",
        name="list_scopes",
        summary="The scopes and the sources each asks",
        handler=list_scopes,
        answer=Scopes,
        tagged=True,
    ),
    Route(
        method="POST",
        path="/api/v1/sources/{name}/enable",
        name="enable_source",
        summary="Switch a source on",
        handler=enable,
        params=SourceName,
        body=Nothing,
        answer=schemas.Done,
        errors=("source.unknown", "config.invalid"),
    ),
    Route(
        method="POST",
        path="/api/v1/sources/{name}/disable",
        name="disable_source",
        summary="Switch a source off",
        handler=disable,
        params=SourceName,
        body=Nothing,
        answer=schemas.Done,
        errors=("source.unknown", "config.invalid"),
    ),
    Route(
        method="POST",
        path="/api/v1/sources/{name}/test",
        name="check_source",
        summary="Ask one source now",
        handler=check,
        params=SourceName,
        body=Nothing,
        answer=schemas.Scan,
        status=202,
        errors=("source.unknown", "source.disabled", "scan.too_many"),
    ),
    Route(
        method="POST",
        path="/api/v1/places",
        name="add_place",
        summary="Look at a folder or a git repository from now on",
        handler=add_place,
        body=Where,
        answer=schemas.Done,
        status=201,
        errors=("source.bad_place", "config.invalid"),
    ),
    Route(
        method="DELETE",
        path="/api/v1/places",
        name="remove_place",
        summary="Stop looking at a place",
        handler=remove_place,
        params=Where,
        answer=schemas.Done,
        errors=("source.no_such_place", "config.invalid"),
    ),
)
