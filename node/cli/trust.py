"""`trust`: who owns a name, as this user decided."""

from __future__ import annotations

import click

from node import policy
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from protocol.refs import parse_ref


@click.group("trust", invoke_without_command=True)
@common_options
@click.pass_context
def trust_command(ctx: click.Context) -> None:
    """Who owns a name: list, pin, unpin."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_pins)


@trust_command.command("list")
@common_options
@click.pass_obj
def list_pins(session: Session) -> None:
    """Every pinned name, and who is official by the settings."""
    decisions = policy.read_decisions(session.paths.trust)
    official = list(session.config.settings.trust.official)
    if session.screen.as_json:
        session.screen.answer(
            {"pins": dict(decisions.pins), "known_keys": list(decisions.known_keys), "official": official}
        )
        return
    if not decisions.pins:
        session.screen.data(session.say("trust.none"))
    for ref, principal in decisions.pins.items():
        session.screen.data(f"{show(ref)}  {show(principal)}")
    for principal in official:
        session.screen.data(f"official  {show(principal)}")


@trust_command.command("pin")
@click.argument("ref")
@click.argument("principal")
@common_options
@click.pass_obj
def pin_name(session: Session, ref: str, principal: str) -> None:
    """Say that PRINCIPAL owns the name REF; what others say under it is shown as a conflict."""
    name = parse_ref(ref).any_version
    policy.pin(session.paths, name, principal)
    session.service.remerge()
    _done(session, "trust.pinned", ref=str(name), principal=show(principal))


@trust_command.command("unpin")
@click.argument("ref")
@common_options
@click.pass_obj
def unpin_name(session: Session, ref: str) -> None:
    """Forget who owns the name REF."""
    name = parse_ref(ref).any_version
    policy.unpin(session.paths, name)
    session.service.remerge()
    _done(session, "trust.unpinned", ref=str(name))


def _done(session: Session, key: str, **params: str) -> None:
    if session.screen.as_json:
        session.screen.answer({"done": key, **params})
    else:
        session.screen.data(session.say(key, **params))
