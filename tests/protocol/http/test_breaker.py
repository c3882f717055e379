"""The breaker on virtual time: when it opens, that one trial goes, and that a silent trial does not lock it for ever."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.http.breaker import REST_FIRST, REST_MOST, TRIAL_SECONDS, TRIP_FAILURES, Breaker, Gate


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(TRIP_FAILURES):
        assert breaker.enter(now) == 0.0
        breaker.failed(now, chance=1.0)
    return breaker


def test_five_failures_in_a_row_open_it() -> None:
    breaker = broken()
    assert breaker.enter(0.1) == pytest.approx(REST_FIRST - 0.1)
    assert breaker.health(0.0).gate is Gate.OPEN


def test_a_success_in_between_keeps_it_closed() -> None:
    breaker = Breaker()
    for at in range(4):
        breaker.failed(float(at), chance=1.0)
    breaker.succeeded(4.0)
    breaker.failed(5.0, chance=1.0)
    assert breaker.enter(5.0) == 0.0


def test_half_of_a_minute_opens_it_but_not_half_of_an_hour() -> None:
    ill, slow = Breaker(), Breaker()
    for at in range(10):
        for breaker, step in ((ill, 1.0), (slow, 60.0)):
            breaker.succeeded(at * step) if at % 2 else breaker.failed(at * step, chance=1.0)
    ill.failed(10.0, chance=1.0)
    slow.failed(600.0, chance=1.0)
    assert ill.enter(10.0) > 0
    assert slow.enter(600.0) == 0.0


def test_exactly_one_trial_goes_and_its_outcome_decides() -> None:
    breaker = broken()
    assert breaker.enter(REST_FIRST) == 0.0
    assert [breaker.enter(REST_FIRST + 1) > 0 for _ in range(20)] == [True] * 20
    breaker.failed(REST_FIRST + 2, chance=1.0)
    assert breaker.enter(REST_FIRST + 3) == pytest.approx(2 * REST_FIRST - 1)
    assert breaker.enter(3 * REST_FIRST + 2) == 0.0
    breaker.succeeded(3 * REST_FIRST + 2)
    assert [breaker.enter(40.0) for _ in range(3)] == [0.0] * 3


def test_a_trial_that_was_cancelled_gives_its_place_back_and_a_silent_one_too() -> None:
    breaker = broken()
    assert breaker.enter(REST_FIRST) == 0.0
    breaker.left()
    assert breaker.enter(REST_FIRST) == 0.0
    assert breaker.enter(REST_FIRST + TRIAL_SECONDS) == 0.0


def test_rests_grow_to_a_bound() -> None:
    breaker, now = broken(), 0.0
    for _ in range(12):
        rest = breaker.enter(now)
        assert rest <= REST_MOST
        now += rest
        assert breaker.enter(now) == 0.0
        breaker.failed(now, chance=1.0)
    assert breaker.enter(now) == pytest.approx(REST_MOST)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(["go", "good", "bad", "left"]), st.floats(0, 30)), max_size=60))
def test_never_two_trials_at_once(steps: list[tuple[str, float]]) -> None:
    breaker, now, trial_since = Breaker(), 0.0, None
    for act, step in steps:
        now += step
        gate = breaker.health(now).gate
        if act == "go":
            went = breaker.enter(now) == 0.0
            if gate is not Gate.CLOSED and went:
                assert trial_since is None or gate is Gate.OPEN or now - trial_since >= TRIAL_SECONDS
                trial_since = now
        elif act == "good":
            breaker.succeeded(now)
        elif act == "bad":
            breaker.failed(now, chance=0.5)
        else:
            breaker.left()
        if breaker.health(now).gate is not Gate.HALF_OPEN:
            trial_since = None
