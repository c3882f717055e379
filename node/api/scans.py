"""Scans that were asked for over the API: started, watched, cancelled; one after the other.

Asking again for what is being scanned gives the running scan, so impatient clicks cost nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from node.bodies import state_body
from node.events import Change
from node.service import Service
from node.supervisor import Finished, Heard, Light, SearchEvent, SourceState, Started
from protocol import limits
from protocol.errors import NotFoundError, OoderError, UnavailableError, UsageError
from protocol.items import Confirmation, Reading, Survey


class Stage(StrEnum):
    """Where a scan stands; one that waits for another counts as running, its sources as waiting."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True)
class Asking:
    """One source of a scan. `stage`: waiting, asking, done or failed; `found` counts places seen so far."""

    stage: str = "waiting"
    found: int = 0
    problems: int = 0
    state: SourceState | None = None


@dataclass(slots=True)
class Scan:
    """One scan; only `Scans` changes it."""

    id: str
    scope: str
    names: tuple[str, ...]
    asked_at: float
    stage: Stage = Stage.RUNNING
    ended_at: float = 0.0
    changes: int = 0
    written: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    error: OoderError | None = None
    sources: dict[str, Asking] = field(default_factory=dict)
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.stage is not Stage.RUNNING


class Scans:
    """Owns every scan of the API. All methods are for the event loop's thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[str, Scan] = OrderedDict()
        self._queue: deque[Scan] = deque()
        self._wake = asyncio.Event()
        self._last = 0

    def start(self, scope: str, names: tuple[str, ...]) -> Scan:
        """Begin, or join the scan that asks the same. Raises UsageError `scan.nothing_to_ask`, UnavailableError `scan.too_many`."""
        if not names:
            raise UsageError("scan.nothing_to_ask")
        alive = [scan for scan in self._kept.values() if not scan.over and not scan.cancel.is_set()]
        for scan in alive:
            if scan.names == names:
                return scan
        if len(alive) > limits.SCANS_WAITING:
            raise UnavailableError("scan.too_many", count=len(alive), retry_after=5)
        self._last += 1
        scan = Scan(str(self._last), scope, names, self._service.now())
        scan.sources = {name: Asking() for name in names}
        self._kept[scan.id] = scan
        while len(self._kept) > limits.SCANS_KEPT:
            oldest = next(one for one in self._kept.values() if one.over)
            del self._kept[oldest.id]
        self._queue.append(scan)
        self._wake.set()
        return scan

    def get(self, number: str) -> Scan:
        """A scan by its id. Raises NotFoundError `scan.unknown`."""
        found = self._kept.get(number)
        if found is None:
            raise NotFoundError("scan.unknown", id=number[:40])
        return found

    def all(self) -> list[Scan]:
        """Every scan that is remembered, newest first."""
        return list(reversed(self._kept.values()))

    def cancel(self, number: str) -> Scan:
        """Stop a scan; what it found stays. A scan that is over stays as it is."""
        scan = self.get(number)
        scan.cancel.set()
        return scan

    async def run(self) -> None:
        """Do the work until cancelled."""
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            await self._do(self._queue.popleft())

    async def _do(self, scan: Scan) -> None:
        try:
            if not scan.cancel.is_set():
                await self._note("discovery.started", scan)
                await self._race(scan)
            else:
                scan.stage = Stage.CANCELLED
        except OoderError as error:
            scan.stage, scan.error = Stage.FAILED, error
        finally:
            scan.ended_at = self._service.now()
            scan.ended.set()
        kind = "discovery.sync.failed" if scan.stage is Stage.FAILED else "discovery.completed"
        await self._note(kind, scan)

    async def _race(self, scan: Scan) -> None:
        """Scan until done or cancelled."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._scan(scan))
            watch = group.create_task(scan.cancel.wait())
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            watch.cancel()
            if not work.done():
                work.cancel()
                scan.stage = Stage.CANCELLED

    async def _scan(self, scan: Scan) -> None:
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
