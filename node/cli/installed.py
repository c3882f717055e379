"""`installed`, `history`, `verify`, `gc`: looking at what is installed."""

from __future__ import annotations

import asyncio

import click

from node.cli.detail_page import size
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.install.engine import Engine
from node.install.standing import standing_of
from node.install.store import Store
from node.io.clock import SystemClock
from protocol.errors import StorageError
from protocol.install.codec import item_row
from protocol.refs import Kind


@click.command("installed")
@common_options
@click.pass_obj
def installed_command(session: Session) -> None:
    """What is installed: scenes, skills, capabilities, and who needs what."""
    show_installed(session)


def show_installed(session: Session, kinds: frozenset[Kind] = frozenset()) -> None:
    """Everything of the current generation, or only some `kinds` of it."""
    current = Store(session.paths.home).current()
    items = [item for item in current.items if not kinds or item.kind in kinds]
    try:
        said = standing_of(session.service, items)
    except StorageError as error:  # a home that cannot be written can be looked at, without what the index knows
        session.screen.talk(show(error.text(session.speaker.language), 500))
        said = {}
    if session.screen.as_json:
        rows_body = [{**item_row(item), "status": said.get(item.release, "active")} for item in items]
        session.screen.answer({"generation": current.number, "items": rows_body})
        return
    say, now = session.say, SystemClock().wall()
    if not items:
        session.screen.talk(say("installed.empty"))
        return
    rows = []
    for item in items:
        asked = "*" if item.requested else ""
        needed = ", ".join(release.split(" ")[0] for release in item.required_by)
        rows.append(
            (
                f"{item.ref.any_version}{asked}",
                show(item.version, 20),
                f"⚠ {said[item.release]}" if item.release in said else item.trust,
                size(item.size),
                item.digest[7:19],
                show(needed, 80),
            )
        )
    heads = ("head.ref", "head.version", "head.trust", "head.size", "head.digest", "head.needed_by")
    session.screen.table([say(head) for head in heads], rows)
    session.screen.talk(
        say(
            "installed.generation",
            generation=current.number,
            age=session.speaker.ago(now - current.at) if current.at else say("never"),
        )
    )


@click.command("history")
@common_options
@click.pass_obj
def history_command(session: Session) -> None:
    """The kept generations, oldest first."""
    store = Store(session.paths.home)
    current = store.current().number
    found = store.history()
    if session.screen.as_json:
        session.screen.answer(
            {
                "current": current,
                "generations": [
                    {"number": g.number, "at": g.at, "reason": g.reason, "items": len(g.items)} for g in found
                ],
            }
        )
        return
    if not found:
        session.screen.talk(session.say("history.empty"))
    for generation in found:
        mark = "→" if generation.number == current else " "
        age = session.speaker.ago(session.service.now() - generation.at)
        session.screen.data(
            f"{mark} {generation.number:>4}  {age:>10}  {len(generation.items):>4}  {show(session.speaker.deed(generation.reason))}"
        )


@click.command("verify")
@click.option(
    "--repair", is_flag=True, help="Fetch changed bytes again by their digest, and rebuild installed/ and ooder.lock."
)
@common_options
@click.pass_context
def verify_command(ctx: click.Context, repair: bool) -> None:
    """Every byte of everything installed against its digest; drift is named."""
    session: Session = ctx.obj
    store = Store(session.paths.home)
    mended = asyncio.run(Engine(session.service).repair()) if repair else None
    found = store.verify()
    language = session.speaker.language
    failed = mended.failed if mended else ()
    if session.screen.as_json:
        more = {"repaired": mended.restored, "failed": {name: e.body(language) for name, e in failed}} if mended else {}
        session.screen.answer({**found.body(), **more})
    else:
        for release in mended.restored if mended else ():
            session.screen.data(session.say("verify.repaired", release=show(release)))
        for release, error in failed:
            session.screen.talk(f"{show(release)}: {show(error.text(language), 500)}")
        for tree in found.drifted:
            for drift in tree.drifts:
                session.screen.data(
                    f"✗ {', '.join(show(name) for name in tree.releases)}: {show(drift.path)} ({drift.what})"
                )
        for path in found.projection:
            session.screen.data(f"≠ {show(path)}")
        session.screen.data(
            session.say(
                "verify.done" if found.ok else "verify.bad",
                trees=found.trees,
                files=found.files,
                size=size(found.bytes),
            )
        )
        if not found.ok and not repair:
            session.screen.talk(session.say("verify.next_drift" if found.drifted else "verify.next_view"))
    ctx.exit(ExitCode.OK if found.ok else ExitCode.INTEGRITY)


@click.command("gc")
@common_options
@click.pass_obj
def gc_command(session: Session) -> None:
    """Remove generations beyond the kept ones, and the bytes only they stood on."""
    gone = Engine(session.service).collect()
    if session.screen.as_json:
        session.screen.answer({"generations": list(gone.generations), "trees": list(gone.trees)})
    else:
        session.screen.data(session.say("gc.done", generations=len(gone.generations), trees=len(gone.trees)))
