"""Which skill of a route is asked first, and which ones when that cannot answer.

Every strategy returns all skills, best first, so that a caller falls back by walking on. Skills known to be unwell come last
and are still there: when nobody is well, trying one is better than refusing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from protocol.install.model import Route


class Strategy(StrEnum):
    """How the first skill of a route is picked (FLOWS 4.3)."""

    PRIORITY = "priority"
    ROUND_ROBIN = "round_robin"
    RANDOM = "random"
    LEAST_LOAD = "least_load"

    @classmethod
    def of(cls, text: str) -> Strategy:
        """Read a strategy as manifests write it (`round-robin`, `LEAST_LOAD`); what is unknown is `priority`."""
        word = text.strip().lower().replace("-", "_")
        return cls(word) if word in set(cls) else cls.PRIORITY


class Chance(Protocol):
    """The part of `random.Random` that is needed."""

    def random(self) -> float: ...


def order(
    route: Route, well: Mapping[str, bool], load: Mapping[str, int], turn: int, chance: Chance
) -> tuple[str, ...]:
    """The skills of `route`, in the order in which they should be asked for call number `turn` (from 0).

    `well` and `load` (calls under way) are by skill; a skill that is in neither is well and idle.
    """
    first = _by_strategy(Strategy.of(route.strategy), route.skills, load, turn, chance)
    return tuple(sorted(first, key=lambda skill: not well.get(skill, True)))  # stable: keeps the strategy's order


def _by_strategy(
    strategy: Strategy, skills: Sequence[str], load: Mapping[str, int], turn: int, chance: Chance
) -> Sequence[str]:
    if strategy is Strategy.PRIORITY or len(skills) < 2:
        return skills
    if strategy is Strategy.LEAST_LOAD:
        return sorted(skills, key=lambda skill: load.get(skill, 0))
    start = turn if strategy is Strategy.ROUND_ROBIN else int(chance.random() * len(skills))
    start %= len(skills)
    return (*skills[start:], *skills[:start])
