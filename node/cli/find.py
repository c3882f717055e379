"""`search`, `list` and `show`: what is known, and one item in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from node.cli.completing import RefType
from node.cli.exit_codes import ExitCode
from node.cli.main import common_options
from node.cli.screen import show
from node.cli.session import Session
from node.registry import BADGES
from node.service import Answer
from protocol.errors import NotFoundError
from protocol.query import Freshness, Order, Query, Trust
from protocol.refs import KIND_OF_PREFIX, Kind, Ref, parse_ref

FRESHNESS_MARKS = {Freshness.FRESH: "", Freshness.STALE: " ~", Freshness.EXPIRED: " †"}


def filter_options(command: Any) -> Any:
    """The filters that `search` and `list` share."""
    options = (
        click.option(
            "-k",
            "--kind",
            "kinds",
            multiple=True,
            type=click.Choice([*KIND_OF_PREFIX]),
            help="Only this kind; may be repeated.",
        ),
        click.option(
            "--trust",
            type=click.Choice([trust.value for trust in Trust]),
            default="unverified",
            help="At least this trust.",
        ),
        click.option(
            "--freshness",
            multiple=True,
            type=click.Choice([state.value for state in Freshness]),
            help="May be repeated.",
        ),
        click.option("--source", "sources", multiple=True, metavar="NAME", help="Only what this source has seen."),
        click.option("--category", default="", metavar="NAME"),
        click.option("--capability", default="", metavar="ID", help="Only what provides or needs this capability."),
        click.option(
            "--sort",
            type=click.Choice([order.value for order in Order]),
            default="relevance",
            help="What comes first.",
        ),
        click.option("-n", "--limit", type=click.IntRange(1, 1000), default=50, show_default=True),
        click.option("--offset", type=click.IntRange(0, 1_000_000), default=0),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@filter_options
@common_options
@click.pass_context
def search_command(ctx: click.Context, /, words: tuple[str, ...], **filters: Any) -> None:
    """Search the index: words in Chinese or English, `*` as wildcard, most relevant first."""
    _answer(ctx, " ".join(words), filters)


@click.command("list")
@filter_options
@click.option("--installed", is_flag=True, help="What is installed, instead of what is known; takes --kind.")
@common_options
@click.pass_context
def list_command(ctx: click.Context, /, installed: bool, **filters: Any) -> None:
    """List what is known, most trusted first."""
    if installed:
        from node.cli.installed import show_installed

        show_installed(ctx.obj, frozenset(KIND_OF_PREFIX[name] for name in filters["kinds"]))
    else:
        _answer(ctx, "", filters)


def _answer(ctx: click.Context, text: str, filters: dict[str, Any]) -> None:
    session: Session = ctx.obj
    if session.service.never_scanned() and not session.config.settings.offline:
        session.screen.talk(session.say("first_run"))
        from node.cli.scan import run_scan

        run_scan(session)
    query = Query(
        text=text,
        kinds=frozenset(KIND_OF_PREFIX[name] for name in filters["kinds"]),
        min_trust=Trust(filters["trust"]),
        freshness=frozenset(Freshness(name) for name in filters["freshness"]),
        sources=frozenset(filters["sources"]),
        category=filters["category"],
        capability=filters["capability"].removeprefix("cap:"),
        limit=filters["limit"],
        offset=filters["offset"],
        order=Order(filters["sort"]),
    )
    answer = session.service.search(query)
    _print(session, answer, text)
    ctx.exit(ExitCode.OK)


def _print(session: Session, answer: Answer, text: str) -> None:
    screen, say = session.screen, session.say
    if screen.as_json:
        screen.answer(answer.body())
        return
    say_offline(session, answer.offline, answer.newest)
    if not answer.rows:
        screen.talk(say("nothing_found", text=show(text)) if text else say("nothing_known"))
        return
    rows = []
    for row in answer.rows:
        age = session.speaker.age(max(0.0, answer.now - row.seen_at)) + FRESHNESS_MARKS[row.freshness]
        badges = " ".join(BADGES.get(name, name) for name in row.sources)
        flags = " ".join(filter(None, ("⚠" if row.conflicts else "", _signals(row.signals))))
        rows.append(
            (
                str(row.ref),
                show(row.version, 20),
                row.trust.value,
                age,
                badges,
                flags,
                show(row.name or row.description, 80),
            )
        )
    heads = ("head.ref", "head.version", "head.trust", "head.age", "head.sources", "head.flags", "head.name")
    screen.table([say(head) for head in heads], rows)
    if answer.total_text != str(len(rows)):
        screen.talk(say("rows.more", shown=len(rows), total=answer.total_text))


def _signals(signals: Mapping[str, float]) -> str:
    """`★40 ↓1.2k`: stars or rating, downloads."""
    marks = {"stars": "★", "rating": "☆", "downloads": "↓"}
    return " ".join(marks[name] + _short(count) for name, count in signals.items())


def _short(count: float) -> str:
    """At most six characters.

    >>> _short(40), _short(1234), _short(4.5)
    ('40', '1.23k', '4.5')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}" if count < 100 * size else f"{count / size:.0f}{unit}"
    return f"{count:.3g}"


def say_offline(session: Session, offline: bool, newest: float) -> None:
    """Say that the answer comes from the cache, and how old it is."""
    if offline:
        age = session.speaker.ago(session.service.now() - newest)
        session.screen.talk(session.say("offline", age=age) if newest else session.say("offline_empty"))


@click.command("show")
@click.argument("ref", type=RefType())
@click.option("--why", is_flag=True, help="Explain the trust level and every conflict.")
@common_options
@click.pass_obj
def show_command(session: Session, ref: str, why: bool) -> None:
    """One item in full. REF is kind:id, or a bare id when only one kind has it."""
    wanted = _find(session, ref)
    body = session.service.detail(wanted, session.speaker.language)
    if session.screen.as_json:
        session.screen.answer(body)
        return
    say_offline(session, session.service.is_offline(), session.service.newest())
    from node.cli.detail_page import print_detail

    print_detail(session, body, why=why)


def _find(session: Session, text: str) -> Ref:
    if ":" in text:
        return parse_ref(text)
    found = [Ref(kind, text) for kind in Kind if session.service.knows(kind, text)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError("item.unknown", ref=text, id=text)
    raise NotFoundError("item.several", id=text, refs=", ".join(map(str, found)))
