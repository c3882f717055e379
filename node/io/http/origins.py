"""What is remembered of every origin this process talks to: its pace, its health, and how many retries it may still cost."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from protocol import limits
from protocol.http.breaker import Breaker
from protocol.http.pacing import Pace
from protocol.http.retry import Budget


@dataclass(slots=True)
class Origin:
    """One `https://host:port`."""

    pace: Pace
    breaker: Breaker = field(default_factory=Breaker)
    budget: Budget = field(default_factory=Budget)


class Origins:
    """All of them; the one not talked to for longest is forgotten."""

    def __init__(self) -> None:
        self._origins: OrderedDict[str, Origin] = OrderedDict()

    def get(self, name: str, rate: float, burst: float) -> Origin:
        """The origin; `rate` and `burst` count when it is first met."""
        found = self._origins.get(name)
        if found is None:
            if len(self._origins) >= limits.HTTP_ORIGINS:
                self._origins.popitem(last=False)
            found = self._origins[name] = Origin(Pace(rate, burst))
        else:
            self._origins.move_to_end(name)
        return found
