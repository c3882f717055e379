"""Each rule of merging, one by one (R1-R9); the random cases are in test_merge_properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from protocol.items import Evidence, Sighting, Standing, Status
from protocol.merge import Conflict, ConflictKind, Entry, freshness, merge, merge_all
from protocol.query import Freshness, Trust
from protocol.refs import Kind, Ref
from protocol.revoked_lists import revoked_by
from protocol.skill_center.revocations import Revocation
from protocol.trust import Floor, TrustPolicy, admit
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
    digest,
    saying,
)

DAY = 86_400.0


def merged(*sightings: Sighting, policy: TrustPolicy = POLICY) -> Entry | None:
    """Merge in every order (up to 24 of them) and insist on one answer."""
    claims = [admit(sighting, policy, NOW) for sighting in sightings]
    orders = list(permutations(claims))[:24]
    answers = [merge(order, policy) for order in orders]
    assert all(answer == answers[0] for answer in answers)
    return answers[0]


def entry_of(*sightings: Sighting, policy: TrustPolicy = POLICY) -> Entry:
    entry = merged(*sightings, policy=policy)
    assert entry is not None
    return entry


def kinds(entry: Entry) -> list[tuple[ConflictKind, str]]:
    return [(conflict.kind, conflict.principal) for conflict in entry.conflicts]


def test_nothing_gives_nothing() -> None:
    assert merged() is None


def test_one_claim_is_the_entry() -> None:
    sighting = saying(expires_at=NOW + 60)
    entry = entry_of(sighting)
    assert entry.item is sighting.item and entry.ref == Ref(Kind.SKILL, "x")
    assert (entry.chosen.version, entry.chosen.digest, entry.chosen.trust) == ("1.0", digest(10), Trust.COMMUNITY)
    assert (entry.seen_at, entry.expires_at, entry.conflicts, entry.others) == (NOW, NOW + 60, (), ())
    assert entry.chosen.installable


def test_r1_the_owner_is_the_item_whatever_others_say() -> None:
    policy = replace(POLICY, pins=(("skill:x", COMMUNITY),))
    entry = entry_of(saying(COMMUNITY), saying(OFFICIAL, version="9.9"), saying(STRANGER, version="9.9"), policy=policy)
    assert (entry.chosen.principal, entry.chosen.version) == (COMMUNITY, "1.0")
    assert kinds(entry) == [(ConflictKind.OTHER_PRINCIPAL, OFFICIAL), (ConflictKind.OTHER_PRINCIPAL, STRANGER)]
    assert merged(saying(OFFICIAL), policy=policy) is None
    assert merged(saying(OFFICIAL), saying(STRANGER), policy=policy) is None


@pytest.mark.parametrize("evidence", [saying(STRANGER).evidence, saying(UNKNOWN).evidence])
def test_r2_what_is_not_proven_never_speaks_for_an_owned_name(evidence: Evidence) -> None:
    policy = replace(POLICY, pins=(("skill:x", KNOWN),))
    forged = saying(KNOWN, version="9.9", evidence=replace(evidence, key=evidence.key and "UNKNOWN"))
    assert merged(forged, policy=policy) is None
    assert merged(forged, saying(STRANGER), policy=policy) is None
    entry = entry_of(saying(KNOWN), forged, policy=policy)
    assert entry.chosen.version == "1.0"
    assert [release.version for release in entry.others] == ["9.9"]
    assert entry.others[0].trust is Trust.UNVERIFIED
    same = saying(KNOWN, digest=digest(66), evidence=forged.evidence)
    assert kinds(entry_of(saying(KNOWN), same, policy=policy)) == [(ConflictKind.UNPROVEN, KNOWN)]


def test_r3_trust_before_version() -> None:
    entry = entry_of(saying(OWN, version="3.0"), saying(COMMUNITY, version="2.0"), saying(OFFICIAL, version="1.0"))
    assert entry.chosen.trust is Trust.OFFICIAL
    assert kinds(entry) == [(ConflictKind.OTHER_PRINCIPAL, COMMUNITY), (ConflictKind.OTHER_PRINCIPAL, OWN)]


def test_r3_versions_are_numbers_and_places_break_ties() -> None:
    entry = entry_of(saying(version="1.9", place="a/x"), saying(version="1.10", place="b/x"), saying(version="1.2"))
    assert entry.chosen.version == "1.10"
    assert [release.version for release in entry.others] == ["1.9", "1.2"]
    assert entry.conflicts == ()
    near = saying(place="x/skill.yaml", location="near")
    assert entry_of(saying(place="deep/er/x/skill.yaml"), near).chosen.claims[0].sighting is near


def test_r4_claims_below_the_floor_do_not_count() -> None:
    floors = {(COMMUNITY, Kind.SKILL, "x"): Floor("2.0")}
    old, new = (admit(saying(version=version), POLICY, NOW, floors) for version in ("1.0", "2.1"))
    assert merge([old], POLICY) is None
    entry = merge([old, new], POLICY)
    assert entry is not None and entry.chosen.version == "2.1" and entry.others == ()


def test_r5_two_digests_for_one_release_freeze_it() -> None:
    for other in (
        {"origin": "mirror"},
        {"place": "other/x/skill.yaml"},
        {"place": "other/x/skill.yaml", "version": "1.0.0"},
    ):
        entry = entry_of(saying(digest=digest(1)), saying(digest=digest(2), location="there", **other))
        assert entry.chosen.frozen and not entry.chosen.installable
        [conflict] = entry.conflicts
        assert conflict.kind is ConflictKind.EQUIVOCATION
        assert conflict.digests == (digest(1), digest(2)) and len(conflict.places) == 2


def test_r5_hearsay_freezes_nothing() -> None:
    forged = saying(digest=digest(2), place="other", evidence=saying(STRANGER).evidence)
    entry = entry_of(saying(digest=digest(1)), forged)
    assert not entry.chosen.frozen and kinds(entry) == [(ConflictKind.UNPROVEN, COMMUNITY)]


def test_a_place_that_changed_its_word_contradicts_nothing() -> None:
    before = saying(digest=digest(1), version="2.0", seen_at=NOW - 60, source="local_fs")
    entry = entry_of(before, saying(digest=digest(2), version="1.9"))
    assert (entry.chosen.version, entry.others, entry.conflicts) == ("1.9", (), ())
    rewritten = entry_of(replace(before, item=saying().item), saying(digest=digest(2)))
    assert not rewritten.chosen.frozen and rewritten.chosen.digest == digest(2)


def test_the_same_manifest_without_a_tree_digest_agrees() -> None:
    seen = saying(manifest_digest="m", digest=digest(1))
    light = saying(manifest_digest="m", digest="", origin="api", seen_at=NOW + 9)
    entry = entry_of(seen, light)
    assert not entry.chosen.frozen and entry.chosen.digest == digest(1) and len(entry.chosen.claims) == 2
    assert entry.seen_at == NOW + 9
    other = saying(manifest_digest="n", digest="", origin="api")
    assert entry_of(seen, other).chosen.frozen


def test_r6_a_tombstone_beats_its_own_principal_only() -> None:
    grave = saying(OFFICIAL, version="0.1", digest="", status=Status.WITHDRAWN)
    assert merged(grave) is None
    assert merged(grave, saying(OFFICIAL, version="9.9")) is None
    assert merged(grave, saying(OFFICIAL, version="9.9", evidence=saying(STRANGER).evidence)) is None
    assert entry_of(grave, saying(OFFICIAL, version="9.9"), saying(COMMUNITY)).chosen.principal == COMMUNITY
    pinned = replace(POLICY, pins=(("skill:x", OFFICIAL),))
    assert merged(grave, saying(COMMUNITY), policy=pinned) is None


def test_r6_a_withdrawn_release_leaves_the_others() -> None:
    gone = saying(OFFICIAL, version="2.0", status=Status.WITHDRAWN)
    assert entry_of(gone, saying(OFFICIAL, version="1.0")).chosen.version == "1.0"
    assert merged(gone, saying(OFFICIAL, version="2.0", origin="mirror")) is None


def test_what_an_official_list_revokes_is_revoked_everywhere_and_others_only_their_own() -> None:
    listed = {"registry:a": [Revocation(digest(10))], "registry:b": [Revocation("key:KNOWN", "stolen")]}
    revoked = revoked_by(listed, {"registry:a/*"})
    policy = replace(POLICY, revoked=revoked)
    assert merged(saying(COMMUNITY), policy=policy) is None
    assert merged(saying(COMMUNITY, version="1.1"), saying(COMMUNITY), policy=policy) is not None
    assert merged(saying(KNOWN, version="1.1"), policy=policy) is not None
    assert revoked.reason("registry:b/acme", "", "KNOWN") == "stolen"
    assert revoked.reason("registry:bb/acme", "", "KNOWN") is None


def test_r6_a_tombstone_without_proof_ends_only_itself() -> None:
    fake = saying(OFFICIAL, status=Status.REVOKED, evidence=saying(STRANGER).evidence)
    assert entry_of(fake, saying(OFFICIAL)) == entry_of(saying(OFFICIAL))
    archived = saying(OFFICIAL, status=Status.WITHDRAWN, standing=Standing.COPY, place="archive/x")
    assert entry_of(archived, saying(OFFICIAL)) == entry_of(saying(OFFICIAL))


def test_r7_the_same_bytes_elsewhere_are_one_more_place() -> None:
    peer = saying(STRANGER, location="http://192.0.2.9:48889/x")
    entry = entry_of(saying(OFFICIAL), peer, saying(COMMUNITY))
    assert entry.conflicts == () and entry.others == ()
    assert [claim.sighting.principal for claim in entry.chosen.claims] == [OFFICIAL, COMMUNITY, STRANGER]
    later = replace(peer, seen_at=NOW + 99, expires_at=NOW + 9999)
    assert entry_of(saying(OFFICIAL), later).seen_at == NOW  # others do not make it fresher


def test_r7_without_a_tree_digest_nobody_else_may_deliver() -> None:
    peer = saying(STRANGER, manifest_digest="m", digest=digest(66))
    entry = entry_of(saying(OFFICIAL, manifest_digest="m", digest=""), peer)
    assert len(entry.chosen.claims) == 1 and entry.chosen.digest == ""
    assert kinds(entry) == [(ConflictKind.OTHER_PRINCIPAL, STRANGER)]


def test_r7_claims_without_any_digest_join_only_what_can_be_checked() -> None:
    light = {"digest": "", "manifest_digest": "m"}
    for fields in ({"digest": ""}, light):
        entry = entry_of(saying(OFFICIAL, **fields), saying(STRANGER, **fields))
        assert len(entry.chosen.claims) == 1 and kinds(entry) == [(ConflictKind.OTHER_PRINCIPAL, STRANGER)]
        checked = entry_of(saying(OFFICIAL, manifest_digest="m"), saying(STRANGER, **fields))
        assert len(checked.chosen.claims) == 2 and checked.conflicts == ()


def test_a_signature_of_a_stranger_comes_before_hearsay() -> None:
    entry = entry_of(saying("a:first by name", version="9.9"), saying(UNKNOWN))
    assert entry.chosen.principal == UNKNOWN and not entry.ambiguous


def test_two_equals_are_ambiguous_until_one_is_pinned() -> None:
    mine, yours = saying(COMMUNITY, version="1.0"), saying(RIVAL, version="9.9")
    entry = entry_of(mine, yours)
    assert entry.ambiguous and kinds(entry) == [(ConflictKind.AMBIGUOUS, RIVAL)]
    assert entry.chosen.principal == COMMUNITY  # by name, never by version
    pinned = entry_of(mine, yours, policy=replace(POLICY, pins=(("skill:x", RIVAL),)))
    assert not pinned.ambiguous and pinned.chosen.principal == RIVAL
    assert not entry_of(mine, saying(RIVAL)).ambiguous  # the same bytes


def test_main_places_come_before_copies() -> None:
    copy = saying(version="2.0", standing=Standing.COPY, place=".archive/x/skill.yaml", location="old")
    entry = entry_of(saying(), copy)
    assert entry.chosen.version == "1.0"
    assert entry.conflicts == (Conflict(ConflictKind.COPY_DIFFERS, COMMUNITY, "2.0", (digest(20),), ("old",)),)
    assert [release.version for release in entry.others] == ["2.0"]
    same_version = replace(copy, item=saying().item)
    entry = entry_of(saying(), same_version)
    assert kinds(entry) == [(ConflictKind.COPY_DIFFERS, COMMUNITY)] and not entry.chosen.frozen
    assert entry_of(saying(), replace(same_version, digest=digest(10))).conflicts == ()
    assert entry_of(copy).chosen.version == "2.0" and entry_of(copy).conflicts == ()


def test_the_place_an_index_names_comes_before_a_higher_version() -> None:
    index = {"standing": Standing.LISTING, "digest": "", "place": "skill-index.yaml"}
    named = saying(version="1.0", place="b/x/skill.yaml", location="b/x")
    higher = saying(version="1.5", place="a/x/skill.yaml", location="a/x")
    listing = saying(version="1.0", location="b/x", **index)
    assert entry_of(named, higher).chosen.version == "1.5"
    entry = entry_of(named, higher, listing)
    assert entry.chosen.version == "1.0" and entry.conflicts == ()
    assert entry_of(named, higher, replace(listing, location="b/x/skill.yaml")).chosen.version == "1.0"
    elsewhere = replace(listing, origin="other")
    assert entry_of(named, higher, elsewhere).chosen.version == "1.5"


def test_an_index_that_disagrees_is_shown() -> None:
    listing = saying(version="2.0", standing=Standing.LISTING, digest="", place="skill-index.yaml", location="index")
    entry = entry_of(saying(), listing)
    assert entry.chosen.version == "1.0"
    assert entry.conflicts == (Conflict(ConflictKind.INDEX_DISAGREES, COMMUNITY, "2.0", (), ("index",)),)
    assert [release.installable for release in entry.others] == [False]
    checksum_of_a_download = replace(listing, item=saying().item, digest=digest(5))
    agreeing = entry_of(saying(), checksum_of_a_download)
    assert agreeing.conflicts == () and agreeing.chosen.digest == digest(10) and len(agreeing.chosen.claims) == 2
    assert entry_of(saying(), replace(listing, item=saying(version="").item)).conflicts == ()


def test_a_listing_alone_is_shown_and_not_installed() -> None:
    listing = saying(standing=Standing.LISTING, digest="", place="skill-index.yaml")
    entry = entry_of(listing)
    assert not entry.chosen.installable and entry.conflicts == ()
    with_checksum = replace(listing, digest=digest(5))
    assert entry_of(with_checksum).chosen.digest == ""
    assert entry_of(with_checksum, saying(digest="")).chosen.digest == ""


def test_r9_no_field_is_mixed() -> None:
    poor, rich = saying(version="2.0"), saying(version="1.0", place="a", description="long", facts={"offline": True})
    entry = entry_of(poor, rich)
    assert entry.item is poor.item and entry.item.description == ""


def test_claims_that_differ_only_deep_inside_have_one_order() -> None:
    left, right = saying(facts={"a": {"b": [1, 2]}}), saying(facts={"a": {"b": [2, 1]}})
    assert len(entry_of(left, right, left).chosen.claims) == 2


def test_merge_all_keeps_names_apart() -> None:
    claims = [admit(saying(id=name), POLICY, NOW) for name in ("a", "b", "a")]
    entries = merge_all(claims, POLICY)
    assert set(entries) == {(Kind.SKILL, "a"), (Kind.SKILL, "b")}
    assert len(entries[Kind.SKILL, "a"].chosen.claims) == 1


@pytest.mark.parametrize(
    ("seen", "expires", "now", "expected"),
    [
        (NOW, NOW + 10, NOW + 9, Freshness.FRESH),
        (NOW, NOW + 10, NOW + 10, Freshness.STALE),
        (NOW, NOW + 10, NOW + 10 + 30 * DAY, Freshness.EXPIRED),
        (NOW, 0.0, NOW + 3_599, Freshness.FRESH),
        (NOW, 0.0, NOW + 3_600, Freshness.STALE),
    ],
)
def test_freshness(seen: float, expires: float, now: float, expected: Freshness) -> None:
    assert freshness(seen, expires, now) is expected


def test_a_promise_reaches_no_further_than_a_month_and_silence_has_a_default() -> None:
    assert entry_of(saying(expires_at=NOW + 1000 * DAY)).expires_at == NOW + 30 * DAY
    assert entry_of(saying(source="udp_broadcast")).expires_at == NOW + 90
    assert entry_of(saying(source="somebody_else")).expires_at == NOW + 3_600


def test_a_clock_set_back_un_expires_nothing() -> None:
    """The caller keeps the newest time it has written down; judged by that, an old clock changes nothing."""
    newest = NOW + 40 * DAY
    for clock in (newest, NOW, NOW - 400 * DAY):
        assert freshness(NOW, NOW + 10, max(clock, newest)) is Freshness.EXPIRED
