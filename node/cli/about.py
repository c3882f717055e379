"""`version`, `paths`, `completion`: what needs nothing but this program."""

from __future__ import annotations

import click

from node.cli.main import common_options
from node.cli.session import Session
from node.version import GUIDE_VERSION, __version__
from protocol.errors import NotFoundError, UsageError
from protocol.refs import Ref, parse_ref


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
@click.argument("ref", required=False)
@common_options
@click.pass_obj
def paths_command(session: Session, ref: str | None) -> None:
    """Where everything lives, or the folder of REF, which is installed: cp -r "$(ooder paths skill:ID)" ~/.agents/skills/ID"""
    if ref:
        _show_folder(session, parse_ref(ref))
        return
    named = {name: str(path) for name, path in session.paths.named().items()}
    if session.screen.as_json:
        session.screen.answer({"paths": named})
        return
    for name, path in named.items():
        session.screen.data(f"{name:<10} {path}")


def _show_folder(session: Session, ref: Ref) -> None:
    """The files of what is installed, as they were verified. Raises NotFoundError `install.not_installed`."""
    from node.install.store import Store  # which `ooder version` does not pay for

    store = Store(session.paths.home)
    found = [one for one in store.current().items if one.ref.any_version == ref.any_version]
    found = [one for one in found if ref.version in ("", one.version)]
    if not found:
        raise NotFoundError("install.not_installed", ref=str(ref))
    folders = [str(store.tree(one.digest)) for one in found]
    if session.screen.as_json:
        session.screen.answer({"ref": str(ref), "folders": folders})
        return
    for folder in folders:
        session.screen.data(folder)


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
