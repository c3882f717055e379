"""All scene agents of one home: what is installed decides which there are, what the user said decides which run.

`reconcile` makes the agents agree with a generation; doing it twice changes nothing. A scene whose bytes, routes and consents
are the same keeps its agent, and so its processes, through any number of other commits. What the user said (`start`, `stop`,
`suspend`) is in `OODER_HOME/run/scenes/<id>.json` and survives restarts of the node; what was never told anything is started.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from node.install.revocations import read_revoked
from node.install.store import Store
from node.io.atomic import write_file
from node.paths import Paths
from node.scene.agent import CallAnswer, SceneAgent
from node.scene.connectors.base import Runner, Told, told_nobody
from node.scene.members import Machine, find_scene, remove_dead_views
from node.scene.probation import Probation, TakenBack
from node.scene.views import make_private
from protocol.errors import ConflictError, NotFoundError, OoderError, StorageError, UnavailableError
from protocol.install.model import EMPTY, Generation, Installed, Route
from protocol.items import Json
from protocol.refs import Ref
from protocol.scene.states import State


class SceneAgents:
    """Use `open_agents`; everything is called from one event loop."""

    def __init__(self, machine: Machine, tasks: asyncio.TaskGroup, told: Told) -> None:
        self._machine, self._tasks, self.told = machine, tasks, told
        self._agents: dict[str, SceneAgent] = {}
        self._prints: dict[str, str] = {}
        self._lent: dict[str, Mapping[str, Runner]] = {}
        self._probation = Probation(machine.paths.run / "probation.json")
        self._changing = asyncio.Lock()
        self.generation = EMPTY

    async def reconcile(self, generation: Generation) -> Mapping[str, OoderError]:
        """Make the agents those of `generation`. Returns why scenes that should run do not."""
        async with self._changing:
            self.generation = generation
            revoked = await asyncio.to_thread(read_revoked, self._machine.paths)
            wanted = {scene.id: scene for scene in generation.scenes}
            for gone in sorted(self._agents.keys() - wanted.keys()):
                await self._retire(gone)
                _forget(self._machine.paths, gone)
            for scene in wanted.values():
                mark = fingerprint(generation, scene, revoked)
                if self._prints.get(scene.id) != mark:
                    await self._renew(scene, await asyncio.to_thread(self._before, scene, revoked))
                    self._prints[scene.id] = mark
            problems = {
                name: agent.problem() for name, agent in self._agents.items() if agent.state is not State.STOPPED
            }
            return {name: problem for name, problem in problems.items() if problem is not None}

    def failed_updates(self) -> list[TakenBack]:
        """Scenes that were well and whose new bytes failed to start too often; each is told once."""
        return self._probation.look(self._agents, self.generation.number)

    def agent(self, scene_id: str) -> SceneAgent:
        """The agent of a scene. Raises NotFoundError `scene.not_installed`."""
        find_scene(self.generation, scene_id)
        found = self._agents.get(scene_id)
        if found is None:
            raise NotFoundError("scene.not_installed", scene=f"scene:{scene_id}")
        return found

    async def call(self, scene_id: str, capability: str, request: Json, seconds: float = 0.0) -> CallAnswer:
        """As `SceneAgent.call`."""
        if scene_id not in self._agents:
            async with self._changing:  # perhaps it is being made just now
                pass
        self.told("capability.invoked", f"cap:{capability}")
        try:
            return await self.agent(scene_id).call(capability, request, seconds)
        except OoderError:
            self.told("capability.invocation.failed", f"cap:{capability}")
            raise

    async def start(self, scene_id: str) -> State:
        """Start a scene that is stopped, pending or suspended; starts skills again that were given up."""
        async with self._changing:
            agent = self.agent(scene_id)
            if agent.state is State.SUSPENDED:
                agent.resume()
                self.told("scene.agent.resumed", f"scene:{scene_id}")
            elif agent.state is State.ACTIVE and all(runner.well for runner in agent.runners.values()):
                pass  # nothing to do
            else:
                await agent.stop()
                await self._activate(agent)
            write_wish(self._machine.paths, scene_id, State.ACTIVE, self.generation.number)
            return agent.state

    async def stop(self, scene_id: str) -> State:
        """End everything of a scene; it stays ended until `start`, also over restarts of the node."""
        async with self._changing:
            agent = self.agent(scene_id)
            write_wish(self._machine.paths, scene_id, State.STOPPED, self.generation.number)
            await agent.stop()
            self.told("scene.agent.stopped", f"scene:{scene_id}")
            return agent.state

    async def suspend(self, scene_id: str) -> State:
        """Refuse calls until `start`."""
        async with self._changing:
            agent = self.agent(scene_id)
            if agent.state is not State.SUSPENDED:
                agent.suspend()
            write_wish(self._machine.paths, scene_id, State.SUSPENDED, self.generation.number)
            self.told("scene.agent.paused", f"scene:{scene_id}")
            return agent.state

    def describe(self, language: str = "en") -> list[dict[str, object]]:
        """Every agent, by scene."""
        return [self._agents[name].describe(language) for name in sorted(self._agents)]

    async def close(self) -> None:
        """End every process; what the user said stays as it is."""
        self._probation.count(self._agents, self.generation.number)
        async with self._changing, asyncio.TaskGroup() as group:
            for agent in self._agents.values():
                group.create_task(agent.stop())

    async def trial(self, generation: Generation, scene: Installed, capability: str) -> SceneAgent:
        """An agent beside the one that answers, for one capability of a scene of a generation that is not committed yet. The caller ends it."""
        agent = SceneAgent(self._machine, generation, scene)
        await agent.activate(self._tasks, only=capability)
        return agent

    async def take_over(self, generation: Generation, trial: SceneAgent) -> Mapping[str, OoderError]:
        """`reconcile`, with what a trial runs taken over instead of started again."""
        self._lent[trial.scene.id] = trial.runners
        faults = await self.reconcile(generation)
        await trial.hand_over(self.agent(trial.scene.id))
        return faults

    def _before(self, scene: Installed, revoked: Collection[str]) -> int:
        """The generation right before this one, if the scene was in it what its agent is still; else 0."""
        with suppress(NotFoundError, StorageError):
            parent = Store(self._machine.paths.home).generation(self.generation.parent)
            then = next((one for one in parent.scenes if one.id == scene.id), None)
            if then is not None and fingerprint(parent, then, revoked) == self._prints.get(scene.id):
                return parent.number
        return 0

    async def _renew(self, scene: Installed, before: int) -> None:
        old = self._agents.get(scene.id)
        agent = SceneAgent(self._machine, self.generation, scene)
        living = old.runners if old and old.state is State.ACTIVE else {}
        running = {**living, **self._lent.pop(scene.id, {})}
        self.told("scene.agent.created", f"scene:{scene.id}")
        wish = read_wish(self._machine.paths, scene.id)
        if wish is State.STOPPED:
            await agent.stop()
        else:
            await self._activate(agent, running)
        self._probation.begin(old, agent, before)
        self._agents[scene.id] = agent  # until here the old one answers
        if old is not None:
            await old.hand_over(agent)
        if wish is State.SUSPENDED and agent.state is State.ACTIVE:
            agent.suspend()

    async def _activate(self, agent: SceneAgent, running: Mapping[str, Runner] | None = None) -> None:
        await agent.activate(self._tasks, running=running)
        if agent.state is State.ACTIVE:
            self.told("scene.activated", f"scene:{agent.scene.id}")

    async def _retire(self, scene_id: str) -> None:
        agent = self._agents.pop(scene_id)
        self._prints.pop(scene_id, None)
        await agent.destroy()
        self.told("scene.deactivated", f"scene:{scene_id}")


@asynccontextmanager
async def open_agents(machine: Machine, told: Told = told_nobody) -> AsyncIterator[SceneAgents]:
    """No agents yet; whatever happens inside, no process is left afterwards."""
    async with single_errors() as tasks:
        await asyncio.to_thread(remove_dead_views, machine.paths)
        agents = SceneAgents(replace(machine, told=told), tasks, told)
        try:
            yield agents
        finally:
            await agents.close()


@asynccontextmanager
async def single_errors() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group out of which a single error comes as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as several:
        if len(several.exceptions) == 1:
            raise several.exceptions[0] from None
        raise


async def call_once(
    machine: Machine, generation: Generation, scene_id: str, capability: str, request: Json, seconds: float = 0.0
) -> CallAnswer:
    """One call without a running node: start what it needs, ask, end it again."""
    scene = find_scene(generation, scene_id)
    wish = read_wish(machine.paths, scene_id)
    if wish in (State.STOPPED, State.SUSPENDED):
        raise ConflictError("scene.not_active", scene=f"scene:{scene_id}", state=wish.value, reason="-")
    return await _call_of(SceneAgent(machine, generation, scene), capability, request, seconds)


async def call_skill_once(
    machine: Machine, generation: Generation, skill: Ref, capability: str, request: Json, seconds: float = 0.0
) -> CallAnswer:
    """One call of an installed skill by itself, outside of every scene: start it, ask, end it again.

    Raises NotFoundError `install.not_installed`, and what activating and calling raise.
    """
    agent = SceneAgent(machine, generation, _alone(generation, skill, capability))
    return await _call_of(agent, capability, request, seconds)


async def _call_of(agent: SceneAgent, capability: str, request: Json, seconds: float) -> CallAnswer:
    async with single_errors() as tasks:
        try:
            begun = asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(seconds or None):
                    await agent.activate(tasks, only=capability)
            except TimeoutError:
                raise UnavailableError("scene.timeout", skill=str(agent.scene.ref), seconds=seconds) from None
            left = seconds and max(0.1, begun + seconds - asyncio.get_running_loop().time())
            return await agent.call(capability, request, left)
        finally:
            await agent.stop()


def _alone(generation: Generation, ref: Ref, capability: str) -> Installed:
    """A skill as if it were a scene of its own with one route."""
    found = [one for one in generation.find(ref.kind, ref.id) if ref.version in ("", one.version)]
    if not found:
        raise NotFoundError("install.not_installed", ref=str(ref))
    skill = next((one for one in found if one.requested), found[-1])
    return replace(skill, routes=(Route(capability, (skill.release,)),))


def fingerprint(generation: Generation, scene: Installed, revoked: Collection[str] = ()) -> str:
    """Everything that a scene's agent depends on, as one word."""
    items = generation.closure([scene])
    releases = {item.release for item in items}
    consents = sorted(
        (one.release, one.digest, one.permissions) for one in generation.consents if one.release in releases
    )
    parts = [(item.release, item.digest, item.release in revoked) for item in items]
    routes = [(route.capability, route.skills, route.strategy) for route in scene.routes]
    return hashlib.sha256(json.dumps([parts, routes, consents]).encode()).hexdigest()


# --- What the user said, on the disk --------------------------------------------------------------------------------
def write_wish(paths: Paths, scene_id: str, state: State, generation: int) -> None:
    """Remember what a scene should be. Raises StorageError `home.unwritable`."""
    path = _wish(paths, scene_id)
    make_private(path.parent)
    write_file(path, json.dumps({"state": state.value, "generation": generation}).encode())


def read_wish(paths: Paths, scene_id: str) -> State | None:
    """What a scene should be; None when nobody said anything, or what is there cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return State(json.loads(_wish(paths, scene_id).read_bytes()[:4096])["state"])
    return None


def _forget(paths: Paths, scene_id: str) -> None:
    _wish(paths, scene_id).unlink(missing_ok=True)


def _wish(paths: Paths, scene_id: str) -> Path:
    return paths.run / "scenes" / f"{scene_id}.json"
