"""`serve`: the node itself, until stopped."""

from __future__ import annotations

import asyncio

import click

from node.cli.main import common_options
from node.cli.progress import finished_line
from node.cli.session import Session
from node.daemon import Daemon
from node.supervisor import Finished, SearchEvent
from node.version import __version__


@click.command("serve")
@common_options
@click.pass_obj
def serve_command(session: Session) -> None:
    """Start the node and keep the index true until stopped."""
    screen, say = session.screen, session.say

    def tell(event: SearchEvent) -> None:
        if isinstance(event, Finished):
            screen.talk(finished_line(event, session.speaker))

    daemon = Daemon(session.service, tell, lambda count: screen.talk(say("serve.changed", n=count)), screen.error)
    with daemon.alone():
        names = ", ".join(session.service.scope_sources())
        screen.talk(say("serve.ready", version=__version__, home=session.paths.home, sources=names))
        asyncio.run(daemon.run())
    screen.talk(say("serve.stopped"))
