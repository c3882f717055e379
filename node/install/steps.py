"""The six steps of an install (guide 4.2, step 5) as events, the same for the terminal, `--json` lines and the event log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Download, verify the contract, install dependencies, initialise the scene agent, activate, cache."""

    DOWNLOAD = "download"
    VERIFY = "verify"
    DEPENDENCIES = "dependencies"
    INITIALISE = "initialise"
    ACTIVATE = "activate"
    CACHE = "cache"


ORDER = tuple(Stage)


@dataclass(frozen=True, slots=True)
class StepEvent:
    """`state` is started, progressed, completed, failed or deferred (no node runs: the scene starts with it); `done` of `total` items, `size` bytes brought so far,
    `seconds` since the step began."""

    step: Stage
    state: str
    ref: str = ""
    done: int = 0
    total: int = 0
    size: int = 0
    note: str = ""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Bytes a second since the step began; 0 when there is nothing to tell."""
        return self.size / self.seconds if self.seconds > 0 else 0.0

    def body(self) -> dict[str, object]:
        """As one JSON line."""
        return {"event": f"install.{self.step.value}.{self.state}", **asdict(self)}
