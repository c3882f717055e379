"""Storing: one record or ten thousand, by the sweep of regions, and down the index where nodes are full.

A record is written under its name, under (name, publisher), and under each of its words at the shallowest node of the index
that has room (docs/protocol/dht.md 6 and 7). Everything bound for one node travels together, a datagram at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol import limits
from protocol.dht.contacts import Contact
from protocol.dht.index_trie import Descent
from protocol.dht.messages import FULL, REFUSED, STORED, Answer, Place, Put, Stored
from protocol.dht.node import DhtNode
from protocol.dht.reading import find_nodes
from protocol.dht.record import BY_PUBLISHER, SignedPointer, name_key, publisher_key, words_of
from protocol.dht.sweep import Region, order_keys
from protocol.dht.tasks import Later, together

_HEAD = 21 + 12 + 34 + 10 + 6
_KEYS_AT_ONCE = 8  # regions looked up together
_JOIN_TRIES = 3
_GRACE = 2  # soft timeouts
_SENDERS = 16  # nodes written to at once
_LEVEL = 64 * 4  # records that go down one word's index together

Item = tuple[bytes, Place, bytes]


@dataclass(slots=True)
class PutReport:
    """What became of records: per item the statuses the nodes gave."""

    statuses: list[list[int]]
    lookups: int = 0
    datagrams: int = 0

    def replicas(self, number: int) -> int:
        """How many nodes hold item `number`."""
        return self.statuses[number].count(STORED)


@dataclass(slots=True)
class PublishReport:
    """A sweep over everything offered. `replicas` of the least replicated record under its name."""

    records: int = 0
    lookups: int = 0
    datagrams: int = 0
    replicas: int = 0
    unplaced: int = 0  # index words of records that found no room anywhere
    failed: list[str] = field(default_factory=list)  # names nobody took


async def put_many(node: DhtNode, items: Sequence[Item]) -> PutReport:
    """Store every item at the K nodes nearest to its key, ourselves included where we are one of them."""
    report = PutReport([[] for _ in items])
    targets: dict[Contact, list[int]] = {}
    waiting = order_keys([key for key, _, _ in items])
    while waiting:
        wave, waiting = await _plan(node, items, waiting, report, targets)
        await _send(node, items, wave, report)
        targets.clear()
    return report


async def _plan(
    node: DhtNode,
    items: Sequence[Item],
    waiting: list[int],
    report: PutReport,
    targets: dict[Contact, list[int]],
) -> tuple[dict[Contact, list[int]], list[int]]:
    """Find the nodes for as many items as a few lookups cover; what is left waits for the next wave."""
    regions_there_are = -(-node.table.estimate() // limits.DHT_K)
    count = max(1, min(len(waiting), _KEYS_AT_ONCE, regions_there_are))
    step = max(1, len(waiting) // count)
    centres = [items[waiting[at]][0] for at in range(0, len(waiting), step)][:count]
    report.lookups += len(centres)
    width = 2 * limits.DHT_K if len(waiting) > len(centres) else limits.DHT_K
    looked = await together([find_nodes(node, centre, width=width) for centre in centres])
    regions = {
        centre: Region(
            int.from_bytes(centre, "big"),
            _with_own(node, int.from_bytes(centre, "big"), found, width),
            whole=len(found) < width,
        )
        for centre, found in zip(centres, looked, strict=True)
    }
    left = []
    for number in waiting:
        key = int.from_bytes(items[number][0], "big")
        near = _covering(regions, items[number][0], key)
        if near is None:
            left.append(number)
            continue
        for contact in near:
            targets.setdefault(contact, []).append(number)
    return targets, left


def _with_own(node: DhtNode, target: int, found: list[Contact], width: int) -> tuple[Contact, ...]:
    if node.client:
        return tuple(found)
    return tuple(sorted([*found, node.own], key=lambda contact: contact.id ^ target)[:width])


def _covering(regions: dict[bytes, Region], name: bytes, key: int) -> list[Contact] | None:
    own = regions.get(name)
    if own is not None:
        return sorted(own.contacts, key=lambda contact: contact.id ^ key)[: limits.DHT_K]
    for region in sorted(regions.values(), key=lambda region: region.centre ^ key)[:2]:
        near = region.nearest(key)
        if near is not None:
            return near
    return None


async def _send(node: DhtNode, items: Sequence[Item], targets: dict[Contact, list[int]], report: PutReport) -> None:
    left = await _send_all(node, items, targets, report)
    if left:
        await _send_all(node, items, left, report)


async def _send_all(
    node: DhtNode, items: Sequence[Item], targets: dict[Contact, list[int]], report: PutReport
) -> dict[Contact, list[int]]:
    """Everything for everybody; what nodes that fell silent did not get."""
    left = await together(
        [_send_to(node, items, contact, numbers, report) for contact, numbers in targets.items()], _SENDERS
    )
    return {contact: numbers for contact, numbers in zip(targets, left, strict=True) if numbers}


async def _send_to(
    node: DhtNode, items: Sequence[Item], whom: Contact, numbers: list[int], report: PutReport
) -> list[int]:
    """Everything for one node, one datagram after the other; what is left when it falls silent."""
    if whom == node.own:
        for number in numbers:
            key, _, raw = items[number]
            report.statuses[number].append(_keep(node, key, raw))
        return []
    sent = 0
    for batch in _batches(items, numbers):
        token = await _token(node, whom)
        if not token:
            return numbers[sent:]
        answer: Later[Answer | None] = Later()
        report.datagrams += 1
        node.ask(whom, Put(node.seal.public, token, tuple(items[number] for number in batch)), answer.set)
        stored = await answer
        if not isinstance(stored, Stored) or len(stored.statuses) != len(batch):
            return numbers[sent:]
        sent += len(batch)
        for number, status in zip(batch, stored.statuses, strict=True):
            report.statuses[number].append(status)
    return []


async def _token(node: DhtNode, whom: Contact) -> bytes:
    """The token of a node; asked for when it is too old, or was forgotten because the node fell silent. Empty when it is silent."""
    if not node.token_for(whom):
        answer: Later[Answer | None] = Later()
        node.ask(whom, node.find(whom, node.own.id.to_bytes(20, "big"), 0), answer.set)
        await answer
    return node.token_for(whom)


def _keep(node: DhtNode, key: bytes, raw: bytes) -> int:
    signed = node.verifier.open(raw, node.now, node.wall, wanted=True)
    return REFUSED if signed is None else node.store.put(key, signed, "", node.wall)


def _batches(items: Sequence[Item], numbers: list[int]) -> list[list[int]]:
    """Numbers in groups that fit a datagram each."""
    batches: list[list[int]] = [[]]
    size = _HEAD
    for number in numbers:
        needed = 20 + 2 + len(items[number][1].word.encode()) + 2 + 1 + len(items[number][2]) + 3 + 1
        if batches[-1] and (size + needed > limits.DHT_DATAGRAM or len(batches[-1]) >= limits.DHT_PUT_RECORDS):
            batches.append([])
            size = _HEAD
        batches[-1].append(number)
        size += needed
    return batches


async def put(node: DhtNode, key: bytes, place: Place, raw: bytes) -> PutReport:
    """Store one record under one key."""
    return await put_many(node, [(key, place, raw)])


async def publish(node: DhtNode, records: Sequence[SignedPointer]) -> PublishReport:
    """Store records under all their keys. A tombstone goes the same ways, and replaces what stood there."""
    report = PublishReport(len(records))
    items: list[Item] = []
    for signed in records:
        items.append((name_key(signed.pointer.ref), Place(), signed.raw))
        items.append((publisher_key(signed.pointer.ref, signed.record.key.raw), Place(BY_PUBLISHER), signed.raw))
    stored = await put_many(node, items)
    report.lookups, report.datagrams = stored.lookups, stored.datagrams
    counts = [stored.replicas(2 * number) for number in range(len(records))]
    report.replicas = min(counts, default=0)
    report.failed = [signed.record.name for signed, count in zip(records, counts, strict=True) if not count]
    await index(node, records, report)
    return report


async def index(node: DhtNode, records: Sequence[SignedPointer], report: PublishReport, only: str = "") -> None:
    """Every record under each of its words (or only one). Keys that said FULL in this sweep are not tried by the next record."""
    waiting = [Descent(signed, word) for signed in records for word in words_of(signed.pointer) if only in {"", word}]
    full: set[bytes] = set()
    first: dict[bytes, int] = {}
    while waiting:
        now: list[Descent] = []
        later: list[Descent] = []
        first.clear()
        for descent in waiting:
            while descent.key in full and not descent.told([FULL]):
                pass
            if first.get(descent.key, 0) >= _LEVEL:
                later.append(descent)
            else:
                first[descent.key] = first.get(descent.key, 0) + 1
                now.append(descent)
        stored = await put_many(node, [(descent.key, descent.place, descent.signed.raw) for descent in now])
        report.lookups += stored.lookups
        report.datagrams += stored.datagrams
        waiting = later
        for descent, statuses in zip(now, stored.statuses, strict=True):
            key = descent.key
            if not statuses.count(STORED) and descent.depth >= limits.DHT_DEPTH:
                report.unplaced += 1
            if descent.told(statuses):
                full.add(key)
                waiting.append(descent)


async def join(node: DhtNode, addresses: Sequence[tuple[str, int]]) -> int:
    """Ask nodes at these addresses for their proof, then walk to our own place. Returns how many of them answered.

    `addresses` must not be empty."""
    answered = 0
    for _ in range(_JOIN_TRIES):
        answered = await _knock(node, addresses)
        if len(node.table) or node.closed:
            break
    if len(node.table):
        await refresh(node)
    return answered


async def _knock(node: DhtNode, addresses: Sequence[tuple[str, int]]) -> int:
    """Ask for proofs; back when all have answered, or a moment after the first gave one: whoever is quickest shall not be the only
    one to tell us of others. How many have answered by then."""
    enough: Later[bool] = Later()
    answers: list[bool] = []

    def heard(answer: Answer | None) -> None:
        answers.append(answer is not None)
        if len(answers) == len(addresses):
            enough.set(True)
        elif len(node.table):
            node.timers.at(node.now + _GRACE * node.soft, lambda: enough.set(True))

    for ip, port in addresses:
        node.prove(Contact(-1, b"", ip, port), heard)
    await enough
    return sum(answers)


async def refresh(node: DhtNode) -> None:
    """Walk to our own place and into the buckets that have room."""
    await find_nodes(node, node.own.id.to_bytes(20, "big"))
    keys = []
    for index in node.table.thin():
        flipped = node.own.id ^ (1 << (159 - index))
        keys.append((flipped ^ (int.from_bytes(node.chance.randbytes(20), "big") >> (index + 1))).to_bytes(20, "big"))
    await together([find_nodes(node, key) for key in keys], 4)
