"""The bytes of a bundle: an installed scene or skill with everything it needs, for machines without a network (PEERS demand 7).

A bundle is a plain ustar archive of a form so narrow that every byte of it is covered by one signature: `bundle.sig` is a
signed record that names the target and the SHA-256 of `members`; `members` has hash, size and name of every other file; headers
and padding can only be as `header` and `padding` write them. Any tar program can look inside. docs/protocol/bundle.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.errors import DataError
from protocol.identity import SigningKey
from protocol.records import OpenedRecord, RecordValue, open_record, sign_record

BUNDLE: Final = "ooder/bundle+v1"
SIGNATURE: Final = "bundle.sig"
MEMBERS: Final = "members"
LOCK: Final = "ooder.lock"
BLOCK: Final = 512
END: Final = bytes(2 * BLOCK)
LIFE_MS: Final = int(limits.RECORD_LIFE_LONGEST_SECONDS) * 1000

_LINE = re.compile(rb"([0-9a-f]{64}) (0|[1-9][0-9]{0,15}) (ooder\.lock|trees/[0-9a-f]{64}\.tar\.gz)\n")


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """One file of a bundle: `size` in bytes, `sha256` as 64 hex digits."""

    name: str
    size: int
    sha256: str


def tree_name(digest: str) -> str:
    """Where a tree lies in a bundle.

    >>> tree_name("sha256:" + "0" * 64)[:12]
    'trees/000000'
    """
    return f"trees/{digest.removeprefix('sha256:')}.tar.gz"


def encode_members(members: Iterable[Member]) -> bytes:
    """The list of a bundle's files: the lock first, then the trees by name."""
    ordered = sorted(members, key=lambda one: (one.name != LOCK, one.name))
    return b"".join(f"{one.sha256} {one.size} {one.name}\n".encode() for one in ordered)


def decode_members(data: bytes) -> tuple[Member, ...]:
    """The twin of `encode_members`. Raises DataError `bundle.malformed`."""
    found = []
    for line in data.splitlines(keepends=True):
        match = _LINE.fullmatch(line)
        if match is None:
            raise malformed("a line of the list of files")
        found.append(Member(match[3].decode(), int(match[2]), match[1].decode()))
    if encode_members(found) != data or len({one.name for one in found}) < len(found) or not found:
        raise malformed("the list of files")
    if found[0].name != LOCK or sum(one.size for one in found) > limits.BUNDLE_BYTES:
        raise malformed("the list of files")
    return tuple(found)


def sign_bundle(key: SigningKey, target: str, members: bytes, now: float) -> bytes:
    """The record that vouches for every byte of a bundle."""
    issued = int(now * 1000)
    value: RecordValue = {"format": 1, "members": hashlib.sha256(members).hexdigest()}
    return sign_record(
        key, record_type=BUNDLE, name=target, seq=issued, issued_ms=issued, expires_ms=issued + LIFE_MS, value=value
    )


def open_signature(data: bytes, members: bytes, now: float) -> OpenedRecord:
    """Who vouches for a bundle with this list of files. Raises DataError `bundle.malformed`, `record.*`; IntegrityError
    `record.bad_signature`."""
    record = open_record(data, expected_type=BUNDLE, now=now, max_life=limits.RECORD_LIFE_LONGEST_SECONDS)
    if record.value != {"format": 1, "members": hashlib.sha256(members).hexdigest()}:
        raise malformed("the signature is for another list of files")
    return record


def header(name: str, size: int) -> bytes:
    """The one header a file of a bundle may have (ustar, no owner, no time)."""
    fields = (
        (name.encode(), 100),
        (b"0000644", 8),
        (b"0000000", 8),
        (b"0000000", 8),
        (b"%011o" % size, 12),
        (b"00000000000", 12),
        (b"        ", 8),
        (b"0", 1),
        (b"", 100),
        (b"ustar\00000", 8),
        (b"", 247),
    )
    block = b"".join(value.ljust(length, b"\0") for value, length in fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def padding(size: int) -> bytes:
    """What fills the last block of a file."""
    return bytes(-size % BLOCK)


def malformed(what: str) -> DataError:
    """A bundle that this program would not have written."""
    return DataError("bundle.malformed", reason=what)
