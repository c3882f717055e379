"""States, routes, restarts and admission: everything about running scenes that needs no machine."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ConflictError
from protocol.install.consents import RUN as PLANNED_RUN
from protocol.install.model import Consent, Generation, Installed, Route
from protocol.items import Item
from protocol.refs import Kind
from protocol.scene import connector, states
from protocol.scene.admission import Admission, Verdict
from protocol.scene.connector import Document, Http, Nothing, Process, connector_of, may_run
from protocol.scene.routing import Strategy, order
from protocol.scene.states import State, after
from protocol.scene.supervision import Policy, Restarts
from tests.fakes.virtual_time import run_virtual

ROUTE = ("a", "b", "c")


def test_every_state_but_the_last_can_be_left_and_the_last_cannot() -> None:
    leaving = {state for state, _ in states.TRANSITIONS}
    assert leaving == set(State) - {State.DESTROYED}
    assert set(states.TRANSITIONS.values()) == set(State)


def test_what_is_not_in_the_table_cannot_happen() -> None:
    with pytest.raises(ConflictError) as error:
        after(State.STOPPED, states.PAUSED)
    assert error.value.code == "scene.bad_transition"


@pytest.mark.parametrize(
    ("text", "strategy"),
    [("round-robin", Strategy.ROUND_ROBIN), ("LEAST_LOAD", Strategy.LEAST_LOAD), ("weighted", Strategy.PRIORITY)],
)
def test_strategies_are_read_as_people_write_them(text: str, strategy: Strategy) -> None:
    assert Strategy.of(text) is strategy


def test_priority_keeps_the_order_and_puts_the_unwell_last() -> None:
    assert order(Route("x", ROUTE), {"a": False}, {}, 5, random.Random(1)) == ("b", "c", "a")


def test_round_robin_gives_everybody_a_turn() -> None:
    route = Route("x", ROUTE, "round_robin")
    first = [order(route, {}, {}, turn, random.Random(1))[0] for turn in range(6)]
    assert first == ["a", "b", "c", "a", "b", "c"]


def test_random_follows_its_seed_and_reaches_everybody() -> None:
    route, chance = Route("x", ROUTE, "random"), random.Random(7)
    first = Counter(order(route, {}, {}, 0, chance)[0] for _ in range(3_000))
    assert set(first) == set(ROUTE) and min(first.values()) > 900
    assert [order(route, {}, {}, 0, random.Random(7)) for _ in range(3)] == [
        order(route, {}, {}, 0, random.Random(7))
    ] * 3


def test_least_load_asks_who_has_least_to_do() -> None:
    assert order(Route("x", ROUTE, "least_load"), {}, {"a": 3, "b": 1, "c": 2}, 0, random.Random(1)) == ("b", "c", "a")


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8),
    st.dictionaries(st.sampled_from("abcdefgh"), st.booleans()),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 9)),
    st.sampled_from([*Strategy]),
    st.integers(0, 1000),
)
def test_every_strategy_names_everybody_once_and_the_well_first(
    skills: list[str], well: dict[str, bool], load: dict[str, int], strategy: Strategy, turn: int
) -> None:
    found = order(Route("x", tuple(skills), strategy.value), well, load, turn, random.Random(turn))
    assert sorted(found) == sorted(skills)
    health = [well.get(skill, True) for skill in found]
    assert health == sorted(health, reverse=True)


def test_waits_grow_to_a_minute_and_begin_anew_after_a_calm_minute() -> None:
    keeper, now, waits = Restarts(Policy(at_most=50)), 0.0, []
    for _ in range(9):
        wait = keeper.ended(now)
        assert wait is not None
        waits.append(wait)
        now += wait
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    keeper.well(now)
    assert keeper.ended(now + 59) == 60
    keeper.well(now + 120)
    assert keeper.ended(now + 181) == 1


def test_too_many_ends_are_the_end_but_old_ones_are_forgiven() -> None:
    keeper = Restarts(Policy(at_most=3, window=100))
    assert [keeper.ended(float(at)) is None for at in (0, 1, 2, 3)] == [False, False, False, True]
    rare = Restarts(Policy(at_most=3, window=100))
    assert all(rare.ended(at * 50.0) is not None for at in range(100))


def test_a_day_of_a_program_that_always_ends_costs_nine_starts() -> None:
    async def live() -> tuple[int, float]:
        keeper, loop, starts = Restarts(Policy()), asyncio.get_running_loop(), 0
        while True:
            starts += 1
            await asyncio.sleep(0.5)
            wait = keeper.ended(loop.time())
            if wait is None:
                return starts, loop.time()
            await asyncio.sleep(wait)

    starts, took = run_virtual(live())
    assert starts == 9 and 180 < took < 190


@given(st.lists(st.sampled_from(["arrive", "leave", "give_up"]), max_size=200))
def test_admission_never_exceeds_its_bounds(steps: list[str]) -> None:
    door = Admission(running=2, waiting=3)
    for step in steps:
        if step == "arrive":
            verdict = door.arrive()
            assert (verdict is Verdict.REFUSE) == (door.refused > 0 and verdict is Verdict.REFUSE)
        elif step == "leave" and door.running:
            if door.leave():
                door.take()
        elif step == "give_up" and door.waiting:
            door.give_up()
        assert 0 <= door.running <= 2 and 0 <= door.waiting <= 3


def skill(config: dict[str, object], kind: str = "process") -> Item:
    row = {"capId": "x", "connector": {"type": kind, "config": config}}
    return Item(Kind.SKILL, "s", facts={"implements": [row]})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (skill({"command": ["python3", "server.py"], "health": "/up"}), Process(("python3", "server.py"), "/up")),
        (skill({"jar": "a.jar"}, "jar"), Process(("java", "-jar", "a.jar"))),
        (skill({"baseUrl": "http://127.0.0.1:1/", "timeout": "5000", "retry": "99"}, "http"), Http("http://127.0.0.1:1", "", 5.0, 5)),
        (skill({"command": []}), Nothing("scene.bad_connector", "command")),
        (skill({"command": ["a\0b"]}), Nothing("scene.bad_connector", "command")),
        (skill({"command": ["a"], "health": "http://elsewhere/"}), Nothing("scene.bad_connector", "health")),
        (skill({"baseUrl": "file:///etc/passwd"}, "http"), Nothing("scene.bad_connector", "baseUrl: not an http or https URL")),
        (skill({}, "grpc"), Nothing("scene.unknown_connector", "grpc")),
        (Item(Kind.SKILL, "s"), Nothing("scene.nothing_runnable")),
        (Item(Kind.SKILL, "s", dialect="agent-skill"), Document()),
    ],
)  # fmt: skip
def test_connectors_are_read_or_refused_with_the_reason(item: Item, found: connector.Connector) -> None:
    assert connector_of(item, "x") == found


def test_only_a_consent_to_these_bytes_and_this_command_lets_them_run() -> None:
    assert connector.RUN == PLANNED_RUN
    installed = Installed(Kind.SKILL, "s", "1", "p", "sha256:a")
    spec = Process(("python3", "server.py"))

    def agreed(release: str, digest: str, *words: str) -> bool:
        return may_run(Generation(1, 0, "", consents=(Consent(0, "me", release, digest, words),)), installed, spec)

    assert agreed(installed.release, "sha256:a", "run: python3 server.py")
    assert not agreed(installed.release, "sha256:b", "run: python3 server.py")
    assert not agreed("skill:other@1 p", "sha256:a", "run: python3 server.py")
    assert not agreed(installed.release, "sha256:a", "run: python3 other.py", "run", "files")
