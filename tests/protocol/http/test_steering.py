"""Paces, retries, header lines, kept answers and JSON of strangers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import limits
from protocol.errors import DataError
from protocol.http import caching, heads
from protocol.http.exchange import read_target
from protocol.http.json_body import Broken, read_body
from protocol.http.pacing import HOLD_MOST, Pace
from protocol.http.retry import MOST_SECONDS, Budget, delay


def test_a_pace_lets_a_burst_go_and_then_one_by_one() -> None:
    pace = Pace(rate=2.0, burst=3.0)
    assert [pace.reserve(0.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert pace.reserve(100.0) == 0.0


def test_a_host_can_hold_us_but_not_for_ever() -> None:
    pace = Pace(rate=2.0, burst=3.0)
    pace.hold(10.0, 30.0)
    pace.hold(10.0, 5.0)
    assert pace.held(20.0) == 20.0
    pace.hold(0.0, 1e12)
    assert pace.held(0.0) == HOLD_MOST


@settings(deadline=None)
@given(st.integers(1, 40), st.floats(0, 1))
def test_waits_stay_below_their_ceiling(attempt: int, chance: float) -> None:
    assert 0 <= delay(attempt, chance) <= MOST_SECONDS


def test_retries_are_a_tenth_of_requests() -> None:
    budget, spent = Budget(), 0
    for _ in range(1_000):
        budget.asked()
        spent += budget.spend()
    assert 100 <= spent <= 111


def test_retry_after_in_seconds_as_a_date_and_as_nonsense() -> None:
    assert heads.retry_after({"retry-after": "7"}, 0.0) == 7
    later = {"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}
    assert heads.retry_after(later, 0.0) == 30
    for nonsense in ("", "-3", "soon", "nan", "inf", "9" * 400, "Fri, 99 Nov 2026"):
        assert heads.retry_after({"retry-after": nonsense}, 0.0) is None


def test_an_empty_quota_is_a_pause_in_all_dialects() -> None:
    wall = 1_800_000_000.0
    assert heads.quota_pause({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000060"}, wall) == 60
    assert heads.quota_pause({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, wall) == 12
    assert heads.quota_pause({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1800000060"}, wall) == 0


def test_links_and_ages() -> None:
    line = '<https://r/a?page=2>; rel="next", <https://r/a?page=9>; rel="last"'
    assert heads.next_link({"link": line}) == "https://r/a?page=2"
    assert heads.next_link({"link": "<https://r/x>; rel=prev"}) == ""
    assert heads.max_age({"cache-control": "private, max-age=60"}) == 60
    assert heads.max_age({"cache-control": "no-store, max-age=60"}) is None
    assert heads.max_age({"cache-control": "max-age=60, no-cache"}) == 0


def test_kept_answers_come_back_or_not_at_all() -> None:
    kept = caching.Kept("https://r/a", "", 5.0, {"etag": '"1"', "x-secret": "no"}, b"\x00body")
    again = caching.decode(caching.encode(kept))
    assert (again.body, again.heads) == (b"\x00body", {"etag": '"1"'})
    assert again.validators == {"If-None-Match": '"1"'}
    data = caching.encode(kept)
    for at in range(len(data)):
        spoiled = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            found = caching.decode(spoiled)
        except DataError:
            continue
        assert found.body == kept.body  # only its label can have changed


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/a",
        "https://u:p@h/",
        "https:///a",
        "https://h:0/",
        "https://h:99999/",
        "https://h/a b",
        "https://ä/",
        "x",
        *("https://h/" + "a" * 3_000, "https://h\\@evil/", "https://[::1", "file:///etc/passwd", "https://h/\n"),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(DataError) as caught:
        read_target(url)
    assert "p@" not in caught.value.text()


def test_an_address_is_read_once_for_all() -> None:
    target = read_target("HTTPS://Reg.Example.:8443/a?q=1#f")
    assert (target.url, target.origin) == ("https://reg.example:8443/a?q=1", "https://reg.example:8443")
    assert read_target("wss://[::1]/x").origin == "https://[::1]:443"
    assert target.shown == "https://reg.example:8443/a"


def test_json_keeps_numbers_as_they_were_written() -> None:
    assert read_body(b'{"version": 1.10, "ok": true, "none": null, "n": [1, 2.50]}') == {
        "version": "1.10",
        "ok": "true",
        "none": None,
        "n": ["1", "2.50"],
    }


def test_a_key_twice_costs_its_own_object_only() -> None:
    found = read_body(b'[{"id": "a", "id": "b"}, {"id": "c"}]')
    assert found == [Broken("id"), {"id": "c"}]


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe", b"[NaN]", b"[1,]", b"\x1f\x8b"])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(DataError, match="no JSON"):
        read_body(body)


def test_deep_json_is_refused_however_deep() -> None:
    for depth in (limits.HTTP_JSON_DEPTH + 1, 100_000):
        with pytest.raises(DataError) as caught:
            read_body(b"[" * depth + b"]" * depth)
        assert caught.value.code == "http.json_too_deep"
    assert read_body(json.dumps([[[1]]]).encode()) == [[["1"]]]
