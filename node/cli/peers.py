"""`peers`: who else is on the network, why somebody is not, and pairing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from node import control, policy
from node.cli.main import common_options
from node.cli.screen import show, width
from node.cli.session import Session
from node.peer_list import choose, describe_peers
from node.supervisor import GLYPHS, Light
from protocol import limits
from protocol.errors import UnavailableError

SOURCE = "udp_broadcast"


@click.group("peers", invoke_without_command=True)
@click.option("--why", metavar="NAME", help="Everything that is known about one peer, and what is wrong.")
@common_options
@click.pass_context
def peers_command(ctx: click.Context, why: str | None) -> None:
    """Other devices on the network: list, pair, unpair."""
    if ctx.invoked_subcommand is not None:
        return
    if why is None:
        ctx.invoke(list_peers)
    else:
        _explain(ctx.obj, choose(rows_of(ctx.obj), why))


@peers_command.command("list")
@common_options
@click.pass_obj
def list_peers(session: Session) -> None:
    """Every device that is or was seen: light, age, address, and why it is not there."""
    rows, say = rows_of(session), session.say
    if session.screen.as_json:
        session.screen.answer({"peers": rows})
        return
    if not rows:
        session.screen.data(say("peers.nobody"))
        return
    table = [
        (
            f"{GLYPHS[Light(row['light'])]} {show(row['name'], 40)}",
            say("peers.paired") if row["paired"] else "",
            session.speaker.ago(session.service.now() - row["seen_at"]) if row["seen_at"] else say("never"),
            show(", ".join(row["addresses"]), 60),
            str(row["offers"] or ""),
            "; ".join(reason(session, code) for code in row["why"]),
        )
        for row in rows
    ]
    heads = ("head.peer", "head.flags", "head.age", "head.address", "head.offers", "head.remark")
    session.screen.table([say(head) for head in heads], table, styles={})


@peers_command.command("pair")
@click.argument("name", default="")
@common_options
@click.pass_obj
def pair(session: Session, name: str) -> None:
    """Pair with the device that pairs at the same time: compare the code on both screens. What it says is personal from then on."""
    say, language = session.say, session.speaker.language
    session.screen.talk(say("peers.pairing", seconds=int(limits.PAIR_SECONDS)))
    answers = control.request(
        session.paths, "peers.pair", {"name": name}, language=language, seconds=2 * limits.PAIR_SECONDS
    )
    for said in answers:
        peer = said["peer"]
        if said.get("paired"):
            if session.screen.as_json:
                session.screen.answer({"paired": peer})
            else:
                session.screen.data(say("peers.paired_with", name=show(peer["name"]), short=peer["key"][:7]))
            return
        code = said["code"]
        question = say("peers.compare", name=show(peer["name"]), address=show(peer["addresses"][0]), code=code)
        yes = click.confirm(question, default=False, err=True)
        control.ask(session.paths, "peers.confirm", {"yes": yes}, language=language)


@peers_command.command("unpair")
@click.argument("name")
@common_options
@click.pass_obj
def unpair(session: Session, name: str) -> None:
    """Forget that a device is yours."""
    row = choose(rows_of(session), name)
    policy.forget_key(session.paths, row["key"])
    session.service.remerge()
    if session.screen.as_json:
        session.screen.answer({"done": "peers.unpaired", "key": row["key"]})
    else:
        session.screen.data(session.say("peers.unpaired", name=show(row["name"])))


@peers_command.command("sync")
@click.argument("name")
@common_options
@click.pass_obj
def sync(session: Session, name: str) -> None:
    """The capabilities that one of your devices shares with the others."""
    said = control.ask(session.paths, "peers.sync", {"name": name}, language=session.speaker.language, seconds=5.0)
    if session.screen.as_json:
        session.screen.answer(said)
        return
    for each in said["capabilities"]:
        session.screen.data(f"cap:{show(each)}")
    if not said["capabilities"]:
        session.screen.talk(session.say("peers.synced", name=show(said["peer"])))


@peers_command.command("handover")
@click.argument("name")
@click.argument("ref")
@click.option("--reason", default="", metavar="TEXT", help="Why, for whoever sits there.")
@common_options
@click.pass_obj
def handover(session: Session, name: str, ref: str, reason: str) -> None:
    """Ask one of your devices to take over a capability; it waits there until you install it."""
    params = {"name": name, "ref": ref, "reason": reason}
    said = control.ask(session.paths, "peers.handover", params, language=session.speaker.language, seconds=5.0)
    if session.screen.as_json:
        session.screen.answer(said)
    else:
        capability = f"cap:{show(said['capability'])}"
        session.screen.data(session.say("peers.handed", name=show(said["peer"]), capability=capability))


def rows_of(session: Session) -> list[dict[str, Any]]:
    """Peers as the running node sees them; without one, as a short question finds them."""
    try:
        rows: list[dict[str, Any]] = control.ask(session.paths, "peers.list", {}, language=session.speaker.language)[
            "peers"
        ]
    except UnavailableError:
        service = session.service
        if SOURCE in service.config.source_names() and service.config.enabled.get(SOURCE, True):
            asyncio.run(service.scan(lambda event: None, [SOURCE]))
        rows = describe_peers(service.ports.lan)
    return rows


def reason(session: Session, code: str) -> str:
    """One `why` in words."""
    kind, _, detail = code.partition(":")
    if "." in kind:  # the code of an error
        kind, detail = kind.partition(".")[0], kind
    try:
        return session.say(f"peers.why.{kind}", detail=detail)
    except KeyError:
        return show(code)


def _explain(session: Session, row: Mapping[str, Any]) -> None:
    if session.screen.as_json:
        session.screen.answer(row)
        return
    lines = [(name, _value(session, name, value)) for name, value in row.items() if name != "why"]
    lines += [("why", reason(session, code)) for code in row["why"] or ["fine"]]
    labels = {name: session.say(f"peers.field.{name}") for name, _ in lines}
    widest = max(map(width, labels.values()))
    for name, text in lines:
        if text:
            session.screen.data(f"{labels[name]}{' ' * (widest - width(labels[name]))}  {show(text)}")


def _value(session: Session, name: str, value: Any) -> str:
    """As a person reads it; "" for what says nothing."""
    if value in ("", [], 0):
        return ""
    if name == "light":
        return session.say(f"light.{value}")
    if name == "seen_at":
        return session.speaker.ago(session.service.now() - value)
    if value is True:
        return session.say("yes")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
