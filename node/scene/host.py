"""Scene agents inside the running node: they follow the store, and answer on the control socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from node.control import Method, serve_control
from node.install.store import STORE, Store
from node.paths import Paths
from node.scene.agents import SceneAgents, open_agents
from node.scene.connectors.base import Told
from node.scene.members import Machine
from node.scene.probation import TakenBack
from protocol import limits
from protocol.errors import OoderError, UnavailableError, UsageError
from protocol.refs import Kind, parse_ref

_LOOK_SECONDS = 1.0
NO_METHODS: Mapping[str, Method] = MappingProxyType({})


async def host_scenes(
    paths: Paths,
    told: Told,
    failed: Callable[[OoderError], None],
    more: Mapping[str, Method] = NO_METHODS,
    opened: Callable[[Mapping[str, Method]], None] = lambda methods: None,
) -> None:
    """Run the agents of everything installed until cancelled; nothing of them is left afterwards. `more` is answered on the
    control socket beside what scenes need; `opened` is told everything that is answered there."""
    store = Store(paths.home)
    async with open_agents(Machine(paths, store), told) as agents:
        every = {**methods(agents, store), **more}
        opened(every)
        await _follow(paths, store, agents, every, failed)


async def _follow(
    paths: Paths,
    store: Store,
    agents: SceneAgents,
    every: Mapping[str, Method],
    failed: Callable[[OoderError], None],
) -> None:
    async with serve_control(paths, every):
        await _renew_views(store, failed)
        seen = ""
        while True:
            now = await asyncio.to_thread(_mark, store, paths)
            if now != seen:
                seen = now
                try:
                    faults = await agents.reconcile(await asyncio.to_thread(store.current))
                except OoderError as error:
                    failed(error)  # a damaged store: what runs goes on running
                else:
                    for fault in faults.values():
                        failed(fault)
            for one in agents.failed_updates():
                await take_back(store, agents, one, failed)
            await asyncio.sleep(_LOOK_SECONDS)


async def _renew_views(store: Store, failed: Callable[[OoderError], None]) -> None:
    """What other programs read may have been written by an older version of this one."""
    try:
        if (await asyncio.to_thread(store.current)).number:
            await asyncio.to_thread(lambda: store.project(deep=False))
    except OoderError as error:
        failed(error)


async def take_back(store: Store, agents: SceneAgents, update: TakenBack, failed: Callable[[OoderError], None]) -> None:
    """Make the generation current again in which the scene was well; who follows the store then follows that."""
    try:
        if (await asyncio.to_thread(store.current)).number != update.generation:
            return  # somebody committed on top of it meanwhile
        await asyncio.to_thread(store.rollback, update.back_to, time.time())
    except OoderError as error:
        failed(error)
        return
    scene = f"scene:{update.scene}"
    agents.told("install.rolled_back", scene)
    failed(
        UnavailableError(
            "scene.taken_back",
            scene=scene,
            count=limits.ACTIVATION_FAILURES,
            back_to=update.back_to,
            reason=update.reason,
        )
    )


def methods(agents: SceneAgents, store: Store) -> Mapping[str, Method]:
    """The control methods about scenes. The HTTP API shares them."""

    async def call(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        scene, capability = _id(params, "scene", Kind.SCENE), _id(params, "capability", Kind.CAPABILITY)
        await _current(agents, store)
        answer = await agents.call(scene, capability, params.get("request"), float(params.get("seconds") or 0.0))
        yield answer.describe()

    async def start(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        scene = _id(params, "scene", Kind.SCENE)
        await _current(agents, store)
        await agents.start(scene)
        yield agents.agent(scene).describe(language)

    async def stop(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        scene = _id(params, "scene", Kind.SCENE)
        await (agents.suspend(scene) if params.get("suspend") else agents.stop(scene))
        yield agents.agent(scene).describe(language)

    async def status(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        yield {"scenes": agents.describe(language)}

    async def reconcile(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        faults = await agents.reconcile(await asyncio.to_thread(store.current))
        yield {
            "generation": agents.generation.number,
            "faults": {name: fault.body(language) for name, fault in faults.items()},
            "scenes": agents.describe(language),
        }

    return {
        "scene.call": call,
        "scene.start": start,
        "scene.stop": stop,
        "scene.status": status,
        "scene.reconcile": reconcile,
    }


async def _current(agents: SceneAgents, store: Store) -> None:
    """Know what was committed a moment ago."""
    generation = await asyncio.to_thread(store.current)
    if generation.number != agents.generation.number:
        await agents.reconcile(generation)


def _id(params: Mapping[str, Any], name: str, kind: Kind) -> str:
    value = params.get(name)
    ref = parse_ref(value) if isinstance(value, str) else None
    if ref is None or ref.kind is not kind:
        raise UsageError("node.bad_parameter", name=name)
    return ref.id


def _mark(store: Store, paths: Paths) -> str:
    """Changes whenever another generation becomes current, or something of it is revoked."""
    return " ".join(_stamp(path) for path in (store.home / STORE / "current", paths.revoked))


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "none"
    return f"{status.st_ino} {status.st_mtime_ns}"
