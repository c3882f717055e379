"""Another skill for one capability of an installed scene: committed, tried alone, kept only if it answers (FLOWS 4.4)."""

from __future__ import annotations

from dataclasses import dataclass

from node.install.engine import Engine
from node.install.installer import Outcome, Tell
from node.install.planning import PlanOptions
from node.scene.agent import CallAnswer
from node.scene.members import Machine
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
    """Carry `plan` out and try the new skill; the answer is None without a probe.

    Raises what installing raises, and ConflictError `replace.failed` when the skill does not answer: the generation before is
    then the current one again.
    """
    before = engine.store.current().number
    outcome = await engine.install(plan, agreed, tell)
    try:
        machine = Machine(engine.service.paths, engine.store)
        answer = await try_capability(
            machine, outcome.generation, wish.scene.id, wish.capability.id, wish.skill.id, wish.probe
        )
    except OoderError as error:
        await engine.rollback(before, lambda event: None)
        reason = error.text(language)
        raise ConflictError("replace.failed", scene=str(wish.scene), skill=str(wish.skill), reason=reason) from error
    return outcome, answer
