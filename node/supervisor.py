"""Supervisor: every source runs, none hurts another.

It guarantees: an exception, a hang or a flood of one source costs that source only; a failed source is tried again after
1, 2, 4 ... 300 seconds (or its own `retry_after`); each source's state is visible as its light; cancelling the supervisor
cancels every source. It leaves to others: what reports mean (aggregator), which sources a scope asks (scopes).

    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run())                       # listen for ever
        await supervisor.search(Query(), scope_sources, print)    # look once
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from protocol.errors import OoderError, Param, UnavailableError, first_error
from protocol.items import Confirmation, Reading, Report, Survey
from protocol.messages import MESSAGES, Rendered, render
from protocol.query import Query
from sources.base import DiscoveryProvider
from sources.ports import Clock

log = logging.getLogger("ooder.supervisor")

BACKOFF_FIRST = 1.0  # seconds
BACKOFF_MOST = 300.0  # seconds


class Light(StrEnum):
    """State of a source as the guide shows it (4.3)."""

    ONLINE = "online"
    SLOW = "slow"
    OFFLINE = "offline"
    CONNECTING = "connecting"
    DISABLED = "disabled"


GLYPHS = {Light.ONLINE: "🟢", Light.SLOW: "🟡", Light.OFFLINE: "🔴", Light.CONNECTING: "🔵", Light.DISABLED: "⚫"}


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is known about one source. Times are wall seconds, 0 = never; `code` and `params` explain a bad light."""

    name: str
    light: Light = Light.CONNECTING
    last_attempt: float = 0.0
    last_success: float = 0.0
    next_retry: float = 0.0
    places: int = 0  # seen in the last search
    seconds: float = 0.0  # duration of the last search
    code: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)

    def said(self, language: str) -> Rendered:
        """What happened and what can be done, in `language`; nothing while nothing is wrong."""
        if self.code not in MESSAGES:
            return Rendered(self.code, "")
        return render(self.code, self.params, language)

    @property
    def reason(self) -> str:
        """What happened, in English."""
        return self.said("en").text


@dataclass(frozen=True, slots=True)
class Started:
    """A source began to look."""

    source: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A source reported something."""

    source: str
    report: Report


@dataclass(frozen=True, slots=True)
class Finished:
    """A source has no more to say; `state.light` tells whether it went well. `problems` counts what it could not read."""

    source: str
    state: SourceState
    problems: int = 0


SearchEvent = Started | Heard | Finished


class Supervisor:
    """Owns the providers and their states. `on_report` receives what pushing sources say outside a search."""

    def __init__(
        self,
        providers: Mapping[str, DiscoveryProvider],
        clock: Clock,
        on_report: Callable[[Report], None],
        on_state: Callable[[SourceState], None],
        *,
        deadline: float = 120.0,
        slow_after: float = 5.0,
    ) -> None:
        self._providers = providers
        self._clock = clock
        self._on_report = on_report
        self._on_state = on_state
        self._deadline = deadline
        self._slow_after = slow_after
        self.states = {name: SourceState(name) for name in providers}

    def _change(self, state: SourceState) -> SourceState:
        before = self.states.get(state.name)
        self.states[state.name] = state
        if before != state:
            self._on_state(state)
        return state

    async def run(self) -> None:
        """Keep every provider's `run` alive until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, provider in self._providers.items():
                group.create_task(self._keep(name, provider), name=f"source {name}")

    async def _keep(self, name: str, provider: DiscoveryProvider) -> None:
        delay = BACKOFF_FIRST
        while True:
            began = self._clock.loop()
            try:
                await provider.run(lambda report: self._heard(name, report))
                return
            except Exception as failed:  # one source must never take the others down
                if (task := asyncio.current_task()) and task.cancelling():
                    raise asyncio.CancelledError from failed  # it was told to end, and ended in an error of its own
                error = first_error(failed)
                if self._clock.loop() - began > BACKOFF_MOST:
                    delay = BACKOFF_FIRST
                wait = max(delay, _retry_after(error))
                now = self._clock.wall()
                self._change(replace(self._failed(name, error), last_attempt=now, next_retry=now + wait))
                delay = min(delay * 2, BACKOFF_MOST)
                await self._clock.sleep(wait)

    def _heard(self, name: str, report: Report) -> None:
        """What a source says by itself; one that was out of reach and looked at everything again is back."""
        if isinstance(report, Survey | Confirmation) and self.states[name].light is Light.OFFLINE:
            now = self._clock.wall()
            count = report.count if isinstance(report, Confirmation) else len(report.places)
            back = SourceState(name, Light.ONLINE, now, now, 0.0, count)
            self._change(back)
        self._on_report(report)

    def _failed(self, name: str, error: BaseException) -> SourceState:
        if isinstance(error, OoderError):
            return _explained(self.states[name], Light.OFFLINE, error)
        log.error("source %s failed", name, exc_info=error)
        known = UnavailableError("source.failed", source=name, reason=f"{type(error).__name__}: {error}")
        return _explained(self.states[name], Light.OFFLINE, known)

    async def search(self, query: Query, names: Iterable[str], tell: Callable[[SearchEvent], None]) -> None:
        """Ask the named sources in parallel, each under its own deadline; `tell` gets events as they come, the last one of
        each source being its `Finished`. Returns when all have finished; never raises for a source's sake."""
        async with asyncio.TaskGroup() as group:
            for name in dict.fromkeys(names):
                if name in self._providers:
                    group.create_task(self._ask(name, query, tell), name=f"search {name}")

    async def _ask(self, name: str, query: Query, tell: Callable[[SearchEvent], None]) -> None:
        seen = _Seen()
        problems = 0

        def emit(report: Report) -> None:
            nonlocal problems
            seen.note(report)
            if isinstance(report, Reading):
                problems += sum(problem.fatal for problem in report.problems)
            tell(Heard(name, report))

        tell(Started(name))
        self._change(replace(self.states[name], light=Light.CONNECTING))
        began = self._clock.loop()
        before = self.states[name]
        state: SourceState
        try:
            async with asyncio.timeout(self._deadline):
                await self._providers[name].search(query, emit)
            seconds = self._clock.loop() - began
            light = Light.SLOW if seconds > self._slow_after else Light.ONLINE
            now = self._clock.wall()
            state = _remarked(SourceState(name, light, now, now, 0.0, seen.count, seconds), self._providers[name])
        except Exception as failed:  # noqa: BLE001 - shown as this source's light, costs no other source
            error = first_error(failed)
            if isinstance(error, TimeoutError):
                error = UnavailableError("source.timed_out", source=name, seconds=round(self._deadline, 1))
            state = replace(
                self._failed(name, error),
                last_attempt=self._clock.wall(),
                last_success=before.last_success,
                seconds=self._clock.loop() - began,
                places=seen.count,
            )
        tell(Finished(name, self._change(state), problems))


class _Seen:
    """How many places one search saw."""

    def __init__(self) -> None:
        self._places: dict[str, set[str]] = {}
        self._confirmed: dict[str, int] = {}

    def note(self, report: Report) -> None:
        """Count what it names; of an origin that is confirmed, what was read of it is part of that."""
        if isinstance(report, Reading):
            self._places.setdefault(report.origin, set()).add(report.place)
        elif isinstance(report, Survey):
            self._places.setdefault(report.origin, set()).update(report.places)
        elif isinstance(report, Confirmation):
            self._confirmed[report.origin] = report.count

    @property
    def count(self) -> int:
        read = (len(places) for origin, places in self._places.items() if origin not in self._confirmed)
        return sum(read) + sum(self._confirmed.values())


def _remarked(state: SourceState, provider: DiscoveryProvider) -> SourceState:
    """With the reason why the source works only half, when it says so (an optional method `remark`)."""
    remark: OoderError | None = getattr(provider, "remark", lambda: None)()
    if remark is None:
        return state
    return _explained(state, Light.SLOW, remark)


def _explained(state: SourceState, light: Light, error: OoderError) -> SourceState:
    return replace(state, light=light, code=error.code, params=error.params)


def _retry_after(error: BaseException) -> float:
    wanted = error.params.get("retry_after") if isinstance(error, OoderError) else None
    return float(wanted) if isinstance(wanted, int | float) else 0.0
