"""Health, metrics and the description of the API itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api.route import BOTH, Access, Answer, Asked, Call, Route, TextAnswer, Told
from protocol import limits
from protocol.errors import UnavailableError


class Health(Told):
    """Well; anything else is an error."""

    status: str


class Verbose(Asked):
    """How much to say."""

    verbose: bool = Field(default=False, description="each source's light, too")


class Readiness(Health):
    """Well, and how each source is."""

    sources: dict[str, str] = Field(default={})


async def live(call: Call) -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


async def is_ready(call: Call) -> dict[str, Any]:
    """The index can be read and there is a source to ask."""
    service = call.desk.service
    await call.desk.read(service.last_event)
    if not service.scope_sources():
        raise UnavailableError("api.starting", retry_after=5)
    if not call.params.verbose:
        return {"status": "ok"}
    states = await call.desk.read(service.states)
    return {"status": "ok", "sources": {state.name: state.light.value for state in states}}


async def metrics(call: Call) -> TextAnswer:
    """Prometheus text, or OpenMetrics for who accepts it."""
    from node.api.metrics import expose

    opened = "application/openmetrics-text" in call.said.accept
    return await call.desk.read(lambda: expose(call.desk, openmetrics=opened))


async def describe(call: Call) -> Any:
    """OpenAPI 3.1 of the control plane."""
    from node.api.openapi import description

    return await call.desk.read(description)


ROUTES = (
    Route(
        method="GET",
        path="/livez",
        name="livez",
        summary="The process answers",
        handler=live,
        answer=Health,
        access=Access.OPEN,
        audience=BOTH,
    ),
    Route(
        method="GET",
        path="/healthz",
        name="healthz",
        summary="The same as /livez, by its older name",
        handler=live,
        answer=Health,
        access=Access.OPEN,
    ),
    Route(
        method="GET",
        path="/readyz",
        name="readyz",
        summary="The index can be read and there is a source to ask",
        handler=is_ready,
        params=Verbose,
        answer=Readiness,
        access=Access.OPEN,
        errors=("api.starting",),
    ),
    Route(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Figures for Prometheus",
        handler=metrics,
        answer=str,
        kind=Answer.TEXT,
    ),
    Route(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This description",
        handler=describe,
        answer=dict[str, Any],
        access=Access.OPEN,
        packed=True,
        tagged=True,
        held=limits.API_ANSWER_SECONDS,
    ),
)
