"""What the install pipeline asks of the scene agents, whoever runs them: the running node, or nobody.

Without a node, `reconcile` starts every scene once, sees whether it becomes well, and ends it again: an install is then known to
work, and nothing is left running that nobody watches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from node import control
from node.install.store import Store
from node.paths import Paths
from node.scene.agents import open_agents
from node.scene.members import Machine
from protocol.errors import OoderError, UnavailableError
from protocol.install.model import Generation


class NodeAgents:
    """Answers `node.install.installer.Agents`."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    async def reconcile(self, generation: Generation, tell: Callable[[str, str], None]) -> dict[str, OoderError | None]:
        """Bring the agents to `generation`, which is committed. Per scene ref without version, why it is not
        active (None: it is). `tell` hears (ref, event name)."""

        def heard(event: str, ref: str) -> None:
            tell(ref, event)

        try:
            faults = await asyncio.to_thread(self._ask)
        except UnavailableError as error:
            if error.code != "node.not_running":
                raise
            async with open_agents(Machine(self._paths, Store(self._paths.home)), heard) as agents:
                faults = dict(await agents.reconcile(generation))
        return {str(scene.ref.any_version): faults.get(scene.id) for scene in generation.scenes}

    def _ask(self) -> dict[str, OoderError]:
        found = control.ask(self._paths, "scene.reconcile", {})
        return {name: control.error_of(body) for name, body in found.get("faults", {}).items()}
