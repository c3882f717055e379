"""Datagrams of the DHT: encode and decode twins.

The frame is the one of the package rpcudp: one byte (0 question, 1 answer), 20 bytes of transaction, a msgpack body; a
question's body is `[method, arguments]`. Method names are our own, so a stock node that wanders in asks for what does not
exist. docs/protocol/dht.md 3. Whatever the bytes, `decode` returns a frame or raises DataError `dht.malformed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast

import msgpack

from protocol import limits
from protocol.dht.contacts import ID_BYTES, KEY_BYTES, Contact, decode_contacts, encode_contacts
from protocol.errors import DataError

TRANSACTION: Final = 20
TOKEN: Final = 8
HASH: Final = 8
PROOF: Final = KEY_BYTES + 64  # key and signature

FIND, PULL, PUT = "o1_find", "o1_pull", "o1_put"
VALUES, CONTACTS, PROVE, CLIENT = 1, 2, 4, 8  # bits of what a question wants and says
MORE = 1  # flag of an answer: the key was full, records went to its children

STORED, FULL, OLDER, FAR, REFUSED = 0, 1, 2, 3, 4  # what became of one record of a put


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a record's keys it is stored under: "" by name, "@" by name and publisher, else an index word at a depth."""

    word: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Find:
    """What do you know about `key`? `want` is a sum of VALUES, CONTACTS, PROVE, CLIENT."""

    sender: bytes
    key: bytes
    want: int
    token: bytes = b""


@dataclass(frozen=True, slots=True)
class Pull:
    """Send these records of `key`, named by the first 8 bytes of their hash."""

    sender: bytes
    key: bytes
    token: bytes
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """Store these records, each under the key it claims to belong to."""

    sender: bytes
    token: bytes
    items: tuple[tuple[bytes, Place, bytes], ...]  # key, place, record


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to `Find` and `Pull`. `hashes` names all records of the key, `records` are those that fitted; `proof` is the
    answerer's key and its signature over the question."""

    token: bytes = b""
    contacts: tuple[Contact, ...] = ()
    flags: int = 0
    hashes: tuple[bytes, ...] = ()
    records: tuple[bytes, ...] = ()
    proof: bytes = b""


@dataclass(frozen=True, slots=True)
class Stored:
    """The answer to `Put`: one status per record."""

    statuses: bytes


Question = Find | Pull | Put
Answer = Found | Stored


@dataclass(frozen=True, slots=True)
class Frame:
    """One datagram as read."""

    transaction: bytes
    body: Question | Answer


def encode_question(transaction: bytes, question: Question, size: int = 0) -> bytes:
    """The bytes of a question, padded to `size`."""
    if isinstance(question, Find):
        arguments: list[Any] = [question.sender, question.key, question.want, question.token, b""]
        method = FIND
    elif isinstance(question, Pull):
        method = PULL
        arguments = [question.sender, question.key, question.token, b"".join(question.hashes)]
    else:
        method = PUT
        items = [[key, place.word, place.depth, raw] for key, place, raw in question.items]
        arguments = [question.sender, question.token, items]
    data = b"\x00" + transaction + cast("bytes", msgpack.packb([method, arguments]))
    if len(data) < size and isinstance(question, Find):
        room = size - len(data)
        arguments[-1] = bytes(max(0, room if room < 256 else room - 1))
        data = b"\x00" + transaction + cast("bytes", msgpack.packb([method, arguments]))
    return data


def encode_answer(transaction: bytes, answer: Answer) -> bytes:
    """The bytes of an answer."""
    if isinstance(answer, Stored):
        body: Any = [answer.statuses]
    else:
        v4, v6 = encode_contacts(answer.contacts)
        body = [answer.token, v4, v6, answer.flags, b"".join(answer.hashes), answer.records, answer.proof]
    return b"\x01" + transaction + cast("bytes", msgpack.packb(body))


def decode(data: bytes, teller: str) -> Frame:
    """Read one datagram from address `teller`. Raises DataError `dht.malformed` and nothing else."""
    if not TRANSACTION < len(data) <= limits.DHT_DATAGRAM:
        raise DataError("dht.malformed", reason="length")
    transaction = data[1 : TRANSACTION + 1]
    try:
        body = msgpack.unpackb(
            data[TRANSACTION + 1 :],
            use_list=False,
            max_str_len=64,
            max_bin_len=limits.DHT_DATAGRAM,
            max_array_len=64,
            max_map_len=0,
            max_ext_len=0,
        )
        if data[0] == 1:
            return Frame(transaction, _answer(body, teller))
        if data[0] == 0:
            return Frame(transaction, _question(body))
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError, IndexError) as reason:
        raise DataError("dht.malformed", reason=type(reason).__name__) from None
    except msgpack.UnpackException as reason:
        raise DataError("dht.malformed", reason=type(reason).__name__) from None
    raise DataError("dht.malformed", reason="kind")


def _question(body: object) -> Question:
    method, arguments = _shape(body, str, tuple)
    if method == FIND:
        sender, key, want, token, _ = _shape(arguments, bytes, bytes, int, bytes, bytes)
        _check(len(key) == ID_BYTES and 0 <= want < 16)
        return Find(_sender(sender), key, want, _token(token))
    if method == PULL:
        sender, key, token, hashes = _shape(arguments, bytes, bytes, bytes, bytes)
        _check(len(key) == ID_BYTES)
        return Pull(_sender(sender), key, _token(token), _hashes(hashes))
    if method == PUT:
        sender, token, items = _shape(arguments, bytes, bytes, tuple)
        _check(0 < len(items) <= limits.DHT_PUT_RECORDS)
        return Put(_sender(sender), _token(token), tuple(_item(item) for item in items))
    raise ValueError("method")


def _item(item: object) -> tuple[bytes, Place, bytes]:
    key, word, depth, raw = _shape(item, bytes, str, int, bytes)
    _check(len(key) == ID_BYTES and 0 <= depth <= limits.DHT_DEPTH and len(raw) <= limits.RECORD_DHT_BYTES)
    return key, Place(word, depth), raw


def _answer(body: object, teller: str) -> Answer:
    if isinstance(body, tuple) and len(body) == 1:
        (statuses,) = _shape(body, bytes)
        _check(len(statuses) <= limits.DHT_PUT_RECORDS)
        return Stored(statuses)
    token, v4, v6, flags, hashes, records, proof = _shape(body, bytes, bytes, bytes, int, bytes, tuple, bytes)
    _check(len(proof) in {0, PROOF} and 0 <= flags < 256 and all(type(raw) is bytes for raw in records))
    contacts = decode_contacts(v4, v6, teller, limits.DHT_CONTACTS)
    return Found(_token(token), tuple(contacts), flags, _hashes(hashes), records, proof)


def _shape(value: object, *types: type) -> tuple[Any, ...]:
    """`value` as a tuple of exactly these types (a truth value is no number)."""
    if type(value) is not tuple or len(value) != len(types):
        raise ValueError("shape")
    for part, wanted in zip(value, types, strict=True):
        if type(part) is not wanted:
            raise ValueError("type")
    return value


def _sender(key: bytes) -> bytes:
    _check(len(key) == KEY_BYTES)
    return key


def _token(token: bytes) -> bytes:
    _check(len(token) in {0, TOKEN})
    return token


def _hashes(data: bytes) -> tuple[bytes, ...]:
    _check(len(data) % HASH == 0 and len(data) <= HASH * limits.DHT_KEY_RECORDS)
    return tuple(data[at : at + HASH] for at in range(0, len(data), HASH))


def _check(holds: bool) -> None:
    if not holds:
        raise ValueError("value")
