"""The trust door: the only way from a sighting (untrusted) to `Verified` (with a level and the reasons for it)."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.items import Sighting
from protocol.query import Trust


@dataclass(frozen=True, slots=True)
class Verified:
    """A sighting that passed the door. Only this module makes one (an architecture test forbids it elsewhere)."""

    sighting: Sighting
    trust: Trust
    reasons: tuple[str, ...]  # reason codes, rendered through protocol.messages
    below_floor: bool = False


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What this node's user has decided. Principals may end in `*`."""

    official: frozenset[str] = frozenset()
    known_keys: frozenset[str] = frozenset()  # paired devices, own key, keys pinned on first install
    revoked_keys: frozenset[str] = frozenset()
    pins: tuple[tuple[str, str], ...] = ()  # (ref without version, principal): the owner of a name


def admit(sighting: Sighting, policy: TrustPolicy, now: float) -> Verified:
    """Judge one sighting."""
    raise AssertionError
