"""What people do with installed scenes, the same from the command line and over the API: see, call, start, stop, read what was printed.

It asks the running node. Without one, what is on the disk is told, and `call` starts what it needs for the one call and ends it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from node import control
from node.install.store import STORE, Store
from node.paths import Paths
from node.scene.agents import call_once, call_skill_once, read_wish, write_wish
from node.scene.members import Machine, find_scene
from protocol import limits
from protocol.errors import NotFoundError, UnavailableError, UsageError
from protocol.items import Json
from protocol.refs import Kind, Ref, parse_ref
from protocol.scene.states import State

Ask = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""(control method, parameters) -> its one result. Raises what the node raises, UnavailableError `node.not_running`."""


def asking(paths: Paths, language: str) -> Ask:
    """Ask the node of this home over its control socket. Blocks: for the command line."""

    async def ask(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        seconds = float(params.get("seconds") or 0.0)
        answer: dict[str, Any] = control.ask(paths, method, params, language=language, seconds=seconds)
        return answer

    return ask


def read_ref(text: str, kind: Kind) -> Ref:
    """A ref of that kind; a bare id counts. Raises DataError `ref.*`, UsageError `node.bad_parameter`."""
    ref = parse_ref(text if ":" in text else f"{kind.prefix}:{text}")
    if ref.kind is not kind:
        raise UsageError("node.bad_parameter", name=kind.prefix)
    return ref


class Scenes:
    """The installed scenes of one home."""

    def __init__(self, paths: Paths, ask: Ask) -> None:
        self._paths, self._ask = paths, ask

    async def rows(self, scene: Ref | None = None) -> list[dict[str, Any]]:
        """Every scene agent as JSON, or only that of `scene`. Raises NotFoundError `scene.not_installed`."""
        try:
            rows: list[dict[str, Any]] = (await self._ask("scene.status", {}))["scenes"]
        except UnavailableError as error:
            if error.code != "node.not_running":
                raise
            rows = await asyncio.to_thread(self._resting)
        if scene is not None:
            rows = [row for row in rows if row["scene"] == str(scene.any_version)]
            if not rows:
                raise NotFoundError("scene.not_installed", scene=str(scene))
        return rows

    async def call(self, scene: Ref, capability: Ref, request: Json, seconds: float = 0.0) -> dict[str, Any]:
        """A capability's answer as `CallAnswer.describe` says it; `alone` tells that it was started for this call. A skill by
        itself (`scene` is a skill ref) always is. Raises any `scene.*` of calling, NotFoundError `install.not_installed`."""
        if scene.kind is Kind.SKILL:
            store = Store(self._paths.home)
            generation = await asyncio.to_thread(store.current)
            machine = Machine(self._paths, store)
            answer = await call_skill_once(machine, generation, scene, capability.id, request, seconds)
            return {**answer.describe(), "alone": True}
        params = {"scene": str(scene), "capability": str(capability), "request": request, "seconds": seconds}
        try:
            return {**await self._ask("scene.call", params), "alone": False}
        except UnavailableError as error:
            if error.code != "node.not_running":
                raise
        store = Store(self._paths.home)
        machine = Machine(self._paths, store)
        generation = await asyncio.to_thread(store.current)
        answer = await call_once(machine, generation, scene.id, capability.id, request, seconds)
        return {**answer.describe(), "alone": True}

    async def start(self, scene: Ref) -> dict[str, Any]:
        """Start or resume it; what was given up is tried again. Raises UnavailableError `node.not_running`."""
        return await self._ask("scene.start", {"scene": str(scene)})

    async def stop(self, scene: Ref, *, suspend: bool = False) -> dict[str, Any]:
        """End it until `start`, or only refuse calls. Without a node it is remembered. Raises NotFoundError `scene.not_installed`."""
        try:
            return await self._ask("scene.stop", {"scene": str(scene), "suspend": suspend})
        except UnavailableError as error:
            if error.code != "node.not_running":
                raise
        generation = Store(self._paths.home).current()
        find_scene(generation, scene.id)
        write_wish(self._paths, scene.id, State.SUSPENDED if suspend else State.STOPPED, generation.number)
        return (await self.rows(scene))[0]

    def logs(self, scene: Ref, skill: Ref | None, lines: int) -> dict[str, list[str]]:
        """Skill id -> the last lines its program printed. Blocking. Raises NotFoundError `scene.no_log`."""
        files = sorted((self._paths.logs / scene.id).glob(f"{skill.id if skill else '*'}.log"))
        if not files:
            raise NotFoundError("scene.no_log", scene=str(scene))
        return {path.name.removesuffix(".log"): _tail(path, lines) for path in files}

    def _resting(self) -> list[dict[str, Any]]:
        if not (self._paths.home / STORE).exists():
            return []
        generation = Store(self._paths.home).current()
        return [
            {
                "scene": f"scene:{item.id}",
                "version": item.version,
                "state": State.STOPPED.value,
                "wanted": (read_wish(self._paths, item.id) or State.ACTIVE).value,
                "node_running": False,
                "reason": None,
                "generation": generation.number,
                "capabilities": [
                    {
                        "capability": route.capability,
                        "strategy": route.strategy,
                        "skills": [{"skill": name, "state": "stopped"} for name in route.skills],
                    }
                    for route in item.routes
                ],
            }
            for item in generation.scenes
        ]


def _tail(path: Path, lines: int) -> list[str]:
    """The last lines, at most `limits.SKILL_LOG_TAIL` bytes of them."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - limits.SKILL_LOG_TAIL))
        return file.read().decode("utf-8", "replace").splitlines()[-lines:]
