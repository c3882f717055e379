"""This node and its home: status, problems, doctor, cache, version."""

from __future__ import annotations

import os
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import Field

from node import doctor
from node.api import schemas
from node.api.route import Access, Asked, Audience, Call, Nothing, Route, Told
from node.bodies import problem_body, state_body
from node.version import GUIDE_VERSION, SCHEMA_VERSION, __version__
from protocol import limits
from protocol.query import Scope


class Status(Told):
    """The summary line and the status strip."""

    home: str
    scope: Scope
    offline: bool
    node_pid: int
    counts: dict[str, int]
    sources: list[schemas.Light]
    newest: float = schemas.Wall
    last_event: int
    never_scanned: bool
    version: str
    routes: list[str] = Field(description="what there is below /api/v1/, written as in the description")


class Many(Asked):
    """How many to tell."""

    limit: int = Field(default=200, ge=1, le=limits.PAGE_ROWS)


class Unreadable(Told):
    """What could not be read."""

    source: str
    origin: str
    place: str
    line: int
    code: str
    fatal: bool
    message: str
    next_step: str


class Finding(Told):
    """What does not fit together."""

    code: str
    ref: str
    message: str
    next_step: str
    params: dict[str, Any]


class Problems(Told):
    """Everything that is not as it should be."""

    problems: list[Unreadable]
    findings: list[Finding]


class Check(Told):
    """One look of the doctor."""

    check: str
    health: str = Field(description="ok, warn or fail")
    found: str
    fix: str


class Checks(Told):
    """The whole examination."""

    checks: list[Check]


class Part(Told):
    """One part of the cache."""

    name: str
    files: int
    bytes: int


class Cache(Told):
    """The cache by part."""

    path: str
    parts: list[Part]


class Cleared(Told):
    """What was removed. `kept`: files below the cache that this node did not write."""

    files: int
    bytes: int
    kept: int


class Version(Told):
    """Which program this is."""

    version: str
    guide: str
    schema_version: int


async def status(call: Call) -> dict[str, Any]:
    """Lights, counts, freshness."""
    service = call.desk.service

    def look() -> dict[str, Any]:
        return {
            "home": str(service.paths.home),
            "scope": service.config.settings.scope.value,
            "offline": service.is_offline(),
            "node_pid": os.getpid(),
            "counts": dict(service.counts()),
            "sources": [state_body(state, call.language) for state in service.states()],
            "newest": service.newest(),
            "last_event": service.last_event(),
            "never_scanned": service.never_scanned(),
            "version": __version__,
            "routes": _paths(),
        }

    return await call.desk.read(look)


@cache
def _paths() -> list[str]:
    from node.api.routes import routes_of

    return sorted({route.path.removeprefix("/api/v1/") for route in routes_of(Audience.CONTROL)})


async def problems(call: Call) -> dict[str, Any]:
    """What could not be read, and what does not fit together."""
    service, limit, language = call.desk.service, call.params.limit, call.language
    return await call.desk.read(
        lambda: {
            "problems": [problem_body(row, language) for row in service.problems(limit)],
            "findings": service.findings(limit, language),
        }
    )


async def examine(call: Call) -> dict[str, Any]:
    """Check this machine and this home."""
    paths = call.desk.service.paths
    return {"checks": await call.desk.read(lambda: [asdict(one) for one in doctor.examine(paths)])}


async def cache_info(call: Call) -> dict[str, Any]:
    """How large the cache is."""
    service = call.desk.service
    return {"path": str(service.paths.cache), "parts": await call.desk.read(service.cache_info)}


async def clear_cache(call: Call) -> dict[str, Any]:
    """Remove what this node wrote into cache tree, mirrors and index; the next scan fills them again."""
    files, freed, kept = await call.desk.read(call.desk.service.clear_cache)
    return {"files": files, "bytes": freed, "kept": kept}


async def version(call: Call) -> dict[str, Any]:
    """Which program this is."""
    return {"version": __version__, "guide": GUIDE_VERSION, "schema_version": SCHEMA_VERSION}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/status",
        name="status",
        summary="Lights, counts, problems and how fresh it all is",
        handler=status,
        answer=Status,
    ),
    Route(
        method="GET",
        path="/api/v1/problems",
        name="problems",
        summary="What could not be read, and what does not fit together",
        handler=problems,
        params=Many,
        answer=Problems,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/api/v1/doctor",
        name="doctor",
        summary="Checks of this machine and this home, each with its remedy",
        handler=examine,
        answer=Checks,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="GET",
        path="/api/v1/cache",
        name="cache_info",
        summary="Size of the cache, by part",
        handler=cache_info,
        answer=Cache,
        held=limits.API_ANSWER_SECONDS,
    ),
    Route(
        method="POST",
        path="/api/v1/cache/clear",
        name="clear_cache",
        summary="Remove cache tree, mirrors and index; settings, pins and installed scenes stay",
        handler=clear_cache,
        body=Nothing,
        answer=Cleared,
    ),
    Route(
        method="GET",
        path="/api/v1/version",
        name="version",
        summary="Which program this is",
        handler=version,
        answer=Version,
        access=Access.OPEN,
    ),
)
