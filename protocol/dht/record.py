"""What lives in the DHT: small signed pointers, and the keys under which each may be stored.

A pointer says who publishes, which item, version, digest and size, where to fetch, and a few words to be found by. It is a
signed record (docs/protocol/records.md) of type `ooder/pointer+v1` whose name is the ref without version and whose value is
`[state, version, digest, size, places, title, tags]`; state 1 is a tombstone. docs/protocol/dht.md 4 and 5.

A record may be stored only under keys that follow from itself, so nobody fills somebody else's key with other names.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from protocol import limits
from protocol.dht.contacts import ID_BYTES
from protocol.dht.messages import HASH, Place
from protocol.errors import DataError, OoderError, UsageError
from protocol.identity import SigningKey
from protocol.records import OpenedRecord, RecordValue, open_record, sign_record
from protocol.refs import Kind, Ref, parse_ref
from protocol.words import fold, spaced

POINTER: Final = "ooder/pointer+v1"
EVERYTHING: Final = "*"
BY_PUBLISHER: Final = "@"
TITLE_GAP: Final = " — "
"""In a title, between the name and the beginning of the description."""
PREFIX: Final = 3  # characters of an id that are indexed as its beginning
_CUT = re.compile(r"[^0-9a-z\u0080-\U0010ffff]+")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a publisher says about one item. `digest` is "sha256:" + 64 hex or ""; `size` is in bytes; `gone` withdraws it."""

    ref: Ref
    version: str = ""
    digest: str = ""
    size: int = 0
    places: tuple[str, ...] = ()
    title: str = ""
    tags: tuple[str, ...] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True)
class SignedPointer:
    """A pointer whose signature, times and content were checked, with the bytes that say so."""

    pointer: Pointer
    record: OpenedRecord
    raw: bytes

    @property
    def ident(self) -> tuple[bytes, str]:
        """Publisher and name: under one key there is one record of each."""
        return self.record.key.raw, self.record.name

    @property
    def hash(self) -> bytes:
        """8 bytes that name the record among those of one key."""
        return short_hash(self.raw)


def short_hash(raw: bytes) -> bytes:
    """The first 8 bytes of SHA-256."""
    return hashlib.sha256(raw).digest()[:HASH]


def sign_pointer(key: SigningKey, pointer: Pointer, *, seq: int, issued: float, life: float) -> bytes:
    """The bytes of a record; `issued` is wall seconds, `life` seconds. Raises UsageError `dht.cannot_publish`."""
    ref = pointer.ref.any_version
    try:
        value: RecordValue = [
            int(pointer.gone),
            pointer.version,
            bytes.fromhex(pointer.digest.removeprefix("sha256:")),
            pointer.size,
            list(pointer.places),
            pointer.title,
            list(pointer.tags),
        ]
        _read_value(str(ref), value)
        issued_ms = int(issued * 1000)
        return sign_record(
            key,
            record_type=POINTER,
            name=str(ref),
            seq=seq,
            issued_ms=issued_ms,
            expires_ms=issued_ms + int(min(life, limits.DHT_LIFE_SECONDS) * 1000),
            value=value,
            max_bytes=limits.RECORD_DHT_BYTES,
        )
    except (OoderError, ValueError) as reason:
        raise UsageError("dht.cannot_publish", ref=str(ref), reason=str(reason)) from reason


def open_pointer(raw: bytes, wall: float) -> SignedPointer:
    """Check everything at wall time `wall`. Raises what `open_record` raises, and DataError `dht.bad_record`."""
    record = open_record(
        raw,
        expected_type=POINTER,
        now=wall,
        max_bytes=limits.RECORD_DHT_BYTES,
        max_life=limits.DHT_LIFE_SECONDS,
    )
    return SignedPointer(_read_value(record.name, record.value), record, raw)


def name_key(ref: Ref) -> bytes:
    """Where all publishers of a name meet."""
    return _key(b"name", str(ref.any_version))


def publisher_key(ref: Ref, publisher: bytes) -> bytes:
    """Where the record of one publisher is, whatever others put under the name."""
    return _key(b"publisher", f"{ref.any_version} {publisher.hex()}")


def index_key(kind: Kind, word: str, path: str) -> bytes:
    """One node of the index of `word`; `path` is one figure from 0 to 3 per level."""
    return _key(b"index", f"{kind.prefix} {path} {word}")


def path_of(ident: tuple[bytes, str], depth: int) -> str:
    """The way a record takes down the index: 2 bits of its hash per level."""
    return _path(ident)[:depth]


def key_at(signed: SignedPointer, place: Place) -> bytes | None:
    """The key of a place, or None when the record has no business there."""
    ref = signed.pointer.ref
    if not place.word:
        return name_key(ref)
    if place.word == BY_PUBLISHER:
        return publisher_key(ref, signed.record.key.raw)
    if place.word != EVERYTHING and place.word not in words_of(signed.pointer):  # every record is under `*`
        return None
    return index_key(ref.kind, place.word, path_of(signed.ident, place.depth))


def words_of(pointer: Pointer) -> tuple[str, ...]:
    """The words a record is indexed under: `*`, the beginning of its id, the words of id, tags and title, Chinese as single
    characters and pairs. At most `DHT_TOKENS`, the first ones."""
    return _words(pointer.ref.id, pointer.tags, pointer.title)


def asked_words(text: str) -> tuple[str, ...]:
    """The index words that everything matching `text` has, best first: the longest word narrows most.

    >>> asked_words("pdf*")
    ('^pdf',)
    >>> asked_words("审批 表")
    ('审批', '表')
    """
    found: list[str] = []
    for part in fold(text).split():
        stem = part.strip("*")
        if part.startswith("*") and "*" in part:
            continue
        pieces = [piece for piece in _CUT.split(stem) if piece]
        if part.endswith("*"):
            if pieces and len(stem) >= PREFIX and stem[:PREFIX].isascii():
                found.append("^" + stem[:PREFIX])
            pieces = pieces[:-1]
        for piece in pieces:
            found += _pieces(piece, singles=len(piece) == 1)
    return tuple(sorted(dict.fromkeys(found), key=lambda word: (-len(word.encode()), word)))


@lru_cache(maxsize=8_192)
def _words(item_id: str, tags: tuple[str, ...], title: str) -> tuple[str, ...]:
    found = [EVERYTHING]
    folded = fold(item_id)
    if len(folded) >= PREFIX:
        found.append("^" + folded[:PREFIX])
    for text in (item_id, *tags, title):
        for piece in _CUT.split(fold(text)):
            found += _pieces(piece, singles=True) if piece else ()
    return tuple(dict.fromkeys(found))[: limits.DHT_TOKENS]


def _pieces(piece: str, *, singles: bool) -> list[str]:
    """A Latin word as it is; of Chinese every pair of neighbours, and every character."""
    found = []
    letters = spaced(piece).split()
    if len(letters) == 1:
        return [piece] if len(piece) <= limits.DHT_TAG_CHARS else []
    for left, right in pairwise(letters):
        if len(left) == len(right) == 1:
            found.append(left + right)
    found += [letter for letter in letters if singles or len(letter) > 1]
    return [word for word in found if len(word) <= limits.DHT_TAG_CHARS]


def _read_value(name: str, value: RecordValue) -> Pointer:
    try:
        ref = parse_ref(name)
        if ref.version or str(ref) != name or len(name) > limits.DHT_NAME_BYTES:
            raise ValueError("name")
        if type(value) is not list or len(value) != 7:
            raise ValueError("form")
        state, version, digest, size, places, title, tags = value
        if state not in {0, 1} or type(size) is not int or not 0 <= size < limits.RECORD_INTEGER:
            raise ValueError("state or size")
        if type(digest) is not bytes or len(digest) not in {0, 32}:
            raise ValueError("digest")
        return Pointer(
            ref,
            _text(version, limits.DHT_VERSION_CHARS),
            f"sha256:{digest.hex()}" if digest else "",
            size,
            _texts(places, limits.DHT_PLACES, limits.DHT_PLACE_CHARS),
            _text(title, limits.DHT_TITLE_CHARS),
            _texts(tags, limits.DHT_TAGS, limits.DHT_TAG_CHARS),
            state == 1,
        )
    except ValueError as reason:
        raise DataError("dht.bad_record", reason=str(reason)) from None
    except DataError as reason:
        raise DataError("dht.bad_record", reason=reason.text()) from None


def _text(value: object, limit: int) -> str:
    if type(value) is not str or len(value) > limit:
        raise ValueError("text")
    return value


def _texts(value: object, most: int, limit: int) -> tuple[str, ...]:
    if type(value) is not list or len(value) > most:
        raise ValueError("list")
    return tuple(_text(each, limit) for each in value)


def _key(kind: bytes, text: str) -> bytes:
    return hashlib.sha256(b"ooder/dht " + kind + b" " + text.encode("utf-8", "surrogatepass")).digest()[:ID_BYTES]


@lru_cache(maxsize=16_384)
def _path(ident: tuple[bytes, str]) -> str:
    publisher, name = ident
    digest = hashlib.sha256(publisher + name.encode()).digest()
    return "".join(str(digest[at // 4] >> (at % 4) * 2 & 3) for at in range(limits.DHT_DEPTH))
