"""When the next request to one host may go: our own rate, and what the host asked for. Pure; loop time in seconds.

Guarantees: requests are spread by a token bucket that is reserved in order, so nobody is overtaken; a `Retry-After` or an empty
quota holds everything for that host, whatever key it would use - a quota is never evaded by rotating keys.
"""

from __future__ import annotations

HOLD_MOST = 3_600.0
"""What a host can make this node wait at most, seconds; it is asked again after that."""


class Pace:
    """One host. `rate` per second on average, `burst` at once."""

    __slots__ = ("_burst", "_held_until", "_rate", "_ready")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._ready = -burst / rate  # the time at which the bucket had been empty for the last time
        self._held_until = 0.0

    def held(self, now: float) -> float:
        """Seconds for which the host asked to be left alone."""
        return max(0.0, self._held_until - now)

    def reserve(self, now: float) -> float:
        """Take the next place; seconds to wait for it. Call `held` first: a reservation is not given back."""
        self._ready = max(self._ready, now - self._burst / self._rate) + 1.0 / self._rate
        return max(0.0, self._ready - now)

    def hold(self, now: float, seconds: float) -> None:
        """The host asked for a pause."""
        self._held_until = max(self._held_until, now + min(max(0.0, seconds), HOLD_MOST))
