"""Whether and when a failed request is tried again: full jitter, within a budget. Pure; loop time in seconds.

Guarantees: retries are at most a tenth of all requests, plus a few for quiet times, so that retries never multiply an outage;
waits are drawn evenly from 0 to a ceiling that doubles, so that nodes do not march in step.
"""

from __future__ import annotations

FIRST_SECONDS = 0.2
MOST_SECONDS = 10.0
SHARE = 0.1
"""Retries for each request."""

RESERVE = 10.0
"""Retries that can be saved up."""

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})


def delay(attempt: int, chance: float) -> float:
    """Seconds before try number `attempt` + 1 (the first try is 1); `chance` in 0..1."""
    return chance * float(min(MOST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1)))


class Budget:
    """Retries one host may cost."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        self._saved = RESERVE

    def asked(self) -> None:
        """A first try is made."""
        self._saved = min(RESERVE, self._saved + SHARE)

    def spend(self) -> bool:
        """Take one retry if there is one."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
