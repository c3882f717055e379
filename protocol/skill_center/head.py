"""The head of a registry: signed by it, with sequence and expiry, and bound to every release it has.

A client keeps the highest sequence it saw before it uses what came with it. A lower one is a rollback; two heads of one sequence
that differ are an equivocation; an expired one means that the registry is frozen or somebody holds its answers back.

`catalogue` is computed from one line for each release, in 4096 buckets by name, so that a registry of 100,000 items signs a
change in a millisecond. docs/protocol/skill-center.md has the form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from protocol.errors import IntegrityError
from protocol.identity import SigningKey
from protocol.records import sign_record
from protocol.refs import Ref
from protocol.skill_center.release import SignedRelease
from protocol.skill_center.sealed import count_of, fields, open_text, text_of, to_text

HEAD: Final = "ooder/skill-center+v1"
HEAD_SECONDS: Final = 7 * 86_400
BUCKETS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Head:
    """`event` is the number of the last change, `releases` how many there are, `revocations` the sequence of that list."""

    event: int
    releases: int
    catalogue: str
    revocations: int


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head whose signature was checked. Times are wall seconds; `digest` tells two heads of one sequence apart."""

    head: Head
    key: str
    agent_id: str  # of the key; what orders name
    seq: int
    issued_at: float
    expires_at: float
    digest: str


def sign_head(key: SigningKey, head: Head, seq: int, now: float) -> str:
    """The head as text."""
    issued = int(now * 1000)
    data = sign_record(
        key,
        record_type=HEAD,
        name=key.public.agent_id,
        seq=seq,
        issued_ms=issued,
        expires_ms=issued + HEAD_SECONDS * 1000,
        value={
            "event": head.event,
            "releases": head.releases,
            "catalogue": head.catalogue,
            "revocations": head.revocations,
        },
    )
    return to_text(data)


def open_head(text: str, now: float, key: str = "") -> SignedHead:
    """Check and read a head; `key` is the fingerprint it has to be of, "" = whose it is will be remembered. Raises DataError
    `record.*`, IntegrityError `record.bad_signature`, `center.other_key`."""
    record = open_text(text, HEAD, now, HEAD_SECONDS)
    found = record.key.fingerprint
    if (key and found != key) or record.name != record.key.agent_id:
        raise IntegrityError("center.other_key", wanted=key[:7] or record.name, found=found[:7])
    values = fields(record)
    head = Head(
        count_of(values, "event"),
        count_of(values, "releases"),
        text_of(values, "catalogue"),
        count_of(values, "revocations"),
    )
    return SignedHead(head, found, record.name, record.seq, record.issued_ms / 1000, record.expires_at, record.digest)


def bucket_of(ref: Ref) -> int:
    """Which bucket all versions of an item are in."""
    return int.from_bytes(hashlib.sha256(str(ref.any_version).encode()).digest()[:2], "big") % BUCKETS


def line_of(signed: SignedRelease) -> bytes:
    """The line of one release. The record's digest stands for everything that is said in it."""
    return f"{signed.release.ref} {signed.digest} {signed.seq}\n".encode()


def bucket_digest(lines: Iterable[bytes]) -> bytes:
    """32 bytes for the lines of one bucket, in whatever order they come; an empty bucket has none."""
    ordered = sorted(lines)
    return hashlib.sha256(b"".join(ordered)).digest() if ordered else b""


def catalogue_digest(buckets: Mapping[int, bytes]) -> str:
    """`sha256:` + 64 hex digits over all buckets that are not empty."""
    whole = hashlib.sha256()
    for number in sorted(buckets):
        if buckets[number]:
            whole.update(number.to_bytes(2, "big") + buckets[number])
    return f"sha256:{whole.hexdigest()}"
