"""Passive health and circuit breaker of one origin (SECURITY 6). Pure; `now` is loop time in seconds.

Guarantees: a dead origin is noticed after `TRIP_FAILURES` failures in a row, or when at least half of the last minute's requests
failed; while it is open nobody is let through; when the rest is over exactly one trial is let through, and only its outcome
closes the breaker or opens it for longer. A trial that never reports back is given up after `TRIAL_SECONDS`.
Leaves to others: what counts as a failure (no answer, a broken answer, 5xx; never 4xx or a rate limit).

>>> breaker = Breaker()
>>> for _ in range(5):
...     breaker.enter(0.0); breaker.failed(0.0, chance=1.0)
0.0
0.0
0.0
0.0
0.0
>>> round(breaker.enter(1.0), 1), round(breaker.enter(10.5), 1), breaker.enter(10.6) > 0
(9.0, 0.0, True)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

WINDOW_SECONDS = 60.0
TRIP_FAILURES = 5
TRIP_REQUESTS = 10
"""Requests of one window from which the share of failures counts."""

REST_FIRST = 10.0
REST_MOST = 300.0
TRIAL_SECONDS = 60.0
OUTCOMES = 1_000
"""Outcomes remembered of one window."""


class Gate(StrEnum):
    """Whether requests are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Health:
    """How an origin did in the last minute. `retry_in` is the rest until the next trial, in seconds."""

    gate: Gate
    requests: int
    failures: int
    retry_in: float


class Breaker:
    """Every request is framed: `enter` (0.0 = go), then one of `succeeded`, `failed` or `left`."""

    __slots__ = ("_gate", "_outcomes", "_rest", "_row", "_trial_at", "_until")

    def __init__(self) -> None:
        self._gate = Gate.CLOSED
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=OUTCOMES)
        self._row = 0
        self._rest = REST_FIRST
        self._until = 0.0
        self._trial_at = 0.0

    def enter(self, now: float) -> float:
        """0.0 when a request may go, else seconds to wait. In half-open only the one that gets 0.0 is the trial."""
        if self._gate is Gate.CLOSED:
            return 0.0
        if self._gate is Gate.HALF_OPEN:
            left = self._trial_at + TRIAL_SECONDS - now
            if left > 0:
                return left
        elif now < self._until:
            return self._until - now
        self._gate, self._trial_at = Gate.HALF_OPEN, now
        return 0.0

    def succeeded(self, now: float) -> None:
        """The origin answered properly."""
        if self._gate is not Gate.CLOSED:
            self._outcomes.clear()
        self._gate, self._row, self._rest = Gate.CLOSED, 0, REST_FIRST
        self._outcomes.append((now, True))

    def failed(self, now: float, chance: float) -> None:
        """The origin did not answer, or badly. `chance` in 0..1 spreads the rest over its second half, so that many nodes
        do not come back together."""
        self._outcomes.append((now, False))
        self._row += 1
        if self._gate is Gate.OPEN and now < self._until:
            return  # a request that was under way when it opened
        requests, failures = self._window(now)
        tripped = self._row >= TRIP_FAILURES or (requests >= TRIP_REQUESTS and 2 * failures >= requests)
        if self._gate is not Gate.CLOSED or tripped:
            self._until = now + self._rest * (0.5 + 0.5 * chance)
            self._rest = min(2 * self._rest, REST_MOST)
            self._gate = Gate.OPEN

    def left(self) -> None:
        """The request ended without saying anything about the origin (it was cancelled, or refused here)."""
        if self._gate is Gate.HALF_OPEN:
            self._gate = Gate.OPEN

    def health(self, now: float) -> Health:
        """For people and lights."""
        requests, failures = self._window(now)
        return Health(self._gate, requests, failures, max(0.0, self._until - now) if self._gate is Gate.OPEN else 0.0)

    def _window(self, now: float) -> tuple[int, int]:
        while self._outcomes and self._outcomes[0][0] < now - WINDOW_SECONDS:
            self._outcomes.popleft()
        return len(self._outcomes), sum(not good for _, good in self._outcomes)
