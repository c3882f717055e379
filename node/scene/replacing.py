"""Replace a skill in a running scene: the new one must work beside the old one before anything is switched (FLOWS 4.4).

What it guarantees: the old skill answers until the new one was healthy, kept to the contract and answered the probe, and the
commit is done; any failure before the commit ends the new one and leaves everything as it was; after the commit the running
new one is taken over, not started again. What it leaves to others: fetching, consent, and the commit itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from node.scene.agent import CallAnswer, SceneAgent
from node.scene.agents import SceneAgents
from node.scene.members import find_scene
from node.scene.reading import find_capability, read_item
from node.scene.views import Trees
from protocol.contract import check_contract, implemented_by
from protocol.contract_change import compare_contracts
from protocol.errors import ConflictError, NotFoundError, UnavailableError
from protocol.install.model import Generation, Installed, Route
from protocol.items import Json
from protocol.scene.connector import implements

Commit = Callable[[tuple[Route, ...]], Awaitable[Generation]]
"""Makes the scene with these routes the next generation, atomically, and returns it."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What was done. `before` are the skills the route had; `probe` is the new skill's answer to it, None without one."""

    generation: Generation
    capability: str
    before: tuple[str, ...]
    skill: str
    probe: CallAnswer | None = None


def routes_with(scene: Installed, capability: str, release: str) -> tuple[Route, ...]:
    """The scene's routes with `release` as the only skill of `capability`; strategies stay."""
    known = {route.capability: route for route in scene.routes}
    known[capability] = replace(known.get(capability, Route(capability, ())), skills=(release,))
    return tuple(known[name] for name in sorted(known))


async def replace_skill(
    agents: SceneAgents,
    trees: Trees,
    proposed: Generation,
    scene_id: str,
    capability: str,
    candidate: Installed,
    commit: Commit,
    probe: Json = None,
) -> Replaced:
    """Put `candidate` in the place of the skills that answer `capability` now.

    `proposed` is the generation as it would be: it holds the candidate and the consent to run it. `probe`: a request that the
    candidate must answer as the contract says; None: its health check is enough. Raises NotFoundError `scene.not_provided`,
    ConflictError `scene.incompatible`, any `scene.*` of starting and calling, and what `commit` raises; the old one then goes on.
    """
    scene = find_scene(proposed, scene_id)
    await asyncio.to_thread(check_candidate, trees, proposed, scene, capability, candidate)
    before = next((route.skills for route in scene.routes if route.capability == capability), ())
    alone = replace(scene, routes=(Route(capability, (candidate.release,)),))
    trial = await agents.trial(proposed, alone, capability)
    try:
        _check_well(trial, candidate)
        answer = await trial.call(capability, probe) if probe is not None else None
        generation = await commit(routes_with(scene, capability, candidate.release))
        await agents.take_over(generation, trial)
    except BaseException:
        # After the commit the reconciled agent may have taken it over already; then it is not ours to end.
        await _end_unless_taken(agents, trial)
        raise
    return Replaced(generation, capability, before, candidate.release, answer)


def check_candidate(
    trees: Trees, generation: Generation, scene: Installed, capability: str, candidate: Installed
) -> None:
    """Blocking. Raises NotFoundError `scene.not_provided`, ConflictError `scene.incompatible`, DataError `contract.*`."""
    skill, name = read_item(trees, candidate), f"cap:{capability}"
    if not implements(skill, capability):
        raise NotFoundError("scene.not_provided", skill=str(candidate.ref), capability=name)
    defined = find_capability(generation.closure([scene]), capability) or find_capability(generation.items, capability)
    contract = check_contract(read_item(trees, defined))[0] if defined else None
    if contract is not None:
        found = compare_contracts(contract, implemented_by(skill, contract))
        if not found.compatible:
            causes = [str(one) for one in found.breaking]
            raise ConflictError("scene.incompatible", skill=str(candidate.ref), capability=name, causes=causes)


def _check_well(trial: SceneAgent, candidate: Installed) -> None:
    if trial.fault is not None:
        raise trial.fault
    runner = trial.runners[candidate.release]
    if not runner.well:
        raise runner.fault or UnavailableError("scene.skill_unwell", skill=candidate.release, seconds=0)


async def _end_unless_taken(agents: SceneAgents, trial: SceneAgent) -> None:
    try:
        agent = agents.agent(trial.scene.id)
    except NotFoundError:
        await trial.stop()
    else:
        await trial.hand_over(agent)
