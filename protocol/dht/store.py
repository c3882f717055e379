"""What a node keeps for others: under each key the newest record of every publisher, within hard bounds.

Guarantees: a higher sequence replaces, an equal sequence with other content is a counted equivocation of which the smaller
digest stays, a lower one is refused; nobody replaces another publisher's record. Bounds: records per key, per key and source
network, per network, in all. Where something is full, a newcomer only displaces a record of the network that holds the most
there, and only while that holds at least two more than its own: a flood from few addresses displaces itself.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from protocol import limits
from protocol.dht.messages import FULL, OLDER, STORED
from protocol.dht.record import SignedPointer

Ident = tuple[bytes, str]


@dataclass(frozen=True, slots=True)
class Held:
    """One record kept for others. `network` is that of the address it came from, `at` wall seconds of arrival."""

    key: bytes
    signed: SignedPointer
    hash: bytes
    network: str
    at: float


@dataclass(frozen=True, slots=True)
class StoreChange:
    """For whoever keeps the records on disk: now `held`, or gone."""

    key: bytes
    ident: Ident
    held: Held | None


class Store:
    """`capacity` records in all."""

    def __init__(self, capacity: int = limits.DHT_RECORDS) -> None:
        self._capacity = capacity
        self._keys: dict[bytes, dict[Ident, Held]] = {}
        self._full: dict[bytes, float] = {}  # key -> wall time until which it counts as overflowed
        self._networks: Counter[str] = Counter()
        self._expiries: list[tuple[float, bytes, Ident]] = []
        self._changes: dict[tuple[bytes, Ident], Held | None] = {}
        self.count = 0
        self.equivocations = 0

    def get(self, key: bytes) -> list[Held]:
        """All records of a key."""
        return list(self._keys.get(key, {}).values())

    def same(self, key: bytes, ident_hash: bytes) -> bool:
        """Whether these very bytes are there already."""
        return any(held.hash == ident_hash for held in self._keys.get(key, {}).values())

    def knows(self, key: bytes, raw: bytes) -> bool:
        """Whether the publisher that `raw` claims to be of has a record here, so that nothing new would be added."""
        return any(raw.find(publisher) >= 0 and name.encode() in raw for publisher, name in self._keys.get(key, ()))

    def is_full(self, key: bytes, wall: float) -> bool:
        """Whether records of this key went to its children, lately."""
        return self._full.get(key, 0.0) > wall

    def has_room(self, key: bytes) -> bool:
        """Whether a newcomer could get in without displacing anybody."""
        return len(self._keys.get(key, ())) < limits.DHT_KEY_RECORDS and self.count < self._capacity

    def put(self, key: bytes, signed: SignedPointer, network: str, wall: float) -> int:
        """Take a record that was verified. Returns STORED, OLDER or FULL."""
        here = self._keys.get(key, {})
        ident = signed.ident
        old = here.get(ident)
        if old is not None:
            verdict = self._compare(old.signed, signed)
            if verdict != STORED:
                return verdict
        elif not self._make_room(key, network):
            self._full[key] = wall + limits.DHT_LIFE_SECONDS / 8
            return FULL
        if old is not None:
            self._networks[old.network] -= 1
        else:
            self.count += 1
        self._networks[network] += 1
        held = Held(key, signed, signed.hash, network, wall)
        self._keys.setdefault(key, {})[ident] = held
        self._changes[key, ident] = held
        heapq.heappush(self._expiries, (signed.record.expires_at, key, ident))
        return STORED

    def expire(self, wall: float) -> int:
        """Drop what is over; how many. Amortised by a heap, so it may be called often."""
        dropped = 0
        while self._expiries and self._expiries[0][0] <= wall:
            _, key, ident = heapq.heappop(self._expiries)
            held = self._keys.get(key, {}).get(ident)
            if held is not None and held.signed.record.expires_at <= wall:
                self._drop(held)
                dropped += 1
        for key in [key for key, until in self._full.items() if until <= wall] if dropped else ():
            del self._full[key]
        return dropped

    def changes(self) -> list[StoreChange]:
        """What changed since the last call."""
        found = [StoreChange(key, ident, held) for (key, ident), held in self._changes.items()]
        self._changes.clear()
        return found

    def __iter__(self) -> Iterator[Held]:
        for here in self._keys.values():
            yield from here.values()

    def _compare(self, old: SignedPointer, new: SignedPointer) -> int:
        if new.record.seq != old.record.seq:
            return STORED if new.record.seq > old.record.seq else OLDER
        if new.record.digest == old.record.digest:
            return STORED
        self.equivocations += 1
        return STORED if new.record.digest < old.record.digest else OLDER

    def _make_room(self, key: bytes, network: str) -> bool:
        here = self._keys.get(key, {})
        shares = Counter(held.network for held in here.values())
        if network and shares[network] >= limits.DHT_KEY_NETWORK:
            return False
        if network and self._networks[network] >= limits.DHT_STORE_NETWORK:
            return False
        if len(here) >= limits.DHT_KEY_RECORDS:
            heaviest, most = shares.most_common(1)[0]
            if most <= shares[network] + 1:
                return False
            self._drop(next(held for held in here.values() if held.network == heaviest))
        elif self.count >= self._capacity:
            return self._displace(network)
        return True

    def _displace(self, network: str) -> bool:
        """Make room in a full store at the cost of the network that has the most."""
        heaviest, most = max(self._networks.items(), key=lambda pair: pair[1])
        if most <= self._networks[network] + 1:
            return False
        for held in self:
            if held.network == heaviest:
                self._drop(held)
                return True
        return False

    def _drop(self, held: Held) -> None:
        here = self._keys[held.key]
        del here[held.signed.ident]
        if not here:
            del self._keys[held.key]
        self._networks[held.network] -= 1
        if not self._networks[held.network]:
            del self._networks[held.network]
        self.count -= 1
        self._changes[held.key, held.signed.ident] = None
