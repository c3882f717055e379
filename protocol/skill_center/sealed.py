"""Records as text: base64url without padding, for JSON and header lines."""

from __future__ import annotations

import base64
import binascii

from protocol import limits
from protocol.errors import DataError
from protocol.records import OpenedRecord, open_record


def to_text(record: bytes) -> str:
    """The text of a record."""
    return base64.urlsafe_b64encode(record).decode("ascii").rstrip("=")


def from_text(text: str) -> bytes:
    """The twin of `to_text`. Raises DataError `record.malformed`, `record.too_big`."""
    if len(text) > limits.RECORD_HTTP_BYTES * 4 // 3 + 4:
        raise DataError("record.too_big", bytes=len(text) * 3 // 4, limit=limits.RECORD_HTTP_BYTES)
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise DataError("record.malformed", reason="not base64") from None
    return data


def open_text(text: str, kind: str, now: float, max_life: float = limits.RECORD_LIFE_SECONDS) -> OpenedRecord:
    """Check everything about a record in text form. Raises what `protocol.records.open_record` raises."""
    return open_record(from_text(text), expected_type=kind, now=now, max_life=max_life)


def fields(record: OpenedRecord) -> dict[str, object]:
    """The value of a record that has to be a map. Raises DataError `record.malformed`."""
    if not isinstance(record.value, dict):
        raise DataError("record.malformed", reason="the value is no map")
    return dict(record.value)


def text_of(values: dict[str, object], name: str, most: int = limits.RECORD_CHARS) -> str:
    """A text of the value. Raises DataError `record.malformed`."""
    found = values.get(name, "")
    if not isinstance(found, str) or len(found) > most:
        raise DataError("record.malformed", reason=f"{name} is no text of at most {most} characters")
    return found


def count_of(values: dict[str, object], name: str, most: int = limits.RECORD_INTEGER) -> int:
    """A number >= 0 of the value. Raises DataError `record.malformed`."""
    found = values.get(name, 0)
    if type(found) is not int or not 0 <= found <= most:
        raise DataError("record.malformed", reason=f"{name} is no number from 0 to {most}")
    return found
