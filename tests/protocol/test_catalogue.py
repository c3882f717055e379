"""Catalogue rows, heads and asks of strangers: they go round, and junk is refused with a code of its own, never with a crash."""

from __future__ import annotations

import base64
import json
import tracemalloc
from random import Random

import pytest

from protocol.catalogue import Offered, decode_row, encode_row, open_ask, open_head, rows_digest, sign_ask, sign_head
from protocol.errors import DataError, IntegrityError, OoderError
from protocol.identity import SigningKey
from protocol.items import Item
from protocol.refs import Kind
from tests.protocol.test_records import mutate

KEY = SigningKey(bytes(range(32)))
NOW = 1_800_000_000.0
DIGEST = "otd1:" + "a" * 64
ROW = Offered(Item(Kind.SKILL, "daily-report", name="日报", description="Ein Bericht"), "", "", 10, 2, NOW + 60)


def check(seed: int, count: int) -> int:
    """`count` junk texts for each codec; how many rows were read all the same."""
    random, read = Random(seed), 0
    row = json.dumps(encode_row(ROW)).encode()
    head = base64.urlsafe_b64decode(sign_head(KEY, "d" * 64, 1, 7, NOW) + "==")
    ask = base64.urlsafe_b64decode(sign_ask(KEY, "node-x", NOW) + "==")
    for _ in range(count):
        try:
            decode_row(json.loads(mutate(row, random)))
            read += 1
        except (OoderError, ValueError):  # a body that is no JSON never comes as far as a row
            pass
        changed = mutate(head, random)
        if changed != head:
            with pytest.raises((DataError, IntegrityError)):
                open_head(base64.urlsafe_b64encode(changed).decode(), KEY.public.fingerprint, NOW)
        changed = mutate(ask, random)
        if changed != ask:
            assert open_ask(base64.urlsafe_b64encode(changed).decode(), "node-x", NOW) == ""
    return read


def test_what_was_signed_goes_round() -> None:
    assert decode_row(encode_row(ROW)) == ROW
    assert open_head(sign_head(KEY, "d" * 64, 1, 7, NOW), KEY.public.fingerprint, NOW) == ("d" * 64, 7)
    assert open_ask(sign_ask(KEY, "node-x", NOW), "node-x", NOW) == KEY.public.fingerprint
    assert open_ask(sign_ask(KEY, "node-x", NOW), "node-y", NOW) == ""
    assert len(rows_digest([encode_row(ROW)])) == 64


@pytest.mark.parametrize("text", ["", "=", "é", "A" * 100_000, "\x00", "-_-_"])
def test_texts_that_are_no_record(text: str) -> None:
    assert open_ask(text, "node-x", NOW) == ""
    with pytest.raises((DataError, IntegrityError)):
        open_head(text, KEY.public.fingerprint, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": True},
        {"size": 1.5},
        {"files": 2**60},
        {"until": "soon"},
        {"until": float("inf")},
        {"until": float("nan")},
        {"digest": "sha256:x"},
        {"digest": 7},
        {"principal": "p" * 100_000},
        {"principal": None},
        {"item": None},
        {"item": {"kind": "skill", "id": "../../etc"}},
    ],
)
def test_rows_that_lie_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError):
        decode_row(encode_row(ROW) | change)


def test_junk_never_crashes_a_codec() -> None:
    assert check(1, 1_000) > 0


@pytest.mark.exhaustive
def test_a_hundred_thousand_times_and_memory_stays_flat() -> None:
    check(2, 1_000)
    tracemalloc.start()
    check(3, 100_000)
    grown, _ = tracemalloc.get_traced_memory()
    assert grown < 2_000_000
