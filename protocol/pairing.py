"""Pairing: two people compare six digits, and each device knows the other's key (SECURITY 2.4).

Both sides commit to a number before either shows its own, so that somebody in between has one guess among a million. The
code is a hash over both keys and both numbers; who is asked by several devices has another number for each of them.
docs/protocol/peer-plane.md, Pairing.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

NUMBER_BYTES = 32
_COMMIT, _CODE, _NUMBER = b"ooder/pair-commit+v1", b"ooder/pair-code+v1", b"ooder/pair-number+v1"


@dataclass(frozen=True, slots=True)
class Side:
    """One side as the other one sees it: fingerprint, and the number once it is shown."""

    key: str
    number: bytes

    @property
    def commitment(self) -> str:
        """What is shown first."""
        return hashlib.sha256(_COMMIT + self.key.encode() + b"\0" + self.number).hexdigest()


def number_for(secret: bytes, other: str) -> bytes:
    """Our number towards the device with fingerprint `other`."""
    return hmac.digest(secret, _NUMBER + other.encode(), "sha256")


def code_of(left: Side, right: Side) -> str:
    """Six digits, the same on both sides.

    >>> a, b = Side("A", bytes(32)), Side("B", bytes(32))
    >>> code_of(a, b) == code_of(b, a)
    True
    """
    parts = sorted(side.key.encode() + b"\0" + side.number for side in (left, right))
    digest = hashlib.sha256(_CODE + b"\0".join(parts)).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 1_000_000:06d}"
