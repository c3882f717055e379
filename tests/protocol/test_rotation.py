"""Key rotation: both keys agree, pins move, floors fall, and nothing moves on doubt."""

from __future__ import annotations

import pytest

from protocol.errors import DataError
from protocol.identity import SigningKey
from protocol.records import PEER, ROTATION, OpenedRecord, RecordValue, open_record, sign_record
from protocol.refs import Kind
from protocol.rotation import Rotation, floors_after, follow, read_rotation, rotation_value, successors
from protocol.trust import Floor, TrustPolicy

OLD, NEW, THIRD = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
MS = 1_800_000_000_000
NOBODY: frozenset[str] = frozenset()


def record(value: RecordValue, record_type: str = ROTATION) -> OpenedRecord:
    data = sign_record(OLD, record_type=record_type, name="key", seq=1, issued_ms=MS, expires_ms=MS + 1000, value=value)
    return open_record(data, expected_type=record_type, now=MS / 1000)


def test_the_old_key_hands_over_and_the_new_one_agrees() -> None:
    rotation = read_rotation(record(rotation_value(OLD.public, NEW)))
    assert rotation == Rotation(OLD.public.fingerprint, NEW.public.fingerprint)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "record.malformed"),
        ([b"a", "b"], "record.malformed"),
        ([bytes(32), bytes(64)], "key.weak"),
        ([NEW.public.raw, bytes(64)], "record.not_taken_over"),
        (rotation_value(THIRD.public, NEW), "record.not_taken_over"),
        (rotation_value(OLD.public, OLD), "record.not_taken_over"),
    ],
)
def test_a_rotation_that_is_none_is_refused(value: RecordValue, code: str) -> None:
    with pytest.raises(DataError) as caught:
        read_rotation(record(value))
    assert caught.value.code == code


def test_another_type_is_no_rotation() -> None:
    with pytest.raises(DataError):
        read_rotation(record(rotation_value(OLD.public, NEW), PEER))


def test_pins_keys_and_namespaces_move_along_the_chain() -> None:
    policy = TrustPolicy(
        known_keys=frozenset({"a", "z"}),
        pins=(("skill:x", "key:a"), ("skill:y", "a")),
        namespaces=(("ns", "b"),),
    )
    moved = follow(policy, [Rotation("a", "b"), Rotation("b", "c")])
    assert moved.known_keys == {"c", "z"} and moved.namespaces == (("ns", "c"),)
    assert moved.pins == (("skill:x", "key:c"), ("skill:y", "a"))
    assert follow(policy, []) is policy


def test_doubt_moves_nothing() -> None:
    assert successors([Rotation("a", "b"), Rotation("a", "c")], NOBODY) == {}
    assert successors([Rotation("a", "b"), Rotation("b", "a")], NOBODY) == {}
    assert successors([Rotation("a", "b")], frozenset({"a"})) == {}
    assert successors([Rotation("a", "b")], frozenset({"b"})) == {}
    assert successors([Rotation("a", "b"), Rotation("a", "b")], NOBODY) == {"a": "b"}


def test_floors_of_the_old_key_fall() -> None:
    floors = {("key:a", Kind.SKILL, "x"): Floor("999999"), ("key:z", Kind.SKILL, "x"): Floor("1")}
    assert floors_after(floors, [Rotation("a", "b")], NOBODY) == {("key:z", Kind.SKILL, "x"): Floor("1")}
