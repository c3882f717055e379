"""Scans that were asked for over the API: started, watched, cancelled; one after the other.

Asking again for what is being scanned gives the running scan, so impatient clicks cost nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.api.jobs import Job, Jobs, Stage
from node.bodies import state_body
from node.events import Change
from node.service import Service
from node.supervisor import Finished, Heard, Light, SearchEvent, SourceState, Started
from protocol import limits
from protocol.errors import OoderError, UnavailableError, UsageError
from protocol.items import Confirmation, Reading, Survey


@dataclass(slots=True)
class Asking:
    """One source of a scan. `stage`: waiting, asking, done or failed; `found` counts places seen so far."""

    stage: str = "waiting"
    found: int = 0
    problems: int = 0
    state: SourceState | None = None


@dataclass(slots=True, kw_only=True)
class Scan(Job):
    """One scan; its sources wait while it waits for another."""

    scope: str
    names: tuple[str, ...]
    changes: int = 0
    written: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    sources: dict[str, Asking] = field(default_factory=dict)


class Scans(Jobs[Scan]):
    """Every scan of the API. What a cancelled one found stays."""

    def __init__(self, service: Service) -> None:
        super().__init__(service, limits.SCANS_KEPT, "scan.unknown")

    def start(self, scope: str, names: tuple[str, ...]) -> Scan:
        """Begin, or join the scan that asks the same. Raises UsageError `scan.nothing_to_ask`, UnavailableError `scan.too_many`."""
        if not names:
            raise UsageError("scan.nothing_to_ask")
        alive = [scan for scan in self._alive() if not scan.cancel.is_set()]
        for scan in alive:
            if scan.names == names:
                return scan
        if len(alive) > limits.SCANS_WAITING:
            raise UnavailableError("scan.too_many", count=len(alive), retry_after=5)
        sources = {name: Asking() for name in names}
        scan = Scan(id=self._next_id(), asked_at=self._service.now(), scope=scope, names=names, sources=sources)
        self._begin(scan)
        return scan

    async def told(self, scan: Scan) -> None:
        await self._note("discovery.sync.failed" if scan.stage is Stage.FAILED else "discovery.completed", scan)

    async def work(self, scan: Scan) -> None:
        await self._note("discovery.started", scan)
        try:
            outcome = await self._service.scan(lambda event: _take(scan, event), scan.names)
        except OoderError as error:
            scan.stage, scan.error = Stage.FAILED, error
            return
        scan.stage = Stage.COMPLETED
        scan.changes, scan.written, scan.counts = outcome.changes, outcome.written, outcome.counts

    async def _note(self, kind: str, scan: Scan) -> None:
        data = {"scan": scan.id, "scope": scan.scope, "sources": list(scan.names), "changes": scan.changes}
        service = self._service
        change = Change(kind, "", json.dumps({**data, "stage": scan.stage.value}))
        try:
            await asyncio.to_thread(service.index.apply, [], service.rules, service.now(), [change])
        except OoderError as error:
            scan.error = scan.error or error


def _take(scan: Scan, event: SearchEvent) -> None:
    one = scan.sources[event.source]
    if isinstance(event, Started):
        one.stage = "asking"
    elif isinstance(event, Heard):
        if isinstance(event.report, Reading):
            one.found += 1
        elif isinstance(event.report, Survey):
            one.found = max(one.found, len(event.report.places))
        elif isinstance(event.report, Confirmation):
            one.found = max(one.found, event.report.count)
    elif isinstance(event, Finished):
        one.stage = "failed" if event.state.light is Light.OFFLINE else "done"
        one.state, one.problems, one.found = event.state, event.problems, event.state.places


def scan_body(scan: Scan, language: str) -> dict[str, Any]:
    """A scan as JSON."""
    return {
        "id": scan.id,
        "state": scan.stage.value,
        "scope": scan.scope,
        "asked_at": scan.asked_at,
        "ended_at": scan.ended_at,
        "changes": scan.changes,
        "written": scan.written,
        "counts": dict(scan.counts),
        "error": scan.error.body(language) if scan.error else None,
        "sources": [
            {
                "name": name,
                "stage": one.stage,
                "found": one.found,
                "problems": one.problems,
                "state": state_body(one.state, language) if one.state else None,
            }
            for name, one in scan.sources.items()
        ],
    }
