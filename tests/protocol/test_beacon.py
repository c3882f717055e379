"""The beacon on virtual time: finding, staying true, leaving, floods and liars."""

from __future__ import annotations

import os
from random import Random

import pytest

from protocol import limits
from protocol.announce import Heard, decode
from protocol.lan_admission import Refusal
from protocol.lan_events import (
    BeaconConfig,
    CloneSeen,
    Interface,
    MessageHeard,
    PeerAppeared,
    PeerLeft,
    PeerSuspected,
    Woke,
)
from protocol.lan_text import AgentAnnounce, CapShare, DiscoveryRequest, DiscoveryResponse
from protocol.lan_voice import Moment
from protocol.peers import PeerState
from tests.fakes.fake_lan import FakeLan, FakeSeal


def settled(count: int) -> FakeLan:
    lan = FakeLan()
    for _ in range(count):
        lan.add()
    lan.run(10.0)
    assert lan.everybody_knows_everybody()
    return lan


def test_a_newcomer_and_everybody_else_know_each_other_after_one_exchange() -> None:
    lan = settled(9)
    lan.add()
    assert lan.run_until(lan.everybody_knows_everybody) <= 0.01


def test_twenty_five_started_together_all_see_all_within_a_second() -> None:
    lan = FakeLan()
    for _ in range(25):
        lan.add()
    assert lan.run_until(lan.everybody_knows_everybody) <= 1.0


def test_everything_that_makes_a_node_ask_at_its_start_asks_three_times_together() -> None:
    lan = FakeLan()
    node = lan.add()
    node.beacon.speak_up(lan.now)
    node.beacon.watch(5.0, lan.now)
    lan.run(4.0)
    asked = [heard.message for *_, data in lan.recorded if isinstance(heard := decode(data), Heard)]
    assert len([each for each in asked if isinstance(each, DiscoveryRequest)]) == 3


def test_what_is_refused_anyway_costs_no_signature_check(monkeypatch: pytest.MonkeyPatch) -> None:
    lan = settled(2)
    node, other = lan.nodes
    old = next(data for _, ip, data in lan.recorded if ip == other.ip)
    monkeypatch.setattr(type(node.seal), "holds", lambda self, record: pytest.fail("a signature was checked"))
    node.beacon.receive(old + bytes(1), other.ip, 5, "eth0", lan.now)
    assert node.beacon.counters[Refusal.REPLAY] == 1


def test_a_crash_is_not_fresh_after_eight_seconds_and_says_why() -> None:
    lan = settled(5)
    dead, watcher = lan.nodes[0], lan.nodes[1]
    dead.up = False
    assert lan.run_until(lambda: not watcher.knows(dead)) <= 8.0
    assert watcher.happened(PeerSuspected)[-1].peer.reason == "no_answer"
    lan.run(20.0)
    assert [event.peer.key for event in watcher.happened(PeerLeft)] == [dead.key]


def test_while_somebody_watches_a_crash_shows_sooner() -> None:
    lan = settled(5)
    dead, watcher = lan.nodes[0], lan.nodes[1]
    watcher.beacon.watch(60.0, lan.now)
    lan.run(5.0)
    dead.up = False
    assert lan.run_until(lambda: not watcher.knows(dead)) <= 4.5


def test_a_seed_that_starts_later_or_again_is_found_across_the_router() -> None:
    lan = FakeLan()
    lan.routed = {"10.0.0.1"}
    bench = lan.add(config=BeaconConfig(seeds=(("10.0.0.2", 48888),)))
    lan.run(300.0)
    asked = [now for now, ip, _ in lan.recorded if ip == bench.ip]
    assert len(asked) < 150, "a seed that is not there costs little"
    seed = lan.add()
    assert lan.run_until(lan.everybody_knows_everybody, 60.0) <= 11.5
    seed = lan.restart(seed)
    assert lan.run_until(lan.everybody_knows_everybody, 60.0) <= 12.0
    lan.run(120.0)
    assert bench.knows(seed) and seed.knows(bench)
    bench.beacon.set_interfaces([Interface("eth0", bench.ip, 32)], lan.now)
    lan.run(1.0)
    bench.beacon.close(lan.now)
    assert lan.run_until(lambda: seed.beacon.peers.get(bench.key) is None) <= 0.1, "a goodbye crosses routers too"


def test_a_peer_that_failed_before_a_restart_is_asked_again_and_again_for_an_hour() -> None:
    lan = FakeLan()
    lan.routed.add("10.0.0.3")
    here = lan.add(remembered=(("10.0.0.3", 48888),))
    lan.run(300.0)
    there = lan.add()
    assert there.ip == "10.0.0.3"
    assert lan.run_until(lambda: here.knows(there) and there.knows(here), 120.0) <= 70.0
    there.up = False
    lan.run(3 * 3600.0)
    mark = here.sent_bytes, lan.now
    lan.run(600.0)
    alone = FakeLan()
    other = alone.add()
    alone.run(600.0)
    before = other.sent_bytes
    alone.run(600.0)
    assert here.sent_bytes - mark[0] <= (other.sent_bytes - before) * 1.2, "after an hour nobody asks there any more"


def test_a_goodbye_counts_at_once_and_is_said_three_times() -> None:
    lan = settled(4)
    leaving, other = lan.nodes[0], lan.nodes[1]
    mark = len(lan.recorded)
    leaving.beacon.close(lan.now)
    assert lan.run_until(lambda: other.beacon.peers.get(leaving.key) is None) <= 0.1
    lan.run(0.1)
    assert leaving.beacon.closed
    assert len([1 for _, ip, _ in lan.recorded[mark:] if ip == leaving.ip]) == 3
    assert other.happened(PeerLeft)[-1].peer.reason == "goodbye"


def test_an_unsigned_goodbye_only_raises_doubt() -> None:
    lan = settled(2)
    node = lan.nodes[0]
    lan.inject(b"AGENT_ANNOUNCE:old-java;u;d;;;online;0", "10.0.0.99", node)
    lan.inject(b"AGENT_ANNOUNCE:old-java;u;d;;;offline;0", "10.0.0.99", node)
    peer = node.beacon.peers.get("old-java@10.0.0.99")
    assert peer is not None and peer.state is PeerState.SUSPECT and peer.reason == "unsigned_goodbye"


@pytest.mark.parametrize("seconds", [10.0, 60.0, 300.0])
def test_after_a_partition_everybody_agrees_within_two_seconds(seconds: float) -> None:
    lan = settled(10)
    lan.split(lan.nodes[:5], lan.nodes[5:])
    lan.run(seconds)
    assert not any(a.knows(b) for a in lan.nodes[:5] for b in lan.nodes[5:])
    lan.heal()
    assert lan.run_until(lan.everybody_knows_everybody) <= 2.0


def test_two_lives_of_one_key_are_named_on_both_and_by_others() -> None:
    lan = settled(3)
    original, third = lan.nodes[0], lan.nodes[1]
    clone = lan.add(like=original)
    mark = sum(node.sent_bytes for node in lan.nodes)
    lan.run(30.0)
    assert third.happened(CloneSeen)[0].addresses == tuple(sorted((original.ip, clone.ip)))
    assert original.happened(CloneSeen)[0].own and clone.happened(CloneSeen)[0].own
    assert sum(node.sent_bytes for node in lan.nodes) - mark < 4 * 30 * 1_000


def test_a_restart_is_not_a_clone() -> None:
    lan = settled(3)
    lan.restart(lan.nodes[0])
    lan.run(60.0)
    assert lan.everybody_knows_everybody()
    assert not any(node.happened(CloneSeen) for node in lan.nodes)


def test_wrong_clocks_cost_one_exchange() -> None:
    lan = FakeLan()
    for skew in (0.0, 3600.0, -3600.0, 86_400.0):
        lan.add(skew=skew)
    assert lan.run_until(lan.everybody_knows_everybody) <= 2.0
    lan.run(60.0)
    lan.nodes[0].skew = -7200.0
    lan.restart(lan.nodes[0])
    assert lan.run_until(lan.everybody_knows_everybody) <= 8.0


@pytest.mark.slow
def test_an_hour_of_recorded_traffic_is_not_accepted_again() -> None:
    lan = settled(3)
    lan.run(3600.0)
    tape = [(ip, data) for _, ip, data in lan.recorded]
    for node in lan.nodes[1:]:
        node.up = False
    victim = lan.restart(lan.nodes[0])
    lan.run(100.0)
    for number, (ip, data) in enumerate(tape):
        lan.inject(data, ip, victim)
        if number % 50 == 0:
            lan.run(1.0)
    assert not victim.happened(PeerAppeared) and len(victim.beacon.peers) == 0


def test_kept_floors_refuse_even_the_last_minute_after_a_restart() -> None:
    lan = settled(2)
    tape = [(ip, data) for _, ip, data in lan.recorded]
    lan.nodes[1].up = False
    victim = lan.restart(lan.nodes[0], floors=lan.nodes[0].beacon.floors)
    for ip, data in tape:
        lan.inject(data, ip, victim)
    assert len(victim.beacon.peers) == 0 and victim.beacon.counters[Refusal.REPLAY] > 0


@pytest.mark.slow
def test_an_hour_of_recorded_traffic_brings_nobody_back_after_a_goodbye_or_a_change_of_key() -> None:
    lan = settled(4)
    lan.run(3600.0)
    victim, other, polite, changed = lan.nodes
    for node in (polite, changed):
        node.beacon.close(lan.now)
    lan.run(1.0)
    polite.up = False
    tape = [(ip, data) for _, ip, data in lan.recorded]
    gone = polite.key, changed.key
    changed.seal = FakeSeal(b"another secret")
    renewed = lan.restart(changed)
    restarted = lan.restart(other, floors=other.beacon.floors)
    victims = (victim, restarted)
    assert lan.run_until(lan.everybody_knows_everybody) < 2.0
    for number, (ip, data) in enumerate(tape):
        for node in victims:
            lan.inject(data, ip, node)
        if number % 100 == 0:
            lan.run(0.2)
            assert not any(node.beacon.peers.get(key) for node in victims for key in gone)
    lan.run(5.0)
    assert not any(node.beacon.peers.get(key) for node in victims for key in gone)
    assert victim.knows(renewed) and restarted.knows(renewed) and victim.knows(restarted)


def test_waking_from_sleep_neither_believes_the_queue_nor_buries_everybody() -> None:
    lan = settled(4)
    sleeper, dies = lan.nodes[0], lan.nodes[1]
    lan.run(1.0)
    sleeper.up, mark = False, len(lan.recorded)
    lan.run(3.0)
    dies.up = False
    lan.run(17.0)
    sleeper.up = True
    for _, ip, data in lan.recorded[mark:]:
        lan.inject(data, ip, sleeper)
    lan.run(3.0)
    assert sleeper.happened(Woke) and not sleeper.happened(PeerLeft)
    assert sleeper.beacon.counters[Refusal.ASLEEP] > 0
    lan.run(10.0)
    assert not sleeper.knows(dies) and sleeper.knows(lan.nodes[2])


@pytest.mark.parametrize("size", [0, 40, 60, 200, 400, 700, 1_000])
def test_an_answer_is_never_longer_than_the_question_of_a_stranger(size: int) -> None:
    lan = FakeLan()
    node = lan.add()
    lan.run(2.0)
    mark = len(lan.recorded)
    question = b"DISCOVERY_REQUEST:who;;;;;0;".ljust(size, b"x")
    lan.inject(question, "10.0.0.77", node, 7777)
    lan.run(0.01)
    answers = [data for _, _, data in lan.recorded[mark:]]
    assert sum(map(len, answers)) <= len(question)
    assert answers or size < 40


def test_strangers_outside_our_subnets_get_no_answer() -> None:
    lan = FakeLan()
    node = lan.add()
    lan.run(2.0)
    mark = len(lan.recorded)
    lan.inject(b"DISCOVERY_REQUEST:who;;;;;0;".ljust(900, b"x"), "192.0.2.1", node)
    lan.run(0.05)
    assert len(lan.recorded) == mark and node.beacon.counters[Refusal.OFF_LINK] == 1


def test_a_flood_of_forged_announcements_pushes_nobody_out() -> None:
    lan = settled(4)
    victim, stranger = lan.nodes[0], FakeLan(seed=9)
    stranger.now = lan.now
    for number in range(3_000):
        data = stranger.add().beacon.datagrams_to_send(stranger.now)[0].data
        lan.inject(data, f"10.0.{number % 200}.{number % 250}", victim)
        if number % 20 == 0:
            lan.run(0.05)
    assert len(victim.beacon.peers) == limits.PEERS
    assert all(victim.knows(node) for node in lan.nodes[1:])
    lan.add()
    assert lan.run_until(lambda: victim.knows(lan.nodes[-1]), 2.0) < 2.0


def test_junk_from_one_address_does_not_silence_the_others() -> None:
    lan = settled(2)
    victim = lan.nodes[0]
    for number in range(5_000):
        lan.inject(b"OODE\x01\xff\xff" + number.to_bytes(4, "big"), "10.0.0.66", victim)
    assert victim.beacon.counters[Refusal.SOURCE_RATE] > 4_000
    lan.add()
    assert lan.run_until(lambda: victim.knows(lan.nodes[-1])) < 0.1


def test_messages_about_other_things_are_handed_on_with_their_key() -> None:
    lan = settled(2)
    sender, receiver = lan.nodes
    share = CapShare(f"node-{sender.key}", "lin", "daily-report", "group:team", ("read",), 0, 5)
    sender.beacon.say(share, lan.now)
    lan.run(0.1)
    heard = receiver.happened(MessageHeard)[-1]
    assert heard.message == share and heard.key == sender.key


def test_a_changed_offer_is_said_at_once_but_not_more_often_than_every_second() -> None:
    lan = settled(2)
    sender, receiver = lan.nodes
    for number in range(20):
        offer = sender.beacon.offering
        sender.beacon.offer(type(offer)(offer.agent_id, name=f"name {number}"), lan.now)
        lan.run(0.1)
    mine = [at for at, ip, data in lan.recorded if ip == sender.ip and at > lan.now - 2.0]
    assert len(mine) <= 4
    lan.run(1.0)
    peer = receiver.beacon.peers.get(sender.key)
    assert peer is not None and peer.name == "name 19"


def test_idle_traffic_of_twenty_five_nodes_stays_below_a_kilobyte_per_second() -> None:
    lan = settled(25)
    before = sum(node.sent_bytes for node in lan.nodes)
    lan.run(60.0)
    assert (sum(node.sent_bytes for node in lan.nodes) - before) / 25 / 60 <= 1_000


def test_what_is_sent_is_framed_signed_and_short() -> None:
    kinds = set()
    for _, _, data in settled(3).recorded:
        heard = decode(data)
        assert isinstance(heard, Heard) and heard.record
        kinds.add(type(heard.message))
    assert {AgentAnnounce, DiscoveryResponse} <= kinds


def stormy(seed: int) -> None:
    """One seed of bad weather: everybody finds everybody, a crash is seen, a return too."""
    weather = Random(seed)
    loss = weather.choice((0.0, 0.1, 0.3))
    lan = FakeLan(seed, loss=loss, duplicate=weather.choice((0.0, 0.3)), jitter=weather.choice((0.0, 0.05)))
    nodes = []
    for _ in range(weather.randrange(2, 7)):
        nodes.append(lan.add(skew=weather.choice((0.0, 0.0, 3600.0, -3600.0))))
        lan.run(weather.random())
    if weather.random() < 0.3 and len(nodes) > 2:
        lan.cut.add((nodes[0].ip, nodes[1].ip))  # one way only
        lan.run(20.0)
        lan.heal()
    found = lan.run_until(lan.everybody_knows_everybody, 60.0)
    assert found < 60.0, f"seed {seed}: not all found"
    victim = weather.choice(nodes)
    victim.up = False
    others = [node for node in nodes if node is not victim]
    seen = lan.run_until(lambda: not any(node.knows(victim) for node in others), 12.0)
    assert seen <= 8.0, f"seed {seed}: a crash was fresh for {seen:.1f} s"
    lan.restart(victim)
    back = lan.run_until(lan.everybody_knows_everybody, 60.0)
    assert back < 60.0, f"seed {seed}: not back"


@pytest.mark.parametrize("seed", range(int(os.environ.get("OODER_SEEDS", "50"))))
def test_bad_weather(seed: int) -> None:
    stormy(seed)


@pytest.mark.exhaustive
def test_bad_weather_a_thousand_times() -> None:
    for seed in range(50, 1_050):
        stormy(seed)


def test_forgers_from_many_addresses_do_not_use_up_the_signature_checks() -> None:
    lan = settled(3)
    victim = lan.nodes[0]
    real = next(data for _, ip, data in lan.recorded if ip == lan.nodes[1].ip)
    for number in range(20_000):
        forged = real[:-8] + number.to_bytes(8, "big")
        lan.inject(forged, f"10.0.3.{number % 230}", victim)
        if number % 200 == 0:
            lan.run(0.01)
    seen = victim.beacon.counters
    assert seen[Refusal.BAD_SIGNATURE] + seen[Refusal.NOT_ITS_TEXT] < 1_000
    lan.add()
    assert lan.run_until(lambda: victim.knows(lan.nodes[-1])) < 0.1


def test_what_comes_in_the_name_of_a_crowded_key_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    lan = settled(3)
    victim = lan.nodes[0]
    real = next(data for _, ip, data in lan.recorded if ip == lan.nodes[1].ip)
    for number in range(200):
        lan.inject(real + number.to_bytes(2, "big"), f"10.0.3.{number}", victim)
    monkeypatch.setattr("protocol.lan_admission.decode", lambda data: pytest.fail("it was read"))
    mark = victim.beacon.counters[Refusal.KEY_RATE]
    lan.inject(real + b"more", "10.0.4.1", victim)
    assert victim.beacon.counters[Refusal.KEY_RATE] == mark + 1


def test_an_address_named_by_another_source_is_asked() -> None:
    lan = FakeLan()
    here, there = lan.add(), lan.add()
    lan.cut = {(here.ip, there.ip), (there.ip, here.ip)}
    lan.run(3.0)
    lan.heal()
    here.beacon.ask_at(there.ip, lan.now)
    assert lan.run_until(lan.everybody_knows_everybody) < 0.1


@pytest.mark.parametrize("sources", [1, 230])
def test_a_flood_in_a_newcomers_own_name_hides_it_for_two_seconds_at_most(sources: int) -> None:
    lan = settled(2)
    victim, other = lan.nodes
    real = other.beacon._voice.announce(Moment(int((1_767_225_600.0 + lan.now) * 1000), 5.0, False))
    assert real is not None
    name, number, before = "10.0.0.4", 0, victim.sent_bytes  # the address of the one that is added next

    def flood(until: float) -> None:
        nonlocal number
        while lan.now < until:
            for _ in range(20):
                number += 1
                forged = real[:-8] + number.to_bytes(8, "big")
                lan.inject(forged, name if number % sources == 0 else f"10.0.9.{number % sources}", victim)
            lan.run(0.01)

    flood(lan.now + 3.0)
    assert lan.nodes[0] is victim and victim.sent_bytes - before < number * len(real), "never more than came"
    newcomer = lan.add()
    assert newcomer.ip == name
    end = lan.now + 2.0
    while lan.now < end and not victim.knows(newcomer):
        flood(lan.now + 0.05)
    assert victim.knows(newcomer) and victim.knows(other)
    flood(lan.now + 12.0)
    assert victim.knows(newcomer) and victim.knows(other), "and it is not lost again"
