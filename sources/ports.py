"""The narrow openings through which sources reach the world. `node/io` implements them for real, `tests/fakes` in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol


class Clock(Protocol):
    """Wall time for records and disk, loop time for waits; never mixed."""

    def wall(self) -> float:
        """Seconds since 1970; never smaller than a time this node has already written down."""

    def loop(self) -> float:
        """Seconds of the event loop, for waits only."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Places(Protocol):
    """What this node already knows of an origin."""

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        """place -> signature, as given in the last `Reading`s."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every source gets when it is made. Ports for one mechanism are passed by the factory, not from here."""

    clock: Clock
    places: Places
    home: Path
    random: Random
