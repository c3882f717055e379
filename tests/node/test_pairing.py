"""Pairing: both screens show one code, somebody in between cannot make them, and a no is a no."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from node.io.peer_client import Point
from node.pairing import Pairing
from node.paths import Paths
from node.peer_list import choose
from node.policy import forget_key, know_key, pin, read_decisions
from protocol.errors import NotFoundError, PolicyError, UnavailableError, UsageError
from protocol.pairing import Side, code_of, number_for
from protocol.refs import parse_ref
from tests.fakes.virtual_time import LoopClock, run_virtual


def point(key: str) -> Point:
    return Point(f"node-{key}", "10.0.0.1", 48889, key)


async def meet(left: Pairing, right: Pairing, answers: tuple[bool, bool]) -> tuple[str, str, list[object]]:
    """Both sides look for each other, show their codes and answer."""

    def asks(other: Pairing) -> Any:
        async def ask(_: Point, params: Mapping[str, str]) -> Mapping[str, str]:
            return other.answer(params["key"], params["commitment"])

        return ask

    async with asyncio.TaskGroup() as group:
        a = group.create_task(left.find(lambda: [point("R")], asks(right)))
        b = group.create_task(right.find(lambda: [point("L")], asks(left)))
    left.decide(yes=answers[0])
    right.decide(yes=answers[1])
    ends = await asyncio.gather(
        left.agree(point("R"), asks(right)), right.agree(point("L"), asks(left)), return_exceptions=True
    )
    return a.result()[1], b.result()[1], ends


def test_two_honest_sides_show_one_code_and_both_must_say_yes() -> None:
    async def story(*answers: bool) -> list[object]:
        clock = LoopClock()
        pair = Pairing("L", b"l" * 32, clock), Pairing("R", b"r" * 32, clock)
        one, other, ends = await meet(*pair, (answers[0], answers[1]))
        assert one == other and len(one) == 6 and one.isdigit()
        return ends

    assert run_virtual(story(True, True)) == [None, None]
    for ends in (run_virtual(story(True, False)), run_virtual(story(False, True))):
        assert all(isinstance(end, PolicyError) for end in ends)


def test_a_number_is_shown_only_for_the_first_commitment_and_differs_for_everybody() -> None:
    async def story() -> None:
        pairing = Pairing("L", b"l" * 32, LoopClock())
        first = pairing.answer("R", "0" * 64)
        assert pairing.answer("R", "0" * 64) == first
        with pytest.raises(NotFoundError):
            pairing.answer("R", "1" * 64)  # having seen our number, it may not choose another one
        assert pairing.answer("M", "2" * 64)["number"] != first["number"]
        shown = Side("L", bytes.fromhex(first["number"]))
        assert shown.commitment == first["commitment"]

    run_virtual(story())


def test_a_side_that_shows_what_it_did_not_commit_to_is_ignored_and_time_runs_out() -> None:
    async def story() -> None:
        pairing = Pairing("L", b"l" * 32, LoopClock())
        honest = Side("R", b"n" * 32)

        async def lies(_: Point, params: Mapping[str, str]) -> Mapping[str, str]:
            return {"key": "R", "commitment": honest.commitment, "number": "00" * 32, "state": "accepted"}

        with pytest.raises(UnavailableError):
            await pairing.find(lambda: [point("R")], lies)

    run_virtual(story())


def test_the_code_depends_on_every_key_and_number() -> None:
    left, right = Side("L", b"1" * 32), Side("R", b"2" * 32)
    others = [Side("M", right.number), Side("R", b"3" * 32)]
    assert code_of(left, right) == code_of(right, left) not in [code_of(left, other) for other in others]
    assert number_for(b"s", "A") != number_for(b"s", "B")


def test_known_keys_are_written_beside_the_pins(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    pin(paths, parse_ref("skill:x"), "local:0")
    know_key(paths, "K")
    know_key(paths, "K")
    assert read_decisions(paths.trust).known_keys == ("K",) and read_decisions(paths.trust).pins == {
        "skill:x": "local:0"
    }
    forget_key(paths, "K")
    with pytest.raises(NotFoundError):
        forget_key(paths, "K")


def test_a_peer_is_named_by_name_id_or_the_beginning_of_its_key() -> None:
    rows = [
        {"name": "Desk", "agent_id": "node-aaaa", "key": "AAAABBBB"},
        {"name": "desk", "agent_id": "node-cccc", "key": "CCCCDDDD"},
    ]
    assert (
        choose(rows, "node-cccc") is rows[1]
        and choose(rows, "aaaab") is rows[0]
        and choose(rows, "key:CCCCDDDD") is rows[1]
    )
    with pytest.raises(UsageError):
        choose(rows, "desk")
    with pytest.raises(NotFoundError):
        choose(rows, "aaa")
