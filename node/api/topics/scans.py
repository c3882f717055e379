"""Scans: start, watch, cancel."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node import registry
from node.api import schemas
from node.api.route import Asked, Call, Route, Told
from node.api.scans import scan_body
from protocol.errors import UsageError
from protocol.query import Scope


class Wish(Asked):
    """What to scan: the sources of a scope, or some of them by name."""

    scope: Scope | None = None
    sources: tuple[str, ...] = Field(default=(), max_length=32)


class ScanName(Asked):
    """A scan."""

    id: str = Field(max_length=20)


class Scans(Told):
    """Scans that are remembered, newest first."""

    scans: list[schemas.Scan]


async def start(call: Call) -> dict[str, Any]:
    """Begin a scan, or join the one that asks the same."""
    service = call.desk.service
    wish: Wish = call.body
    scope = wish.scope or service.config.settings.scope
    for name in wish.sources:
        registry.load(name)
        if not service.config.enabled.get(name, True):
            raise UsageError("source.disabled", name=name)
    names = tuple(dict.fromkeys(wish.sources)) or service.scope_sources(scope)
    return scan_body(call.desk.scans.start(scope.value, names), call.language)


async def list_scans(call: Call) -> dict[str, Any]:
    """Scans that run or ran."""
    return {"scans": [scan_body(scan, call.language) for scan in call.desk.scans.all()]}


async def show(call: Call) -> dict[str, Any]:
    """How far a scan is."""
    return scan_body(call.desk.scans.get(call.params.id), call.language)


async def cancel(call: Call) -> dict[str, Any]:
    """Stop a scan; what it found stays."""
    return scan_body(call.desk.scans.cancel(call.params.id), call.language)


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/scans",
        name="start_scan",
        summary="Look through the sources of a scope now",
        handler=start,
        body=Wish,
        answer=schemas.Scan,
        status=202,
        errors=("source.unknown", "source.disabled", "scan.nothing_to_ask", "scan.too_many"),
    ),
    Route(
        method="GET",
        path="/api/v1/scans",
        name="list_scans",
        summary="Scans of this start of the node",
        handler=list_scans,
        answer=Scans,
    ),
    Route(
        method="GET",
        path="/api/v1/scans/{id}",
        name="show_scan",
        summary="Progress of a scan, by source",
        handler=show,
        params=ScanName,
        answer=schemas.Scan,
        errors=("scan.unknown",),
    ),
    Route(
        method="DELETE",
        path="/api/v1/scans/{id}",
        name="cancel_scan",
        summary="Stop a scan",
        handler=cancel,
        params=ScanName,
        answer=schemas.Scan,
        errors=("scan.unknown",),
    ),
)
