"""What a registry and its clients agree on: rows the Java client survives, records nobody can change, heads that bind everything."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import DataError, IntegrityError, OoderError, PolicyError
from protocol.identity import SigningKey
from protocol.items import Dependency, Item, Provided, Status
from protocol.refs import Kind, Ref
from protocol.skill_center.changes import decode_change, encode_change
from protocol.skill_center.events import (
    GAP,
    Pushed,
    Subscription,
    decode_event,
    decode_subscription,
    encode_event,
    encode_subscription,
)
from protocol.skill_center.head import (
    HEAD_SECONDS,
    Head,
    bucket_digest,
    bucket_of,
    catalogue_digest,
    line_of,
    open_head,
    sign_head,
)
from protocol.skill_center.order import ORDER_SECONDS, Act, Order, open_order, sign_order
from protocol.skill_center.release import Release, item_text, open_item, open_release, sha256_of, sign_release
from protocol.skill_center.revocations import Revocation, open_revocations, sign_revocations
from protocol.skill_center.rows import encode_row, plain, row_text

NOW = 1_700_000_000.0
ALICE, MALLORY, CENTER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
ITEM = Item(
    Kind.SKILL,
    "daily-report",
    "1.10",
    name='日报 {a} "b"\\',
    description="写\n日报",
    tags=("日报",),
    category="office/reports",
    provides=(Provided("report-write"),),
    requires=(Dependency(Kind.SCENE, "text-desk"),),
)


def a_release(item: Item = ITEM) -> Release:
    return Release(item.ref, "sha256:" + "a" * 64, "b" * 64, 10, 20, 1, sha256_of(item_text(item).encode()))


def test_a_release_comes_back_as_it_was_signed() -> None:
    signed = open_release(sign_release(ALICE, a_release(), 7, NOW), NOW + 400 * 86_400)
    assert (signed.release, signed.key, signed.seq) == (a_release(), ALICE.public.fingerprint, 7)
    assert open_item(item_text(ITEM), signed.release).name == ITEM.name


@given(st.integers(0, 600), st.integers(0, 255))
def test_no_changed_release_is_taken(at: int, by: int) -> None:
    text = sign_release(ALICE, a_release(), 7, NOW)
    changed = text[: at % len(text)] + chr(by) + text[at % len(text) + 1 :]
    try:
        assert open_release(changed, NOW).release == a_release()
    except OoderError:
        pass


def test_a_release_without_version_or_digest_is_refused() -> None:
    for wrong in (
        replace(a_release(), ref=Ref(Kind.SKILL, "a")),
        replace(a_release(), digest="sha256:x"),
        replace(a_release(), package="../x"),
        replace(a_release(), size=0),
    ):
        with pytest.raises(DataError) as caught:
            open_release(sign_release(ALICE, wrong, 1, NOW), NOW)
        assert caught.value.code == "center.bad_release"


def test_only_status_may_change_within_a_version() -> None:
    first = a_release()
    assert first.same_bytes(first.with_status(Status.WITHDRAWN, "broken"))
    assert not first.same_bytes(replace(first, digest="sha256:" + "c" * 64))


def test_an_order_holds_for_one_registry_and_two_minutes() -> None:
    here = CENTER.public.agent_id
    text = sign_order(ALICE, Order(Act.PUBLISH, here, "sha256:x"), NOW)
    assert open_order(text, here, NOW + ORDER_SECONDS - 1).key == ALICE.public.fingerprint
    with pytest.raises(DataError, match="ended"):
        open_order(text, here, NOW + ORDER_SECONDS + 1)
    with pytest.raises(PolicyError) as caught:
        open_order(text, MALLORY.public.agent_id, NOW)
    assert caught.value.code == "center.other_registry"


def test_a_head_binds_every_release() -> None:
    signed = [
        open_release(sign_release(ALICE, a_release(replace(ITEM, version=f"1.{n}")), n, NOW), NOW) for n in range(50)
    ]

    def digest(these: list[object]) -> str:
        buckets: dict[int, list[bytes]] = {}
        for one in signed:
            if one in these:
                buckets.setdefault(bucket_of(one.release.ref), []).append(line_of(one))
        return catalogue_digest({number: bucket_digest(lines) for number, lines in buckets.items()})

    whole = digest(list(signed))
    assert whole == digest(list(reversed(signed)))
    assert all(digest([one for one in signed if one is not left_out]) != whole for left_out in signed[:5])
    text = sign_head(CENTER, Head(50, 50, whole, 0), 3, NOW)
    assert open_head(text, NOW, CENTER.public.fingerprint).head.catalogue == whole
    with pytest.raises(IntegrityError, match="signed by"):
        open_head(text, NOW, ALICE.public.fingerprint)
    with pytest.raises(DataError, match="ended"):
        open_head(text, NOW + HEAD_SECONDS + 1)


def test_revocations_are_the_registrys_own() -> None:
    entries = [Revocation("sha256:" + f"{n:064x}", "恶意" * 30, NOW) for n in range(600)]
    found = open_revocations(sign_revocations(CENTER, entries, 9, NOW), NOW, CENTER.public.fingerprint)
    assert (found.seq, len(found.entries), found.entries[-1].what) == (9, 500, entries[-1].what)
    with pytest.raises(IntegrityError):
        open_revocations(sign_revocations(MALLORY, entries[:1], 9, NOW), NOW, CENTER.public.fingerprint)


def test_a_change_is_proved_or_refused() -> None:
    release, text = sign_release(ALICE, a_release(), 7, NOW), item_text(ITEM)
    assert decode_change(encode_change(4, release, text, NOW, 3), NOW).item.id == "daily-report"
    with pytest.raises(IntegrityError) as caught:
        decode_change(encode_change(4, release, text.replace("日报", "周报")), NOW)
    assert caught.value.code == "center.other_item"
    for wrong in (None, [], {}, {"n": True, "release": "", "item": ""}, {"n": 1, "release": "%", "item": ""}):
        with pytest.raises(OoderError):
            decode_change(wrong, NOW)


def test_rows_hold_nothing_the_java_reader_stumbles_over() -> None:
    row = encode_row(ITEM, open_release(sign_release(ALICE, a_release(), 7, NOW), NOW), NOW, 5)
    text = row_text(row)
    assert (text.count("{"), text.count("}"), text.count("\\")) == (1, 1, 0)
    assert "日报" in text and json.loads(text)["subCategory"] == "reports"
    assert (row["skillId"], row["sceneId"], row["downloads"]) == ("daily-report", "text-desk", 5)


@given(st.text(max_size=200))
def test_plain_text_needs_no_escape(text: str) -> None:
    done = plain(text)
    assert json.dumps(done, ensure_ascii=False) == f'"{done}"'
    assert not set(done) & set('{}"\\\n')


def test_events_come_back_and_rubbish_is_named() -> None:
    event = Pushed(17, "release.published", ITEM.ref, NOW, "node-x")
    assert decode_event(encode_event(event)) == event
    wanted = Subscription(("release.*",), 16)
    assert decode_subscription(encode_subscription(wanted)) == wanted
    assert wanted.wants("release.revoked") and wanted.wants(GAP) and not wanted.wants("peer.offline")
    for rubbish in ("", "[]", "{}", '{"id":-1,"type":"x"}', '{"id":1,"type":"x","data":{"ref":"a/../b"}}', "x" * 9999):
        with pytest.raises(DataError) as caught:
            decode_event(rubbish)
        assert caught.value.code == "center.bad_event"
    with pytest.raises(DataError):
        decode_subscription('{"op":"subscribe","types":[1]}')
