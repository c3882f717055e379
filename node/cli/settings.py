"""`config`: what is set, by whom, what is wrong with it, and the schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from node import config
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.config_file import Keys


@click.group("config")
def config_command() -> None:
    """Settings: show, check, schema."""


@config_command.command("show")
@common_options
@click.pass_obj
def show_settings(session: Session) -> None:
    """Every setting with its value and where it comes from."""
    loaded = config.load(session.paths, session.flags)
    rows = [(".".join(keys), value, _origin(loaded, keys)) for keys, value in _leaves(_everything(loaded), ())]
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
        session.screen.answer(
            {
                "problems": [
                    {"origin": p.origin, "key": p.key, "reason": p.reason, "near": list(p.near)} for p in problems
                ]
            }
        )
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


def _everything(loaded: config.Config) -> dict[str, Any]:
    values = loaded.settings.model_dump(mode="json", exclude={"sources"})
    values["sources"] = {}
    for name in loaded.source_names():
        section = {"enabled": loaded.enabled.get(name, True)}
        if name in loaded.sources:
            section |= loaded.sources[name].model_dump(mode="json")
        values["sources"][name] = section
    return values


def _leaves(values: Mapping[str, Any], at: Keys) -> Iterator[tuple[Keys, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*at, str(key)))
        else:
            yield (*at, str(key)), value


def _origin(loaded: config.Config, keys: Keys) -> str:
    return next(
        (loaded.origins[keys[:end]] for end in range(len(keys), 1, -1) if keys[:end] in loaded.origins), ""
    ) or (loaded.origins.get(keys, "default"))
