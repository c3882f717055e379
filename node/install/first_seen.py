"""When this node first saw a release of something installed: `OODER_HOME/first-seen.json` (SECURITY T17).

A publisher's dates are the publisher's word, so the cooldown of updates counts from here. Only names that are installed are
remembered, and only while they are; files of this user's own are never too new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from node.io.atomic import write_file
from node.paths import Paths
from protocol.install.model import Generation
from protocol.install.universe import Candidate, Universe
from protocol.refs import Kind

OWN = "local:"


@dataclass(frozen=True, slots=True)
class Dated:
    """A universe whose releases of `known` names say when they were first seen; `now` for those that nobody noted yet."""

    below: Universe
    seen: dict[str, float]
    names: frozenset[tuple[Kind, str]]
    now: float

    def releases(self, kind: Kind, item_id: str) -> Sequence[Candidate]:
        found = self.below.releases(kind, item_id)
        if (kind, item_id) not in self.names:
            return found
        return [
            one if one.principal.startswith(OWN) else replace(one, first_seen=self.seen.get(_key(one), self.now))
            for one in found
        ]

    def providers(self, capability: str) -> Sequence[str]:
        return self.below.providers(capability)


def dated(paths: Paths, universe: Universe, installed: Generation, now: float) -> Dated:
    """`universe` with the times this node remembers."""
    return Dated(universe, _read(paths), frozenset((one.kind, one.id) for one in installed.items), now)


def note_first_seen(paths: Paths, universe: Universe, installed: Generation, now: float) -> int:
    """Remember what is seen now for the first time; how many releases that are. A home that cannot be written remembers nothing:
    then everything stays new, which is the safe side."""
    before = _read(paths)
    after: dict[str, float] = {}
    for kind, item_id in sorted({(one.kind, one.id) for one in installed.items}):
        for one in universe.releases(kind, item_id):
            if not one.principal.startswith(OWN):
                after[_key(one)] = min(before.get(_key(one), now), now)
    if after != before and (after or paths.first_seen.exists()):
        with suppress(OSError):
            write_file(paths.first_seen, json.dumps(after, indent=0, sort_keys=True).encode())
    return len(after.keys() - before.keys())


def _key(candidate: Candidate) -> str:
    return f"{candidate.release} {candidate.digest}"


def _read(paths: Paths) -> dict[str, float]:
    """What was noted; a file that cannot be read makes everything new again."""
    with suppress(OSError, ValueError, AttributeError, RecursionError):
        body = json.loads(paths.first_seen.read_bytes())
        return {str(key): float(at) for key, at in body.items() if isinstance(at, int | float)}
    return {}
