"""`queue`: installs that wait for a source."""

from __future__ import annotations

import asyncio

import click

from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.install.engine import Engine
from node.install.installer import Outcome
from node.install.queue import Queue, Waiting, describe, retry
from node.install.queue import enqueue as let_wait
from protocol.install.planned import InstallPlan


@click.group("queue", invoke_without_command=True)
@common_options
@click.pass_context
def queue_command(ctx: click.Context) -> None:
    """Installs that wait for a source: list, drop. They are tried again after every scan."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_waiting)


@queue_command.command("list")
@common_options
@click.pass_obj
def list_waiting(session: Session) -> None:
    """What waits, since when, and why."""
    rows = Queue(session.paths).entries()
    if session.screen.as_json:
        session.screen.answer({"waiting": [describe(one) for one in rows]})
        return
    if not rows:
        session.screen.data(session.say("queue.empty"))
    for one in rows:
        age = session.speaker.ago(session.service.now() - one.at)
        session.screen.data(f"{show(one.target)}  {age}  {one.tries}×  {show(one.code)}: {show(one.reason, 300)}")


@queue_command.command("drop")
@click.argument("target")
@common_options
@click.pass_obj
def drop_waiting(session: Session, target: str) -> None:
    """Do not install TARGET any more."""
    Queue(session.paths).drop(target)
    if session.screen.as_json:
        session.screen.answer({"dropped": target})
    else:
        session.screen.data(session.say("queue.dropped", ref=show(target)))


def retry_waiting(session: Session) -> None:
    """After a scan: new releases are noted; what waited and can be had now is installed; the rest says why it waits."""
    Engine(session.service).after_scan()
    queue = Queue(session.paths)
    if not queue.entries():
        return

    def done(entry: Waiting, outcome: Outcome) -> None:
        session.screen.talk(
            session.say("queue.completed", ref=show(entry.target), generation=outcome.generation.number)
        )

    asyncio.run(retry(Engine(session.service), queue, lambda event: None, done))
    for entry in queue.entries():
        session.screen.talk(session.say("queue.waits", ref=show(entry.target), reason=show(entry.reason, 300)))


def wants_queue(session: Session, target: str, *, asked: bool) -> bool:
    """Whether the install shall wait for a source: said by flag, or offered on a terminal."""
    if asked or not session.screen.live or session.screen.as_json:
        return asked
    return click.confirm(session.say("queue.offer", ref=show(target)), err=True)


def enqueue(session: Session, engine: Engine, entry: Waiting, plan: InstallPlan | None) -> None:
    """Let an install wait. When its plan could be made, everything it asks was agreed to before the bytes were missed."""
    entry = let_wait(engine, entry, plan)
    if session.screen.as_json:
        session.screen.answer({"queued": describe(entry)})
    else:
        session.screen.data(session.say("queue.queued", ref=show(entry.target)))
