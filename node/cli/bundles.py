"""`export` and `import`: what is installed as one signed file, for machines without a network."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.detail_page import size
from node.cli.exit_codes import ExitCode
from node.cli.install import carry_out, show_plan
from node.cli.main import common_options
from node.cli.session import Session
from node.install.engine import Engine
from node.keys import node_key
from protocol.identity import spoken
from protocol.refs import parse_ref


@click.command("export")
@click.argument("ref")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@common_options
@click.pass_obj
def export_command(session: Session, ref: str, output: Path | None) -> None:
    """Write the installed REF with everything it needs into one file, signed with this node's key."""
    target = parse_ref(ref)
    path = (output or Path(f"{target.id}.ooder.tar")).absolute()
    count, length = Engine(session.service).export(ref, path)
    key = spoken(node_key(session.paths).public.fingerprint)
    if session.screen.as_json:
        session.screen.answer({"path": str(path), "items": count, "bytes": length, "key": key})
        return
    session.screen.data(session.say("export.done", path=path, n=count, size=size(length), signer=key))
    session.screen.talk(session.say("export.hint"))


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="FINGERPRINT", help="The signer's key, compared with its owner.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and stop.")
@click.option("--yes", "-y", is_flag=True, help="Agree to what the plan asks (never to an unknown key).")
@click.option("--why", is_flag=True, help="Why each item is part of it, and why it is trusted so far.")
@common_options
@click.pass_context
def import_command(
    ctx: click.Context, file: Path, keys: tuple[str, ...], only_plan: bool, yes: bool, why: bool
) -> None:
    """Install from the bundle FILE: signature, digests, contracts and consent, as from anywhere else."""
    session: Session = ctx.obj
    engine = Engine(session.service)
    plan, more = engine.plan_import(file.absolute(), keys)
    if only_plan or not session.screen.as_json:
        show_plan(session, plan, why=why)
    if only_plan or plan.is_done:
        ctx.exit(ExitCode.OK)
    carry_out(ctx, engine, plan, yes=yes, more=more)
