"""Merge: many verified sightings of one name become one honest entry. Pure, order-free, idempotent (SECURITY 2.3, R1-R9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from protocol.items import Item, Status
from protocol.query import Freshness, Trust
from protocol.refs import Ref
from protocol.trust import TrustPolicy, Verified


class ConflictKind(StrEnum):
    OTHER_PRINCIPAL = "other_principal"  # somebody else uses the same name
    EQUIVOCATION = "equivocation"  # one release, several digests: frozen
    COPY_DIFFERS = "copy_differs"  # an archived copy in the same origin says something else
    INDEX_DISAGREES = "index_disagrees"  # an index says another version than the file
    AMBIGUOUS = "ambiguous"  # several principals at the same level, none pinned


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contradiction that is shown, never ranked away."""

    kind: ConflictKind
    principal: str
    version: str = ""
    digests: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """(principal, item, version). All `claims` agree on the digest unless `frozen`."""

    principal: str
    version: str
    digest: str
    trust: Trust
    reasons: tuple[str, ...]
    status: Status
    frozen: bool  # equivocation: cannot be installed without an explicit digest
    claims: tuple[Verified, ...]  # provenance, best first


@dataclass(frozen=True, slots=True)
class Entry:
    """What this node shows for one name. Every field of `item` comes from one single claim (R9)."""

    ref: Ref  # without version
    item: Item
    chosen: Release
    others: tuple[Release, ...]  # other releases, best first
    conflicts: tuple[Conflict, ...]
    seen_at: float  # the newest time any claim of the chosen release was confirmed
    expires_at: float


def merge(claims: Iterable[Verified], policy: TrustPolicy) -> Entry | None:
    """One entry from all claims about one (kind, id); None when nothing is left (all withdrawn or revoked)."""
    raise AssertionError


def freshness(seen_at: float, expires_at: float, now: float) -> Freshness:
    raise AssertionError
