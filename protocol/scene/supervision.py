"""When a skill's process that ended is started again: soon at first, ever later, and not for ever. Sans-IO.

What it guarantees: waits grow from `first` to `longest` seconds by doubling; a process that stayed well for `calm` seconds
starts from the beginning again; more than `at_most` ends within `window` seconds are the end, until a person says `start`.
What it leaves to others: waiting, starting, and noticing that a process ended. `now` is loop time.

>>> keeper = Restarts(Policy())
>>> keeper.ended(0.0), keeper.ended(1.5), keeper.ended(4.0)
(1.0, 2.0, 4.0)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds, and a number of ends."""

    first: float = 1.0
    longest: float = 60.0
    calm: float = 60.0
    at_most: int = 8
    window: float = 600.0


class Restarts:
    """The memory of one process's ends."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._ends: deque[float] = deque(maxlen=policy.at_most + 1)
        self._wait = 0.0
        self._well_since: float | None = None
        self.count = 0

    def well(self, now: float) -> None:
        """The process answered its health check."""
        if self._well_since is None:
            self._well_since = now

    def ended(self, now: float) -> float | None:
        """The process ended. Seconds to wait before it is started again, None: give up."""
        policy = self._policy
        if self._well_since is not None and now - self._well_since >= policy.calm:
            self._wait = 0.0
        self._well_since = None
        self._ends.append(now)
        self.count += 1
        recent = [at for at in self._ends if now - at <= policy.window]
        if len(recent) > policy.at_most:
            return None
        self._wait = min(policy.longest, self._wait * 2 or policy.first)
        return self._wait
