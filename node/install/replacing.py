"""Another skill for one capability of an installed scene: tried on its staged bytes, committed only if it answers (FLOWS 4.4)."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass

from node.install.engine import Engine
from node.install.installer import Outcome, Proposal, Tell
from node.install.planning import PlanOptions
from node.install.steps import Stage, StepEvent
from node.scene.agent import CallAnswer
from node.scene.members import Machine, find_scene
from node.scene.migrating import migrated
from node.scene.reading import read_item
from node.scene.trial import try_capability
from protocol.errors import ConflictError, NotFoundError, OoderError
from protocol.install.planned import InstallPlan, Question
from protocol.items import Json
from protocol.refs import Kind, Ref


@dataclass(frozen=True, slots=True)
class Replacement:
    """Which skill shall provide which capability of which installed scene; `probe` is a request it has to answer, None for none."""

    scene: Ref
    capability: Ref
    skill: Ref
    probe: Json = None


def plan_replacement(engine: Engine, wish: Replacement) -> InstallPlan:
    """What it would change. Raises NotFoundError `install.not_installed` and what planning raises."""
    if not engine.store.current().find(Kind.SCENE, wish.scene.id):
        raise NotFoundError("install.not_installed", ref=str(wish.scene))
    return engine.plan(str(wish.scene), PlanOptions(providers={wish.capability.id: wish.skill.id}))


async def replace_skill(
    engine: Engine, wish: Replacement, plan: InstallPlan, agreed: tuple[Question, ...], tell: Tell, language: str = "en"
) -> tuple[Outcome, CallAnswer | None]:
    """Carry `plan` out, with the new skill tried on its staged bytes before anything is committed; its answer is None without a
    probe. The settings that both skills declare are taken over.

    Raises what installing raises, and ConflictError `replace.failed` when the skill does not answer: nothing was changed then,
    and the old skill has answered all the while.
    """
    answers: list[CallAnswer | None] = []
    paths = engine.service.paths

    async def trial(proposal: Proposal) -> None:
        try:
            machine = Machine(paths, proposal)
            answers.append(
                await try_capability(
                    machine, proposal.generation, wish.scene.id, wish.capability.id, wish.skill.id, wish.probe
                )
            )
        except OoderError as error:
            raise ConflictError(
                "replace.failed", scene=str(wish.scene), skill=str(wish.skill), reason=error.text(language)
            ) from error

    with ExitStack() as undo:

        async def prepared(proposal: Proposal) -> None:
            for note in await asyncio.to_thread(_take_over, engine, wish, proposal, undo):
                tell(StepEvent(Stage.VERIFY, "progressed", str(wish.skill), note=note))
            await trial(proposal)

        outcome = await engine.install(plan, agreed, tell, trial=prepared)
    return outcome, answers[0] if answers else None


def _take_over(engine: Engine, wish: Replacement, proposal: Proposal, undo: ExitStack) -> list[str]:
    """Take settings over, to be undone with `undo`; what was done, for people. Blocking."""
    scene = find_scene(engine.store.current(), wish.scene.id)
    old = next(
        (route.skills[0] for route in scene.routes if route.capability == wish.capability.id and route.skills), ""
    )
    known = {item.release: item for item in proposal.generation.items}
    known |= {item.release: item for item in engine.store.current().items}
    found = proposal.generation.find(Kind.SKILL, wish.skill.id)
    if old not in known or not found:
        return []
    before, after = read_item(engine.store, known[old]), read_item(proposal, found[-1])
    one = known[old].principal == found[-1].principal
    done = undo.enter_context(migrated(engine.service.paths, before, after, one_principal=one))
    notes = [f"settings taken over: {', '.join(done.taken)}"] if done.taken else []
    return notes + ([f"secrets not taken over: {', '.join(done.held_back)}"] if done.held_back else [])
