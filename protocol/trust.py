"""The trust door: the only way from a sighting (untrusted) to `Verified` (with a level and the reasons for it).

Guarantees: a level is computed here from how a claim arrived (`Evidence.channel`) and from what this user decided
(`TrustPolicy`), never read from the claim; every level comes with reason codes; a claim may speak for its principal
(`proven`) only if it came from that principal's own files, own origin or own key.
Leaves to others: checking signatures (`protocol.records`), storing pins and floors (node), choosing between claims
(`protocol.merge`).

The rules (SECURITY 2.2, docs/protocol/trust.md):
own files -> personal; own fetch from the origin -> community, or official when the principal or owner is on the list of
officials; signed -> official, community or personal by whose key it is; everything else -> unverified. A repaired manifest
counts one level less. A revoked key makes all it ever said revoked.

Example: a skill cloned over https from a repository nobody put on a list is `community`, because `trust.reason.origin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from protocol.items import Channel, Sighting, Status
from protocol.query import Trust
from protocol.refs import Kind, Ref
from protocol.revoked_lists import NOTHING, Revoked
from protocol.versions import compare_key

OWN_MEMORIES = frozenset({"", "local_fs", "cache"})
"""Who may repeat a claim to us without making it hearsay: nobody, or our own disk."""

EXPIRED_RECORD_SECONDS = 30 * 86_400
"""A signed record this long past its own expiry proves nothing any more."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A sighting that passed the door. Only this module makes one (an architecture test forbids it elsewhere)."""

    sighting: Sighting
    trust: Trust
    reasons: tuple[str, ...]  # reason codes, rendered through protocol.messages
    below_floor: bool = False
    proven: bool = False  # may speak for its principal; without it a claim is only a hint where bytes may be
    status: Status = Status.ACTIVE  # the sighting's own, or revoked when its key is


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What this node's user has decided. Principals and owners may end in `*` (a lone `*` matches nothing)."""

    official: frozenset[str] = frozenset()
    known_keys: frozenset[str] = frozenset()  # paired devices, own key, keys pinned on first install
    revoked_keys: frozenset[str] = frozenset()
    pins: tuple[tuple[str, str], ...] = ()  # (ref without version, principal): the owner of a name
    revoked: Revoked = NOTHING  # what registries say must not run
    namespaces: tuple[tuple[str, str], ...] = ()  # (principal or owner, fingerprint): keys proved for a namespace


@dataclass(frozen=True, slots=True)
class Floor:
    """The newest release of (principal, item) this node ever relied on; older claims are ignored (R4)."""

    version: str = ""
    seq: int = 0


Floors = Mapping[tuple[str, Kind, str], Floor]
"""(principal, kind, id) -> floor."""

NO_FLOORS: Floors = MappingProxyType({})

_UNPROVEN = {
    Channel.PLAIN: ("trust.reason.plain",),
    Channel.HEARSAY: ("trust.reason.hearsay",),
    Channel.FOREIGN_FILES: ("trust.reason.foreign_files",),
}


def admit(sighting: Sighting, policy: TrustPolicy, now: float, floors: Floors = NO_FLOORS) -> Verified:
    """Judge one sighting at wall time `now` (seconds since 1970). Never fails: the worst answer is `unverified`."""
    trust, reasons, proven = _authority(sighting, policy, now)
    if sighting.item.repaired:
        trust, reasons = trust.lowered(), (*reasons, "trust.reason.repaired")
    if sighting.evidence.relayed_by:
        reasons = (*reasons, "trust.reason.relayed")
    status = sighting.status
    if policy.revoked_keys and _signing_key(sighting) in policy.revoked_keys:
        trust, status, reasons = Trust.UNVERIFIED, Status.REVOKED, (*reasons, "trust.reason.key_revoked")
    if (
        policy.revoked
        and policy.revoked.reason(sighting.principal, sighting.digest, _signing_key(sighting)) is not None
    ):
        trust, status, reasons = Trust.UNVERIFIED, Status.REVOKED, (*reasons, "trust.reason.revoked")
    below = bool(floors) and _is_below(sighting, floors)
    if below:
        reasons = (*reasons, "trust.reason.below_floor")
    return Verified(sighting, trust, reasons, below, proven, status)


def owner_of(ref: Ref, policy: TrustPolicy) -> str:
    """The principal that owns the name by pin, or "". A later pin replaces an earlier one."""
    if not policy.pins:
        return ""
    return _pins(policy.pins).get(str(ref.any_version), "")


def matches(name: str, pattern: str) -> bool:
    """Whether a principal or owner is meant by `pattern` (exact, or a prefix that ends in `*`)."""
    return name == pattern or (len(pattern) > 1 and pattern.endswith("*") and name.startswith(pattern[:-1]))


def is_official(name: str, policy: TrustPolicy) -> bool:
    """Whether the user listed this principal or owner as official."""
    official = policy.official
    if not official or not name:
        return False
    return name in official or name.startswith(_prefixes(official))


def _authority(sighting: Sighting, policy: TrustPolicy, now: float) -> tuple[Trust, tuple[str, ...], bool]:
    evidence = sighting.evidence
    channel = evidence.channel
    if channel is Channel.SIGNED:
        return _signed(sighting, policy, now)
    if evidence.relayed_by not in OWN_MEMORIES:
        return Trust.UNVERIFIED, _UNPROVEN[Channel.HEARSAY], False
    if channel is Channel.OWN_FILES:
        return Trust.PERSONAL, ("trust.reason.own_files",), True
    if channel is Channel.ORIGIN:
        if is_official(sighting.principal, policy) or is_official(evidence.owner, policy):
            return Trust.OFFICIAL, ("trust.reason.official_origin",), True
        return Trust.COMMUNITY, ("trust.reason.origin",), True
    return Trust.UNVERIFIED, _UNPROVEN[channel], False


def _signed(sighting: Sighting, policy: TrustPolicy, now: float) -> tuple[Trust, tuple[str, ...], bool]:
    key, own_name = sighting.evidence.key, f"key:{sighting.evidence.key}"
    if not key:
        return Trust.UNVERIFIED, _UNPROVEN[Channel.HEARSAY], False
    if sighting.expires_at and now >= sighting.expires_at + EXPIRED_RECORD_SECONDS:
        return Trust.UNVERIFIED, ("trust.reason.signature_expired",), False
    spoken_for = {sighting.principal, sighting.evidence.owner} - {""}
    granted = [
        name for name, holder in policy.namespaces if holder == key and any(matches(s, name) for s in spoken_for)
    ]
    if sighting.principal != own_name and not granted:
        return Trust.UNVERIFIED, ("trust.reason.signed_other_name",), False
    if is_official(own_name, policy) or any(is_official(name, policy) for name in granted):
        return Trust.OFFICIAL, ("trust.reason.signed_official",), True
    if granted:
        return Trust.COMMUNITY, ("trust.reason.signed_namespace",), True
    if key in policy.known_keys:
        return Trust.PERSONAL, ("trust.reason.signed_known",), True
    return Trust.UNVERIFIED, ("trust.reason.signed_unknown",), True


def _signing_key(sighting: Sighting) -> str:
    return sighting.evidence.key or sighting.principal.removeprefix("key:")


def _is_below(sighting: Sighting, floors: Floors) -> bool:
    item = sighting.item
    floor = floors.get((sighting.principal, item.kind, item.id))
    if floor is None:
        return False
    return compare_key(item.version) < compare_key(floor.version) or (bool(sighting.seq) and sighting.seq < floor.seq)


@lru_cache(maxsize=64)
def _pins(pins: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(pins)


@lru_cache(maxsize=64)
def _prefixes(official: frozenset[str]) -> tuple[str, ...]:
    return tuple(pattern[:-1] for pattern in official if pattern.endswith("*") and len(pattern) > 1)
