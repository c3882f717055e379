"""Answering: what a node says when it is asked, never more than three times the question to an address that is not proved."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from protocol import limits
from protocol.dht.contacts import Contact, Networks, contact
from protocol.dht.messages import (
    CONTACTS,
    FAR,
    FULL,
    HASH,
    MORE,
    PROOF,
    PROVE,
    REFUSED,
    STORED,
    VALUES,
    Answer,
    Find,
    Found,
    Place,
    Pull,
    Put,
    Question,
    Stored,
)
from protocol.dht.record import SignedPointer, key_at, short_hash
from protocol.dht.seal import Seal, proof_text
from protocol.dht.store import Held, Store
from protocol.dht.table import Table
from protocol.dht.tokens import Tokens
from protocol.errors import OoderError
from protocol.ratelimit import Bucket, KeyedBuckets

_FRAME = 21 + 40  # bytes of an answer beside its lists: frame, msgpack heads, token
_CONTACT_V4, _CONTACT_V6 = 38, 50
_CONTACTS_KEPT = 8  # contacts an answer with records has room for


class Chance(Protocol):
    """Random choices, injected."""

    def randbytes(self, n: int, /) -> bytes: ...
    def random(self) -> float: ...
    def randrange(self, stop: int, /) -> int: ...


class Verifier:
    """Opens records once: those whose bytes were seen lately cost nothing, and there is a budget for the others."""

    def __init__(self, seal: Seal, counts: Counter[str], now: float) -> None:
        self._seal, self._counts = seal, counts
        self._good: dict[bytes, SignedPointer] = {}
        self._budget = Bucket(limits.DHT_VERIFY_RATE, limits.DHT_VERIFY_BURST, now)

    def open(self, raw: bytes, now: float, wall: float, *, wanted: bool = False) -> SignedPointer | None:
        """The record, or None; why not is counted by code. What we asked for ourselves (`wanted`) is outside the budget."""
        if len(raw) > limits.RECORD_DHT_BYTES:
            self._counts["record.too_big"] += 1
            return None
        known = self._good.get(raw)
        if known is not None and known.record.expires_at > wall:
            return known
        if not wanted and not self._budget.take(now):
            self._counts["dropped.verify_budget"] += 1
            return None
        try:
            signed = self._seal.open(raw, wall)
        except OoderError as error:
            self._counts[error.code] += 1
            return None
        if len(self._good) >= limits.DHT_VERIFIED:
            del self._good[next(iter(self._good))]
        self._good[raw] = signed
        return signed


class Server:
    """The answering half of a node."""

    def __init__(
        self,
        seal: Seal,
        table: Table,
        store: Store,
        tokens: Tokens,
        verifier: Verifier,
        networks: Networks,
        chance: Chance,
        counts: Counter[str],
        now: float,
    ) -> None:
        self._seal, self._table, self._store, self._tokens = seal, table, store, tokens
        self._verifier, self._networks, self._chance, self._counts = verifier, networks, chance, counts
        self._proofs = Bucket(limits.DHT_PROOF_RATE, limits.DHT_PROOF_BURST, now)
        self._writers = KeyedBuckets(limits.DHT_STORE_RATE, limits.DHT_STORE_BURST, limits.DHT_SOURCES)

    def answer(
        self, question: Question, transaction: bytes, size: int, ip: str, port: int, now: float, wall: float
    ) -> tuple[Answer | None, bool]:
        """The answer to a question of `size` bytes, and whether the asker's address is proved."""
        token = question.token
        proved = bool(token) and self._tokens.valid(token, ip, port, question.sender, now)
        if isinstance(question, Put):
            return (self._put(question, ip, port, now, wall) if proved else None), proved
        room = limits.DHT_DATAGRAM if proved else min(limits.DHT_DATAGRAM, limits.DHT_GAIN * size)
        if isinstance(question, Pull):
            return (self._pull(question, room) if proved else None), proved
        fresh = self._tokens.make(ip, port, question.sender, now)
        return self._find(question, transaction, fresh, room, ip, now, wall), proved

    def _find(
        self, question: Find, transaction: bytes, token: bytes, room: int, ip: str, now: float, wall: float
    ) -> Found:
        left = room - _FRAME
        proof = b""
        if question.want & PROVE and left >= PROOF and self._proofs.take(now):
            own = self._seal.public
            proof = own + self._seal.sign(proof_text(transaction, question.sender, own))
            left -= PROOF
        hashes: tuple[bytes, ...] = ()
        records: tuple[bytes, ...] = ()
        flags = 0
        if question.want & VALUES:
            held = self._live(question.key, wall)
            flags = MORE if self._store.is_full(question.key, wall) else 0
            if held:
                kept = _CONTACTS_KEPT * _CONTACT_V4 if question.want & CONTACTS else 0
                hashes, records, left = self._values(held, left, kept)
        contacts: tuple[Contact, ...] = ()
        if question.want & CONTACTS:
            contacts = self._contacts(question, left, ip)
        return Found(token, contacts, flags, hashes, records, proof)

    def _live(self, key: bytes, wall: float) -> list[Held]:
        return [held for held in self._store.get(key) if held.signed.record.expires_at > wall]

    def _values(self, held: list[Held], left: int, kept: int) -> tuple[tuple[bytes, ...], tuple[bytes, ...], int]:
        """Names of all records, and as many records as fit, beginning anywhere so that askers of several nodes share."""
        names = held[: max(0, left // HASH)]
        left -= len(names) * HASH
        first = self._chance.randrange(len(held))
        records = []
        for at in range(len(held)):
            raw = held[(first + at) % len(held)].signed.raw
            if len(raw) + 3 > left - kept:
                break
            records.append(raw)
            left -= len(raw) + 3
        return tuple(each.hash for each in names), tuple(records), left

    def _contacts(self, question: Find, left: int, ip: str) -> tuple[Contact, ...]:
        target = int.from_bytes(question.key, "big")
        near = [each for each in self._table.closest(target, limits.DHT_CONTACTS) if each.key != question.sender]
        if len(near) * _CONTACT_V6 <= left:
            return tuple(near)
        found = []
        for each in near:
            left -= _CONTACT_V6 if ":" in each.ip else _CONTACT_V4
            if left < 0:
                break
            found.append(each)
        return tuple(found)

    def _pull(self, question: Pull, room: int) -> Found:
        wanted = set(question.hashes)
        left = room - _FRAME
        records = []
        for held in self._store.get(question.key):
            if held.hash in wanted and len(held.signed.raw) + 3 <= left:
                records.append(held.signed.raw)
                left -= len(held.signed.raw) + 3
        return Found(records=tuple(records))

    def _put(self, question: Put, ip: str, port: int, now: float, wall: float) -> Stored:
        payer, network = self._networks.payer(ip, port), self._networks.of(ip)
        statuses = bytearray()
        for key, place, raw in question.items:
            if self._store.same(key, short_hash(raw)):
                statuses.append(STORED)
            elif self._is_far(key):
                statuses.append(FAR)
            elif self._has_no_room(key, place, raw, wall):
                statuses.append(FULL)
            elif not self._writers.take(payer, now):
                self._counts["dropped.store_rate"] += 1
                statuses.append(REFUSED)
            else:
                statuses.append(self._take(key, place, raw, network, now, wall))
        return Stored(bytes(statuses))

    def _is_far(self, key: bytes) -> bool:
        """Whether a whole two buckets' worth of nodes we know are nearer: then the record has no business here."""
        return self._table.nearer_than_us(int.from_bytes(key, "big")) >= 2 * limits.DHT_K

    def _has_no_room(self, key: bytes, place: Place, raw: bytes, wall: float) -> bool:
        """Whether a node of the index is full, so that the record is told to go down before anything is paid for it."""
        if place.word in {"", "@"} or place.depth >= limits.DHT_DEPTH or not self._store.is_full(key, wall):
            return False
        return not self._store.has_room(key) and not self._store.knows(key, raw)

    def _take(self, key: bytes, place: Place, raw: bytes, network: str, now: float, wall: float) -> int:
        signed = self._verifier.open(raw, now, wall)
        if signed is None:
            return REFUSED
        if key_at(signed, place) != key:
            self._counts["dht.wrong_key"] += 1
            return REFUSED
        return self._store.put(key, signed, network, wall)


def asker(question: Question, ip: str, port: int) -> Contact:
    """Who asked."""
    return contact(question.sender, ip, port)
