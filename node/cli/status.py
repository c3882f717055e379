"""`status`: lights, counts, problems, and how fresh it all is."""

from __future__ import annotations

import click

from node.bodies import problem_body, state_body
from node.cli.agents import scene_rows, show_scenes
from node.cli.find import say_offline
from node.cli.main import common_options
from node.cli.progress import label
from node.cli.screen import show
from node.cli.session import Session
from node.supervisor import GLYPHS


@click.command("status")
@click.option(
    "--problems", is_flag=True, help="Everything that could not be read, and everything that does not fit together."
)
@click.option("--events", type=int, metavar="N", help="What changed since event N (0 = everything still known).")
@click.argument("scene", required=False)
@click.option("-n", "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@common_options
@click.pass_obj
def status_command(session: Session, scene: str | None, problems: bool, events: int | None, limit: int) -> None:
    """Lights, counts, problems and how fresh it all is. With SCENE: its agent, every route and every skill."""
    if scene is not None:
        show_scenes(session, scene_rows(session, scene))
    elif events is not None:
        _events(session, events, limit)
    elif problems:
        _problems(session, limit)
    else:
        _overview(session)


def _overview(session: Session) -> None:
    service, screen, say = session.service, session.screen, session.say
    counts, states, pid = service.counts(), service.states(), service.running_node()
    if screen.as_json:
        screen.answer(
            {
                "home": str(session.paths.home),
                "scope": session.config.settings.scope.value,
                "offline": service.is_offline(),
                "node_pid": pid,
                "counts": dict(counts),
                "sources": [state_body(state) for state in states],
                "newest": service.newest(),
                "last_event": service.last_event(),
                "scenes": scene_rows(session),
            }
        )
        return
    screen.data(say("status.node", pid=pid) if pid else say("status.no_node"))
    screen.data(say("status.home", path=session.paths.home) + f" · {session.config.settings.scope.value}")
    say_offline(session, service.is_offline(), service.newest())
    screen.data("  ".join(f"{GLYPHS[state.light]} {label(state.name)}" for state in states))
    screen.data(say("scan.summary", **counts))
    for row in scene_rows(session):
        screen.data(say("scene.state", scene=row["scene"], state=row["state"]))


def _problems(session: Session, limit: int) -> None:
    found = session.service.problems(limit)
    findings = session.service.findings(limit, session.speaker.language)
    if session.screen.as_json:
        session.screen.answer(
            {"problems": [problem_body(row, session.speaker.language) for row in found], "findings": findings}
        )
        return
    if not found and not findings:
        session.screen.data(session.say("status.nothing_wrong"))
    for row in found:
        body = problem_body(row, session.speaker.language)
        where = f"{show(body['origin'], 80)}: {show(body['place'], 120)}" + (f":{body['line']}" if body["line"] else "")
        mark = "✗" if body["fatal"] else "·"
        session.screen.data(f"{mark} {where}: {show(body['message'], 400)} [{body['code']}]")
    for finding in findings:
        session.screen.data(f"≠ {finding['ref']}: {show(str(finding['message']), 400)} [{finding['code']}]")


def _events(session: Session, since: int, limit: int) -> None:
    batch = session.service.events(since, limit)
    if session.screen.as_json:
        session.screen.answer(batch)
        return
    if batch["gap"]:
        session.screen.talk(session.say("status.gap"))
    for event in batch["events"]:
        age = session.speaker.age(max(0.0, session.service.now() - event["at"]))
        session.screen.data(f"{event['n']:>8}  {age:>8}  {event['type']}  {show(event['ref'])}")
