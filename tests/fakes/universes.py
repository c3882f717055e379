"""Universes from one-line releases, for tests of the resolver and the planner.

>>> universe = universe_of(["scene:s 1.0 | cap:x | skill-a >=1", "skill-a 1.2 | +x"])
>>> [one.item.version for one in universe.releases(Kind.SKILL, "skill-a")]
['1.2']

The line format is described in `tests/samples/resolver/scenarios.yaml`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from protocol.install.universe import Candidate, Location, MemoryUniverse
from protocol.items import Dependency, Item, Json, Provided
from protocol.query import Trust
from protocol.refs import Ref, parse_ref

NOW = 1_800_000_000.0


def ref_of(text: str) -> Ref:
    """A ref whose kind defaults to skill."""
    return parse_ref(text if ":" in text else f"skill:{text}")


def universe_of(lines: Iterable[str]) -> MemoryUniverse:
    """A universe of the releases in `lines`."""
    return MemoryUniverse([candidate_of(line) for line in lines])


def candidate_of(line: str) -> Candidate:
    """One release."""
    head, *parts = [part.strip() for part in line.split("|")]
    name, version, *marks = head.split()
    ref, version = ref_of(name), "" if version == "-" else version
    principal, trust, blocked, deprecated, content = "p", Trust.COMMUNITY, "", False, ""
    for mark in marks:
        if mark.startswith("!"):
            blocked = mark[1:]
        elif mark.startswith("*"):
            deprecated = True
        elif mark.startswith("="):
            content = mark[1:]
        elif mark in set(Trust):
            trust = Trust(mark)
        else:
            principal = mark
    facts: dict[str, Json] = {"offline": {"enabled": "true"}} if "~offline" in parts else {}
    permissions = [part[7:] for part in parts if part.startswith("~allow=")]
    if permissions:
        facts["permissions"] = [{"id": one} for one in permissions]
    commands = [part[5:] for part in parts if part.startswith("~run=")]
    if commands:
        facts["run"] = {"how": "process", "command": list(commands[0].split())}
    item = Item(
        ref.kind,
        ref.id,
        version,
        name=ref.id,
        provides=tuple(_provided(part[1:]) for part in parts if part.startswith("+")),
        requires=tuple(need for part in parts if part[0] not in "+~" for need in _needs(part)),
        facts=facts,
        repaired=("quotes",) if "~repaired" in parts else (),
    )
    digest = "sha256:" + hashlib.sha256((content or head).encode()).hexdigest()
    source = "local_fs" if "~here" in parts else "git_repository"
    return Candidate(
        item,
        principal,
        trust,
        digest,
        ("trust.reason.origin",),
        size=100,
        files=1,
        locations=(Location(source, f"file:///{principal}/{ref.id}/{version}", principal),),
        blocked=blocked,
        digests=(digest,) if blocked == "frozen" else (),
        deprecated=deprecated,
        first_seen=NOW - 3_600 if "~new" in parts else NOW - 30 * 86_400,
        rating=next((float(part[8:]) for part in parts if part.startswith("~rating=")), 0.0),
    )


def _provided(text: str) -> Provided:
    name, _, version = text.partition("@")
    return Provided(name, version=version)


def _needs(part: str) -> list[Dependency]:
    """`[?#]name constraint`; `name%1..9` stands for nine names."""
    mark, text = (part[0], part[1:]) if part[0] in "?#" else ("", part)
    name, _, constraint = text.partition(" ")
    stem, many, span = name.partition("%")
    names = [name]
    if many:
        low, _, high = span.partition("..")
        names = [f"{stem}{number}" for number in range(int(low), int(high) + 1)]
    refs = [ref_of(one) for one in names]
    return [Dependency(ref.kind, ref.id, constraint.strip(), mark != "?", mark == "#") for ref in refs]
