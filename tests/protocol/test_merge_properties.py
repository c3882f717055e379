"""Merge over random claim sets with an attacker: winner unchanged, order-free, idempotent, nothing mixed (R1-R9)."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.items import Channel, Evidence, Standing, Status
from protocol.merge import ConflictKind, Entry, merge
from protocol.query import Trust
from protocol.trust import TrustPolicy, Verified, admit
from tests.fakes.claims import (
    COMMUNITY,
    KNOWN,
    NOW,
    OFFICIAL,
    OWN,
    POLICY,
    RIVAL,
    STRANGER,
    UNKNOWN,
    random_sighting,
)

HONEST = (OFFICIAL, COMMUNITY, OWN, KNOWN)


def admitted(random: Random, count: int, policy: TrustPolicy, principals: tuple[str, ...]) -> list[Verified]:
    return [admit(random_sighting(random, principals), policy, NOW) for _ in range(count)]


def attack(random: Random, victim: str, policy: TrustPolicy) -> Verified:
    """A claim at version 9.9 by somebody with less right: a stranger, an unknown key, or hearsay in the victim's name."""
    principal = random.choice((STRANGER, UNKNOWN, victim))
    evidence = random.choice(
        (
            Evidence(Channel.HEARSAY),
            Evidence(Channel.PLAIN),
            Evidence(Channel.FOREIGN_FILES),
            Evidence(Channel.HEARSAY, key="KNOWN"),
            Evidence(Channel.ORIGIN, relayed_by="udp_broadcast"),
            Evidence(Channel.SIGNED, key="UNKNOWN"),
        )
    )
    fixed = {"version": "9.9", "seq": 10**6, "status": random.choice(list(Status)), "repaired": ()}
    claim = random_sighting(random, (principal,), evidence=evidence, seen_at=NOW + 5, **fixed)
    return admit(claim, policy, NOW)


def check_entry(entry: Entry | None, claims: list[Verified]) -> None:
    if entry is None:
        return
    assert any(entry.item is claim.sighting.item for claim in claims)  # R9
    for release in (entry.chosen, *entry.others):
        assert release.claims[0].sighting.principal == release.principal == entry.chosen.principal
        assert release.trust is release.claims[0].trust
        seen = [claim.sighting for claim in release.claims if claim.sighting.standing is not Standing.LISTING]
        digests = {sighting.digest for sighting in seen} - {""}
        assert release.frozen or digests <= {release.digest}
        assert not any(claim.below_floor for claim in release.claims)
    if entry.chosen.frozen:
        assert any(conflict.kind is ConflictKind.EQUIVOCATION for conflict in entry.conflicts)


def check_case(seed: int) -> None:
    random = Random(seed)
    policy = POLICY
    owner = random.choice(("", "", COMMUNITY, KNOWN))
    if owner:
        policy = replace(POLICY, pins=(("skill:x", owner),))
    claims = admitted(random, random.randint(1, 7), policy, HONEST)
    entry = merge(claims, policy)
    check_entry(entry, claims)

    shuffled = claims + random.choices(claims, k=random.randint(0, 3))
    random.shuffle(shuffled)
    assert merge(shuffled, policy) == entry  # order-free and idempotent
    cut = random.randint(0, len(claims))
    assert merge([*claims[cut:], *claims[:cut]], policy) == entry

    if entry is None:
        return
    if entry.chosen.trust is Trust.UNVERIFIED and not owner:
        return  # nobody there had any right to speak, so a stranger is as good
    attacks = [attack(random, entry.chosen.principal, policy) for _ in range(random.randint(1, 4))]
    mixed = claims + attacks
    random.shuffle(mixed)
    under = merge(mixed, policy)
    assert under is not None
    check_entry(under, mixed)
    assert under.item == entry.item
    assert (under.chosen.principal, under.chosen.version) == (entry.chosen.principal, entry.chosen.version)
    assert (under.chosen.digest, under.chosen.frozen) == (entry.chosen.digest, entry.chosen.frozen)
    assert (under.seen_at, under.expires_at, under.ambiguous) == (entry.seen_at, entry.expires_at, entry.ambiguous)


@pytest.mark.parametrize("block", range(2))
def test_random_claim_sets(block: int) -> None:
    for seed in range(block * 500, block * 500 + 500):
        check_case(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_twenty_thousand_random_claim_sets(block: int) -> None:
    for seed in range(10_000 + block * 2_000, 10_000 + block * 2_000 + 2_000):
        check_case(seed)


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=2**32))
def test_hypothesis_finds_no_other_seed(seed: int) -> None:
    check_case(seed)


def test_a_proven_tombstone_ends_every_version_of_its_principal_only() -> None:
    random = Random(5)
    for _ in range(300):
        claims = admitted(random, random.randint(1, 6), POLICY, (OFFICIAL, RIVAL))
        grave = random_sighting(
            random, (OFFICIAL,), status=Status.WITHDRAWN, standing=Standing.MAIN, version="0.1", digest=""
        )
        entry = merge([*claims, admit(grave, POLICY, NOW)], POLICY)
        assert entry is None or entry.chosen.principal == RIVAL
        without = merge([claim for claim in claims if claim.sighting.principal == RIVAL], POLICY)
        assert entry == without


@pytest.mark.slow
def test_a_flood_of_claims_about_one_name_costs_no_more_than_its_number() -> None:
    """Twice the claims, about twice the time: nothing compares every claim with every other."""
    seconds = []
    for count in (4_000, 16_000):
        random = Random(count)
        claims = [
            admit(
                random_sighting(random, (principal,), version=f"1.{n}", place=f"p/{n}", status=Status.ACTIVE),
                POLICY,
                NOW,
            )
            for n, principal in zip(range(count), (COMMUNITY, STRANGER) * count, strict=False)
        ]
        start = perf_counter()
        entry = merge(claims, POLICY)
        seconds.append(perf_counter() - start)
        assert entry is not None and entry.chosen.principal == COMMUNITY
    assert seconds[1] < 12 * seconds[0] + 0.5
