"""Answers of registries nobody controls: whatever they are, an item, a problem, or one clear error."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.errors import DataError, IntegrityError, OoderError
from protocol.http.json_body import read_body
from protocol.item_json import decode_item, encode_item, read_json, write_json
from protocol.items import Status
from protocol.refs import Kind, Ref, is_id
from protocol.skill_center.following import Floor, Ledger, Progress, decode_memory, encode_memory, judge, signature
from protocol.skill_center.head import Head, SignedHead
from protocol.skill_center.reading import read_page, read_row, read_versions

WORDS = st.sampled_from(
    ["skillId", "id", "version", "status", "tags", "capabilities", "data", "items", "code", "kind", "dependencies"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=6), inner, max_size=5),
    max_leaves=20,
)
QUICK = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(JSON, st.sampled_from(Kind))
def test_any_json_is_a_page_of_items_and_problems_or_one_error(value: object, kind: Kind) -> None:
    body = read_body(json.dumps(value).encode())
    try:
        rows = read_page(body, {}).rows
    except DataError as error:
        assert error.code == "registry.bad_answer"
        return
    for row in rows:
        try:
            read = read_row(row, kind, "row 1")
        except DataError as error:
            assert error.code == "registry.bad_row"
            continue
        assert is_id(read.item.id)
        assert decode_item(read_json(write_json(encode_item(read.item)))) == read.item  # it can be kept


@QUICK
@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_one_error(data: bytes) -> None:
    with contextlib.suppress(DataError):
        read_body(data)


@pytest.mark.parametrize("id_", ["../x", "a/b", "/etc", "..", "", "a\x00b", "ä", "-", "x" * 200, "a b"])
def test_ids_that_lead_elsewhere_are_no_ids(id_: str) -> None:
    with pytest.raises(DataError, match="no usable id"):
        read_row({"skillId": id_, "version": "1"}, Kind.SKILL, "row 1")


def test_what_a_row_says_about_its_bytes() -> None:
    row = {"skillId": "a", "version": "1", "checksum": "SHA256:x", "digest": "sha256:" + "b" * 64, "size": "12"}
    read = read_row({**row, "checksum": "A" * 64, "blocked": "true"}, Kind.SKILL, "row 1")
    assert (read.checksum, read.digest, read.size, read.status) == ("a" * 64, row["digest"], 12, Status.REVOKED)
    assert read_row(row, Kind.SKILL, "row 1").checksum == ""


def test_versions_as_texts_and_as_rows() -> None:
    assert read_versions(["1.1", "1.0"]) == ("1.1", "1.0")
    assert read_versions({"data": [{"version": "2.0"}, {"v": "x"}, None]}) == ("2.0",)


# --- Following --------------------------------------------------------------------------------------------------------
def head(seq: int, digest: str = "d", key: str = "K", revocations: int = 0) -> SignedHead:
    return SignedHead(Head(1, 1, "c", revocations), key, "node-k", seq, 0.0, 1e12, digest)


@QUICK
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from("de"), st.integers(0, 2)), max_size=30))
def test_whatever_order_heads_come_in_the_floor_only_rises(said: list[tuple[int, str, int]]) -> None:
    floor, believed = Floor(), {}
    for seq, digest, revocations in said:
        try:
            fresh = judge(floor, head(seq, digest, revocations=revocations))
        except IntegrityError:
            continue
        assert (fresh.seq, fresh.revocations) >= (floor.seq, floor.revocations)
        assert believed.setdefault(seq, digest) == digest  # never two heads of one number
        floor = fresh
    assert decode_memory(encode_memory(floor, Progress(1, "c", 2))) == (floor, Progress(1, "c", 2))


def test_another_key_is_refused_and_nonsense_in_memory_is_nothing() -> None:
    with pytest.raises(OoderError, match="signed by"):
        judge(Floor(key="OTHER"), head(9))
    assert decode_memory({"seq": -1, "key": 5, "event": True}) == (Floor(), Progress())


@QUICK
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60))
def test_a_ledger_made_of_signatures_is_the_one_that_was_kept(releases: list[tuple[int, int]]) -> None:
    kept, marks = Ledger(), {}
    for number, seq in releases:
        ref = Ref(Kind.SKILL, f"s{number}", "1.0")
        kept.put(ref, f"sha256:{seq}", seq)
        marks[str(ref)] = signature(f"sha256:{seq}", seq)
    again = Ledger({**marks, ".": "!", "skill:x@1": ""})
    assert (again.catalogue(), len(again)) == (kept.catalogue(), len(marks))
