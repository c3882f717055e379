"""The command group: global options, commands imported when called, errors turned into one shape and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from node.cli.exit_codes import ExitCode, exit_code_of
from node.cli.language import find_language
from node.cli.screen import OutputError, ReaderGone, Screen
from protocol.errors import OoderError, first_error

COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serve", "Start the node and keep the index true until stopped (the default command)."),
    "scan": ("scan", "Look through all sources of the scope and write the index."),
    "search": ("find", "Search the index, in Chinese and English."),
    "list": ("find", "List what is known, with filters."),
    "show": ("find", "One item in full: providers compared, sightings, conflicts, trust."),
    "install": ("install", "Install a scene or skill with everything it needs: plan first, atomic, verified."),
    "update": ("install", "Update what is installed; anything that widens is asked again."),
    "outdated": ("install", "What an update would change."),
    "uninstall": ("install", "Give up what was asked for; what others need stays."),
    "rollback": ("install", "Make an earlier generation the current one again."),
    "installed": ("installed", "What is installed."),
    "history": ("installed", "The kept generations."),
    "verify": ("installed", "Every installed byte against its digest."),
    "export": ("bundles", "What is installed as one signed file, for machines without a network."),
    "import": ("bundles", "Install from a bundle, with the same checks as from anywhere."),
    "configure": ("configure", "Settings and secrets of an installed skill, kept outside its package."),
    "sbom": ("configure", "A CycloneDX 1.6 bill of materials of what is installed."),
    "queue": ("queue", "Installs that wait for a source: list, drop."),
    "gc": ("installed", "Remove what no kept generation needs."),
    "sources": ("sources", "The discovery sources: list, add, remove, enable, disable, test."),
    "peers": ("peers", "Other devices on the network: list, why, pair, unpair."),
    "share": ("share", "What this node shares with other devices: REF, list, stop."),
    "publish": ("publish", "Publish to a SkillCenter, or deprecate, withdraw, revoke what was published."),
    "scenario": ("scenario", "Topologies of many real nodes: list, run."),
    "status": ("status", "Lights, counts, problems and how fresh it all is."),
    "replace": ("replace", "Another skill for one capability of a scene; kept only if it answers."),
    "call": ("agents", "Call a capability of an installed scene."),
    "start": ("agents", "Start an installed scene."),
    "stop": ("agents", "Stop an installed scene and everything it runs."),
    "logs": ("agents", "What the skills of a scene printed."),
    "dht": ("dht", "Look into the DHT by hand: status, get, put, peers, trace."),
    "trust": ("trust", "Who owns a name: list, pin, unpin."),
    "cache": ("cache", "The cache tree: info, clear."),
    "config": ("settings", "Settings: show with origin, check, schema."),
    "paths": ("about", "Where everything lives."),
    "doctor": ("doctor", "Check this machine and this home; each failure says how to mend it."),
    "completion": ("about", "Shell completion script for bash, zsh or fish."),
    "version": ("about", "The version of this program."),
}
"""Command -> (module in node.cli, one line of help)."""


class Commands(click.Group):
    """Imports a command's module only when it is called, so `ooder version` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:
                return None
            from node.cli.usage import unknown_command

            raise unknown_command(cmd_name, COMMANDS)
        module = importlib.import_module(f"node.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _say_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from node.version import GUIDE_VERSION, __version__

        click.echo(f"ooder {__version__} (discovery source guide {GUIDE_VERSION})")
        ctx.exit()


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", metavar="DIR", help="Home folder. [env: OODER_HOME; default ~/.ooder]")
@click.option(
    "--scope", type=click.Choice(["personal", "department", "company", "community"]), help="[env: OODER_SCOPE]"
)
@click.option("--offline", is_flag=True, default=None, help="Answer from the cache only. [env: OODER_OFFLINE]")
@click.option("--timeout", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Deadline of one source.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON (schema_version inside).")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="[env: NO_COLOR]")
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="The version."
)
@click.option("-q", "--quiet", is_flag=True, help="No talk on stderr.")
@click.option("-v", "--verbose", count=True, help="More talk; twice: tracebacks of defects.")
@click.pass_context
def ooder(ctx: click.Context, /, **options: Any) -> None:
    """Find the scenes, capabilities, skills and agents you can reach, and which copy to trust.

    No telemetry. Data goes to stdout, talk to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 partial,
    5 offline, 6 refused, 7 conflict, 8 integrity, 130 interrupted.
    """
    from node.cli.session import Session

    ctx.obj = Session(options)
    if ctx.invoked_subcommand is None:
        serve = ooder.get_command(ctx, "serve")
        assert serve is not None
        ctx.invoke(serve)


def common_options(command: Any) -> Any:
    """`--json`, `--offline`, `--scope`, `--timeout`, `-q`, `-v` after the command name as well as before it."""

    def remember(ctx: click.Context, parameter: click.Parameter, value: object) -> object:
        if value not in (None, False, 0) and ctx.obj is not None and parameter.name:
            ctx.obj.override(parameter.name, value)
        return value

    shared = (
        click.option("--json", "as_json", is_flag=True, expose_value=False, callback=remember, help="Answer as JSON."),
        click.option("--offline", is_flag=True, expose_value=False, callback=remember, help="Cache only."),
        click.option(
            "--scope",
            type=click.Choice(["personal", "department", "company", "community"]),
            expose_value=False,
            callback=remember,
            help="Scope preset.",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0.1),
            metavar="SECONDS",
            expose_value=False,
            callback=remember,
            help="Deadline of one source.",
        ),
        click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=remember, help="No talk on stderr."),
        click.option("-v", "--verbose", count=True, expose_value=False, callback=remember, help="More talk."),
    )
    for option in reversed(shared):
        command = option(command)
    return command


def run(arguments: Sequence[str]) -> int:
    """Run one command line. Returns its exit code; a traceback only with -vv, and only for defects of this program."""
    language = find_language()
    screen = Screen(as_json="--json" in arguments, language=language)
    try:
        code = ooder.main(args=list(arguments), prog_name="ooder", standalone_mode=False)
        screen.flush()
        return int(code) if isinstance(code, int) else ExitCode.OK
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:  # a group whose commands have no default among them
        screen.talk(error.format_message())
        return ExitCode.USAGE
    except click.UsageError as error:
        from node.cli.usage import read_usage_error

        screen.error(read_usage_error(error))
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        from node.cli.sentences import SENTENCES

        screen.talk(SENTENCES["interrupted"][language == "zh"])
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - defects are shown like every other error
        return _failed(first_error(error), screen, arguments)


def _failed(error: Exception, screen: Screen, arguments: Sequence[str]) -> int:
    """Say what went wrong. Returns the exit code."""
    if isinstance(error, ReaderGone | OutputError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in its buffer goes nowhere
    if isinstance(error, ReaderGone):
        return ExitCode.OK
    if not isinstance(error, OoderError):
        if any(argument.startswith("-vv") for argument in arguments) or arguments.count("-v") > 1:
            raise error
        error = OoderError("node.defect", kind=type(error).__name__, reason=str(error)[:300])
    screen.error(error)
    return exit_code_of(error)
