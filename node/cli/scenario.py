"""`scenario`: multi-node topologies, built for real. They live beside the program (package `scenarios`) and run as a program of their own."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import NoReturn

import click

from node.cli.main import common_options
from protocol.errors import UnavailableError


@click.group("scenario")
def scenario_command() -> None:
    """Topologies of many real nodes: list, run, compose."""


@scenario_command.command("list")
@common_options
def list_scenarios() -> None:
    """What can be run."""
    _become("list")


@scenario_command.command("run")
@click.argument("name")
@click.option(
    "--driver", type=click.Choice(["netns", "docker", "loopback"]), default="netns", help="How machines are made."
)
@common_options
def run_scenario(name: str, driver: str) -> None:
    """Build NAME, play its story, print timeline and verdict, remove everything."""
    _become("run", name, "--driver", driver)


@scenario_command.command("compose")
@click.argument("name")
@common_options
def compose_scenario(name: str) -> None:
    """Print NAME as a compose file, as it lies in scenarios/compose/."""
    _become("compose", name)


def _become(*arguments: str) -> NoReturn:
    """Nothing stands between that program and signals: Ctrl-C lets it remove what it made."""
    if importlib.util.find_spec("scenarios") is None:
        raise UnavailableError("scenario.not_here")
    os.execv(sys.executable, [sys.executable, "-m", "scenarios", *arguments])  # noqa: S606 - no shell is the point
