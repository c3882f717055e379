"""`serve`: the node itself, until stopped."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import sys
from typing import Any

import click

from node import config
from node.cli.main import common_options
from node.cli.progress import finished_line
from node.cli.session import Session
from node.daemon import Daemon
from node.paths import Paths
from node.supervisor import Finished, SearchEvent
from node.version import __version__
from protocol.errors import ConflictError

ASK_SECONDS = 2.0  # for a running node to hand out a link


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of API and page; 0 = any. [default: 48880]")
@click.option(
    "--listen", metavar="ADDRESS", help="Address other than loopback; needs a TLS certificate in the settings."
)
@click.option("--no-browser", is_flag=True, help="Print the link only.")
@click.option("--skill-center", is_flag=True, help="Be a SkillCenter too: others find, download and publish here.")
@common_options
@click.pass_obj
def serve_command(session: Session, port: int | None, listen: str | None, no_browser: bool, skill_center: bool) -> None:
    """Start the node and keep the index true until stopped. Prints a link that signs one browser in."""
    screen, say = session.screen, session.say
    flags: dict[tuple[str, ...], Any] = {("api", "port"): port, ("api", "host"): listen}
    if skill_center:
        flags["skill_center", "enabled"] = True
    session.flags_of_command = {keys: value for keys, value in flags.items() if value is not None}

    def tell(event: SearchEvent) -> None:
        if isinstance(event, Finished):
            screen.talk(finished_line(event, session.speaker))

    def opened(url: str, link: str, center: str) -> None:
        wished = session.config.settings.api.port
        if wished and not url.endswith(f":{wished}"):
            screen.talk(say("serve.other_port", port=wished))
        screen.talk(say("serve.link", link=link))
        if center:
            screen.talk(say("serve.center", url=center))
        if not no_browser:
            _show(link)

    def load() -> config.Config:
        return config.load(session.paths, session.flags)

    def changed(count: int) -> None:
        screen.talk(say("serve.changed", n=count))

    wrong = config.check(session.config)
    if wrong:
        raise config.invalid(wrong)
    daemon = Daemon(session.service, tell, changed, screen.error, load=load, opened=opened)
    try:
        with daemon.alone():
            names = ", ".join(session.service.scope_sources())
            screen.talk(say("serve.ready", version=__version__, home=session.paths.home, sources=names))
            asyncio.run(daemon.run())
    except ConflictError:
        link = ask_link(session.paths)
        if link:
            screen.talk(say("serve.link", link=link))
        raise
    screen.talk(say("serve.stopped"))


def _show(link: str) -> None:
    """Open the page where somebody sits at a desktop."""
    if sys.stderr.isatty() and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        import webbrowser

        webbrowser.open(link)


def ask_link(paths: Paths) -> str:
    """A new link from the node that runs in this home; "" when it gives none."""
    try:
        token, address = ((paths.run / name).read_text("utf-8") for name in ("token", "address"))
        scheme, _, host = address.partition("://")
        if scheme != "http":
            return ""  # a certificate of one's own cannot be checked here
        connection = http.client.HTTPConnection(host, timeout=ASK_SECONDS)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/session/link", b"{}", headers)
        answer = connection.getresponse()
        return str(json.loads(answer.read(4_096))["url"]) if answer.status == 201 else ""
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return ""
