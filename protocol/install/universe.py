"""What can be chosen: releases with what they need, and who provides which capability.

A universe is asked by name and may load lazily, so that only names within reach of the target are ever read. The resolver and
the planner see nothing else of the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from protocol import limits
from protocol.items import Item
from protocol.query import Trust
from protocol.refs import Kind, Ref
from protocol.versions import Key, compare_key


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where bytes can be asked for. `url` is the sighting's location, `commit` what a repository was pinned to."""

    source: str
    url: str
    principal: str
    commit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One release that could be installed. `blocked` says why not: `frozen`, `withdrawn`, `revoked`, `listing` or
    `copy` (only an archive or build folder has it; a person installs such a folder by its path).

    `digest` is the tree digest, "" when the bytes were not seen yet. `first_seen` is in wall seconds, 0 = not known.
    """

    item: Item
    principal: str
    trust: Trust = Trust.PERSONAL
    digest: str = ""
    reasons: tuple[str, ...] = ()
    size: int = 0
    files: int = 0
    key: str = ""
    locations: tuple[Location, ...] = ()
    blocked: str = ""
    digests: tuple[str, ...] = ()  # all that were claimed, when it is frozen
    deprecated: bool = False
    first_seen: float = 0.0
    rating: float = 0.0
    downloads: float = 0.0

    @property
    def ref(self) -> Ref:
        return self.item.ref

    @property
    def name(self) -> tuple[Kind, str]:
        return self.item.kind, self.item.id

    @property
    def release(self) -> str:
        """(principal, id, version) in the words of `protocol.install.model`."""
        return f"{self.ref} {self.principal}"

    @property
    def offline(self) -> bool:
        """Whether it says that it works without a network."""
        said = self.item.facts.get("offline")
        if isinstance(said, str):
            return said == "true"
        return said is True or (isinstance(said, dict) and str(said.get("enabled", "")).lower() == "true")

    def offers(self, capability: str) -> str | None:
        """The version of the capability it says it provides ("" = not said), None when it does not."""
        return next((given.version for given in self.item.provides if given.id == capability), None)


class Universe(Protocol):
    """Everything that is known, asked by name."""

    def releases(self, kind: Kind, item_id: str) -> Sequence[Candidate]:
        """Every release of one name, of every principal, in any order."""

    def providers(self, capability: str) -> Sequence[str]:
        """Ids of skills that say they provide the capability, in any order."""


@dataclass(slots=True)
class MemoryUniverse:
    """A universe that is given whole; for tests, bundles and benches."""

    candidates: Iterable[Candidate] = ()
    _names: dict[tuple[Kind, str], list[Candidate]] = field(default_factory=dict, init=False)
    _providers: dict[str, set[str]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for candidate in self.candidates:
            self._names.setdefault(candidate.name, []).append(candidate)
            if candidate.item.kind is Kind.SKILL:
                for given in candidate.item.provides:
                    self._providers.setdefault(given.id, set()).add(candidate.item.id)

    def releases(self, kind: Kind, item_id: str) -> Sequence[Candidate]:
        return self._names.get((kind, item_id), ())

    def providers(self, capability: str) -> Sequence[str]:
        return sorted(self._providers.get(capability, ()))


def newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """By version, then trust, then digest and principal, so that there is one order; at most as many as are looked at."""
    ranked = sorted(candidates, key=lambda one: (one.principal, one.digest))
    ranked.sort(key=_rank, reverse=True)
    return ranked[: limits.RESOLVE_VERSIONS]


def _rank(candidate: Candidate) -> tuple[Key, int]:
    return compare_key(candidate.item.version), candidate.trust.rank
