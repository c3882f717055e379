"""Changing keys without losing one's names: a rotation is a record of type `rotation`, signed by the old key, that names the new.

The record's value is the new public key (32 bytes) and the new key's signature over `pae(rotation, old + new)`, so nobody can
hand a name to a key that does not want it. Following a rotation moves pins and known keys, and drops the floors of the old key:
a thief who signed version 999999 loses that hold (SECURITY 2.4). A revoked key, or one that names two successors, moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from protocol.errors import DataError
from protocol.identity import PublicKey, SigningKey
from protocol.records import ROTATION, OpenedRecord, RecordValue, pae
from protocol.refs import Kind
from protocol.trust import Floor, Floors, TrustPolicy


@dataclass(frozen=True, slots=True, order=True)
class Rotation:
    """Fingerprints of the key that hands over and of the one that takes over."""

    old: str
    new: str


def rotation_value(old: PublicKey, new: SigningKey) -> RecordValue:
    """What the old key has to sign as the value of a record of type `ROTATION`."""
    return [new.public.raw, new.sign(pae(ROTATION, old.raw + new.public.raw))]


def read_rotation(record: OpenedRecord) -> Rotation:
    """Read an opened record. Raises DataError `record.wrong_type`, `record.malformed`, `record.not_taken_over`, `key.weak`."""
    if record.type != ROTATION:
        raise DataError("record.wrong_type", found=record.type, expected=ROTATION)
    value = record.value
    if not (isinstance(value, list) and [type(part) for part in value] == [bytes, bytes]):
        raise DataError("record.malformed", reason="not a new key and its signature")
    raw, signature = value
    assert isinstance(raw, bytes) and isinstance(signature, bytes)
    new = PublicKey.parse(raw)
    if new == record.key or not new.verify(signature, pae(ROTATION, record.key.raw + new.raw)):
        raise DataError("record.not_taken_over", key=new.fingerprint)
    return Rotation(record.key.fingerprint, new.fingerprint)


def successors(rotations: Iterable[Rotation], revoked: frozenset[str]) -> dict[str, str]:
    """old -> the last key of its chain. Keys that are revoked, name two successors, or lead into a circle are left out."""
    named: dict[str, set[str]] = {}
    for rotation in rotations:
        named.setdefault(rotation.old, set()).add(rotation.new)
    step = {old: next(iter(new)) for old, new in named.items() if len(new) == 1 and old not in revoked}
    found = {}
    for old in step:
        at, seen = step[old], {old}
        while at in step and at not in seen:
            seen.add(at)
            at = step[at]
        if at not in seen and at not in revoked:
            found[old] = at
    return found


def follow(policy: TrustPolicy, rotations: Iterable[Rotation]) -> TrustPolicy:
    """The policy with pins, known keys and namespaces moved to the keys that took over."""
    moved = successors(rotations, policy.revoked_keys)
    if not moved:
        return policy
    return replace(
        policy,
        known_keys=frozenset(moved.get(key, key) for key in policy.known_keys),
        pins=tuple((ref, _moved(principal, moved)) for ref, principal in policy.pins),
        namespaces=tuple((name, moved.get(key, key)) for name, key in policy.namespaces),
    )


def floors_after(
    floors: Floors, rotations: Iterable[Rotation], revoked: frozenset[str]
) -> dict[tuple[str, Kind, str], Floor]:
    """The floors without those of keys that handed over."""
    gone: Mapping[str, str] = successors(rotations, revoked)
    return {name: floor for name, floor in floors.items() if name[0].removeprefix("key:") not in gone}


def _moved(principal: str, moved: Mapping[str, str]) -> str:
    if not principal.startswith("key:"):
        return principal
    key = principal.removeprefix("key:")
    return f"key:{moved.get(key, key)}"
