"""`version`, `paths`, `completion`: what needs nothing but this program."""

from __future__ import annotations

import click

from node.cli.main import common_options
from node.cli.session import Session
from node.version import GUIDE_VERSION, __version__
from protocol.errors import UsageError


@click.command("version")
@common_options
@click.pass_obj
def version_command(session: Session) -> None:
    """The version of this program."""
    if session.screen.as_json:
        session.screen.answer({"version": __version__, "guide": GUIDE_VERSION})
    else:
        session.screen.data(f"ooder {__version__} (discovery source guide {GUIDE_VERSION})")


@click.command("paths")
@common_options
@click.pass_obj
def paths_command(session: Session) -> None:
    """Where everything lives."""
    named = {name: str(path) for name, path in session.paths.named().items()}
    if session.screen.as_json:
        session.screen.answer({"paths": named})
        return
    for name, path in named.items():
        session.screen.data(f"{name:<10} {path}")


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def completion_command(session: Session, shell: str) -> None:
    """Print the completion script, for example: source <(ooder completion bash)."""
    from click.shell_completion import get_completion_class

    from node.cli.main import ooder

    maker = get_completion_class(shell)
    if maker is None:
        raise UsageError("usage.bad_value", name="shell", reason=shell)
    session.screen.data(maker(ooder, {}, "ooder", "_OODER_COMPLETE").source())
