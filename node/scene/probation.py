"""An update that breaks a running scene is taken back: after three starts that failed, the generation before it is current again.

What it guarantees: only a scene that was well right before, and whose programs start and fail with the new bytes, is taken back; what
waits for a person (a setting, a consent) is not a failure; nothing is undone once something else was committed on top. SECURITY 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.scene.agent import SceneAgent
from protocol import limits
from protocol.scene.states import State


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A scene whose update failed: `back_to` is the generation in which it was well, `reason` a sentence in English."""

    scene: str
    generation: int
    back_to: int
    reason: str


class Probation:
    """Scenes that run other bytes than a moment ago, until they are well or have failed too often."""

    def __init__(self) -> None:
        self._on: dict[str, tuple[int, int]] = {}

    def begin(self, old: SceneAgent | None, new: SceneAgent) -> None:
        """`new` took the place of `old`. A scene that was on probation already goes back to where it was well."""
        scene, after = new.scene.id, new.generation.number
        if scene in self._on:
            self._on[scene] = after, self._on[scene][1]
        elif old is not None and old.generation.number < after and is_well(old):
            self._on[scene] = after, old.generation.number

    def look(self, agents: Mapping[str, SceneAgent], current: int) -> list[TakenBack]:
        """Who failed for good. Who is well, gone, or not the newest commit any more is let go."""
        failed = []
        for scene, (after, before) in list(self._on.items()):
            agent = agents.get(scene)
            if agent is None or after != current or agent.state is not State.ACTIVE or agent.problem() is None:
                del self._on[scene]
            elif failures(agent) >= limits.ACTIVATION_FAILURES:
                del self._on[scene]
                problem = agent.problem()
                failed.append(TakenBack(scene, after, before, problem.text() if problem else ""))
        return failed


def is_well(agent: SceneAgent) -> bool:
    """Whether everything a scene needs is answered."""
    return agent.state is State.ACTIVE and agent.problem() is None


def failures(agent: SceneAgent) -> int:
    """How often the unluckiest of its programs that are not well has ended by now."""
    counts = [runner.describe().get("restarts", 0) for runner in agent.runners.values() if not runner.well]
    return max((count for count in counts if isinstance(count, int)), default=0)
