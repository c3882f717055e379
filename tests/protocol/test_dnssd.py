"""TXT records and labels: sizes, characters, claims of foreign services."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.dnssd import Txt, decode_txt, encode_txt, instance_label, plausible_addresses


def as_bytes(pairs: dict[str, bytes]) -> dict[bytes, bytes | None]:
    return {key.encode(): value for key, value in pairs.items()}


def test_a_record_comes_back() -> None:
    txt = Txt(
        "node-7",
        "书房的电脑",
        ("daily-report", "mail"),
        ("work",),
        "lin",
        "online",
        count=42,
        catalogue="ab" * 8,
        key="K" * 16,
    )
    pairs = encode_txt(txt)
    assert next(iter(pairs)) == "txtvers" and decode_txt(as_bytes(pairs)) == txt


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=200), st.text(max_size=300))
def test_a_record_is_never_too_long_and_no_character_is_cut(name: str, capabilities: list[str], user: str) -> None:
    pairs = encode_txt(
        Txt(
            "node-7",
            name.encode("utf-8", "ignore").decode(),
            tuple(c.encode("utf-8", "ignore").decode() for c in capabilities),
            user_id=user.encode("utf-8", "ignore").decode(),
        )
    )
    assert sum(len(key) + len(value) + 2 for key, value in pairs.items()) <= limits.TXT_BYTES
    for key, value in pairs.items():
        assert len(key) + 1 + len(value) <= limits.TXT_STRING and value.decode() is not None


def test_a_chinese_label_is_cut_at_a_character() -> None:
    label = instance_label("书" * 40)
    assert len(label.encode()) <= limits.DNS_LABEL and label == "Ooder Agent-" + "书" * 17


@given(st.dictionaries(st.binary(max_size=40), st.none() | st.binary(max_size=400), max_size=80))
def test_no_foreign_record_is_an_exception(pairs: dict[bytes, bytes | None]) -> None:
    decode_txt(pairs)
    decode_txt({**pairs, b"agentId": b"node-7", b"n": b"-1"})


def foreign(random: Random, count: int) -> Iterator[dict[bytes, bytes | None]]:
    """Random pairs, and real records with bytes changed, keys doubled, values cut or taken away."""
    real = as_bytes(
        encode_txt(Txt("node-7", "书房", ("daily-report", "mail"), ("work",), "lin", count=42, key="K" * 16))
    )
    for number in range(count):
        if number % 2:
            sizes = [(random.randrange(12), random.randrange(60)) for _ in range(random.randrange(12))]
            yield {random.randbytes(key): random.randbytes(value) for key, value in sizes}
            continue
        pairs = dict(real)
        for _ in range(random.randrange(1, 5)):
            key = random.choice(list(pairs))
            value = pairs[key] or b""
            at = random.randrange(len(value) + 1)
            junk = random.choice((b",", b"=", b"\0", b"\xff", b"-1", b"9" * 400, random.randbytes(3)))
            pairs[random.choice((key, key.upper(), key + b".1", junk))] = random.choice(
                (None, value[:at], value[:at] + junk)
            )
        yield pairs


def read_everything(count: int) -> None:
    for pairs in foreign(Random(2), count):
        txt = decode_txt(pairs)
        assert txt is None or (len(txt.capabilities) <= limits.LIST_ENTRIES and txt.name.isprintable())


def test_broken_records_are_never_an_exception() -> None:
    read_everything(4_000)


@pytest.mark.exhaustive
def test_two_hundred_thousand_broken_records_in_flat_memory() -> None:
    read_everything(1_000)
    tracemalloc.start()
    read_everything(200_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 2 * limits.MIB


def test_control_characters_do_not_pass_and_spilled_lists_are_read() -> None:
    txt = decode_txt(
        {
            b"AgentID": b"node-7",
            b"name": "evil\u202egpj\x1b[2J".encode(),
            b"capabilities": b"a,b",
            b"capabilities.1": b"c",
        }
    )
    assert txt is not None and txt.name == "evilgpj[2J" and txt.capabilities == ("a", "b", "c")
    assert decode_txt({b"fn": b"a printer"}) is None


def test_only_a_neighbours_address_is_plausible() -> None:
    claimed = [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.5",
        "10.0.0.255",
        "8.8.8.8",
        "224.0.0.1",
        "0.0.0.0",
        "::1",
        "nonsense",
    ]
    assert plausible_addresses(claimed, [("10.0.0.2", 24)]) == ("10.0.0.5",)
    assert plausible_addresses(["127.0.0.1"], [("127.0.0.1", 8)]) == ("127.0.0.1",)
