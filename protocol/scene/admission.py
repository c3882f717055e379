"""How many calls a scene takes at once, and how many may wait (bounded, then refused at once)."""

from __future__ import annotations

from enum import StrEnum

from protocol import limits


class Verdict(StrEnum):
    """What becomes of a call that arrives."""

    RUN = "run"
    WAIT = "wait"
    REFUSE = "refuse"


class Admission:
    """Counts calls. Every `arrive` that says RUN, and every `take`, is paid back with one `leave`."""

    def __init__(self, running: int = limits.CALLS_RUNNING, waiting: int = limits.CALLS_WAITING) -> None:
        self._most_running, self._most_waiting = running, waiting
        self.running = 0
        self.waiting = 0
        self.refused = 0

    def arrive(self) -> Verdict:
        """A call arrives."""
        if self.running < self._most_running and not self.waiting:
            self.running += 1
            return Verdict.RUN
        if self.waiting < self._most_waiting:
            self.waiting += 1
            return Verdict.WAIT
        self.refused += 1
        return Verdict.REFUSE

    def take(self) -> None:
        """A waiting call was given the place of one that left."""
        self.waiting -= 1
        self.running += 1

    def give_up(self) -> None:
        """A waiting call does not wait any more."""
        self.waiting -= 1

    def leave(self) -> bool:
        """A running call ended. True when a waiting one should be woken."""
        self.running -= 1
        return self.waiting > 0
