"""`cache`: the guide's cache tree and the repository mirrors."""

from __future__ import annotations

import click

from node.cli.detail_page import size
from node.cli.main import common_options
from node.cli.session import Session


@click.group("cache", invoke_without_command=True)
@common_options
@click.pass_context
def cache_command(ctx: click.Context) -> None:
    """The cache: info, clear."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(cache_info)


@cache_command.command("info")
@common_options
@click.pass_obj
def cache_info(session: Session) -> None:
    """How large the cache is, by part, and when it was last written."""
    parts = session.service.cache_info()
    if session.screen.as_json:
        session.screen.answer({"path": str(session.paths.cache), "parts": parts})
        return
    session.screen.data(str(session.paths.cache))
    for part in parts:
        session.screen.data(f"  {part['name']:<14} {part['files']:>7} files  {size(int(str(part['bytes'])))}")


@cache_command.command("clear")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
@click.pass_obj
def clear_cache(session: Session, yes: bool) -> None:
    """Remove the cache tree, the mirrors and the index. Settings, pins and installed scenes stay."""
    if not yes and session.screen.live:
        click.confirm(session.say("cache.sure", path=session.paths.cache), abort=True, err=True)
    files, freed, kept = session.service.clear_cache()
    if session.screen.as_json:
        session.screen.answer({"files": files, "bytes": freed, "kept": kept})
        return
    session.screen.data(session.say("cache.cleared", files=files, size=size(freed)))
    if kept:
        session.screen.talk(session.say("cache.kept", n=kept, path=session.paths.cache))
