"""The signed part of a datagram: who speaks, in which life, how often, and what it offers in short.

A msgpack array inside a signed record; the signature covers the text of the frame too, through its digest. Whether a record is
genuine is asked through `Seal`, so that this floor needs no key and tests need no cryptography.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Protocol

import msgpack

from protocol import limits
from protocol.lan_text import decode_field

INSTANCE_BYTES = 8
NONCE_BYTES = 8
RECORD_TYPE = "ooder/lan+v1"
"""Domain separation of the signature (SECURITY 2.5)."""


class Flag(IntFlag):
    """What an extension says in one bit each. Unknown bits are ignored."""

    WATCHING = 1  # somebody looks at this node's screen: neighbours announce faster
    GOODBYE = 2  # the sender is leaving
    LISTS_CUT = 4  # the text does not hold everything; ask the peer plane
    PROBE = 8  # this request only asks whether the receiver is alive


class Seal(Protocol):
    """Signs and opens the records that extensions travel in; `protocol.records` does it for real."""

    overhead: int
    """Bytes a record is longer than its payload."""

    def sign(self, payload: bytes) -> bytes:
        """A record that holds exactly `payload`."""

    def claim(self, record: bytes) -> tuple[str, bytes] | None:
        """(key fingerprint, payload) as the record claims, unchecked; None when it cannot be read."""

    def holds(self, record: bytes) -> bool:
        """Whether the signature is of that key over exactly these bytes. Never raises."""

    def agent_id(self, key: str) -> str:
        """The only agent id that key may speak as."""


@dataclass(frozen=True, slots=True)
class Extension:
    """The signed part. `issued` is the sender's wall time in ms, `ttl` seconds, `every` ms until it promises to speak again,
    `nonce` echoes a question, `digest`/`count` describe the catalogue, `text` is the digest of the frame it rides on."""

    agent_id: str
    instance: bytes
    seq: int
    issued: int
    ttl: int = 16
    every: int = 5_000
    tcp_port: int = 0
    dht_port: int = 0
    digest: bytes = b""
    count: int = 0
    nonce: bytes = b""
    name: str = ""
    flags: int = 0
    text: bytes = b""


def encode_extension(extension: Extension) -> bytes:
    """The payload of the signed record: a msgpack array, fields in the order of `Extension`, version first."""
    values = [1, *(getattr(extension, name) for name in Extension.__slots__)]
    return bytes(msgpack.packb(values, use_bin_type=True))


_SHAPE: tuple[tuple[type, int], ...] = (
    (str, limits.ID_CHARS),
    (bytes, INSTANCE_BYTES),
    (int, 1 << 53),
    (int, 1 << 53),
    (int, 86_400),
    (int, 3_600_000),
    (int, 65_535),
    (int, 65_535),
    (bytes, 32),
    (int, 1 << 31),
    (bytes, 16),
    (str, limits.NAME_CHARS),
    (int, 1 << 31),
    (bytes, 16),
)
_WORDS = tuple(place for place, (kind, _) in enumerate(_SHAPE) if kind is str)


def decode_extension(payload: bytes) -> Extension | None:
    """The twin of `encode_extension`; None for anything else. Surplus fields of a later version are ignored."""
    try:
        values = msgpack.unpackb(
            payload, raw=False, max_str_len=1024, max_bin_len=1024, max_array_len=32, max_map_len=0, max_ext_len=0
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError):
        return None
    if not isinstance(values, list) or len(values) <= len(_SHAPE) or type(values[0]) is not int or values[0] < 1:
        return None
    shaped: list[int | str | bytes] = values[1 : len(_SHAPE) + 1]
    for value, (kind, bound) in zip(shaped, _SHAPE, strict=True):
        if type(value) is not kind or not 0 <= (value if isinstance(value, int) else len(value)) <= bound:
            return None
    for place in _WORDS:
        shaped[place] = decode_field(str(shaped[place]))
    extension = Extension(*shaped)  # type: ignore[arg-type]
    return extension if extension.agent_id and len(extension.instance) == INSTANCE_BYTES else None
