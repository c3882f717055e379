"""A release record: the publisher's word about one version of one item, signed, for as long as the version is of interest.

The record is of type `ooder/release+v1` under the name `kind:id@version`. A version is immutable: a later record of the same
name has a higher sequence and may change nothing but `status` and `reason`. It binds the tree, the package file and the item as
JSON text, so whoever carries them (registry, mirror, neighbour) can change none of them.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

from protocol import limits
from protocol.digest import is_tree_digest
from protocol.errors import DataError, IntegrityError
from protocol.identity import SigningKey
from protocol.item_json import decode_item, encode_item, read_json, write_json
from protocol.items import Item, Status
from protocol.records import RELEASE, OpenedRecord, sign_record
from protocol.refs import Ref, parse_ref
from protocol.skill_center.sealed import count_of, fields, open_text, text_of, to_text

_HEX = re.compile(r"[0-9a-f]{64}")
REASON_CHARS = 500


@dataclass(frozen=True, slots=True)
class Release:
    """What is said about `ref` (always with a version). `package` and `item` are SHA-256 as 64 hex digits, of the package
    file and of the item's JSON text; `size` is that of the package file, `tree_size` that of all files in it."""

    ref: Ref
    digest: str
    package: str
    size: int
    tree_size: int
    files: int
    item: str
    status: Status = Status.ACTIVE
    reason: str = ""

    def with_status(self, status: Status, reason: str = "") -> Release:
        """The same version with another status."""
        return replace(self, status=status, reason=reason[:REASON_CHARS])

    def same_bytes(self, other: Release) -> bool:
        """Whether both mean the same version with the same content."""
        return self == replace(other, status=self.status, reason=self.reason)


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """A release whose signature was checked. `key` is the publisher's fingerprint, times are wall seconds."""

    release: Release
    key: str
    seq: int
    issued_at: float
    text: str  # the record, as carried
    digest: str  # of the record


def item_text(item: Item) -> str:
    """The JSON text that a release binds: the item without the document it was read from."""
    return write_json(encode_item(item, raw=False))


def sha256_of(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sign_release(key: SigningKey, release: Release, seq: int, now: float) -> str:
    """The record as text. `seq` must grow with every record of the same name; milliseconds since 1970 do. Raises UsageError
    `record.cannot_sign`."""
    issued = int(now * 1000)
    data = sign_record(
        key,
        record_type=RELEASE,
        name=str(release.ref),
        seq=seq,
        issued_ms=issued,
        expires_ms=issued + limits.RECORD_LIFE_LONGEST_SECONDS * 1000,
        value={
            "digest": release.digest,
            "package": release.package,
            "size": release.size,
            "tree_size": release.tree_size,
            "files": release.files,
            "item": release.item,
            "status": release.status.value,
            "reason": release.reason,
        },
    )
    return to_text(data)


def open_release(text: str, now: float) -> SignedRelease:
    """Check and read a release record. Raises DataError `record.*`, `ref.*`, `center.bad_release`; IntegrityError
    `record.bad_signature`."""
    record = open_text(text, RELEASE, now, limits.RECORD_LIFE_LONGEST_SECONDS)
    return SignedRelease(
        _read(record), record.key.fingerprint, record.seq, record.issued_ms / 1000, text, record.digest
    )


def _read(record: OpenedRecord) -> Release:
    ref = parse_ref(record.name)
    values = fields(record)
    release = Release(
        ref,
        text_of(values, "digest"),
        text_of(values, "package"),
        count_of(values, "size", limits.PACKAGE_BYTES),
        count_of(values, "tree_size", limits.ITEM_BYTES),
        count_of(values, "files", limits.ITEM_FILES),
        text_of(values, "item"),
        _status(text_of(values, "status")),
        text_of(values, "reason", REASON_CHARS),
    )
    if not ref.version:
        raise DataError("center.bad_release", ref=record.name, reason="it names no version")
    if not is_tree_digest(release.digest) or not _HEX.fullmatch(release.package) or not _HEX.fullmatch(release.item):
        raise DataError("center.bad_release", ref=record.name, reason="a digest is malformed")
    if not release.size or not release.files:
        raise DataError("center.bad_release", ref=record.name, reason="it has no size")
    return release


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise DataError("record.malformed", reason=f"status {text[:40]!r} is unknown") from None


def open_item(text: str, release: Release) -> Item:
    """The item a release binds. Raises IntegrityError `center.other_item` when the text is another one, DataError
    `item.malformed`."""
    if sha256_of(text.encode()) != release.item:
        raise IntegrityError("center.other_item", ref=str(release.ref))
    item = decode_item(read_json(text))
    if item.ref != release.ref:
        raise IntegrityError("center.other_item", ref=str(release.ref))
    return item
