"""The values of a plan: what an install will do, before it does it. Plain data, equal when they say the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.install.abilities import Abilities
from protocol.install.model import Route
from protocol.install.universe import Location
from protocol.query import Trust
from protocol.refs import Kind, Ref


class Step(StrEnum):
    """How an item differs from what is installed."""

    ADDED = "added"
    KEPT = "kept"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    REROUTED = "rerouted"  # the same release, with other skills behind its capabilities
    REQUESTED = "requested"  # the same release, needed by others so far, now asked for by itself
    REPLACED = "replaced"  # the same version of another principal, or a version that cannot be compared
    REMOVED = "removed"


class Asked(StrEnum):
    """What a person has to agree to. The sentence is message `plan.consent.<word>`."""

    TRUST = "trust"
    EXPLICIT_DIGEST = "explicit_digest"
    CROSSING = "crossing"
    PERMISSIONS = "permissions"
    DEPENDENCIES = "dependencies"
    PRINCIPAL = "principal"
    RUN = "run"
    LOOKALIKE = "lookalike"
    HIDDEN_CHARACTERS = "hidden_characters"
    REPAIRED = "repaired"
    DOWNGRADE = "downgrade"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """One thing to agree to, about `release`. `values` fill the sentence; `digest` is what an explicit digest must be."""

    asked: Asked
    release: str
    values: tuple[str, ...] = ()
    trust: str = ""
    digest: str = ""
    by: str = ""

    @property
    def code(self) -> str:
        return f"plan.consent.{self.asked.value}"

    @property
    def params(self) -> dict[str, str]:
        return {
            "release": self.release,
            "trust": self.trust,
            "digest": self.digest,
            "by": self.by,
            "values": ", ".join(self.values),
        }


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another skill that provides the same capability, and what it was compared by."""

    release: str
    trust: Trust
    offline: bool
    rating: float
    locations: int


@dataclass(frozen=True, slots=True)
class Match:
    """Which skill answers a capability for whom: `decided_by` is `choice`, `declared`, `installed`, `only` or `strategy`."""

    capability: str
    by: str
    release: str
    decided_by: str
    contract: str = ""  # release of the capability it is held to
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """One item of a plan. `digest` "" means that it is learned when the bytes are fetched, and pinned then. `locations` are in
    order of preference, `needs` are releases, `why` leads from the target to it, `was` is the installed release it replaces.
    `size` (bytes) and `files` are 0 when not known; `present` says that the bytes are in the store already."""

    kind: Kind
    id: str
    version: str
    name: str
    principal: str
    trust: Trust
    reasons: tuple[str, ...]
    digest: str
    size: int
    files: int
    key: str
    locations: tuple[Location, ...]
    step: Step
    was: str
    requested: bool
    needs: tuple[str, ...]
    why: tuple[str, ...]
    may: Abilities
    routes: tuple[Route, ...] = ()
    least_trust: Trust = Trust.UNVERIFIED  # of itself and everything it needs
    newer: tuple[str, ...] = ()  # versions that exist and were not taken
    first_seen: float = 0.0
    form: str = ""

    @property
    def ref(self) -> Ref:
        return Ref(self.kind, self.id, self.version)

    @property
    def release(self) -> str:
        """In the words of `protocol.install.model`."""
        return f"{self.ref} {self.principal}"


@dataclass(frozen=True, slots=True)
class Left:
    """A dependency that is not part of the plan, and why (a reason word or an error code)."""

    by: str
    needs: str
    constraint: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """What an install will do. `base` is the generation it was made on; `items` are in the order in which they are brought,
    what is needed before who needs it, as far as there is such an order. `made_at` (wall seconds) is no part of its digest."""

    target: str
    base: int
    items: tuple[Planned, ...]
    matches: tuple[Match, ...]
    removed: tuple[str, ...]
    questions: tuple[Question, ...]
    left: tuple[Left, ...]
    made_at: float = 0.0

    @property
    def changes(self) -> tuple[Planned, ...]:
        """The items that are not there yet."""
        return tuple(item for item in self.items if item.step is not Step.KEPT)

    @property
    def is_done(self) -> bool:
        """Whether everything is installed already."""
        return not self.changes and not self.removed

    @property
    def size(self) -> int:
        """Bytes that have to be brought, as far as known."""
        return sum(item.size for item in self.changes)
