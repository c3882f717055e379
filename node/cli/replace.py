"""`replace`: another skill for one capability of an installed scene, compared first, kept only if it answers (FLOWS 4.4)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import click

from node.cli.detail_page import compare_providers
from node.cli.install import agree, engine_of, report, show_plan, teller
from node.cli.main import common_options
from node.cli.session import Session
from node.detail import compared
from node.install.replacing import Replacement, plan_replacement, replace_skill
from protocol.errors import UsageError
from protocol.refs import Kind, Ref, parse_ref


@click.command("replace")
@click.argument("scene")
@click.argument("capability")
@click.option("--with", "skill", required=True, metavar="SKILL", help="The skill that shall provide it from now on.")
@click.option("-d", "--probe", metavar="JSON", help="A request the new skill has to answer before it stays.")
@click.option("--yes", "-y", is_flag=True, help="Agree to everything the plan asks, except to unverified bytes.")
@click.option("--plan", "only_plan", is_flag=True, help="Compare, show the plan and stop.")
@common_options
@click.pass_obj
def replace_command(
    session: Session, /, scene: str, capability: str, skill: str, probe: str | None, yes: bool, only_plan: bool
) -> None:
    """Let another skill provide CAPABILITY (cap:ID) of an installed SCENE. If it does not answer, the old one stays."""
    scene_ref, cap_ref, skill_ref = _ref(scene, Kind.SCENE), _ref(capability, Kind.CAPABILITY), _ref(skill, Kind.SKILL)
    engine = engine_of(session)
    wish = Replacement(scene_ref, cap_ref, skill_ref, _probe(probe))
    plan = plan_replacement(engine, wish)
    if not session.screen.as_json:
        compare_providers(session, compared(session.service.providers(cap_ref.id), session.service.now()))
    if only_plan or not session.screen.as_json:
        show_plan(session, plan, why=False)
    if only_plan:
        return
    agreed = tuple(agree(session, plan, yes=yes))
    changing = replace_skill(engine, wish, plan, agreed, teller(session), session.speaker.language)
    outcome, answer = asyncio.run(changing)
    report(session, outcome)
    if answer is not None and not session.screen.as_json:
        session.screen.data(json.dumps(answer.body, ensure_ascii=False))


def _ref(text: str, kind: Kind) -> Ref:
    ref = parse_ref(text if ":" in text else f"{kind.prefix}:{text}")
    if ref.kind is not kind:
        raise UsageError("usage.bad_value", name=kind.value, reason=str(ref))
    return ref


def _probe(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise UsageError("usage.bad_value", name="--probe", reason=str(error)) from error
