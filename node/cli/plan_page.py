"""How a plan looks to a person."""

from __future__ import annotations

from collections.abc import Sequence

from node.cli.detail_page import TRUST_MARKS, size
from node.cli.screen import COLORS, show
from node.cli.session import Session
from protocol.install.planned import Asked, InstallPlan, Planned, Question, Step
from protocol.messages import render

MARKS = {
    Step.ADDED: "+",
    Step.KEPT: "=",
    Step.UPGRADED: "↑",
    Step.DOWNGRADED: "↓",
    Step.REROUTED: "↷",
    Step.REQUESTED: "*",
    Step.REPLACED: "⇄",
    Step.REMOVED: "-",
}


def print_plan(session: Session, plan: InstallPlan, *, why: bool = False) -> None:
    """The whole plan: items with origin and trust, matches, abilities, what is left out, what is asked."""
    screen, say = session.screen, session.say
    rows = []
    for item in plan.items:
        where = item.locations[0].source if item.locations else "-"
        rows.append(
            (
                f"{MARKS[item.step]} {item.ref.any_version}",
                show(item.version, 20),
                item.trust.value,
                size(item.size) if item.size else "?",
                item.digest[7:19] or "?",
                where,
                show(item.name, 40),
            )
        )
    heads = ("head.ref", "head.version", "head.trust", "head.size", "head.digest", "head.source", "head.name")
    screen.table([say(head) for head in heads], rows)
    for release in plan.removed:
        screen.data(f"{MARKS[Step.REMOVED]} {show(release)}")
    _matches(session, plan)
    for item in plan.changes:
        _abilities(session, item)
        if why:
            screen.data(
                f"  {' → '.join(item.why)}  [{show(item.principal)}]  {TRUST_MARKS[item.trust.value]} "
                + ", ".join(render(code, {}, screen.language).text for code in item.reasons)
            )
    for left in plan.left:
        screen.data(say("plan.left", ref=show(left.needs), by=show(left.by), reason=show(left.reason)))
    if plan.questions:
        screen.data()
        screen.data(screen.style(say("plan.asks"), bold=True))
        for group in grouped(plan.questions):
            screen.data(f"  ? {sentence(session, group)}")
    if plan.is_done:
        screen.data(say("plan.done"))


def grouped(questions: Sequence[Question]) -> list[tuple[Question, ...]]:
    """Questions that people answer together: all items of one trust level; every other question by itself."""
    groups: dict[tuple[str, ...], list[Question]] = {}
    for question in questions:
        key = (
            (question.asked.value, question.trust)
            if question.asked is Asked.TRUST
            else (question.code, question.release)
        )
        groups.setdefault((*key, *(() if question.asked is Asked.TRUST else question.values)), []).append(question)
    return [tuple(group) for group in groups.values()]


def sentence(session: Session, group: Sequence[Question]) -> str:
    """Questions that belong together, in words."""
    first = group[0]
    if len(group) == 1:
        return show(render(first.code, first.params, session.screen.language).text, 400)
    names = ", ".join(question.release.split(" ")[0] for question in group)
    principals = ", ".join(sorted({question.release.partition(" ")[2] for question in group}))
    return show(
        session.say("plan.asks_many", n=len(group), trust=first.trust, principals=principals, names=names), 1200
    )


def _matches(session: Session, plan: InstallPlan) -> None:
    told = set()
    for match in plan.matches:
        if (match.capability, match.release) in told:
            continue  # asked for twice, answered the same
        told.add((match.capability, match.release))
        others = ", ".join(f"{show(one.release.split(' ')[0])} ({one.trust.value})" for one in match.alternatives)
        line = session.say(
            "plan.match",
            cap=f"cap:{match.capability}",
            skill=match.release.split(" ")[0],
            by=session.say(f"plan.by.{match.decided_by}"),
        )
        session.screen.data(f"  {line}" + (f"; {session.say('plan.instead')}: {others}" if others else ""))


def _abilities(session: Session, item: Planned) -> None:
    may = item.may
    parts = [
        ("plan.may.permissions", may.permissions),
        ("plan.may.run", may.commands),
        ("plan.may.call", may.addresses),
        ("plan.may.settings", tuple(s.name + (" 🔒" if s.secret else "") for s in may.settings if s.required)),
    ]
    said = "; ".join(f"{session.say(key)}: {', '.join(values)}" for key, values in parts if values)
    if said:
        trust = session.screen.style(str(item.ref.any_version), fg=COLORS[item.trust.value])
        session.screen.data(f"  {trust}  {show(said, 400)}")
