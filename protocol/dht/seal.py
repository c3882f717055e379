"""How a node of the DHT signs and checks: its key behind an interface small enough for a test to replace."""

from __future__ import annotations

from typing import Final, Protocol

from protocol.dht.record import SignedPointer, open_pointer
from protocol.errors import OoderError
from protocol.identity import PublicKey, SigningKey
from protocol.records import pae

PROOF_TYPE: Final = "ooder/dht-proof+v1"


class Seal(Protocol):
    """The node's key."""

    @property
    def public(self) -> bytes:
        """32 bytes."""

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""

    def verify(self, key: bytes, signature: bytes, data: bytes) -> bool:
        """Whether `key` signed `data`."""

    def open(self, raw: bytes, wall: float) -> SignedPointer:
        """Check a record; raises OoderError."""


class KeySeal:
    """The real thing."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self._public = key.public.raw

    @property
    def public(self) -> bytes:
        return self._public

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)

    def verify(self, key: bytes, signature: bytes, data: bytes) -> bool:
        try:
            return PublicKey.parse(key).verify(signature, data)
        except OoderError:
            return False

    def open(self, raw: bytes, wall: float) -> SignedPointer:
        return open_pointer(raw, wall)


def proof_text(transaction: bytes, asker: bytes, answerer: bytes) -> bytes:
    """What a node signs to prove its key: this question, by this asker, is answered by this key."""
    return pae(PROOF_TYPE, transaction + asker + answerer)
