"""The scene agents of the running node, asked over its control socket after a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from node import control
from node.paths import Paths
from protocol.errors import OoderError
from protocol.install.model import Generation


class NodeAgents:
    """Implements `node.install.installer.Agents`."""

    def __init__(self, paths: Paths, language: str = "en") -> None:
        self._paths = paths
        self._language = language

    async def reconcile(self, generation: Generation, tell: Callable[[str, str], None]) -> dict[str, OoderError | None]:
        """Have the node follow `generation`. A node that cannot be asked any more makes every scene inactive."""
        refs = [str(scene.ref.any_version) for scene in generation.scenes]
        try:
            answer = await asyncio.to_thread(control.ask, self._paths, "scene.reconcile", {}, language=self._language)
        except OoderError as error:
            return dict.fromkeys(refs, error)
        faults = answer.get("faults", {})
        found: dict[str, OoderError | None] = {}
        for ref in refs:
            fault = faults.get(ref.removeprefix("scene:"))
            found[ref] = control.error_of(fault) if fault else None
            tell(ref, fault.get("code", "") if fault else "ACTIVE")
        return found


def agents_of(paths: Paths, language: str = "en") -> NodeAgents | None:
    """The running node's agents; None when no node runs (it follows the store as soon as it does)."""
    return NodeAgents(paths, language) if control.is_running(paths) else None
