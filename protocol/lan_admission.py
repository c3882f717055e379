"""The door of the local network: which datagrams are heard at all, cheapest test first (LAN.md 5.3, SECURITY 6).

size -> (an answer we await from that very address passes by the next two) -> bucket of the source address -> address known for forgeries (then only known keys pass) -> seen before ->
bucket of the claimed key -> decode -> binding of text and extension -> replay -> budget for signature checks -> signature -> place in time. Every refusal has a reason and is counted, nothing is ever raised. A
datagram that is not signed passes without a key: a hint, no more.

Replay: within one life of a peer (`instance`) the sequence number must grow. A new life is believed when it was issued after
everything known of that key and within a minute of our clock, or when it echoes a question of ours: a wrong clock costs one
exchange, an old recording never passes. What is known of a key outlives the peer (`floors`), also across restarts.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from protocol import limits
from protocol.announce import Heard, Junk, decode, peek_record
from protocol.lan_extension import Extension, Seal, decode_extension
from protocol.ratelimit import Bucket, KeyedBuckets

CLOCK_WINDOW = 60_000  # ms
NONCE_LIFE = 10.0  # seconds
NONCES = 1_024


Known = Callable[[str, str], bool]


class Refusal(StrEnum):
    """Why a datagram was not heard, besides the `Junk` reasons."""

    SOURCE_RATE = "source_rate"
    DUPLICATE = "duplicate"
    KEY_RATE = "key_rate"
    FORGER = "forger"  # that address sent signatures that do not hold; only known keys are heard from it
    VERIFY_BUDGET = "verify_budget"
    BAD_SIGNATURE = "bad_signature"
    BAD_EXTENSION = "bad_extension"
    NOT_ITS_ID = "not_its_id"
    NOT_ITS_TEXT = "not_its_text"
    REPLAY = "replay"
    UNPROVEN = "unproven"  # a new life whose clock or floor does not fit: challenged
    OWN_ECHO = "own_echo"
    ASLEEP = "asleep"  # queued while this machine slept
    OFF_LINK = "off_link"
    ANSWER_RATE = "answer_rate"
    NO_ROOM = "no_room"
    TOO_SMALL = "too_small"  # no answer fits into a question of that size


FORGED = frozenset({Refusal.BAD_SIGNATURE, Refusal.NOT_ITS_ID, Refusal.NOT_ITS_TEXT})
"""Refusals of what nobody honest sends."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The newest that is known of a key."""

    instance: bytes
    seq: int
    issued: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A datagram that was heard. `echoed`: it answers a question of ours, so its sender is alive now."""

    heard: Heard
    key: str = ""
    extension: Extension | None = None
    echoed: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """One that was not. `heard` is given when its sender is genuine but cannot be placed in time: ask it for a sign of life."""

    reason: Refusal | Junk
    heard: Heard | None = None


class Admission:
    """Buckets, caches and floors of one beacon. `known(key, ip)` says whether that key is known at that address; with "" for
    the key, whether anybody is."""

    def __init__(self, seal: Seal, known: Known, now: float, floors: Mapping[str, Floor] | None = None) -> None:
        self._seal, self._known = seal, known
        self._sources = KeyedBuckets(limits.SOURCE_RATE, limits.SOURCE_BURST, limits.SOURCES)
        self._keys = KeyedBuckets(limits.KEY_VERIFY_RATE, limits.KEY_VERIFY_RATE * 2, limits.SOURCES)
        self._forgers = KeyedBuckets(limits.FORGERY_RATE, limits.FORGERY_BURST, limits.SOURCES)
        self._budget = Bucket(limits.VERIFY_RATE / 2, limits.VERIFY_BURST / 2, now)
        self._reserved = Bucket(limits.VERIFY_RATE / 2, limits.VERIFY_BURST / 2, now)
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._floors: OrderedDict[str, Floor] = OrderedDict(floors or {})
        self._nonces: OrderedDict[bytes, float] = OrderedDict()
        self._expected: OrderedDict[str, deque[bytes]] = OrderedDict()
        self.refused: Counter[str] = Counter()
        self.last_refusals: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @property
    def floors(self) -> Mapping[str, Floor]:
        """To be kept on disk and handed back at the next start."""
        return dict(self._floors)

    def asked(self, nonce: bytes, now: float, ip: str = "") -> None:
        """We sent a question with this nonce, to `ip` alone or to all; its echo proves life for some seconds."""
        if ip:
            self._expected.setdefault(ip, deque(maxlen=limits.EXPECTED_NONCES)).append(nonce)
            self._expected.move_to_end(ip)
            if len(self._expected) > NONCES:
                self._expected.popitem(last=False)
        self._nonces[nonce] = now + NONCE_LIFE
        while len(self._nonces) > NONCES:
            self._nonces.popitem(last=False)

    def sent(self, data: bytes) -> None:
        """Our own datagram: its echo is dropped by hash, without a signature check."""
        self._remember(_fingerprint(data))

    def admit(self, data: bytes, ip: str, now: float, wall: int) -> Admitted | Refused:
        """Hear one datagram from `ip`; `wall` is our clock in ms."""
        outcome = self._admit(data, ip, now, wall)
        if isinstance(outcome, Refused):
            self.refuse(outcome.reason, ip, now)
        return outcome

    def refuse(self, reason: Refusal | Junk, ip: str, now: float) -> None:
        """Count a refusal and remember it for the question why nothing is heard from `ip`."""
        self.refused[reason] += 1
        self.last_refusals[ip] = (reason, now)
        self.last_refusals.move_to_end(ip)
        if len(self.last_refusals) > limits.LOST_PEERS:
            self.last_refusals.popitem(last=False)

    def _admit(self, data: bytes, ip: str, now: float, wall: int) -> Admitted | Refused:
        if len(data) > limits.DATAGRAM_READ:
            return Refused(Junk.TOO_LONG)
        awaited = self._is_awaited(data, ip)
        if not self._sources.take(ip, now) and not awaited:
            return Refused(Refusal.SOURCE_RATE)
        if not awaited and not self._forgers.has(ip, now) and not self._known("", ip):
            return Refused(Refusal.FORGER)
        claim = self._seal.claim(peek_record(data))
        if claim is not None and not awaited and not self._keys.has(claim[0], now):
            return Refused(Refusal.KEY_RATE)
        mark = _fingerprint(data)
        if mark in self._seen:
            return Refused(Refusal.DUPLICATE)
        known = awaited or (claim is not None and self._known(claim[0], ip))
        if claim is not None and not awaited and not self._keys.take(claim[0], now):
            return Refused(Refusal.KEY_RATE)
        if claim is not None and not known and not self._forgers.has(ip, now):
            return Refused(Refusal.FORGER)
        heard = decode(data)
        if isinstance(heard, Junk):
            return Refused(heard)
        if not heard.record:
            return Admitted(heard)
        self._remember(mark)
        if claim is None:
            return Refused(Refusal.BAD_EXTENSION)
        key, payload = claim
        extension = decode_extension(payload)
        wrong = self._misfit(heard, key, extension)
        if wrong in FORGED:
            self._forgers.take(ip, now)
        if extension is None or wrong is not None:
            return Refused(wrong or Refusal.BAD_EXTENSION)
        budget = self._reserved if known else self._budget
        if not budget.take(now):
            return Refused(Refusal.VERIFY_BUDGET)
        return self._verify(heard, key, extension, ip, now, wall)

    def _is_awaited(self, data: bytes, ip: str) -> bool:
        """Whether it holds the nonce of a question we sent to that address alone, for the first time: nobody who only uses the
        address has seen it."""
        nonces = self._expected.get(ip)
        found = next((nonce for nonce in nonces if nonce in data), None) if nonces else None
        if nonces and found is not None:
            nonces.remove(found)
        return found is not None

    def _misfit(self, heard: Heard, key: str, extension: Extension | None) -> Refusal | None:
        """What makes it worthless whether or not its signature holds."""
        if extension is None:
            return Refusal.BAD_EXTENSION
        if extension.agent_id != self._seal.agent_id(key):
            return Refusal.NOT_ITS_ID
        if extension.text != heard.text:
            return Refusal.NOT_ITS_TEXT
        floor = self._floors.get(key)
        old = floor is not None and floor.instance == extension.instance and extension.seq <= floor.seq
        return Refusal.REPLAY if old else None

    def _verify(
        self, heard: Heard, key: str, extension: Extension, ip: str, now: float, wall: int
    ) -> Admitted | Refused:
        if not self._seal.holds(heard.record):
            self._forgers.take(ip, now)
            return Refused(Refusal.BAD_SIGNATURE)
        echoed = self._nonces.get(extension.nonce, 0.0) > now if extension.nonce else False
        if not echoed and not self._is_placed(key, extension, wall):
            return Refused(Refusal.UNPROVEN, heard)
        self._floors[key] = Floor(extension.instance, extension.seq, extension.issued)
        self._floors.move_to_end(key)
        if len(self._floors) > limits.FLOORS:
            self._floors.popitem(last=False)
        return Admitted(heard, key, extension, echoed)

    def _is_placed(self, key: str, extension: Extension, wall: int) -> bool:
        """Whether it belongs to the life we know, or to a later one that fits our clock."""
        floor = self._floors.get(key)
        if floor is not None and floor.instance == extension.instance:
            return True
        later = floor is None or extension.issued > floor.issued
        return later and abs(wall - extension.issued) <= CLOCK_WINDOW

    def _remember(self, mark: bytes) -> None:
        self._seen[mark] = None
        if len(self._seen) > limits.SEEN_DATAGRAMS:
            self._seen.popitem(last=False)


def _fingerprint(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
