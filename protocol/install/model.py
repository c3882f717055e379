"""Generations: one committed state of everything installed, and the items in it.

An installed set is a small graph. Every scene, skill and capability is an `Installed`; `needs` are its edges, written as
*releases* (`skill:ID@VERSION PRINCIPAL`); what the person asked for is `requested` and keeps the rest alive. SECURITY 3.1, 3.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.refs import Kind, Ref

FORMAT = 1
"""Version of the generation file and of the lock file."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where bytes were found: `kind` is the name of a source, `commit` what a repository was pinned to, `sha256` the hex
    digest of the downloaded archive ("" for folders)."""

    kind: str
    url: str
    commit: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """Which releases answer a capability of a scene, first choice first, and how one is picked."""

    capability: str
    skills: tuple[str, ...]
    strategy: str = "priority"


@dataclass(frozen=True, slots=True)
class Installed:
    """One installed scene, skill or capability.

    `digest` is the tree digest ("sha256:" + 64 hex); only a scene or capability that was described inside another package
    may have none. `first_seen` is in wall seconds. `required_by` is computed by `apply`, never believed from outside.
    """

    kind: Kind
    id: str
    version: str
    principal: str
    digest: str
    size: int = 0
    files: int = 0
    trust: str = "unverified"
    key: str = ""
    sources: tuple[Origin, ...] = ()
    needs: tuple[str, ...] = ()
    requested: bool = False
    first_seen: float = 0.0
    routes: tuple[Route, ...] = ()
    required_by: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id, self.version)

    @property
    def release(self) -> str:
        """(principal, id, version) in one word that files can carry."""
        return f"{self.ref} {self.principal}"


@dataclass(frozen=True, slots=True, order=True)
class Consent:
    """Who agreed to what, when: `release` with `digest` may have `permissions`. `at` is in wall seconds."""

    at: float
    who: str
    release: str
    digest: str
    permissions: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Generation:
    """Everything installed at one time. Number 0 is the empty set before the first commit; `parent` is the number before."""

    number: int
    at: float
    reason: str
    parent: int = 0
    items: tuple[Installed, ...] = ()
    consents: tuple[Consent, ...] = ()

    def of(self, kind: Kind) -> tuple[Installed, ...]:
        """The items of one kind, in the order of their releases."""
        return tuple(item for item in self.items if item.kind is kind)

    @property
    def scenes(self) -> tuple[Installed, ...]:
        return self.of(Kind.SCENE)

    @property
    def skills(self) -> tuple[Installed, ...]:
        return self.of(Kind.SKILL)

    @property
    def capabilities(self) -> tuple[Installed, ...]:
        return self.of(Kind.CAPABILITY)

    @property
    def digests(self) -> frozenset[str]:
        """Every tree this generation stands on."""
        return frozenset(item.digest for item in self.items if item.digest)

    def find(self, kind: Kind, item_id: str) -> tuple[Installed, ...]:
        """All installed releases that carry this name."""
        return tuple(item for item in self.items if item.kind is kind and item.id == item_id)

    def closure(self, roots: Iterable[Installed]) -> tuple[Installed, ...]:
        """The roots and everything they need, directly or not, in the order of their releases. Cycles are fine."""
        known = {item.release: item for item in self.items}
        found: dict[str, Installed] = {}
        waiting = list(roots)
        while waiting:
            item = waiting.pop()
            if item.release not in found:
                found[item.release] = item
                waiting.extend(known[name] for name in item.needs if name in known)
        return tuple(found[name] for name in sorted(found))


EMPTY = Generation(0, 0.0, "")
"""Nothing installed yet."""
