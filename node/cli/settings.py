"""`config`: what is set, by whom, what is wrong with it, and the schema for editors."""

from __future__ import annotations

import json

import click

from node import config
from node.bodies import config_problem_body, settings_rows
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session


@click.group("config", invoke_without_command=True)
@common_options
@click.pass_context
def config_command(ctx: click.Context) -> None:
    """Settings: show, check, schema."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show_settings)


@config_command.command("show")
@common_options
@click.pass_obj
def show_settings(session: Session) -> None:
    """Every setting with its value and where it comes from."""
    loaded = config.load(session.paths, session.flags)
    rows = list(settings_rows(loaded))
    if session.screen.as_json:
        session.screen.answer(
            {"settings": [{"key": key, "value": value, "origin": origin} for key, value, origin in rows]}
        )
        return
    say = session.say
    session.screen.table(
        (say("head.setting"), say("head.value"), say("head.origin")),
        [(key, show(json.dumps(value, ensure_ascii=False)), show(origin)) for key, value, origin in rows],
        styles={},
    )


@config_command.command("check")
@common_options
@click.pass_context
def check_settings(ctx: click.Context) -> None:
    """All problems at once, each with file, line and the nearest right names."""
    session: Session = ctx.obj
    problems = config.check(config.load(session.paths, session.flags))
    if session.screen.as_json:
        session.screen.answer({"problems": [config_problem_body(problem) for problem in problems]})
    elif not problems:
        session.screen.data(session.say("config.good"))
    else:
        for problem in problems:
            near = f" ({' / '.join(problem.near)}?)" if problem.near else ""
            session.screen.data(show(f"{problem.origin}: {problem.key}: {problem.reason}{near}", 1000))
        session.screen.talk(session.say("config.bad", n=len(problems)))
    ctx.exit(ExitCode.USAGE if problems else ExitCode.OK)


@config_command.command("schema")
@click.pass_obj
def settings_schema(session: Session) -> None:
    """JSON Schema of config.yaml, for editors."""
    session.screen.data(json.dumps(config.schema(), ensure_ascii=False, indent=2))
