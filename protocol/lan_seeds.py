"""Seeds of other subnets: addresses that no broadcast reaches, asked again and again until somebody is there.

A seed may start after us, restart, or never get our question; whoever is heard there is left to the table of peers. The
questions come 1 s apart at first and at most 10 s apart later; a new start of the beacon, a new address or waking begins anew.
Peers of the last run that nobody has heard since are asked in the same way, at most a minute apart, for an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

FIRST, MOST = 1.0, 10.0  # seconds between two rounds of questions


class Seeds:
    """`seeds` are (ip, port); `uniform` draws the jitter; rounds come `most` apart in the end, and none after `until`. Times are loop
    seconds."""

    def __init__(
        self,
        seeds: Sequence[tuple[str, int]],
        uniform: Callable[[float, float], float],
        most: float = MOST,
        until: float = float("inf"),
    ) -> None:
        self._seeds, self._uniform, self._most, self._until = tuple(seeds), uniform, most, until
        self._gap, self._all = FIRST, True
        self.next_at = float("inf")
        """When `due` wants to be called; infinity without seeds."""

    def again(self, now: float) -> None:
        """Ask all of them now, and begin with short waits."""
        if self._seeds and now <= self._until:
            self._gap, self._all, self.next_at = FIRST, True, now

    def due(self, now: float, heard_from: Callable[[str], bool]) -> list[tuple[str, int]]:
        """Whom to ask now: every seed at the first call after `again`, later those that nobody is heard from."""
        if now < self.next_at:
            return []
        if now > self._until:
            self.next_at = float("inf")
            return []
        everyone, self._all = self._all, False
        self.next_at = now + self._gap * self._uniform(0.9, 1.1)
        self._gap = min(self._most, self._gap * 2)
        return [(ip, port) for ip, port in self._seeds if everyone or not heard_from(ip)]
