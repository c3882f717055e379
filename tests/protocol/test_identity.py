"""Keys and fingerprints: weak keys refused, what people type read back, what they mistype named."""

from __future__ import annotations

from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.errors import DataError, UsageError
from protocol.identity import (
    ALPHABET,
    FIELD_PRIME,
    WEAK_Y,
    PublicKey,
    SigningKey,
    check_character,
    parse_fingerprint,
    spoken,
)
from protocol.refs import is_id

P = FIELD_PRIME
D = -121665 * pow(121666, P - 2, P) % P
# The 14 encodings of small order as published (IACR 2020/823, table 5; libsodium keeps the same list).
PUBLISHED_WEAK = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def key_of(number: int) -> SigningKey:
    return SigningKey(number.to_bytes(32, "big"))


def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Affine addition on the Edwards curve of RFC 8032, slow and plain."""
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x3 = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P)
    y3 = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P)
    return x3 % P, y3 % P


@pytest.mark.parametrize("encoding", PUBLISHED_WEAK)
def test_the_fourteen_weak_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(DataError) as caught:
        PublicKey.parse(bytes.fromhex(encoding))
    assert caught.value.code == "key.weak"


def test_every_y_at_or_above_the_prime_is_refused() -> None:
    for y in range(P, 2**255):
        for sign in (0, 2**255):
            with pytest.raises(DataError):
                PublicKey((y | sign).to_bytes(32, "little"))


def test_the_weak_points_are_exactly_those_whose_eightfold_is_zero() -> None:
    root = pow(2, (P - 1) // 4, P)
    for y in WEAK_Y:
        square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * root % P
        assert x * x % P == square
        point = (x, y)
        for _ in range(3):
            point = add(point, point)
        assert point == (0, 1)
    assert len(WEAK_Y) == 5


def test_the_library_would_have_taken_the_identity_as_a_key() -> None:
    """The reason for the check: one fixed signature, any message."""
    identity = (1).to_bytes(32, "little")
    forged = identity + bytes(32)
    Ed25519PublicKey.from_public_bytes(identity).verify(forged, b"anything")


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(DataError) as caught:
        PublicKey.parse(bytes(length))
    assert caught.value.code == "key.bad_length"
    with pytest.raises(UsageError):
        SigningKey(bytes(length))


def test_signatures_hold_for_exactly_the_signed_bytes() -> None:
    key = key_of(1)
    signature = key.sign(b"abc")
    assert key.public.verify(signature, b"abc")
    assert not key.public.verify(signature, b"abd")
    assert not key.public.verify(signature[:-1], b"abc")
    assert not key_of(2).public.verify(signature, b"abc")
    assert "seed" not in repr(key) and key.public.raw.hex() not in repr(key)


def test_a_known_seed_gives_the_key_of_the_rfc() -> None:
    key = SigningKey(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    assert key.public.raw.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.public.fingerprint == parse_fingerprint(spoken(key.public.fingerprint))
    assert key.public.agent_id == f"node-{key.public.fingerprint[:26].lower()}"
    assert is_id(key.public.agent_id)


def test_what_people_type_is_read_back() -> None:
    for number in range(1, 60):
        fingerprint = key_of(number).public.fingerprint
        assert len(fingerprint) == 52
        aloud = spoken(fingerprint)
        assert [len(group) for group in aloud.split("-")] == [7] * 8
        careless = aloud.replace("O", "0").replace("I", "1").replace("B", "8")
        for typed in (
            aloud,
            aloud.lower(),
            aloud.replace("-", ""),
            f" key:{fingerprint} ",
            careless,
            aloud.replace("-", " "),
        ):
            assert parse_fingerprint(typed) == fingerprint


def test_every_single_wrong_character_is_found_and_placed() -> None:
    aloud = spoken(key_of(7).public.fingerprint).replace("-", "")
    random = Random(1)
    for at, right in enumerate(aloud):
        wrong = random.choice([char for char in ALPHABET if char != right])
        with pytest.raises(DataError) as caught:
            parse_fingerprint(aloud[:at] + wrong + aloud[at + 1 :])
        assert caught.value.code == "key.fingerprint_check"
        assert at // 7 + 1 in (caught.value.params["first"], caught.value.params["second"])


def test_swapped_neighbours_are_found() -> None:
    missed = 0
    for left in ALPHABET:
        for right in ALPHABET:
            part = f"AAAAAA{left}{right}AAAAA"
            swapped = f"AAAAAA{right}{left}AAAAA"
            missed += left < right and check_character(part) == check_character(swapped)
    assert missed <= 1  # only the two ends of the alphabet


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "key.fingerprint_length"),
        ("ABC", "key.fingerprint_length"),
        ("A" * 51 + "Q" + "A", "key.fingerprint_length"),
        ("A" * 51 + "B", "key.fingerprint_character"),
        ("A" * 51 + "9", "key.fingerprint_character"),
        ("Ä" * 52, "key.fingerprint_character"),
        ("ı" * 52, "key.fingerprint_character"),
        ("A" * 100_000, "key.fingerprint_length"),
        ("B" * 56, "key.fingerprint_check"),
    ],
)
def test_bad_fingerprints_say_why(text: str, code: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_fingerprint(text)
    assert caught.value.code == code
    assert caught.value.next_step("zh")
