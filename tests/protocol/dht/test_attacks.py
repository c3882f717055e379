"""Attacks on the DHT (SECURITY T4): lies, replays, eclipses, floods, spoofed questions, hostile bytes, a stock node."""

from __future__ import annotations

import tracemalloc
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import limits
from protocol.dht.contacts import Networks, contact
from protocol.dht.messages import (
    CONTACTS,
    FULL,
    MORE,
    PROVE,
    STORED,
    VALUES,
    Find,
    Found,
    Frame,
    Place,
    Pull,
    Put,
    Question,
    Stored,
    decode,
    encode_answer,
    encode_question,
)
from protocol.dht.node import DhtNode
from protocol.dht.reading import get, listing
from protocol.dht.record import Pointer, SignedPointer, asked_words, name_key, open_pointer, sign_pointer, words_of
from protocol.dht.seal import KeySeal
from protocol.dht.tokens import Tokens
from protocol.dht.writing import join, publish
from protocol.errors import DataError, OoderError, UsageError
from protocol.identity import SigningKey
from protocol.refs import Kind, parse_ref
from tests.fakes.dht_swarm import WALL, Swarm

PDF = parse_ref("skill:pdf-tools")
HOME = "10.9.9.9"


class Liar:
    """Answers in the place of an honest server: swallows puts, shows old and forged records, knows only accomplices."""

    def __init__(self, node: DhtNode, gang: list[Any], old: list[bytes], random: Random) -> None:
        self._honest, self._gang, self._old, self._random = node._server, gang, old, random

    def answer(self, question: Question, transaction: bytes, size: int, *where: Any) -> tuple[Any, bool]:
        answer, proved = self._honest.answer(question, transaction, size, *where)
        if isinstance(question, Put):
            return Stored(bytes([STORED] * len(question.items))), proved
        if not isinstance(answer, Found):
            return answer, proved
        forged = bytearray(self._old[0])
        forged[self._random.randrange(len(forged))] ^= 1
        records = (self._old[self._random.randrange(len(self._old))], bytes(forged))
        gang = [contact(self._random.randbytes(32), *each) for each in self._random.sample(self._gang, 3)]
        hashes = tuple(self._random.randbytes(8) for _ in range(3))
        return Found(answer.token, tuple(gang), MORE, hashes, records[: 2 if size > 300 else 0], answer.proof), proved


def hostile_swarm(seed: int, old: list[bytes]) -> tuple[Swarm, list[DhtNode], list[DhtNode]]:
    swarm = Swarm(seed)
    for _ in range(50):
        swarm.add()
    swarm.join_all()
    hostile = swarm.random.sample(swarm.nodes[1:], 20)
    gang = [swarm.where(node) for node in hostile]
    for node in hostile:
        node._server = Liar(node, gang, old, swarm.random)  # type: ignore[assignment]
    honest = [node for node in swarm.nodes if node not in hostile]
    return swarm, honest, hostile


def duel(reads: int, seed: int) -> int:
    """How many of `reads` careful readings name the valid highest record, two fifths of the nodes being hostile."""
    old: list[bytes] = []
    swarm, honest, _ = hostile_swarm(seed, old)
    owner = honest[0]
    refs = [parse_ref(f"skill:item-{n}") for n in range(20)]
    old += [swarm.record(owner, str(ref), seq=1, version="1").raw for ref in refs]
    newest = {ref: swarm.record(owner, str(ref), seq=2, version="2") for ref in refs}
    swarm.run(publish(owner, list(newest.values())))
    right = 0
    for _ in range(reads):
        ref = swarm.random.choice(refs)
        found = swarm.run(get(swarm.random.choice(honest[1:]), name_key(ref), Place(), careful=True))
        right += found.live == [newest[ref]]
    return right


def test_the_valid_highest_record_wins_among_two_fifths_of_liars() -> None:
    assert duel(40, 1) == 40


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_the_valid_highest_record_wins_a_thousand_times(seed: int) -> None:
    assert duel(100, seed) == 100


def test_liars_cannot_make_a_listing_endless() -> None:
    old: list[bytes] = []
    swarm, honest, _ = hostile_swarm(3, old)
    old += [swarm.record(honest[0], "skill:pdf-tools", seq=1).raw]
    record = swarm.record(honest[0], "skill:pdf-tools", seq=2)
    swarm.run(publish(honest[0], [record]))
    found = swarm.run(listing(honest[5], Kind.SKILL, "pdf", careful=True))
    assert record in found.records.values() and found.visited <= 5


class Mirror:
    """Knows nobody but itself, under ever new keys."""

    def __init__(self, node: DhtNode, where: tuple[str, int], random: Random) -> None:
        self._honest, self._where, self._random = node._server, where, random

    def answer(self, question: Question, *rest: Any) -> tuple[Any, bool]:
        answer, proved = self._honest.answer(question, *rest)
        if not isinstance(answer, Found):
            return answer, proved
        ip, port = self._where
        selves = tuple(contact(self._random.randbytes(32), ip, port + n % 3) for n in range(20))
        return Found(answer.token, selves if proved else (), 0, (), (), answer.proof), proved


def test_nodes_that_name_only_themselves_lead_nobody_astray() -> None:
    swarm = Swarm(11)
    for _ in range(40):
        swarm.add()
    swarm.join_all()
    record = swarm.record(swarm.nodes[0], "skill:pdf-tools")
    swarm.run(publish(swarm.nodes[0], [record]))
    for node in swarm.nodes[4::3]:
        node._server = Mirror(node, swarm.where(node), swarm.random)  # type: ignore[assignment]
    for reader in (swarm.nodes[1], swarm.nodes[2], swarm.nodes[38]):
        for careful in (False, True):
            found = swarm.run(get(reader, name_key(PDF), Place(), careful=careful))
            assert found.live == [record] and found.asked <= limits.DHT_LOOKUP_QUESTIONS
    newcomer = swarm.add()
    swarm.run(join(newcomer, [swarm.where(swarm.nodes[4]), swarm.where(swarm.nodes[0])]))
    assert len(newcomer.table) >= 20


DAY = 86_400.0


@pytest.mark.parametrize(
    ("skew", "life", "found", "code"),
    [(DAY, 2 * DAY, 0, "record.from_the_future"), (-DAY, DAY / 2, 0, "record.expired"), (-DAY, 2 * DAY, 1, "")],
)
def test_a_publisher_whose_clock_is_off_by_a_day(skew: float, life: float, found: int, code: str) -> None:
    swarm = Swarm(5)
    for _ in range(25):
        swarm.add()
    swarm.join_all()
    author, reader = swarm.nodes[3], swarm.nodes[9]
    swarm.skew[id(author)] = skew
    report = swarm.run(publish(author, [swarm.record(author, "skill:pdf-tools", life=life)]))
    swarm.down.add(id(author))
    assert len(swarm.run(get(reader, name_key(PDF), Place())).live) == found
    assert (report.replicas >= 19) == bool(found)
    assert not code or sum(node.counts[code] for node in swarm.nodes) >= 19


@pytest.mark.parametrize(("skew", "found"), [(-DAY, 0), (DAY, 1), (3 * DAY, 0)])
def test_a_reader_whose_clock_is_off_by_days_believes_nothing_it_cannot_date(skew: float, found: int) -> None:
    swarm = Swarm(6)
    for _ in range(25):
        swarm.add()
    swarm.join_all()
    swarm.run(publish(swarm.nodes[3], [swarm.record(swarm.nodes[3], "skill:pdf-tools", life=2 * DAY)]))
    client = swarm.add(client=True)
    swarm.skew[id(client)] = skew
    swarm.run(join(client, [swarm.where(swarm.nodes[0])]))
    reading = swarm.run(get(client, name_key(PDF), Place(), careful=True))
    assert len(reading.live) == found and bool(reading.refused) == (not found)


def lone(**options: Any) -> DhtNode:
    return DhtNode(KeySeal(SigningKey(bytes(32))), Networks(()), Random(1), now=0.0, wall=WALL, **options)


def ask(node: DhtNode, question: Question, ip: str, now: float = 1.0, size: int = 0) -> tuple[bytes, list[Any]]:
    data = encode_question(b"t" * 20, question, size)
    node.receive(data, ip, 48890, now, WALL + now)
    return data, node.datagrams_to_send()


def token_of(node: DhtNode, sender: bytes, ip: str, now: float = 1.0) -> bytes:
    _, out = ask(node, Find(sender, bytes(20), 0), ip, now)
    body = decode(out[0].data, ip).body
    assert isinstance(body, Found)
    return body.token


def test_an_unproved_address_never_gets_more_than_three_times_its_question() -> None:
    swarm = Swarm(2)
    for _ in range(40):
        swarm.add()
    swarm.join_all()
    records = [swarm.record(swarm.nodes[0], "skill:pdf-tools"), swarm.record(swarm.nodes[1], "skill:pdf-tools")]
    for record in records:
        swarm.run(publish(swarm.nodes[0], [record]))
    node = next(node for node in swarm.nodes if node.store.get(name_key(PDF)))
    worst = 0.0
    for want in range(16):
        for size in (0, 120, 200, 300, 400, 467, 900, 1400):
            question = Find(b"s" * 32, name_key(PDF), want)
            data = encode_question(b"t" * 20, question, size)
            node.receive(data, HOME, 48890, swarm.now, swarm.wall)
            out = [each for each in node.datagrams_to_send() if each.ip == HOME]
            worst = max(worst, sum(len(each.data) for each in out) / len(data))
            assert len(out) <= 1
    assert worst <= limits.DHT_GAIN


def test_a_put_needs_a_token_of_this_address() -> None:
    node, key = lone(), SigningKey(b"k" * 32)
    raw = sign_pointer(key, Pointer(PDF), seq=1, issued=WALL, life=3600)
    item = (name_key(PDF), Place(), raw)
    sender = b"s" * 32
    token = token_of(node, sender, "81.0.0.1")
    for ip, who, when, good in (
        ("81.0.0.2", sender, 1.0, b""),
        ("81.0.0.2", sender, 1.0, token),
        ("81.0.0.1", b"x" * 32, 1.0, token),
        ("81.0.0.1", sender, 700.0, token),
    ):
        _, out = ask(node, Put(who, good, (item,)), ip, when)
        assert not out and node.store.count == 0
    _, out = ask(node, Put(sender, token, (item,)), "81.0.0.1", 200.0)
    assert decode(out[0].data, HOME).body == Stored(bytes([STORED])) and node.store.count == 1


def bad_records() -> dict[str, bytes]:
    key, other = SigningKey(b"k" * 32), SigningKey(b"o" * 32)
    good = sign_pointer(key, Pointer(PDF), seq=1, issued=WALL, life=3600)
    kind, body, signature = msgpack.unpackb(good)
    return {
        "wrong signature": msgpack.packb([kind, body, bytes(64)]),
        "wrong key": msgpack.packb([kind, other.public.raw + body[32:], signature]),
        "expired": sign_pointer(key, Pointer(PDF), seq=1, issued=WALL - 9000, life=3600),
        "from the future": sign_pointer(key, Pointer(PDF), seq=1, issued=WALL + 86_400, life=3600),
        "another name": sign_pointer(key, Pointer(parse_ref("skill:other")), seq=1, issued=WALL, life=3600),
        "no record": b"\xc0" * 80,
        "empty": b"",
        "trailing": good + b"\x00",
    }


@pytest.mark.parametrize("name", sorted(bad_records()))
def test_bad_records_are_refused_at_the_door_and_counted(name: str) -> None:
    node, sender = lone(), b"s" * 32
    token = token_of(node, sender, "81.0.0.1")
    item = (name_key(PDF), Place(), bad_records()[name])
    before = sum(node.counts.values())
    ask(node, Put(sender, token, (item,)), "81.0.0.1")
    assert node.store.count == 0
    assert sum(node.counts.values()) > before + 2  # received, answered, and why


def test_an_expiry_a_year_away_cannot_be_signed_in_and_is_not_read() -> None:
    from protocol.records import sign_record

    key = SigningKey(b"k" * 32)
    raw = sign_record(
        key,
        record_type="ooder/pointer+v1",
        name=str(PDF),
        seq=1,
        issued_ms=int(WALL * 1000),
        expires_ms=int((WALL + 365 * 86_400) * 1000),
        value=[0, "1", b"", 0, [], "", []],
    )
    with pytest.raises(DataError, match="live 365 days"):
        open_pointer(raw, WALL)
    with pytest.raises(UsageError):
        sign_pointer(key, Pointer(PDF, title="x" * 121), seq=1, issued=WALL, life=60)


def flood(count: int) -> DhtNode:
    """`count` hostile stores, each validly signed, from 50 networks."""
    node, chance = lone(capacity=2_000), Random(5)
    keys = [SigningKey(chance.randbytes(32)) for _ in range(20)]
    pool = [
        sign_pointer(keys[n % 20], Pointer(parse_ref(f"skill:junk-{n}")), seq=1, issued=WALL, life=3600)
        for n in range(2_000)
    ]
    tokens = {}
    for n in range(count):
        ip, now = f"{80 + n % 50}.1.2.{n % 7}", 1.0 + n / 1_000
        epoch = (ip, int(now // 200))
        if epoch not in tokens:
            tokens[epoch] = token_of(node, b"s" * 32, ip, now)
        raw = bytearray(pool[n % 2_000])
        if n % 4 == 0:
            raw[chance.randrange(len(raw))] ^= 0xFF
        ref = parse_ref(f"skill:junk-{n % 2_000}")
        ask(node, Put(b"s" * 32, tokens[epoch], ((name_key(ref), Place(), bytes(raw)),)), ip, now)
    return node


def test_hostile_stores_stay_under_the_caps() -> None:
    node = flood(5_000)
    assert 0 < node.store.count <= 2_000


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_a_hundred_thousand_hostile_stores_stay_under_the_caps() -> None:
    tracemalloc.start()
    node = flood(100_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < node.store.count <= 2_000
    assert held < 40 * limits.MIB


def mutants(count: int, seed: int) -> None:
    """Random and mutated datagrams: never an exception, and no answer larger than it may be."""
    chance = Random(seed)
    node = lone()
    raw = sign_pointer(SigningKey(b"k" * 32), Pointer(PDF), seq=1, issued=WALL, life=3600)
    item = (name_key(PDF), Place("pdf", 2), raw)
    neighbour = contact(b"c" * 32, "81.5.5.5", 1)
    seeds = [
        encode_question(b"t" * 20, Find(b"s" * 32, bytes(20), VALUES | CONTACTS | PROVE), 467),
        encode_question(b"t" * 20, Pull(b"s" * 32, bytes(20), b"12345678", (b"h" * 8,) * 4)),
        encode_question(b"t" * 20, Put(b"s" * 32, b"12345678", (item, item))),
        encode_answer(b"t" * 20, Found(b"12345678", (neighbour,), 1, (b"h" * 8,), (raw,), b"p" * 96)),
        encode_answer(b"t" * 20, Stored(bytes([FULL, STORED]))),
        b"\x00" + b"t" * 20 + b"\x91" * 1300,
        b"\x01" + b"t" * 20 + b"\xdd\xff\xff\xff\xff",
        b"\x00" + b"t" * 20 + msgpack.packb(["find_node", [b"i" * 20, b"k" * 20]]),
    ]
    for number in range(count):
        now = number / 100
        data = bytearray(chance.choice(seeds)) if number % 5 else bytearray(chance.randbytes(chance.randrange(1500)))
        for _ in range(chance.randrange(4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data) + 1)]
        if chance.random() < 0.1:
            data += chance.randbytes(chance.randrange(40))
        if number % 50 == 0:  # an answer to something we did ask
            node.tick(now, WALL + now)
            node.prove(neighbour)
            for out in node.datagrams_to_send():
                data[1:21] = out.data[1:21]
        ip = "81.5.5.5" if number % 50 == 0 else f"81.{number % 9}.1.1"
        node.receive(bytes(data), ip, 1, now, WALL + now)
        assert sum(len(each.data) for each in node.datagrams_to_send() if each.ip == ip) <= 3 * max(1, len(data))


def test_random_and_mutated_datagrams_do_no_harm() -> None:
    mutants(4_000, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_hundred_thousand_mutated_datagrams_do_no_harm() -> None:
    mutants(100_000, 2)


def test_an_answer_counts_only_from_the_address_that_was_asked() -> None:
    node = lone()
    heard: list[Any] = []
    node.tick(1.0, WALL)
    node.prove(contact(b"c" * 32, "81.5.5.5", 1), heard.append)
    transaction = node.datagrams_to_send()[0].data[1:21]
    answer = encode_answer(transaction, Found(b"12345678"))
    node.receive(answer, "81.5.5.6", 1, 1.1, WALL)
    node.receive(encode_answer(b"u" * 20, Found()), "81.5.5.5", 1, 1.1, WALL)
    assert not heard and node.counts["dropped.unasked"] == 2
    node.receive(answer, "81.5.5.5", 1, 1.2, WALL)
    assert len(heard) == 1


def test_a_contact_without_a_good_proof_stays_out_of_the_table() -> None:
    node, thief = lone(), contact(b"c" * 32, "81.5.5.5", 1)
    for proof in (b"", b"c" * 32 + bytes(64), SigningKey(b"z" * 32).public.raw + bytes(64)):
        node.tick(1.0, WALL)
        node.prove(thief)
        transaction = node.datagrams_to_send()[0].data[1:21]
        node.receive(encode_answer(transaction, Found(b"12345678", proof=proof)), thief.ip, 1, 1.1, WALL)
    assert len(node.table) == 0


def test_one_address_with_thousands_of_ids_gets_few_places() -> None:
    swarm = Swarm(4, public=True, dense=())
    victim = swarm.add()
    for number in range(300):
        liar = swarm.add(ip="66.6.6.6", port=1000 + number)
        victim.tick(swarm.now, swarm.wall)
        victim.prove(liar.own._replace(ip="66.6.6.6", port=1000 + number))
    swarm.sleep(3)
    assert 0 < len(victim.table) <= limits.DHT_TABLE_NETWORK


def test_a_stranger_cannot_make_us_knock_inside() -> None:
    inside = tuple(contact(bytes([n]) * 32, ip, 80) for n, ip in enumerate(("127.0.0.1", "10.0.0.1", "192.168.1.1")))
    data = encode_answer(b"t" * 20, Found(b"12345678", (*inside, contact(b"p" * 32, "81.1.1.1", 80))))
    for teller, seen in (("81.5.5.5", 1), ("10.1.1.1", 3), ("127.0.0.1", 4)):
        body = decode(data, teller).body
        assert isinstance(body, Found) and len(body.contacts) == seen


def test_a_stock_node_is_neither_believed_nor_harmful() -> None:
    node = lone()
    for method, arguments in (
        ("ping", [b"i" * 20]),
        ("find_node", [b"i" * 20, b"k" * 20]),
        ("find_value", [b"i" * 20, b"k" * 20]),
        ("store", [b"i" * 20, b"k" * 20, b"value"]),
        ("stun", []),
    ):
        node.receive(b"\x00" + b"t" * 20 + msgpack.packb([method, arguments]), "81.1.1.1", 8468, 1.0, WALL)
    assert node.counts["dht.malformed"] == 5
    assert not node.datagrams_to_send() and len(node.table) == 0 and node.store.count == 0


# --- the codec -------------------------------------------------------------------------------------------------------

keys, ids, tokens = (
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=8, max_size=8),
)
hashes = st.lists(tokens, max_size=20).map(tuple)
places = st.builds(Place, st.sampled_from(["", "@", "pdf", "审批"]), st.integers(0, 6))
items = st.lists(st.tuples(ids, places, st.binary(max_size=60)), min_size=1, max_size=5).map(tuple)
contacts = st.lists(
    st.builds(contact, keys, st.sampled_from(["81.2.3.4", "10.0.0.1", "2a00::1"]), st.integers(1, 65535)), max_size=5
)
questions = st.one_of(
    st.builds(Find, keys, ids, st.integers(0, 15), st.one_of(st.just(b""), tokens)),
    st.builds(Pull, keys, ids, tokens, hashes),
    st.builds(Put, keys, tokens, items),
)


@given(questions, st.integers(0, 600))
def test_questions_are_read_as_written(question: Question, size: int) -> None:
    data = encode_question(b"t" * 20, question, size)
    assert decode(data, "81.1.1.1") == Frame(b"t" * 20, question)
    if isinstance(question, Find):
        assert size <= len(data) + 2 and len(data) <= max(size, 140)


@given(contacts, hashes, st.lists(st.binary(max_size=100), max_size=3).map(tuple))
def test_answers_are_read_as_written(told: Any, names: Any, records: Any) -> None:
    answer = Found(b"12345678", tuple(sorted(told, key=lambda each: ":" in each.ip)), MORE, names, records, b"p" * 96)
    assert decode(encode_answer(b"t" * 20, answer), "127.0.0.1") == Frame(b"t" * 20, answer)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for head in (b"", b"\x00" + b"t" * 20, b"\x01" + b"t" * 20):
        try:
            decode(head + data, "81.1.1.1")
        except DataError as error:
            assert error.code == "dht.malformed"


def test_tokens_age() -> None:
    made = Tokens(b"s" * 32)
    token = made.make("1.2.3.4", 5, b"k", 299.0)
    assert made.valid(token, "1.2.3.4", 5, b"k", 301.0)
    assert made.valid(token, "1.2.3.4", 5, b"k", 599.0)
    assert not made.valid(token, "1.2.3.4", 5, b"k", 600.0)
    assert not made.valid(token, "1.2.3.4", 6, b"k", 301.0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("pdf", ("pdf",)),
        ("PDF-Tools", ("tools", "pdf")),
        ("审批", ("审批",)),
        ("审批单 pdf", ("审批", "批单", "pdf")),
        ("批", ("批",)),
        ("pdf-to*", ("^pdf", "pdf")),
        ("*", ()),
        ("", ()),
        ("*port*", ()),
    ],
)
def test_every_asked_word_is_one_a_matching_record_has(asked: str, words: tuple[str, ...]) -> None:
    assert sorted(asked_words(asked)) == sorted(words)
    pointer = Pointer(PDF, title="PDF 审批单", tags=("批",))
    assert set(words) <= set(words_of(pointer))
    assert words_of(pointer)[0] == "*"  # `key_at` relies on it


def test_a_typical_record_is_small() -> None:
    pointer = Pointer(
        PDF,
        "1.2.0",
        "sha256:" + "ab" * 32,
        12_345,
        ("http://192.168.1.17:48889",),
        "PDF tools",
        ("office", "pdf"),
    )
    raw = sign_pointer(SigningKey(b"k" * 32), pointer, seq=1, issued=WALL, life=3600)
    assert len(raw) < 280
    opened: SignedPointer = open_pointer(raw, WALL)
    assert opened.pointer == pointer
    with pytest.raises(OoderError):
        open_pointer(raw[:-1], WALL)
