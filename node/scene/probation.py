"""An update that breaks a running scene is taken back: after three starts that failed, the generation before it is current again.

What it guarantees: only a scene that was well right before, and whose programs start and fail with the new bytes, is taken back; what
waits for a person (a setting, a consent) is not a failure; nothing is undone once something else was committed on top. Who is on
probation, and how often they failed, is in `OODER_HOME/run/probation.json`, so that starts count over restarts of the node. SECURITY 3.1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

from node.io.atomic import write_file
from node.scene.agent import SceneAgent
from node.scene.views import make_private
from protocol import limits
from protocol.errors import StorageError
from protocol.scene.states import State


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A scene whose update failed: `back_to` is the generation in which it was well, `reason` a sentence in English."""

    scene: str
    generation: int
    back_to: int
    reason: str


@dataclass(slots=True)
class _Trial:
    """`after` is the generation of the update, `before` the one to go back to. `earlier` starts failed before those that the
    programs count now, which are `now`."""

    after: int
    before: int
    earlier: int = 0
    now: int = 0


class Probation:
    """Scenes that run other bytes than a moment ago, until they are well or have failed too often. Kept in the file at `path`; where
    it cannot be written, in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._on = _read(path)

    def begin(self, old: SceneAgent | None, new: SceneAgent, before: int) -> None:
        """`new` took the place of `old` (None: the node started); `before` is the generation right before, if the scene was the same
        in it as `old` is, else 0. A scene that was on probation already goes back to where it was well."""
        scene, after = new.scene.id, new.generation.number
        there = self._on.get(scene)
        if there is not None and there.after == after:
            there.earlier, there.now = there.earlier + there.now, 0
        elif there is not None and old is not None:
            self._on[scene] = _Trial(after, there.before)
        elif there is not None:
            del self._on[scene]  # somebody committed on top while no node ran
        elif old is not None and before and is_well(old):
            self._on[scene] = _Trial(after, before)
        else:
            return
        self._write()

    def look(self, agents: Mapping[str, SceneAgent], current: int) -> list[TakenBack]:
        """Who failed for good; each is told once."""
        self.count(agents, current)
        failed = []
        for scene, trial in list(self._on.items()) if current else ():
            if trial.earlier + trial.now >= limits.ACTIVATION_FAILURES:
                del self._on[scene]
                problem = agents[scene].problem()
                failed.append(TakenBack(scene, trial.after, trial.before, problem.text() if problem else ""))
        if failed:
            self._write()
        return failed

    def count(self, agents: Mapping[str, SceneAgent], current: int) -> None:
        """Count failed starts. Who is well, gone, or not the newest commit any more is let go."""
        was = {scene: astuple(trial) for scene, trial in self._on.items()}
        for scene, trial in list(self._on.items()) if current else ():
            agent = agents.get(scene)
            if agent is None or trial.after != current or agent.state is not State.ACTIVE or agent.problem() is None:
                del self._on[scene]
                continue
            now = failures(agent)
            if now < trial.now:  # started by hand: its programs count anew
                trial.earlier += trial.now
            trial.now = now
        if was != {scene: astuple(trial) for scene, trial in self._on.items()}:
            self._write()

    def _write(self) -> None:
        with suppress(StorageError, OSError):
            make_private(self._path.parent)
            write_file(self._path, json.dumps({scene: astuple(trial) for scene, trial in self._on.items()}).encode())


def _read(path: Path) -> dict[str, _Trial]:
    """What was written; nobody is on probation when it cannot be read."""
    with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
        rows = json.loads(path.read_bytes()[: limits.MANIFEST_BYTES])
        return {str(scene): _Trial(*(max(0, int(number)) for number in row)) for scene, row in rows.items()}
    return {}


def is_well(agent: SceneAgent) -> bool:
    """Whether everything a scene needs is answered."""
    return agent.state is State.ACTIVE and agent.problem() is None


def failures(agent: SceneAgent) -> int:
    """How often the unluckiest of its programs that are not well has ended by now."""
    counts = [runner.describe().get("restarts", 0) for runner in agent.runners.values() if not runner.well]
    return max((count for count in counts if isinstance(count, int)), default=0)
