"""The routing table: contacts that proved their key, in buckets of K by distance, few of one network.

A contact enters only after it signed our question (docs/protocol/dht.md 2). An old contact that answers keeps its place; a new
one for a full bucket waits in the bucket's replacement cache. Two questions without an answer and a contact leaves, and
whoever waits is asked to prove itself. `known` finds contacts by key: an address told by strangers never overrides it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter, itemgetter

from protocol import limits
from protocol.dht.contacts import ID_BITS, Contact, Networks

_distance = itemgetter(0)


@dataclass(slots=True)
class Entry:
    """A proved contact. Times are loop seconds."""

    contact: Contact
    seen: float
    failures: int = 0


class Table:
    """`own` is our id; `k` the size of a bucket."""

    def __init__(self, own: int, networks: Networks, k: int = limits.DHT_K) -> None:
        self.own, self._networks, self._k = own, networks, k
        self._buckets: defaultdict[int, dict[int, Entry]] = defaultdict(dict)  # by leading bits shared with us
        self._waiting: defaultdict[int, OrderedDict[int, Contact]] = defaultdict(OrderedDict)
        self._by_network: Counter[str] = Counter()
        self._entries: dict[int, Entry] = {}  # all of them, by id
        self._deepest = 0  # no bucket beyond this index ever had a contact

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def known(self, node: int) -> Entry | None:
        """The entry of an id."""
        return self._entries.get(node)

    def wants(self, contact: Contact) -> bool:
        """Whether a contact that is not here would be taken if it proved itself."""
        if contact.id == self.own:
            return False
        bucket = self._bucket(contact.id)
        return contact.id not in bucket and len(bucket) < self._k and self._network_allows(bucket, contact)

    def add(self, contact: Contact, now: float) -> bool:
        """A contact proved itself; whether it is in the table now. A known key at a new address moves there."""
        if contact.id == self.own:
            return False
        bucket = self._bucket(contact.id)
        entry = bucket.get(contact.id)
        if entry is not None:
            if entry.contact[2:] != contact[2:]:
                self._count_network(entry.contact, -1)
                self._count_network(contact, 1)
            entry.contact, entry.seen, entry.failures = contact, now, 0
            return True
        if len(bucket) >= self._k or not self._network_allows(bucket, contact):
            self.wait(contact)
            return False
        bucket[contact.id] = self._entries[contact.id] = Entry(contact, now)
        self._deepest = max(self._deepest, self._index(contact.id))
        self._waiting[self._index(contact.id)].pop(contact.id, None)
        self._count_network(contact, 1)
        return True

    def wait(self, contact: Contact) -> None:
        """Remember a contact for the day a place gets free."""
        if contact.id == self.own or contact.id in self._entries:
            return
        waiting = self._waiting[self._index(contact.id)]
        waiting.pop(contact.id, None)
        if len(waiting) >= limits.DHT_REPLACEMENTS:
            waiting.popitem(last=False)
        waiting[contact.id] = contact

    def answered(self, contact: Contact, now: float) -> None:
        """A contact answered from the address we have for it."""
        entry = self.known(contact.id)
        if entry is not None and entry.contact[2:] == contact[2:]:
            entry.seen, entry.failures = now, 0

    def failed(self, contact: Contact) -> Contact | None:
        """A contact did not answer. When it leaves, the next one waiting is returned: ask it to prove itself."""
        entry = self.known(contact.id)
        if entry is None or entry.contact[2:] != contact[2:]:
            self._waiting[self._index(contact.id)].pop(contact.id, None) if contact.id != self.own else None
            return None
        entry.failures += 1
        if entry.failures < limits.DHT_FAILURES:
            return None
        del self._bucket(contact.id)[contact.id], self._entries[contact.id]
        self._count_network(contact, -1)
        waiting = self._waiting[self._index(contact.id)]
        return waiting.popitem()[1] if waiting else None

    def closest(self, target: int, count: int) -> list[Contact]:
        """The `count` contacts nearest to `target`, nearest first."""
        found: list[Contact] = []
        at = ID_BITS - (target ^ self.own).bit_length()
        buckets = self._buckets
        for group in self._order(at):
            near = [
                (node ^ target, entry) for index in group if index in buckets for node, entry in buckets[index].items()
            ]
            near.sort(key=_distance)
            found += [entry.contact for _, entry in near]
            if len(found) >= count:
                break
        return found[:count]

    def nearer_than_us(self, target: int) -> int:
        """How many contacts are nearer to `target` than we are: the whole bucket it falls into, and some of those nearer to us."""
        distance = target ^ self.own
        at = ID_BITS - distance.bit_length()
        count = len(self._buckets.get(at, ()))
        for index in range(at + 1, self._deepest + 1):
            count += sum(1 for node in self._buckets.get(index, ()) if node ^ target < distance)
        return count

    def stalest(self, before: float) -> Entry | None:
        """The contact not heard for longest, if not since `before`."""
        oldest = min(self._entries.values(), key=attrgetter("seen"), default=None)
        return oldest if oldest is not None and oldest.seen < before else None

    def thin(self) -> list[int]:
        """Indexes of buckets that have room and reach beyond our K nearest: nearer ones hold everybody there is."""
        near = self.closest(self.own, self._k)
        if len(near) < self._k:
            return []
        reach = self._index(near[-1].id)
        return [index for index in range(reach) if len(self._buckets.get(index, ())) < self._k // 2]

    def estimate(self) -> int:
        """About how many nodes there are, from how near our K nearest are."""
        near = self.closest(self.own, self._k)
        if len(near) < self._k:
            return len(near) + 1
        return int(self._k * (1 << ID_BITS) // max(1, near[-1].id ^ self.own))

    def sizes(self) -> list[int]:
        """Contacts per bucket, farthest bucket first, without the empty ones at the near end."""
        sizes = [len(self._buckets.get(index, ())) for index in range(self._deepest + 1)]
        while sizes and not sizes[-1]:
            sizes.pop()
        return sizes

    def _order(self, at: int) -> Iterator[range | tuple[int, ...]]:
        """Groups of buckets by growing distance from a target whose own bucket is `at`."""
        if at < ID_BITS:
            yield (at,)
            yield range(at + 1, self._deepest + 1)
        for index in range(min(at - 1, self._deepest), -1, -1):
            yield (index,)

    def _index(self, node: int) -> int:
        return ID_BITS - (node ^ self.own).bit_length()

    def _bucket(self, node: int) -> dict[int, Entry]:
        return self._buckets[self._index(node)]

    def _network_allows(self, bucket: dict[int, Entry], contact: Contact) -> bool:
        network = self._networks.of(contact.ip)
        if not network:
            return True
        if self._by_network[network] >= limits.DHT_TABLE_NETWORK:
            return False
        same = sum(1 for entry in bucket.values() if self._networks.of(entry.contact.ip) == network)
        return same < limits.DHT_BUCKET_NETWORK

    def _count_network(self, contact: Contact, step: int) -> None:
        network = self._networks.of(contact.ip)
        if network:
            self._by_network[network] += step
            if not self._by_network[network]:
                del self._by_network[network]
