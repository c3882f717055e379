"""`doctor`: check this machine and this home."""

from __future__ import annotations

import click

from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.doctor import examine
from node.doctor_lan import examine_lan
from node.finding import Health

COLORS = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "red"}


@click.command("doctor")
@click.argument("area", type=click.Choice(["all", "lan"]), default="all")
@common_options
@click.pass_context
def doctor_command(ctx: click.Context, area: str) -> None:
    """Check this machine and this home, or the local network (lan); each failure says how to mend it."""
    session: Session = ctx.obj
    findings = list(
        examine(session.paths) if area == "all" else examine_lan(session.paths, session.config, session.speaker)
    )
    failed = any(finding.health is Health.FAIL for finding in findings)
    if session.screen.as_json:
        session.screen.answer(
            {"findings": [{"check": f.check, "health": f.health, "found": f.found, "fix": f.fix} for f in findings]}
        )
    else:
        for finding in findings:
            mark = session.screen.style(f"{finding.health.value:<5}", fg=COLORS[finding.health])
            session.screen.data(f"{mark} {finding.check:<10} {show(finding.found)}")
            if finding.fix:
                session.screen.data(f"      → {show(finding.fix)}")
    ctx.exit(ExitCode.FAILED if failed else ExitCode.OK)
