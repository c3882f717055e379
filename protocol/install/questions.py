"""What the resolver is asked, and what it may decide by itself: needs, offers, rules and choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from protocol import limits
from protocol.errors import DataError
from protocol.install.universe import Candidate
from protocol.items import Dependency
from protocol.query import Strategy
from protocol.refs import Kind
from protocol.trust import TrustPolicy
from protocol.versions import Constraint, compare_key, parse_constraint

Key = tuple[Kind, str, str]
"""What one decision is about: an item (kind, id, ""), or who provides a capability to whom (CAPABILITY, id, "kind:id")."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user has decided. Refs are without version.

    `providers`: capability id -> skill id. `owners`: ref -> principal. `digests`: tree digests that are agreed to explicitly.
    """

    providers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    owners: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ResolveRules:
    """What holds for one resolution. `installed`: (kind, id) -> (version, principal) of releases that are kept where they fit;
    `upgrade` switches that off. Releases in `cooling` (their release words -> wall seconds until when) are too new to be taken by
    themselves."""

    trust: TrustPolicy = field(default_factory=TrustPolicy)
    strategy: Strategy = Strategy.TRUST
    optional: bool = True
    pre_releases: bool = False
    upgrade: bool = False
    installed: Mapping[tuple[Kind, str], tuple[tuple[str, str], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    cooling: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    seconds: float = limits.RESOLVE_SECONDS


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """One requirement: a release of `key`, allowed by `constraint` (None: the text could not be read, nothing fits).

    `owner` is the principal whose releases count; "" with `blocker` set means that there is none to choose from.
    `provides`: (capability, constraint, version of its contract) - the release must provide the capability in a version that
    the constraint allows.
    """

    key: Key
    dependency: Dependency
    constraint: Constraint | None
    owner: str = ""
    blocker: str = ""
    provides: tuple[str, Constraint | None, str] | None = None
    requester: Candidate | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """A way to get a capability: a skill, and the contract it is held to (None: nobody describes one).

    `decided_by`: `choice`, `declared` (by the one who needs it), `installed`, `only`, or `strategy`.
    """

    need: Need
    skill: str
    owner: str
    decided_by: str
    contract: Candidate | None

    @property
    def key(self) -> Key:
        return self.need.key


@dataclass(frozen=True, slots=True, eq=False)
class Absent:
    """The choice for a decision that nobody needs any more (the resolver keeps asking for it after a change of mind)."""

    key: Key


Choice = Candidate | Offer | Absent
"""What a decision can end in."""


def item_key(kind: Kind, item_id: str) -> Key:
    """The decision which release of an item is taken."""
    return kind, item_id, ""


def key_of(choice: Choice) -> Key:
    """The decision that a choice settles."""
    return (choice.item.kind, choice.item.id, "") if isinstance(choice, Candidate) else choice.key


def constraint_of(text: str) -> Constraint | None:
    """The constraint, or None when it cannot be read."""
    try:
        return parse_constraint(text)
    except DataError:
        return None


def allows(constraint: Constraint | None, version: str, *, pre_releases: bool) -> bool:
    """Whether a version is meant. A pre-release is only meant where the constraint names one of the same numbers, or when
    pre-releases are asked for."""
    if constraint is None or not constraint.allows(version):
        return False
    if pre_releases or not constraint.any:
        return True
    key = compare_key(version)
    return not key[0] or bool(key[2])


def capability_fits(candidate: Candidate, capability: str, constraint: Constraint | None, contract: str) -> bool:
    """Whether a release provides the capability in a version that is allowed; one that names none has the `contract`'s."""
    said = candidate.offers(capability)
    if said is None or constraint is None:
        return False
    return constraint.any or constraint.allows(said or contract)
