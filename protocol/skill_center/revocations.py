"""The revocation list of a registry: what must not be installed or run any more, by tree digest or by key (SECURITY T27).

Signed by the registry, whole each time, with a sequence that only grows: an older list is a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.errors import DataError, IntegrityError
from protocol.identity import SigningKey
from protocol.records import REVOCATION, RecordValue, sign_record
from protocol.skill_center.sealed import open_text, to_text

REVOCATIONS_KEPT: Final = 500  # entries of one list: 64 KiB hold them with reasons of 50 bytes
LIST_SECONDS: Final = 7 * 86_400
_REASON_BYTES: Final = 40


@dataclass(frozen=True, slots=True)
class Revocation:
    """`what` is `sha256:` + 64 hex digits (a tree) or `key:` + fingerprint; `at` wall seconds."""

    what: str
    reason: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class SignedRevocations:
    """A list whose signature was checked."""

    entries: tuple[Revocation, ...]
    key: str
    seq: int
    expires_at: float


def sign_revocations(key: SigningKey, entries: Sequence[Revocation], seq: int, now: float) -> str:
    """The list as text; beyond `REVOCATIONS_KEPT` the oldest entries are left out."""
    issued = int(now * 1000)
    value: list[RecordValue] = [
        [one.what, one.reason.encode()[:_REASON_BYTES].decode("utf-8", "ignore"), int(one.at)]
        for one in entries[-REVOCATIONS_KEPT:]
    ]
    data = sign_record(
        key,
        record_type=REVOCATION,
        name=key.public.agent_id,
        seq=seq,
        issued_ms=issued,
        expires_ms=issued + LIST_SECONDS * 1000,
        value=value,
    )
    return to_text(data)


def open_revocations(text: str, now: float, key: str = "") -> SignedRevocations:
    """Check and read a list of the registry with fingerprint `key`. Raises DataError `record.*`, IntegrityError
    `record.bad_signature`, `center.other_key`."""
    record = open_text(text, REVOCATION, now, LIST_SECONDS)
    found = record.key.fingerprint
    if (key and found != key) or record.name != record.key.agent_id:
        raise IntegrityError("center.other_key", wanted=key[:7] or record.name, found=found[:7])
    rows = record.value
    if not isinstance(rows, list):
        raise DataError("record.malformed", reason="no list of revocations")
    return SignedRevocations(tuple(map(_entry, rows)), found, record.seq, record.expires_at)


def _entry(row: object) -> Revocation:
    if not (isinstance(row, list) and [type(part) for part in row] == [str, str, int]):
        raise DataError("record.malformed", reason="a revocation is not what, reason and time")
    what, reason, at = row
    if not what.startswith(("sha256:", "key:")):
        raise DataError("record.malformed", reason="a revocation names neither tree nor key")
    return Revocation(what, reason, float(at))
