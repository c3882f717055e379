"""`sources`: the lights, and what each source looks at."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from node import places, registry
from node.bodies import state_body
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.progress import ScanProgress, label
from node.cli.screen import show
from node.cli.session import Session
from node.supervisor import GLYPHS, Light
from protocol.errors import UsageError


@click.group("sources", invoke_without_command=True)
@common_options
@click.pass_context
def sources_command(ctx: click.Context) -> None:
    """The discovery sources: list, add, remove, enable, disable, test."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_sources)


@sources_command.command("list")
@common_options
@click.pass_obj
def list_sources(session: Session) -> None:
    """Every source with its light, what it looks at, and when it last answered."""
    states = session.service.states()
    counts = session.service.counts_by_source()
    if session.screen.as_json:
        session.screen.answer(
            {
                "scope": session.config.settings.scope.value,
                "sources": [
                    {
                        **state_body(state),
                        "items": counts.get(state.name, 0),
                        "places": session.service.places_of(state.name),
                    }
                    for state in states
                ],
            }
        )
        return
    say, now = session.say, session.service.now()
    rows = []
    for state in states:
        known = (
            "light.unknown" if not state.last_attempt and state.light is Light.CONNECTING else f"light.{state.light}"
        )
        last = session.speaker.ago(now - state.last_success) if state.last_success else say("never")
        remark = show(state.said(session.speaker.language).text) or "; ".join(
            show(place, 80) for place in session.service.places_of(state.name)
        )
        rows.append(
            (f"{GLYPHS[state.light]} {label(state.name)}", say(known), str(counts.get(state.name, 0)), last, remark)
        )
    heads = ("head.source", "head.light", "head.places", "head.last", "head.remark")
    session.screen.table([say(head) for head in heads], rows, styles={})


@sources_command.command("add")
@click.argument("place")
@common_options
@click.pass_obj
def add_source(session: Session, place: str) -> None:
    """Remember PLACE: a folder, the URL of a git repository, github:OWNER, gitee:OWNER/NAME, skill_center:URL."""
    found = places.read_place(place, Path.cwd())
    places.add_place(session.paths, found, session.config)
    _said(session, "sources.added", place=found.text, source=found.source)


@sources_command.command("remove")
@click.argument("place")
@common_options
@click.pass_obj
def remove_source(session: Session, place: str) -> None:
    """Forget PLACE."""
    try:
        text = places.read_place(place, Path.cwd()).text
    except UsageError:  # a folder that is gone must be removable too
        text = place
    found = places.remove_place(session.paths, text)
    _said(session, "sources.removed", place=text, source=found.source)


@sources_command.command("enable")
@click.argument("name")
@common_options
@click.pass_obj
def enable_source(session: Session, name: str) -> None:
    """Switch a source on."""
    registry.load(name)
    places.switch(session.paths, name, on=True)
    _said(session, "sources.enabled", source=name)


@sources_command.command("disable")
@click.argument("name")
@common_options
@click.pass_obj
def disable_source(session: Session, name: str) -> None:
    """Switch a source off; what it found stays until its items expire."""
    registry.load(name)
    places.switch(session.paths, name, on=False)
    _said(session, "sources.disabled", source=name)


@sources_command.command("test")
@click.argument("name")
@common_options
@click.pass_context
def check_source(ctx: click.Context, name: str) -> None:
    """Ask one source now and say how it went."""
    session: Session = ctx.obj
    registry.load(name)
    service = session.service
    if name not in {state.name for state in service.states() if state.light is not Light.DISABLED}:
        raise UsageError("source.disabled", name=name)
    with ScanProgress(session.screen, session.speaker, [name]) as progress:
        outcome = asyncio.run(service.scan(progress, [name]))
    state = outcome.states[0]
    if session.screen.as_json:
        session.screen.answer(state_body(state))
    ctx.exit(ExitCode.OFFLINE if state.light is Light.OFFLINE else ExitCode.OK)


def _said(session: Session, key: str, **params: str) -> None:
    if session.screen.as_json:
        session.screen.answer({"done": key, **params})
    else:
        session.screen.data(session.say(key, **{name: show(text) for name, text in params.items()}))
