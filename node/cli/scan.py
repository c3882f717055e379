"""`scan`: look through all sources of the scope and write the index."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from node import places
from node.bodies import state_body
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.progress import ScanProgress
from node.cli.screen import show
from node.cli.session import Session
from node.service import ScanOutcome
from node.supervisor import Light


@click.command("scan")
@click.argument("places_to_add", metavar="[FOLDER_OR_URL]...", nargs=-1)
@click.option("--source", "only", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@common_options
@click.pass_context
def scan_command(ctx: click.Context, places_to_add: tuple[str, ...], only: tuple[str, ...]) -> None:
    """Look through all sources of the scope and write the index. Folders and repositories named here are remembered."""
    session: Session = ctx.obj
    for text in places_to_add:
        place = places.read_place(text, Path.cwd())
        if places.add_place(session.paths, place, session.config):
            session.screen.talk(session.say("scan.added", place=show(place.text), source=place.source))
            session.forget_config()
    outcome = run_scan(session, only)
    report(session, outcome)
    from node.cli.queue import retry_waiting  # half of what a scan would import, and not needed to look

    retry_waiting(session)
    ctx.exit(exit_code(outcome))


def run_scan(session: Session, only: tuple[str, ...] = ()) -> ScanOutcome:
    """Scan with progress."""
    names = list(only) or list(session.service.scope_sources())
    with ScanProgress(session.screen, session.speaker, names) as progress:
        return asyncio.run(session.service.scan(progress, names))


def report(session: Session, outcome: ScanOutcome) -> None:
    """What there is now."""
    if session.screen.as_json:
        session.screen.answer(
            {
                "sources": [state_body(state) for state in outcome.states],
                "counts": dict(outcome.counts),
                "changes": outcome.changes,
                "written": outcome.written,
            }
        )
        return
    session.screen.data(session.say("scan.summary", **outcome.counts))
    if outcome.counts["problems"]:
        session.screen.talk(session.say("scan.problems_hint"))


def exit_code(outcome: ScanOutcome) -> ExitCode:
    """PARTIAL when some sources failed, OFFLINE when all did."""
    failed = [state for state in outcome.states if state.light is Light.OFFLINE]
    if not failed:
        return ExitCode.OK
    return ExitCode.OFFLINE if len(failed) == len(outcome.states) else ExitCode.PARTIAL
