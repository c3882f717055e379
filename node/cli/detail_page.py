"""How `show` prints one item (the JSON of `node.detail` for people)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from node.cli.peers import reason as peer_reason
from node.cli.progress import label
from node.cli.screen import COLORS, show
from node.cli.session import Session

TRUST_MARKS = {"official": "★", "community": "●", "personal": "○", "unverified": "?"}

FILES_SHOWN = 12
README_LINES = 12


def print_detail(session: Session, body: Mapping[str, Any], *, why: bool) -> None:
    """Print everything; `why` adds the reasons of trust and all sightings in full."""
    _head(session, body)
    _capabilities(session, body["capabilities"])
    if "providers" in body:
        _section(session, session.say("show.skills", ref=body["ref"]))
        compare_providers(session, body["providers"])
    _provides(session, body["provides"])
    _requires(session, body["requires"])
    if body["needed_by"]:
        _section(session, session.say("show.needed_by"))
        session.screen.data("  " + ", ".join(show(ref) for ref in body["needed_by"]))
    _contract(session, body["facts"])
    _forge(session, body["facts"].get("forge"))
    _sightings(session, body["sightings"])
    _others(session, body["others"])
    _conflicts(session, body["conflicts"])
    if why:
        _section(session, session.say("show.why", trust=body["trust"]))
        for reason in body["reasons"]:
            session.screen.data(f"  · {reason['text']}  ({reason['code']})")


def _section(session: Session, title: str) -> None:
    session.screen.data()
    session.screen.data(session.screen.style(title, bold=True))


def _head(session: Session, body: Mapping[str, Any]) -> None:
    screen = session.screen
    name = f"  {show(body['name'])}" if body["name"] else ""
    screen.data(screen.style(f"{body['ref']} {show(body['version'])}".strip(), bold=True) + name)
    age = session.speaker.ago(session.service.now() - body["seen_at"])
    trust = screen.style(f"{TRUST_MARKS[body['trust']]} {body['trust']}", fg=COLORS[body["trust"]])
    screen.data(f"{trust} · {body['freshness']} ({age}) · {show(body['principal'], 120)}")
    if body["freshness"] != "fresh" and body["facts"].get("reason"):
        screen.data(screen.style(peer_reason(session, str(body["facts"]["reason"])), fg="yellow"))
    if body["digest"]:
        screen.data(f"{body['digest'][:23]}… · {body['files']} files · {size(body['size'])}")
    if body["status"] != "active":
        screen.data(screen.style(body["status"], fg="red"))
    if body["description"]:
        screen.data()
        for line in body["description"][:2000].splitlines():
            screen.data(show(line, 2000))
    if body["tags"]:
        screen.data("# " + " ".join(show(tag, 40) for tag in body["tags"]))
    if body["repaired"]:
        screen.data(screen.style(session.say("show.repaired", steps=", ".join(body["repaired"])), fg="yellow"))


def _capabilities(session: Session, needs: Sequence[Mapping[str, Any]]) -> None:
    if not needs:
        return
    _section(session, session.say("show.capabilities"))
    for need in needs:
        optional = "" if need["required"] else f"  ({session.say('show.optional')})"
        session.screen.data(f"  {need['ref']} {show(need['version'])}  {show(need['name'])}{optional}")
        compare_providers(session, need["providers"], indent="    ")


def compare_providers(session: Session, providers: Sequence[Any], indent: str = "  ") -> None:
    """Skills side by side."""
    if not providers:
        session.screen.data(indent + session.screen.style(session.say("show.nobody"), fg="yellow"))
        return
    rows = []
    for skill in providers:
        offline = session.say("yes") if skill["offline"] else session.say("no")
        signals = " ".join(f"{show(name)} {value:g}" for name, value in sorted(skill["signals"].items()))
        warn = " ⚠" if skill["conflicts"] else ""
        rows.append(
            (
                indent + skill["ref"] + warn,
                show(skill["version"], 20),
                skill["trust"],
                skill["freshness"],
                show(skill["connector"], 20) or "-",
                offline,
                (signals + "  " if signals else "") + show(skill["name"]),
            )
        )
    heads = ("head.ref", "head.version", "head.trust", "head.age", "head.connector", "head.offline", "head.name")
    session.screen.table([indent + session.say(heads[0]), *(session.say(head) for head in heads[1:])], rows)


def _provides(session: Session, provides: Sequence[Mapping[str, Any]]) -> None:
    if provides:
        _section(session, session.say("show.provides"))
        for offered in provides:
            session.screen.data(f"  {show(offered['ref'])}  {show(offered['name'] or offered['description'], 100)}")


def _requires(session: Session, requires: Sequence[Mapping[str, Any]]) -> None:
    if not requires:
        return
    _section(session, session.say("show.requires"))
    for need in requires:
        marks = [] if need["required"] else [session.say("show.optional")]
        if need["platform"]:
            marks.append(session.say("show.platform"))
        elif not need["known"]:
            marks.append(session.screen.style(session.say("show.unknown"), fg="yellow"))
        elif not need["satisfied"]:
            marks.append(
                session.screen.style(session.say("show.unsatisfied", version=show(need["version"])), fg="yellow")
            )
        tail = f"  ({', '.join(marks)})" if marks else ""
        session.screen.data(f"  {show(need['ref'])} {show(need['constraint'])}{tail}")


def _contract(session: Session, facts: Mapping[str, Any]) -> None:
    contract = facts.get("contract")
    if contract:
        _section(session, session.say("show.contract"))
        for line in json.dumps(contract, ensure_ascii=False, indent=2).splitlines()[:60]:
            session.screen.data("  " + show(line, 160))


def _forge(session: Session, about: Any) -> None:
    """What the forge says of the repository: shown, never trusted."""
    if not isinstance(about, Mapping) or not about.get("name"):
        return
    _section(session, session.say("show.repository"))
    counts = [f"{mark}{about[name]}" for name, mark in (("stars", "★"), ("forks", "⑂")) if about.get(name)]
    pushed = session.speaker.ago(session.service.now() - about["updated"]) if about.get("updated") else ""
    archived = session.say("show.archived") if about.get("archived") else ""
    words = (about["name"], *counts, about.get("license"), pushed, archived)
    session.screen.data("  " + " · ".join(show(word, 80) for word in words if word))
    session.screen.data("  " + show(str(about.get("page", "")), 200))
    files = about.get("files") or []
    if files:
        more = f" (+{len(files) - FILES_SHOWN})" if len(files) > FILES_SHOWN else ""
        session.screen.data("  " + ", ".join(show(name, 60) for name in files[:FILES_SHOWN]) + more)
    for line in str(about.get("readme") or "").splitlines()[:README_LINES]:
        session.screen.data("  │ " + show(line, 160))


def _sightings(session: Session, sightings: Sequence[Mapping[str, Any]]) -> None:
    _section(session, session.say("show.sightings"))
    now = session.service.now()
    rows = []
    for seen in sightings:
        age = session.speaker.age(max(0.0, now - seen["seen_at"]))
        digest = seen["digest"] or seen["manifest_digest"]
        standing = "" if seen["standing"] == "main" else f" [{seen['standing']}]"
        rows.append(
            (
                f"  {label(seen['source'])}",
                age,
                digest[7:19],
                show(seen["place"], 60) + standing,
                show(seen["origin"], 90),
            )
        )
    heads = ("head.source", "head.age", "head.digest", "head.place", "head.origin")
    session.screen.table(["  " + session.say(heads[0]), *(session.say(head) for head in heads[1:])], rows, styles={})


def _others(session: Session, others: Sequence[Mapping[str, Any]]) -> None:
    if others:
        _section(session, session.say("show.others"))
        for other in others:
            places = ", ".join(show(seen["place"], 60) for seen in other["sightings"])
            frozen = "  ⚠" if other["frozen"] else ""
            session.screen.data(
                f"  {show(other['version']) or '-'}  {other['trust']}  {show(other['principal'])}  {places}{frozen}"
            )


def _conflicts(session: Session, conflicts: Sequence[Mapping[str, Any]]) -> None:
    if conflicts:
        _section(session, session.screen.style(session.say("show.conflicts"), fg="yellow"))
        for conflict in conflicts:
            session.screen.data(f"  ⚠ {show(conflict['message'], 500)}")
            if conflict["next_step"]:
                session.screen.data(f"    → {show(conflict['next_step'], 300)}")


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
