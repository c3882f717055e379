"""Who a node is: an Ed25519 key, and the fingerprint of it that two people can compare aloud.

A fingerprint is the SHA-256 of the 32 key bytes in base32: 52 characters, the form used in principals (`key:...`), files and
the index. People see it `spoken`: 8 groups of 7, where the last character of every second group checks the 13 before it, so a
misheard character is found and placed. Weak keys are refused where a key is made, so no `PublicKey` is weak.

docs/protocol/identity.md is the norm. Randomness comes from outside: a signing key is made from a 32-byte seed.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import DataError, UsageError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
FINGERPRINT_CHARS: Final = 52
SHORT_CHARS: Final = 7
AGENT_CHARS: Final = 26  # 130 bits of the fingerprint: nobody finds a second key for an agent id

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_VALUE = {char: number for number, char in enumerate(ALPHABET)}
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B"})  # figures that base32 does not have
_CHECKED = 13  # characters under one check character
_GROUP = 7
_SPOKEN_CHARS = FINGERPRINT_CHARS + FINGERPRINT_CHARS // _CHECKED

FIELD_PRIME: Final = 2**255 - 19
WEAK_Y: Final = frozenset(
    {
        0,  # order 4
        1,  # the identity
        FIELD_PRIME - 1,  # order 2
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,  # order 8
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,  # order 8
    }
)
"""The y coordinates of the points of small order (RFC 8032 curve). OpenSSL accepts them, and with the identity as key one
fixed signature verifies every message."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """32 bytes that are a usable Ed25519 public key. Raises DataError `key.bad_length` or `key.weak`."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEY_BYTES:
            raise DataError("key.bad_length", length=len(self.raw), expected=KEY_BYTES)
        if is_weak(self.raw):
            raise DataError("key.weak", key=self.raw.hex())

    @classmethod
    def parse(cls, data: bytes) -> PublicKey:
        """Read the 32 raw bytes. Raises DataError `key.bad_length` or `key.weak`."""
        return cls(bytes(data))

    @property
    def fingerprint(self) -> str:
        """52 characters of base32, without dashes."""
        return _fingerprint(self.raw)

    @property
    def principal(self) -> str:
        """The name under which this key speaks."""
        return f"key:{self.fingerprint}"

    @property
    def short_id(self) -> str:
        """Enough to tell devices apart on a screen; never enough to trust one."""
        return self.fingerprint[:SHORT_CHARS]

    @property
    def agent_id(self) -> str:
        """The id of this node's own agent (`agent:...`); whoever has the key can prove it."""
        return agent_id_of(self.fingerprint)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` over exactly these bytes was made with this key."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            _loaded(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


def agent_id_of(fingerprint: str) -> str:
    """The id of the agent of the node with that key."""
    return f"node-{fingerprint[:AGENT_CHARS].lower()}"


_loaded = lru_cache(maxsize=1_024)(Ed25519PublicKey.from_public_bytes)  # a fifth of the cost of one check


class SigningKey:
    """A private key. Made from 32 seed bytes that the caller drew from the system; never shown, never compared."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise UsageError("key.bad_seed", length=len(seed), expected=KEY_BYTES)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey.parse(self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.short_id})"

    def sign(self, data: bytes) -> bytes:
        """64 bytes over exactly `data`. Callers separate domains themselves (`protocol.records`)."""
        return self._private.sign(data)


def is_weak(raw: bytes) -> bool:
    """Whether 32 bytes encode a point of small order, or a y that is not below the field prime."""
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    return y in WEAK_Y or y >= FIELD_PRIME


def spoken(fingerprint: str) -> str:
    """The form for people: 8 groups of 7 characters, check characters included.

    >>> spoken("A" * 52)
    'AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA-AAAAAAA'
    """
    parts = [fingerprint[at : at + _CHECKED] for at in range(0, FINGERPRINT_CHARS, _CHECKED)]
    text = "".join(part + check_character(part) for part in parts)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def parse_fingerprint(text: str) -> str:
    """Read what a person typed: spoken or plain form, with or without `key:`, any case, dashes, blanks; 0, 1, 8 for O, I, B.

    Raises DataError `key.fingerprint_character` (place and character), `key.fingerprint_length`, or `key.fingerprint_check`
    (which two groups to compare again).
    """
    plain = text.strip()
    if plain[:4].lower() == "key:":
        plain = plain[4:]
    plain = "".join(char for char in plain[:256] if char not in "- \t").translate(_MISREAD)
    plain = plain.upper() if plain.isascii() else plain
    for at, char in enumerate(plain):
        if char not in _VALUE:
            raise DataError("key.fingerprint_character", character=char, position=at + 1)
    if len(plain) == _SPOKEN_CHARS:
        plain = _without_checks(plain)
    if len(plain) != FINGERPRINT_CHARS:
        raise DataError("key.fingerprint_length", length=len(plain), plain=FINGERPRINT_CHARS, spoken=_SPOKEN_CHARS)
    if plain[-1] not in "AQ":  # 256 bits leave one bit for the last character
        raise DataError("key.fingerprint_character", character=plain[-1], position=FINGERPRINT_CHARS)
    return plain


def check_character(part: str) -> str:
    """The Luhn check character modulo 32: finds every single wrong character and nearly every swap of neighbours."""
    total = 0
    for at, char in enumerate(reversed(part)):
        doubled = _VALUE[char] * (2 if at % 2 == 0 else 1)
        total += doubled // 32 + doubled % 32
    return ALPHABET[-total % 32]


def _without_checks(text: str) -> str:
    step = _CHECKED + 1
    kept = []
    for at in range(0, _SPOKEN_CHARS, step):
        part, check = text[at : at + _CHECKED], text[at + _CHECKED]
        if check_character(part) != check:
            first = at // _GROUP + 1
            raise DataError("key.fingerprint_check", first=first, second=first + 1, text=f"{part}{check}")
        kept.append(part)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _fingerprint(raw: bytes) -> str:
    return base64.b32encode(hashlib.sha256(raw).digest()).decode("ascii").rstrip("=")
