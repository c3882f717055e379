"""The trust door: which channel and which policy give which level, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.items import Channel, Evidence, Status
from protocol.messages import MESSAGES, render
from protocol.messages.trust import REASONS
from protocol.query import Trust
from protocol.refs import Kind, Ref
from protocol.trust import Floor, TrustPolicy, Verified, admit, is_official, matches, owner_of
from tests.fakes.claims import COMMUNITY, KNOWN, NOW, OFFICIAL, OWN, POLICY, STRANGER, UNKNOWN, saying


def judge(principal: str = COMMUNITY, policy: TrustPolicy = POLICY, **changes: object) -> Verified:
    return admit(saying(principal, **changes), policy, NOW)


@pytest.mark.parametrize(
    ("principal", "level", "reason", "proven"),
    [
        (OWN, Trust.PERSONAL, "own_files", True),
        (COMMUNITY, Trust.COMMUNITY, "origin", True),
        (OFFICIAL, Trust.OFFICIAL, "official_origin", True),
        (KNOWN, Trust.PERSONAL, "signed_known", True),
        (UNKNOWN, Trust.UNVERIFIED, "signed_unknown", True),
        (STRANGER, Trust.UNVERIFIED, "hearsay", False),
    ],
)
def test_levels(principal: str, level: Trust, reason: str, proven: bool) -> None:
    verified = judge(principal)
    assert (verified.trust, verified.proven) == (level, proven)
    assert verified.reasons == (f"trust.reason.{reason}",)


@pytest.mark.parametrize("channel", [Channel.PLAIN, Channel.HEARSAY, Channel.FOREIGN_FILES])
def test_an_official_name_on_an_unproven_channel_is_unverified(channel: Channel) -> None:
    verified = judge(OFFICIAL, evidence=Evidence(channel, key="KNOWN", owner="github.com/official"))
    assert (verified.trust, verified.proven) == (Trust.UNVERIFIED, False)
    assert verified.reasons == (f"trust.reason.{channel.value}",)


def test_a_peer_cannot_relay_an_origin() -> None:
    relayed = judge(OFFICIAL, evidence=Evidence(Channel.ORIGIN, relayed_by="udp_broadcast"))
    assert (relayed.trust, relayed.proven) == (Trust.UNVERIFIED, False)
    remembered = judge(OFFICIAL, evidence=Evidence(Channel.ORIGIN, relayed_by="local_fs"))
    assert (remembered.trust, remembered.proven) == (Trust.OFFICIAL, True)
    assert remembered.reasons == ("trust.reason.official_origin", "trust.reason.relayed")


def test_owners_and_prefixes_can_be_official() -> None:
    policy = TrustPolicy(official=frozenset({"github.com/oodercn", "registry:skills.example/*", "*"}))
    assert judge(policy=policy, evidence=Evidence(Channel.ORIGIN, owner="github.com/oodercn")).trust is Trust.OFFICIAL
    assert judge("registry:skills.example/a", policy, evidence=Evidence(Channel.ORIGIN)).trust is Trust.OFFICIAL
    assert judge("registry:skills.example.evil/a", policy, evidence=Evidence(Channel.ORIGIN)).trust is Trust.COMMUNITY
    assert not is_official("", policy) and not is_official("anything", policy)
    assert matches("a/b", "a/*") and not matches("b", "*") and matches("*", "*")


def test_a_signature_speaks_only_for_names_its_key_may_use() -> None:
    evidence = Evidence(Channel.SIGNED, key="KNOWN", owner="github.com/acme")
    stolen = judge(OFFICIAL, evidence=evidence)
    assert (stolen.trust, stolen.proven, stolen.reasons) == (
        Trust.UNVERIFIED,
        False,
        ("trust.reason.signed_other_name",),
    )
    granted = replace(POLICY, namespaces=(("git:github.com#2/*", "KNOWN"),))
    assert judge(COMMUNITY, granted, evidence=evidence).trust is Trust.COMMUNITY
    assert judge(OFFICIAL, granted, evidence=evidence).trust is Trust.UNVERIFIED
    both = replace(POLICY, namespaces=((OFFICIAL, "KNOWN"),))
    assert judge(OFFICIAL, both, evidence=evidence).reasons == ("trust.reason.signed_official",)
    listed = replace(POLICY, official=frozenset({KNOWN}))
    assert judge(KNOWN, listed).trust is Trust.OFFICIAL


def test_a_signed_channel_without_key_is_hearsay() -> None:
    assert judge("key:", evidence=Evidence(Channel.SIGNED)).reasons == ("trust.reason.hearsay",)


def test_the_owner_field_of_a_record_makes_nobody_official() -> None:
    """`owner` is a claim of the record; only a granted key turns it into a right."""
    policy = TrustPolicy(official=frozenset({"github.com/oodercn"}), known_keys=frozenset({"KNOWN"}))
    verified = judge(KNOWN, policy, evidence=Evidence(Channel.SIGNED, key="KNOWN", owner="github.com/oodercn"))
    assert verified.trust is Trust.PERSONAL


def test_repair_costs_one_level() -> None:
    for principal, level in ((OFFICIAL, Trust.COMMUNITY), (COMMUNITY, Trust.PERSONAL), (OWN, Trust.UNVERIFIED)):
        verified = judge(principal, repaired=("closed_quote",))
        assert verified.trust is level and "trust.reason.repaired" in verified.reasons
        assert verified.proven


def test_a_revoked_key_ends_all_it_said() -> None:
    policy = replace(POLICY, revoked_keys=frozenset({"KNOWN"}))
    for evidence in (Evidence(Channel.SIGNED, key="KNOWN"), Evidence(Channel.HEARSAY)):
        verified = judge(KNOWN, policy, evidence=evidence)
        assert (verified.trust, verified.status) == (Trust.UNVERIFIED, Status.REVOKED)
        assert "trust.reason.key_revoked" in verified.reasons
    assert judge(OWN, policy).status is Status.ACTIVE


def test_a_record_long_past_its_end_proves_nothing() -> None:
    assert judge(KNOWN, expires_at=NOW - 86_400).trust is Trust.PERSONAL  # stale, not untrue
    old = judge(KNOWN, expires_at=NOW - 31 * 86_400)
    assert (old.trust, old.proven, old.reasons) == (Trust.UNVERIFIED, False, ("trust.reason.signature_expired",))


def test_floors_mark_rollbacks_by_version_and_by_sequence() -> None:
    floors = {(COMMUNITY, Kind.SKILL, "x"): Floor("1.2", 5)}

    def below(**changes: object) -> bool:
        return admit(saying(**{"principal": COMMUNITY} | changes), POLICY, NOW, floors).below_floor

    assert below(version="1.1") and below(version="") and below(version="1.2-rc.1")
    assert not below(version="1.2.0") and not below(version="1.10")
    assert below(version="1.3", seq=4) and not below(version="1.3", seq=5) and not below(version="1.3")
    assert not below(version="0.1", principal=OFFICIAL) and not below(version="0.1", id="y")


def test_the_last_pin_owns_the_name_in_every_version() -> None:
    policy = TrustPolicy(pins=(("skill:x", COMMUNITY), ("cap:x", OWN), ("skill:x", OFFICIAL)))
    assert owner_of(Ref(Kind.SKILL, "x", "1.0"), policy) == OFFICIAL
    assert owner_of(Ref(Kind.CAPABILITY, "x"), policy) == OWN
    assert owner_of(Ref(Kind.SCENE, "x"), policy) == ""


def test_every_reason_reads_in_both_languages() -> None:
    for code in REASONS:
        assert code in MESSAGES
        assert render(code, {}, "en").text != render(code, {}, "zh").text
