"""Signed records: what somebody says under a key, for a while, about one name - verified first, parsed afterwards.

On the wire a record is the msgpack array `[type, body, signature]`; the body is the 32 bytes of the public key and then the
msgpack array `[name, sequence, issued, expires, value]` (times in milliseconds since 1970). The signature covers
`pae(type, body)`, so a record of one type never passes for another, and nothing but the length of three fields is read
before it is checked. One record has one form of bytes: another spelling of the same array is refused.

docs/protocol/records.md is the norm, tests/vectors/records.json has the golden bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import msgpack

from protocol import limits
from protocol.errors import DataError, IntegrityError, UsageError
from protocol.identity import KEY_BYTES, SIGNATURE_BYTES, PublicKey, SigningKey

RecordValue = None | bool | int | float | str | bytes | list["RecordValue"] | dict[str, "RecordValue"]
"""What a record may carry."""

RELEASE = "ooder/release+v1"
PEER = "ooder/peer+v1"
NAMESPACE = "ooder/namespace+v1"
ROTATION = "ooder/rotation+v1"
REVOCATION = "ooder/revocation+v1"


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record whose signature, type, times and form were checked."""

    type: str
    key: PublicKey
    name: str
    seq: int
    issued_ms: int
    expires_ms: int
    value: RecordValue
    digest: str  # "sha256:" of the signed bytes

    @property
    def expires_at(self) -> float:
        """Wall seconds, as in a sighting."""
        return self.expires_ms / 1000


def pae(kind: str, body: bytes) -> bytes:
    """The pre-authentication encoding of DSSE: lengths make it impossible to read one (type, body) as another.

    >>> pae("a", b"bc")
    b'DSSEv1 1 a 2 bc'
    """
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


def sign_record(
    key: SigningKey,
    *,
    record_type: str,
    name: str,
    seq: int,
    issued_ms: int,
    expires_ms: int,
    value: RecordValue,
    max_bytes: int = limits.RECORD_HTTP_BYTES,
) -> bytes:
    """The bytes of one record. Raises UsageError `record.cannot_sign` for a value that no reader would accept, `record.too_big`
    when they do not fit the transport."""
    try:
        payload = _pack([name, seq, issued_ms, expires_ms, value])
        _parse_payload(payload, issued_ms / 1000, limits.RECORD_LIFE_LONGEST_SECONDS)
    except (DataError, TypeError, ValueError, OverflowError, RecursionError) as reason:
        raise UsageError(
            "record.cannot_sign", name=str(name)[: limits.RECORD_NAME_BYTES], reason=str(reason)
        ) from reason
    if not record_type.isascii() or not 0 < len(record_type) <= limits.RECORD_TYPE_CHARS:
        raise UsageError("record.cannot_sign", name=name, reason=f"type {record_type[:80]!r}")
    body = key.public.raw + payload
    data = _pack([record_type, body, key.sign(pae(record_type, body))])
    if len(data) > max_bytes:
        raise UsageError("record.too_big", bytes=len(data), limit=max_bytes)
    return data


def open_record(
    data: bytes,
    *,
    expected_type: str,
    now: float,
    max_bytes: int = limits.RECORD_HTTP_BYTES,
    max_life: float = limits.RECORD_LIFE_SECONDS,
) -> OpenedRecord:
    """Check everything about a record at wall time `now` (seconds).

    Raises DataError `record.too_big`, `record.malformed`, `record.trailing_bytes`, `record.duplicate_key`,
    `record.wrong_type`, `record.expired`, `record.from_the_future`, `record.lives_too_long`, `key.weak`; IntegrityError
    `record.bad_signature`. Whatever the bytes, nothing else.
    """
    if len(data) > max_bytes:
        raise DataError("record.too_big", bytes=len(data), limit=max_bytes)
    kind, body, signature = _open_envelope(data)
    if kind != expected_type:
        raise DataError("record.wrong_type", found=kind[: limits.RECORD_TYPE_CHARS], expected=expected_type)
    key = PublicKey.parse(body[:KEY_BYTES])
    signed = pae(kind, body)
    if not key.verify(signature, signed):
        raise IntegrityError("record.bad_signature", key=key.fingerprint)
    name, seq, issued_ms, expires_ms, value = _parse_payload(body[KEY_BYTES:], now, max_life)
    digest = f"sha256:{hashlib.sha256(signed).hexdigest()}"
    return OpenedRecord(kind, key, name, seq, issued_ms, expires_ms, value, digest)


def equivocates(left: OpenedRecord, right: OpenedRecord) -> bool:
    """Whether one key said two things under the same name and sequence (R5)."""
    same = (left.type, left.key, left.name, left.seq) == (right.type, right.key, right.name, right.seq)
    return same and left.digest != right.digest


def newest(records: Iterable[OpenedRecord]) -> OpenedRecord | None:
    """The record of the highest sequence; among equals the one of the smallest digest, so that all readers choose alike."""
    return min(records, key=lambda record: (-record.seq, record.digest), default=None)


def _open_envelope(data: bytes) -> tuple[str, bytes, bytes]:
    parts = _unpack(data)
    if not (isinstance(parts, list) and [type(part) for part in parts] == [str, bytes, bytes]):
        raise DataError("record.malformed", reason="not an array of type, body and signature")
    kind, body, signature = cast("tuple[str, bytes, bytes]", tuple(parts))
    if len(body) <= KEY_BYTES or len(signature) != SIGNATURE_BYTES or _pack(parts) != data:
        raise DataError("record.malformed", reason="wrong lengths, or not the shortest form")
    return kind, body, signature


def _parse_payload(payload: bytes, now: float, max_life: float) -> tuple[str, int, int, int, RecordValue]:
    parts = _unpack(payload)
    if not (isinstance(parts, list) and [type(part) for part in parts[:4]] == [str, int, int, int] and len(parts) == 5):
        raise DataError("record.malformed", reason="not an array of name, sequence, issued, expires and value")
    name, seq, issued_ms, expires_ms, value = parts
    if not 0 < len(name.encode()) <= limits.RECORD_NAME_BYTES:
        raise DataError("record.malformed", reason="name is empty or too long")
    if not (0 <= seq < limits.RECORD_INTEGER and 0 <= issued_ms < expires_ms < limits.RECORD_INTEGER):
        raise DataError("record.malformed", reason="sequence or times out of range")
    _check_value(value)
    if issued_ms > (now + limits.RECORD_SKEW_SECONDS) * 1000:
        raise DataError("record.from_the_future", name=name, seconds=int(issued_ms / 1000 - now))
    if expires_ms <= now * 1000:
        raise DataError("record.expired", name=name, seconds=int(now - expires_ms / 1000))
    if expires_ms - issued_ms > max_life * 1000:
        raise DataError("record.lives_too_long", name=name, days=int((expires_ms - issued_ms) / 86_400_000))
    return name, seq, issued_ms, expires_ms, value


def _check_value(value: Any) -> None:
    """Depth and not-a-number; the rest was bounded while unpacking."""
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > limits.RECORD_DEPTH:
            raise DataError("record.malformed", reason=f"nested deeper than {limits.RECORD_DEPTH}")
        if isinstance(part, float) and not math.isfinite(part):
            raise DataError("record.malformed", reason="not a finite number")
        if isinstance(part, list):
            waiting += [(child, depth + 1) for child in part]
        elif isinstance(part, dict):
            waiting += [(child, depth + 1) for child in part.values()]


def _pack(value: object) -> bytes:
    return cast("bytes", msgpack.packb(value, use_bin_type=True))


def _unpack(data: bytes) -> object:
    """Bounded and strict. Any other spelling of failure of the library becomes `record.malformed`."""
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_unique,
            max_str_len=limits.RECORD_STRING_BYTES,
            max_bin_len=limits.RECORD_HTTP_BYTES,
            max_array_len=limits.RECORD_ARRAY,
            max_map_len=limits.RECORD_MAP,
            max_ext_len=0,
            timestamp=0,
        )
    except DataError:
        raise
    except msgpack.ExtraData as extra:
        raise DataError("record.trailing_bytes", count=len(extra.extra)) from None
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError) as reason:
        raise DataError("record.malformed", reason=type(reason).__name__) from None


def _unique(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise DataError("record.malformed", reason="a key that is not text")
        if key in found:
            raise DataError("record.duplicate_key", key=key[:64])
        found[key] = value
    return found
