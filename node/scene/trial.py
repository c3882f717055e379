"""Trying one capability of a committed scene beside whatever runs: start what it needs, wait for its health, ask the probe, end it."""

from __future__ import annotations

from dataclasses import replace

from node.scene.agent import CallAnswer, SceneAgent
from node.scene.agents import single_errors
from node.scene.members import Machine, find_scene
from node.scene.replacing import routes_with
from protocol.errors import NotFoundError
from protocol.install.model import Generation
from protocol.items import Json
from protocol.refs import Kind


async def try_capability(
    machine: Machine, generation: Generation, scene_id: str, capability: str, skill_id: str, probe: Json = None
) -> CallAnswer | None:
    """The answer of this one skill to `probe`, None without one; nobody else may step in for it.

    Raises NotFoundError `install.not_installed`, and what activating and calling raise; nothing keeps running.
    """
    scene = find_scene(generation, scene_id)
    found = generation.find(Kind.SKILL, skill_id)
    if not found:
        raise NotFoundError("install.not_installed", ref=f"skill:{skill_id}")
    alone = replace(scene, routes=routes_with(scene, capability, found[-1].release))
    agent = SceneAgent(machine, generation, alone)
    async with single_errors() as tasks:
        try:
            await agent.activate(tasks, only=capability)
            return None if probe is None else await agent.call(capability, probe, 0.0)
        finally:
            await agent.stop()
