"""Signed records: golden bytes, every refusal under its own code, and mutations that never get through or crash."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import DataError, IntegrityError, OoderError, UsageError
from protocol.identity import SigningKey
from protocol.records import PEER, RELEASE, OpenedRecord, equivocates, newest, open_record, pae, sign_record

NOW = 1_800_000_000.0
MS = 1_800_000_000_000
KEY = SigningKey(bytes(range(32)))
VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "records.json"
VALUE = {"digest": "sha256:" + "ab" * 32, "at": ["http://192.0.2.1:48889"], "tags": ["日报"], "size": 4096}


def signed(**changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "record_type": RELEASE,
        "name": "skill:daily-report@1.2.0",
        "seq": 7,
        "issued_ms": MS,
        "expires_ms": MS + 86_400_000,
        "value": VALUE,
    }
    return sign_record(KEY, **(fields | changes))


def opened(data: bytes, **changes: Any) -> OpenedRecord:
    return open_record(data, **({"expected_type": RELEASE, "now": NOW} | changes))


def refused(data: bytes, **changes: Any) -> str:
    with pytest.raises(OoderError) as caught:
        opened(data, **changes)
    assert caught.value.text("zh") and "?" not in caught.value.text("en")
    return caught.value.code


def wrapped(payload: bytes, record_type: str = RELEASE, key: SigningKey = KEY) -> bytes:
    """A correctly signed record around any payload."""
    body = key.public.raw + payload
    packed: bytes = msgpack.packb([record_type, body, key.sign(pae(record_type, body))])
    return packed


def payload(value: bytes = b"\xc0", **changes: Any) -> bytes:
    fields = {"name": "skill:x", "seq": 1, "issued": MS, "expires": MS + 1000} | changes
    return b"\x95" + b"".join(msgpack.packb(part) for part in fields.values()) + value


def test_a_record_comes_back_as_signed() -> None:
    data = signed()
    record = opened(data)
    assert (record.name, record.seq, record.value) == ("skill:daily-report@1.2.0", 7, VALUE)
    assert (record.key, record.expires_at) == (KEY.public, NOW + 86_400)
    assert len(data) == 292


def test_golden_bytes() -> None:
    for vector in json.loads(VECTORS.read_text("utf-8")):
        key = SigningKey(bytes.fromhex(vector["seed"]))
        data = sign_record(
            key,
            record_type=vector["type"],
            name=vector["name"],
            seq=vector["seq"],
            issued_ms=vector["issued_ms"],
            expires_ms=vector["expires_ms"],
            value=vector["value"],
        )
        assert data.hex() == vector["record"]
        assert key.public.fingerprint == vector["fingerprint"]
        record = open_record(data, expected_type=vector["type"], now=vector["issued_ms"] / 1000)
        assert record.digest == vector["digest"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "record.malformed"),
        (b"\x93", "record.malformed"),
        (b"\xc1", "record.malformed"),
        (b"\x91" * 60_000, "record.malformed"),
        (b"\xdd\xff\xff\xff\xff", "record.malformed"),
        (b"\xc6\xff\xff\xff\xff", "record.malformed"),
        (msgpack.packb(["a", "b", "c"]), "record.malformed"),
        (signed() + b"\x00", "record.trailing_bytes"),
        (wrapped(payload() + b"\x00"), "record.trailing_bytes"),
        (signed(record_type=PEER), "record.wrong_type"),
        (wrapped(b"\x90"), "record.malformed"),
        (wrapped(b"\x80"), "record.malformed"),
        (wrapped(payload(b"\x82\xa1a\x01\xa1a\x02")), "record.duplicate_key"),
        (wrapped(payload(b"\x91\x82\xa1a\x01\xa1a\x02")), "record.duplicate_key"),
        (wrapped(payload(b"\x81\x01\x02")), "record.malformed"),
        (wrapped(payload(b"\x81\xc4\x01a\x02")), "record.malformed"),
        (wrapped(payload(b"\xd4\x05\x00")), "record.malformed"),
        (wrapped(payload(b"\xd6\xff\x00\x00\x00\x00")), "record.malformed"),
        (wrapped(payload(b"\xcb" + struct.pack(">d", float("nan")))), "record.malformed"),
        (wrapped(payload(b"\xcb" + struct.pack(">d", float("-inf")))), "record.malformed"),
        (wrapped(payload(b"\x91" * 16 + b"\xc0")), "record.malformed"),
        (wrapped(payload(b"\xa2\xff\xfe")), "record.malformed"),
        (wrapped(payload(b"\xa3\xed\xa0\x80")), "record.malformed"),
        (wrapped(payload(b"\xdc\x04\x01" + b"\xc0" * 1025)), "record.malformed"),
        (wrapped(payload(name="")), "record.malformed"),
        (wrapped(payload(name="x" * 257)), "record.malformed"),
        (wrapped(payload(seq=-1)), "record.malformed"),
        (wrapped(payload(seq=True)), "record.malformed"),
        (wrapped(payload(seq=1.0)), "record.malformed"),
        (wrapped(payload(seq=2**60)), "record.malformed"),
        (wrapped(payload(expires=MS)), "record.malformed"),
        (wrapped(payload(issued=MS + 300_001, expires=MS + 400_000)), "record.from_the_future"),
        (wrapped(payload(issued=MS - 2000, expires=MS)), "record.expired"),
        (wrapped(payload(expires=MS + 31 * 86_400_000)), "record.lives_too_long"),
    ],
)
def test_each_refusal_has_its_code(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_clock_five_minutes_ahead_is_taken() -> None:
    assert opened(signed(issued_ms=MS + 300_000)).issued_ms == MS + 300_000


def test_a_weak_key_is_refused_before_its_signature_is_looked_at() -> None:
    weak = (1).to_bytes(32, "little")
    data = msgpack.packb([RELEASE, weak + payload(), weak + bytes(32)])
    assert refused(data) == "key.weak"


def test_another_type_or_key_or_signature_does_not_verify() -> None:
    kind, body, signature = msgpack.unpackb(signed(record_type=PEER))
    assert refused(msgpack.packb([RELEASE, body, signature])) == "record.bad_signature"
    other = SigningKey(bytes(32)).public.raw
    assert refused(msgpack.packb([kind, other + body[32:], signature]), expected_type=PEER) == "record.bad_signature"


def test_one_record_has_one_form_of_bytes() -> None:
    kind, body, signature = msgpack.unpackb(signed())
    longer = b"\xdc\x00\x03" + b"".join(msgpack.packb(part) for part in (kind, body, signature))
    assert msgpack.unpackb(longer) == [kind, body, signature]
    assert refused(longer) == "record.malformed"


def test_size_limits_follow_the_transport() -> None:
    data = signed(value="x" * 800)
    assert opened(data, max_bytes=limits.RECORD_UDP_BYTES)
    assert refused(data, max_bytes=len(data) - 1) == "record.too_big"
    with pytest.raises(UsageError) as caught:
        signed(value="x" * 1000, max_bytes=limits.RECORD_DHT_BYTES)
    assert caught.value.code == "record.too_big"


@pytest.mark.parametrize(
    "value", [float("nan"), object(), {1: 2}, {"a": {b"b": 1}}, [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]], 2**70]
)
def test_what_no_reader_accepts_is_not_signed(value: Any) -> None:
    with pytest.raises(UsageError) as caught:
        signed(value=value)
    assert caught.value.code == "record.cannot_sign"


def test_equivocation_is_one_key_name_and_sequence_with_other_bytes() -> None:
    first, second = opened(signed()), opened(signed(value="other"))
    assert equivocates(first, second) and equivocates(second, first)
    assert not equivocates(first, opened(signed()))
    assert not equivocates(first, opened(signed(seq=8, value="other")))
    assert newest([first, opened(signed(seq=9)), second]) == opened(signed(seq=9))
    assert newest([first, second]) == newest([second, first])


def mutate(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    match random.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]
        case 1:
            return data[:at] + random.randbytes(random.randint(1, 4)) + data[at:]
        case 2:
            return data[:at] + data[at + random.randint(1, 8) :]
        case 3:
            other = random.randrange(len(data))
            return data[:at] + data[other : other + random.randint(1, 40)] + data[at:]
        case _:
            return random.randbytes(random.randint(0, 64))


def check_mutations(seed: int, count: int) -> None:
    random = Random(seed)
    data = signed()
    for _ in range(count):
        changed = mutate(data, random)
        if changed == data:
            continue
        with pytest.raises((DataError, IntegrityError)):
            opened(changed)


def check_signed_mutations(seed: int, count: int) -> None:
    """Junk under a good signature: the parser behind the check is as strict as the one before it."""
    random = Random(seed)
    plain = payload(msgpack.packb(VALUE))
    for _ in range(count):
        try:
            record = opened(wrapped(mutate(plain, random)))
        except DataError:
            continue
        assert isinstance(record.name, str) and 0 <= record.seq < 2**53


def test_mutations_never_get_through() -> None:
    check_mutations(1, 2_000)
    check_signed_mutations(2, 1_000)


@pytest.mark.exhaustive
def test_a_hundred_thousand_mutations_never_get_through() -> None:
    check_mutations(3, 80_000)
    check_signed_mutations(4, 20_000)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(value=values, seq=st.integers(0, 2**53 - 1), name=st.text(min_size=1, max_size=40))
def test_round_trip(value: Any, seq: int, name: str) -> None:
    record = opened(signed(value=value, seq=seq, name=name))
    assert (record.value, record.seq, record.name) == (value, seq, name)
