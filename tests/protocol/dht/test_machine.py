"""The DHT machine on virtual time: publishing, finding by name and word, loss, churn, limits. Loss and chance are seeded."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from protocol import limits
from protocol.dht.contacts import Networks, contact
from protocol.dht.messages import FULL, OLDER, STORED, Found, Place
from protocol.dht.reading import find_nodes, get, listing
from protocol.dht.record import index_key, name_key
from protocol.dht.store import Store
from protocol.dht.table import Table
from protocol.dht.tasks import pool, start
from protocol.dht.writing import PublishReport, index, join, publish, put_many
from protocol.refs import Kind, parse_ref
from tests.fakes.dht_swarm import Swarm

PDF = parse_ref("skill:pdf-tools")


def swarm_of(count: int, seed: int = 1, **options: object) -> Swarm:
    swarm = Swarm(seed, **options)  # type: ignore[arg-type]
    for _ in range(count):
        swarm.add()
    swarm.join_all()
    return swarm


def test_what_one_publishes_another_finds_by_name_by_word_and_by_listing() -> None:
    swarm = swarm_of(40, real=True)
    record = swarm.record(swarm.nodes[3], "skill:pdf-tools", title="PDF 审批", tags=("office",), size=9)
    report = swarm.run(publish(swarm.nodes[3], [record]))
    assert report.replicas == limits.DHT_K and not report.failed and not report.unplaced
    reader = swarm.nodes[30]
    assert swarm.run(get(reader, name_key(PDF), Place())).live == [record]
    for word in ("*", "pdf", "^pdf", "tools", "审批", "批", "office"):
        assert list(swarm.run(listing(reader, Kind.SKILL, word)).records.values()) == [record], word
    assert not swarm.run(listing(reader, Kind.SCENE, "pdf")).records
    assert not swarm.run(get(reader, name_key(parse_ref("skill:none")), Place())).records


def test_many_publishers_share_a_name_and_nobody_replaces_another() -> None:
    swarm = swarm_of(30)
    records = [swarm.record(swarm.nodes[n], "skill:pdf-tools", version=f"{n}.0") for n in range(10)]
    for number, record in enumerate(records):
        swarm.run(publish(swarm.nodes[number], [record]))
    found = swarm.run(get(swarm.nodes[20], name_key(PDF), Place(), careful=True))
    assert {signed.pointer.version for signed in found.live} == {f"{n}.0" for n in range(10)}


def test_a_newer_record_replaces_and_a_tombstone_withdraws() -> None:
    swarm = swarm_of(30)
    first, second = (swarm.record(swarm.nodes[0], "skill:pdf-tools", seq=n, version=f"{n}") for n in (1, 2))
    gone = swarm.record(swarm.nodes[0], "skill:pdf-tools", seq=3, gone=True)
    reader = swarm.nodes[9]
    swarm.run(publish(swarm.nodes[0], [second]))
    swarm.run(publish(swarm.nodes[5], [first]))  # a replay by somebody else
    assert swarm.run(get(reader, name_key(PDF), Place(), careful=True)).live == [second]
    swarm.run(publish(swarm.nodes[0], [gone]))
    found = swarm.run(get(reader, name_key(PDF), Place(), careful=True))
    assert found.live == [] and found.records
    assert list(swarm.run(listing(reader, Kind.SKILL, "pdf", careful=True)).records.values()) == [gone]


def test_records_expire_everywhere() -> None:
    swarm = swarm_of(25)
    record = swarm.record(swarm.nodes[0], "skill:pdf-tools", life=600.0)
    swarm.run(publish(swarm.nodes[0], [record]))
    swarm.sleep(700)
    assert not swarm.run(get(swarm.nodes[7], name_key(PDF), Place())).records
    assert sum(node.store.count for node in swarm.nodes) == 0


@pytest.mark.parametrize("killed", [0.2, 0.4])
def test_reads_and_writes_survive_the_death_of_many(killed: float) -> None:
    swarm = swarm_of(60)
    records = [swarm.record(swarm.nodes[0], f"skill:thing-{n}") for n in range(30)]
    swarm.run(publish(swarm.nodes[0], records))
    for node in swarm.random.sample(swarm.nodes[1:], int(60 * killed)):
        swarm.down.add(id(node))
    reader = next(node for node in swarm.nodes[1:] if id(node) not in swarm.down)
    for record in records:
        assert swarm.run(get(reader, name_key(record.pointer.ref), Place())).live == [record]
    again = swarm.record(swarm.nodes[0], "skill:late")
    began = swarm.now
    assert swarm.run(publish(swarm.nodes[0], [again])).replicas >= limits.DHT_K - 6
    assert swarm.now - began < 8.0


def test_everybody_restarts_without_the_first_node() -> None:
    """A restart from the last table: the bootstrap is gone for good."""
    swarm = swarm_of(30)
    record = swarm.record(swarm.nodes[4], "skill:pdf-tools")
    swarm.run(publish(swarm.nodes[4], [record]))
    swarm.down.add(id(swarm.nodes[0]))
    late = swarm.add()
    old = [entry.contact for entry in swarm.nodes[9].table]
    assert swarm.run(join(late, [(each.ip, each.port) for each in old]))
    assert swarm.run(get(late, name_key(PDF), Place())).live == [record]


def one_story(seed: int) -> None:
    swarm = swarm_of(24, seed, loss=0.2, jitter=0.05)
    publisher, reader = swarm.random.sample(swarm.nodes, 2)
    record = swarm.record(publisher, "skill:pdf-tools", title="审批")
    assert swarm.run(publish(publisher, [record])).replicas >= 5, seed
    assert swarm.run(get(reader, name_key(PDF), Place())).live == [record], seed
    assert list(swarm.run(listing(reader, Kind.SKILL, "审批")).records.values()) == [record], seed


@pytest.mark.parametrize("block", range(5))
def test_a_fifth_of_the_datagrams_may_be_lost(block: int) -> None:
    for seed in range(block * 2, block * 2 + 2):
        one_story(seed)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("block", range(20))
def test_a_thousand_seeds_of_loss(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        one_story(seed)


def test_a_popular_word_spreads_down_the_index_and_is_listed_whole() -> None:
    swarm = swarm_of(30)
    owner = swarm.nodes[0]
    records = [swarm.record(owner, f"skill:popular-{n}") for n in range(200)]
    items = swarm.run(publish(owner, records))
    assert items.unplaced == 0 and items.replicas >= 19
    found = swarm.run(listing(swarm.nodes[11], Kind.SKILL, "popular"))
    assert len(found.records) == 200 and found.complete
    for node in swarm.nodes:
        assert all(len(node.store.get(held.key)) <= limits.DHT_KEY_RECORDS for held in node.store)
    root = index_key(Kind.SKILL, "popular", "")
    assert any(node.store.is_full(root, swarm.wall) for node in swarm.nodes)


def test_a_listing_is_spread_over_many_nodes_and_keeps_few_questions_under_way() -> None:
    swarm = swarm_of(40)
    records = [swarm.record(swarm.nodes[0], f"skill:popular-{n}") for n in range(300)]
    swarm.run(index(swarm.nodes[0], records, PublishReport(), only="*"))
    reader = swarm.nodes[11]
    before = {id(node): node.counts["answered"] for node in swarm.nodes}
    most = 0

    def look(found: object) -> None:
        nonlocal most
        most = max(most, len(reader._pending))

    found = swarm.run(listing(reader, Kind.SKILL, "*", tell=look))
    assert len(found.records) == 300 and found.complete and most <= 100
    served = [node.counts["answered"] - before[id(node)] for node in swarm.nodes]
    assert max(served) <= 3 * sum(served) / 40


def test_what_one_holder_names_and_does_not_give_is_asked_of_others() -> None:
    swarm = swarm_of(30)
    records = [swarm.record(swarm.nodes[0], f"skill:popular-{n}") for n in range(40)]
    swarm.run(index(swarm.nodes[0], records, PublishReport(), only="*"))
    for node in swarm.nodes[2::3]:
        node._server._pull = lambda question, room: Found()  # type: ignore[method-assign]
    for reader in (swarm.nodes[0], swarm.nodes[1], swarm.nodes[10]):
        assert len(swarm.run(listing(reader, Kind.SKILL, "*")).records) == 40


def test_a_node_that_is_deaf_for_a_moment_gets_its_records_all_the_same() -> None:
    swarm = swarm_of(25)
    owner, deaf = swarm.nodes[0], swarm.nodes[7]
    records = [swarm.record(owner, f"skill:swept-{n}") for n in range(60)]
    items = [(name_key(record.pointer.ref), Place(), record.raw) for record in records]
    hears, heard = deaf.receive, [0]

    def receive(data: bytes, *where: Any) -> None:
        heard[0] += b"o1_put" in data
        if b"o1_put" not in data or heard[0] > 2:  # the first put, and its repetition
            hears(data, *where)

    deaf.receive = receive  # type: ignore[method-assign]
    swarm.run(put_many(owner, items))
    assert heard[0] > 2
    for key, _, _ in items:
        near = sorted(swarm.nodes, key=lambda node: node.own.id ^ int.from_bytes(key, "big"))[: limits.DHT_K]
        assert deaf not in near or deaf.store.get(key)


def test_a_pool_works_on_what_work_makes_and_does_not_nest() -> None:
    waiting, done = list(range(3_000)), []

    async def work(number: int) -> None:
        done.append(number)
        if number < 10:
            waiting.append(10_000 + number)

    ended = start(pool(lambda: waiting.pop() if waiting else None, work, 4))
    assert ended.done and len(done) == 3_010 and not waiting


def test_a_sweep_needs_few_messages_and_reaches_the_true_nearest() -> None:
    swarm = swarm_of(80)
    owner = swarm.nodes[0]
    records = [swarm.record(owner, f"skill:swept-{n}") for n in range(200)]
    items = [(name_key(record.pointer.ref), Place(), record.raw) for record in records]
    asked = sum(node.counts["asked"] for node in swarm.nodes)
    report = swarm.run(put_many(owner, items))
    asked = sum(node.counts["asked"] for node in swarm.nodes) - asked
    assert asked <= 9 * len(items)
    for number, (key, _, _) in enumerate(items):
        target = int.from_bytes(key, "big")
        nearest = sorted(swarm.nodes, key=lambda node: node.own.id ^ target)[: limits.DHT_K]
        assert sum(1 for node in nearest if node.store.get(key)) >= limits.DHT_K - 1, number
    assert min(report.replicas(number) for number in range(len(items))) >= limits.DHT_K - 1


def test_clients_are_not_remembered() -> None:
    swarm = swarm_of(20)
    client = swarm.add(client=True)
    swarm.run(join(client, [swarm.where(swarm.nodes[0])]))
    swarm.run(find_nodes(client, bytes(20)))
    assert len(client.table) >= 10
    assert all(node.table.known(client.own.id) is None for node in swarm.nodes)


# --- the parts -------------------------------------------------------------------------------------------------------


def test_few_contacts_of_one_network_enter_the_table() -> None:
    random = Random(3)
    table = Table(0, Networks())
    for number in range(500):
        table.add(contact(random.randbytes(32), f"81.2.3.{number % 250}", 1000 + number), 0.0)
    assert len(table) <= limits.DHT_TABLE_NETWORK
    assert all(size <= limits.DHT_BUCKET_NETWORK for size in table.sizes())
    dense = Table(0, Networks(("81.2.3.0/24",)))
    for number in range(500):
        dense.add(contact(random.randbytes(32), f"81.2.3.{number % 250}", 1000 + number), 0.0)
    assert len(dense) > 60


def test_the_table_names_the_nearest_and_forgets_the_silent() -> None:
    random = Random(5)
    table = Table(int.from_bytes(random.randbytes(20), "big"), Networks())
    contacts = [contact(random.randbytes(32), f"10.0.{n // 250}.{n % 250}", 1) for n in range(400)]
    inside = [each for each in contacts if table.add(each, 0.0)]
    for _ in range(50):
        target = int.from_bytes(random.randbytes(20), "big")
        assert table.closest(target, 20) == sorted(inside, key=lambda each: each.id ^ target)[:20]
        nearer = sum(1 for each in inside if each.id ^ target < table.own ^ target)
        assert table.nearer_than_us(target) == nearer
    assert [each.id for each in table.closest(table.own, 3)] == [
        each.id for each in sorted(inside, key=lambda each: each.id ^ table.own)[:3]
    ]
    full = next(each for each in inside if table.sizes()[0] == 20 and (each.id ^ table.own).bit_length() == 160)
    assert table.failed(full) is None and table.known(full.id) is not None
    assert table.failed(full) is not None and table.known(full.id) is None


def test_the_store_keeps_its_bounds_and_lets_no_flood_displace_others() -> None:
    swarm = Swarm(1)
    honest, hostile = swarm.add(), swarm.add()
    store, key = Store(1000), bytes(20)
    mine = swarm.record(honest, "skill:mine")
    assert store.put(key, mine, "1.1.1.0/24", swarm.wall) == STORED
    taken = [store.put(key, swarm.record(hostile, f"skill:x-{n}"), "9.9.9.0/24", swarm.wall) for n in range(40)]
    assert taken.count(STORED) == limits.DHT_KEY_NETWORK and taken[-1] == FULL
    for n in range(100):
        store.put(key, swarm.record(hostile, f"skill:y-{n}"), f"9.9.{n % 5}.0/24", swarm.wall)
    assert len(store.get(key)) == limits.DHT_KEY_RECORDS and mine in [held.signed for held in store.get(key)]
    assert store.put(key, swarm.record(honest, "skill:other"), "2.2.2.0/24", swarm.wall) == STORED
    old = swarm.record(honest, "skill:mine", seq=1, version="0.1")
    newer = swarm.record(honest, "skill:mine", version="2")
    assert store.put(key, newer, "1.1.1.0/24", swarm.wall) == STORED
    assert store.put(key, old, "1.1.1.0/24", swarm.wall) == OLDER
    other = swarm.record(honest, "skill:mine", seq=newer.record.seq, version="3")
    store.put(key, other, "1.1.1.0/24", swarm.wall)
    assert store.equivocations == 1
    kept = next(held.signed for held in store.get(key) if held.signed.record.name == "skill:mine")
    assert kept.record.digest == min(newer.record.digest, other.record.digest)
