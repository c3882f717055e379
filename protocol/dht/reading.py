"""Finding: the nodes around a key, the records under it, and everything under a word.

Records stream in as nodes answer (`tell`). A quick reading ends when two holders named the same set of records and all of them
are here; a careful one asks the nearest nodes on several disjoint paths and ends when they have all answered, so that a
hostile minority cannot hide the newest. Every record was verified before anybody sees it; of one publisher and name the highest
sequence counts. A miss says nothing about what was known before: it is the reader's own, and stays there until it expires.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from protocol import limits
from protocol.dht.contacts import Contact
from protocol.dht.events import Answered, Asked, Ended, RecordFound
from protocol.dht.index_trie import Walk
from protocol.dht.lookup import Candidate, Lookup, Was
from protocol.dht.messages import CONTACTS, MORE, VALUES, Answer, Found, Place, Pull, Put
from protocol.dht.node import DhtNode
from protocol.dht.record import SignedPointer, key_at, short_hash
from protocol.dht.tasks import Later, pool
from protocol.refs import Kind

_AGREE = 2  # holders that name the same records end a quick reading
_OVERFLOWED = 5  # holders of a full index node, which seldom hold the same: what fewer than eight of nine have is also further down
_HEDGED = 4  # questions in flight of a quick reading until it found a holder: two of four are there when 40 % are dead
_WIDEST = 12  # questions in flight where many are silent: two more for each
_PATIENCE = 2  # soft timeouts until a silent node, asked twice, is not waited for even where few answered
_PULLED = 6  # records asked for in one question; those that do not fit into the answer are asked for again
_WRITTEN_BACK = 4  # records that fit one datagram
_PULLS_EACH = 2  # pulls under way to one node
_PULLS = 6  # pulls under way of one reading
_WALKS = 12  # index nodes looked at together: with their pulls, fewer answers than a socket's buffer holds
_ALMOST_FULL = (
    limits.DHT_KEY_RECORDS * 7 // 8
)  # records of an index node below which there may be more, whoever says so
_NEAR = 8  # of so many nearest contacts the least asked begin the looks of a listing

Tell = Callable[[RecordFound], None]


@dataclass(slots=True)
class KeyReading:
    """What is under one key. `records`: publisher and name -> the record of the highest sequence."""

    key: bytes
    records: dict[tuple[bytes, str], SignedPointer] = field(default_factory=dict)
    overflowed: bool = False
    asked: int = 0
    answered: int = 0
    holders: int = 0
    hops: int = 0
    equivocations: int = 0
    refused: int = 0  # records that were no records
    unread: int = 0  # records that somebody named and nobody gave

    @property
    def live(self) -> list[SignedPointer]:
        """Without what was withdrawn."""
        return [signed for signed in self.records.values() if not signed.pointer.gone]

    def take(self, signed: SignedPointer) -> bool:
        """Whether it is news."""
        old = self.records.get(signed.ident)
        if old is not None:
            if old.record.seq == signed.record.seq and old.record.digest != signed.record.digest:
                self.equivocations += 1
            if (-old.record.seq, old.record.digest) <= (-signed.record.seq, signed.record.digest):
                return False
        self.records[signed.ident] = signed
        return True


@dataclass(slots=True)
class Tour:
    """What the looks of one listing share: how often each node was asked, so that they are spread, and the verified records, which
    many levels of the index name, by hash."""

    asked: Counter[Contact] = field(default_factory=Counter)
    seen: dict[bytes, SignedPointer] = field(default_factory=dict)


class Search:
    """One lookup under way: with a `place` it also collects the records that belong there. `done` is set at the end."""

    def __init__(
        self,
        node: DhtNode,
        key: bytes,
        *,
        place: Place | None,
        careful: bool = False,
        width: int = limits.DHT_K,
        tell: Tell = lambda found: None,
        tour: Tour | None = None,
    ) -> None:
        self._node, self._key, self._place, self._careful, self._tell = node, key, place, careful, tell
        self._values = place is not None
        target = int.from_bytes(key, "big")
        paths = limits.DHT_PATHS if careful else 1
        near = seeds(node, target, max(width, paths * limits.DHT_ALPHA))
        alpha = limits.DHT_ALPHA if careful or place is None else _HEDGED
        self._tour = tour or Tour()
        if tour is not None and not careful:
            near, alpha = sorted(near[:_NEAR], key=tour.asked.__getitem__)[:_HEDGED], _AGREE
        self.lookup = Lookup(
            target, near, node.networks.of, own=node.own.id, width=width, paths=paths, alpha=alpha, trusted=node.trusted
        )
        self.reading = KeyReading(key)
        self.done: Later[KeyReading] = Later()
        self._began = node.now
        self._number = node.counts["lookups"] = node.counts["lookups"] + 1
        self._sets: Counter[frozenset[bytes]] = Counter()
        self._have: set[bytes] = set()
        self._listed: dict[bytes, list[Contact]] = {}  # hash -> nodes that say they hold it
        self._pulling: dict[bytes, Contact] = {}
        self._refused: set[tuple[Contact, bytes]] = set()
        self._loads: Counter[Contact] = Counter()
        self._missed: list[Candidate] = []
        self._silent = 0  # nodes that let a soft timeout pass

    def go(self) -> Later[KeyReading]:
        """Begin."""
        if self._values:
            for held in self._node.store.get(self._key):
                self._take(held.signed.raw, self._node.own)
            self.reading.overflowed = self._node.store.is_full(self._key, self._node.wall)
        self._step()
        return self.done

    def _step(self) -> None:
        if self.done.done:
            return
        want = CONTACTS | (VALUES if self._values else 0)
        node = self._node
        settled = self._settled()
        for candidate in self.lookup.next_questions():
            self._tour.asked[candidate.contact] += 1
            node.tell(
                Asked(self._number, self.lookup.target, candidate.contact, candidate.path, candidate.hops, node.now)
            )
            node.ask(
                candidate.contact,
                node.find(candidate.contact, self._key, want),
                partial(self._heard, candidate, node.now),
                partial(self._slow, candidate),
            )
        if (settled or self.lookup.done) and not self._pull_missing():
            self._end()

    def _settled(self) -> bool:
        lookup, wide = self.lookup, min(limits.DHT_ALPHA + 2 * self._silent, _WIDEST)
        if self._careful or not self._values:
            lookup.alpha = wide
        elif self._sets:
            agreeing = max(self._sets.values())
            needed = max(1, _AGREE - agreeing)  # no more in flight than may still be needed
            if self.reading.overflowed and len(self._sets) > 1:
                needed = limits.DHT_ALPHA
            lookup.alpha = max(needed, _HEDGED) if self._silent else needed
            if agreeing >= _AGREE or (self.reading.overflowed and self.reading.holders >= _OVERFLOWED):
                lookup.stop()
        elif len(lookup.answered) >= _AGREE:
            lookup.alpha = wide  # they know nothing: this may be a long way
        return lookup.done

    def _slow(self, candidate: Candidate) -> None:
        self._silent += 1
        self.lookup.slow(candidate)
        self._node.timers.at(self._node.now + _PATIENCE * self._node.soft, partial(self._gave_up, candidate))
        self._step()

    def _gave_up(self, candidate: Candidate) -> None:
        if candidate.was is Was.SLOW and not self.done.done:
            self.lookup.failed(candidate)
            self._step()

    def _heard(self, candidate: Candidate, sent: float, answer: Answer | None) -> None:
        node, seconds = self._node, self._node.now - sent
        if not isinstance(answer, Found):
            self.lookup.failed(candidate)
            node.tell(Answered(self._number, candidate.contact, False, seconds, 0, 0))
            self._step()
            return
        node.tell(Answered(self._number, candidate.contact, True, seconds, len(answer.contacts), len(answer.hashes)))
        if not self.done.done:
            self.lookup.heard(candidate, answer.contacts)
            self._values_of(candidate, answer)
            self._step()

    def _values_of(self, candidate: Candidate, answer: Found) -> None:
        if not self._values:
            return
        whom = candidate.contact
        for raw in answer.records:
            self._take(raw, whom)
        if answer.flags & MORE:
            self.reading.overflowed = True
        if not answer.hashes:
            self._missed.append(candidate)
            return
        self.reading.holders += 1
        self._sets[frozenset(answer.hashes)] += 1
        for name in answer.hashes:
            if name in self._have:
                continue
            known = self._tour.seen.get(name)
            if known is not None:
                self._accept(name, known, whom)
            else:
                self._listed.setdefault(name, []).append(whom)
        self._pull(whom)

    def _take(self, raw: bytes, whom: Contact) -> None:
        name = short_hash(raw)
        if name in self._have:
            return
        signed = self._tour.seen.get(name)
        if signed is None:
            signed = self._node.verifier.open(raw, self._node.now, self._node.wall, wanted=True)
        if signed is None:
            self.reading.refused += 1
            return
        self._accept(name, signed, whom)

    def _accept(self, name: bytes, signed: SignedPointer, whom: Contact) -> None:
        self._tour.seen[name] = signed
        self._have.add(name)
        self._listed.pop(name, None)
        if self._place is None or key_at(signed, self._place) != self._key:
            self.reading.refused += 1  # a true record of something else is no answer
        elif self.reading.take(signed) and not signed.pointer.gone:
            age = max(0.0, self._node.wall - signed.record.issued_ms / 1000)
            found = RecordFound(signed, whom, age)
            self._node.tell(found)
            self._tell(found)

    # --- records that did not fit into the answers -------------------------------------------------------------------

    def _pull_missing(self) -> bool:
        """Ask for what is listed and not here; whether anything is still under way."""
        holders = {whom for names in self._listed.values() for whom in names}
        for whom in sorted(holders, key=lambda each: (self._tour.asked[each], each.id ^ self._number)):
            self._pull(whom)
        return bool(self._pulling)

    def _pull(self, whom: Contact) -> None:
        node = self._node
        while self._loads[whom] < _PULLS_EACH and self._loads.total() < _PULLS:
            names = [
                name
                for name, holders in self._listed.items()
                if name not in self._pulling and whom in holders and (whom, name) not in self._refused
            ][:_PULLED]
            if not names:
                return
            self._loads[whom] += 1
            self._tour.asked[whom] += 1
            for name in names:
                self._pulling[name] = whom
            question = Pull(node.seal.public, self._key, node.token_for(whom), tuple(names))
            node.ask(whom, question, partial(self._pulled, whom, tuple(names)))

    def _pulled(self, whom: Contact, names: tuple[bytes, ...], answer: Answer | None) -> None:
        self._loads[whom] -= 1
        before = len(self._have)
        for raw in answer.records if isinstance(answer, Found) else ():
            self._take(raw, whom)
        for name in names:
            self._pulling.pop(name, None)
            if name not in self._have and len(self._have) == before:
                self._refused.add((whom, name))  # it said it had it and gave nothing
        if not self.done.done:
            self._step()

    def _end(self) -> None:
        node, lookup, reading = self._node, self.lookup, self.reading
        lookup.stop()
        reading.asked, reading.answered, reading.hops = lookup.asked, len(lookup.answered), lookup.hops
        reading.unread = len(self._listed)
        seconds = node.now - self._began
        node.tell(Ended(self._number, lookup.target, lookup.asked, len(lookup.answered), lookup.hops, seconds))
        self.done.set(reading)

    def nearest_without(self) -> Contact | None:
        """The nearest node that answered and had nothing, for writing back."""
        return min(self._missed).contact if self._missed else None


def seeds(node: DhtNode, target: int, count: int) -> list[Contact]:
    """Where to begin: the nearest contacts of the table that were not silent just now, or those if there are no others."""
    near = node.table.closest(target, count)
    return node.trusted(near) or near


async def find_nodes(node: DhtNode, key: bytes, *, width: int = limits.DHT_K, careful: bool = False) -> list[Contact]:
    """The nodes nearest to `key` that answer, nearest first."""
    search = Search(node, key, place=None, careful=careful, width=width)
    await search.go()
    return search.lookup.nearest(width)


async def get(
    node: DhtNode,
    key: bytes,
    place: Place,
    *,
    careful: bool = False,
    tell: Tell = lambda found: None,
    tour: Tour | None = None,
) -> KeyReading:
    """The records under a key that belong to `place`; they are written back to the nearest node that had nothing. Looks of one
    listing share a `tour`."""
    search = Search(node, key, place=place, careful=careful, tell=tell, tour=tour)
    reading = await search.go()
    if tour is not None and reading.answered < _AGREE:  # who it began with is not there any more
        search = Search(node, key, place=place, careful=careful, tell=tell)
        reading = await search.go()
    missing = search.nearest_without()
    if missing is not None and reading.records and node.token_for(missing):
        items = tuple((key, place, signed.raw) for signed in list(reading.records.values())[:_WRITTEN_BACK])
        node.ask(missing, Put(node.seal.public, node.token_for(missing), items), lambda answer: None)
    return reading


@dataclass(slots=True)
class Listing:
    """Everything found under a word of one kind, tombstones included."""

    records: dict[tuple[bytes, str], SignedPointer] = field(default_factory=dict)
    visited: int = 0
    asked: int = 0
    complete: bool = True  # False: a bound was reached


async def listing(
    node: DhtNode,
    kind: Kind,
    word: str,
    *,
    careful: bool = False,
    most: int = limits.DHT_FOUND,
    tell: Tell = lambda found: None,
) -> Listing:
    """Walk the index of a word. Records stream to `tell`, each name and publisher once per improvement."""
    walk, found = Walk(kind, word), Listing()
    merged, tour = KeyReading(b""), Tour()

    def heard(record: RecordFound) -> None:
        signed = record.signed
        if signed.pointer.ref.kind is kind and len(merged.records) < most and merged.take(signed):
            tell(record)

    async def look(path: str) -> None:
        place = Place(word, len(path))
        reading = await get(node, walk.key(path), place, careful=careful, tell=heard, tour=tour)
        found.asked += reading.asked
        if reading.unread:  # once more, of others
            again = await get(node, walk.key(path), place, careful=careful, tell=heard, tour=tour)
            found.asked += again.asked
            for signed in reading.records.values():
                again.take(signed)
            again.overflowed |= reading.overflowed
            reading = again
        for signed in reading.records.values():
            if signed.pointer.gone:
                merged.take(signed)  # a tombstone here silences an older record elsewhere
        count = len(reading.records)
        more = reading.overflowed and count >= limits.DHT_KEY_NETWORK
        if (more or count >= _ALMOST_FULL) and len(merged.records) < most:
            walk.overflowed(path)

    await pool(walk.next_path, look, _WALKS)
    found.records, found.visited = merged.records, walk.visited
    found.complete = walk.visited < walk.most and len(merged.records) < most
    return found
