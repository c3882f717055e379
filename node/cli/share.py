"""`share`: what this node shares with other devices. Nothing, until it is named here."""

from __future__ import annotations

from typing import Any

import click

from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.offering import share
from node.sharing import EVERYONE, INSTALL, SEE, read_shares, stop_share
from protocol.refs import parse_ref


class _RefOrCommand(click.Group):
    """`ooder share REF ...` is short for `ooder share add REF ...`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["add", *args]
        return super().resolve_command(ctx, args)


@click.group("share", cls=_RefOrCommand, invoke_without_command=True)
@common_options
@click.pass_context
def share_command(ctx: click.Context) -> None:
    """What this node shares with other devices: REF, list, stop. Nothing but its name, until you say so."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_shares)


@share_command.command("add")
@click.argument("ref")
@click.option("--with", "audience", default=EVERYONE, metavar="WHO", help="everyone, paired or group:NAME.")
@click.option("--may", type=click.Choice([SEE, INSTALL]), default=INSTALL, help="See that it exists, or install it.")
@click.option(
    "--for", "duration", default="", metavar="TIME", help="Until then: 30m, 12h, 7d; without it until stopped."
)
@common_options
@click.pass_obj
def add(session: Session, ref: str, audience: str, may: str, duration: str) -> None:
    """Share REF."""
    done = share(session.service, parse_ref(ref), audience, may, duration)
    _answer(session, done.describe(), "share.added", ref=show(str(done.ref)), who=done.audience)


@share_command.command("list")
@common_options
@click.pass_obj
def list_shares(session: Session) -> None:
    """Everything that is shared, with whom and until when."""
    now = session.service.now()
    shares = [one for one in read_shares(session.paths) if one.holds(now)]
    if session.screen.as_json:
        session.screen.answer({"shares": [one.describe() for one in shares]})
        return
    if not shares:
        session.screen.data(session.say("share.nothing"))
    for one in shares:
        left = session.say("share.left", age=session.speaker.age(one.until - now)) if one.until else ""
        session.screen.data(f"{show(str(one.ref))}  {one.audience}  {one.may}  {left}".rstrip())


@share_command.command("stop")
@click.argument("ref")
@common_options
@click.pass_obj
def stop(session: Session, ref: str) -> None:
    """Share REF no more."""
    name = parse_ref(ref).any_version
    stop_share(session.paths, name, session.service.now())
    _answer(session, {"ref": str(name), "done": "share.stopped"}, "share.stopped", ref=show(str(name)))


def _answer(session: Session, body: dict[str, Any], key: str, **params: str) -> None:
    if session.screen.as_json:
        session.screen.answer(body)
    else:
        session.screen.data(session.say(key, **params))
