"""What every connector is to a scene agent: something that starts, answers, and stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from protocol.errors import OoderError
from protocol.items import Json

Told = Callable[[str, str], None]
"""(event name of FLOWS 4.6, ref) -> heard."""


def told_nobody(event: str, ref: str) -> None:
    """For whoever runs something that nobody watches."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: `path` and `method` are the contract's, `seconds` is all the time there is."""

    capability: str
    path: str
    method: str
    body: Json
    seconds: float


class Runner(Protocol):
    """One skill, reachable. `well` says whether asking it makes sense, `load` how many calls are under way."""

    @property
    def how(self) -> str: ...

    @property
    def key(self) -> object:
        """Equal for two runners that would do the same, so that a new agent may take a running one over."""

    @property
    def well(self) -> bool: ...

    @property
    def load(self) -> int: ...

    @property
    def fault(self) -> OoderError | None: ...

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Make it reachable; returns when it is well or has `fault`. Watching goes on in `tasks`."""

    async def call(self, ask: Ask) -> Json:
        """Ask it. Raises OoderError `scene.*`."""

    async def stop(self) -> None:
        """Nothing of it is left afterwards. May be called twice."""

    def describe(self) -> dict[str, object]:
        """How it stands, as JSON."""
