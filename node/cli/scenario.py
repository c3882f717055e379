"""`scenario`: multi-node topologies, built for real. They live beside the program (package `scenarios`) and run as a program of their own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import click

from node.cli.main import common_options
from protocol.errors import UnavailableError


@click.group("scenario")
def scenario_command() -> None:
    """Topologies of many real nodes: list, run, compose."""


@scenario_command.command("list")
@common_options
@click.pass_context
def list_scenarios(ctx: click.Context) -> None:
    """What can be run."""
    ctx.exit(_run("list"))


@scenario_command.command("run")
@click.argument("name")
@click.option(
    "--driver", type=click.Choice(["netns", "docker", "loopback"]), default="netns", help="How machines are made."
)
@common_options
@click.pass_context
def run_scenario(ctx: click.Context, name: str, driver: str) -> None:
    """Build NAME, play its story, print timeline and verdict, remove everything."""
    ctx.exit(_run("run", name, "--driver", driver))


@scenario_command.command("compose")
@click.argument("name")
@common_options
@click.pass_context
def compose_scenario(ctx: click.Context, name: str) -> None:
    """Print NAME as a compose file, as it lies in scenarios/compose/."""
    ctx.exit(_run("compose", name))


def _run(*arguments: str) -> int:
    if importlib.util.find_spec("scenarios") is None:
        raise UnavailableError("scenario.not_here")
    return subprocess.run([sys.executable, "-m", "scenarios", *arguments], check=False).returncode
