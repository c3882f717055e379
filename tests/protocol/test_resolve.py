"""The resolver: a corpus of scenarios, every universe small enough tried in all ways, and graphs made to take for ever."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.resolve import hot
from protocol import limits
from protocol.errors import OoderError
from protocol.install.catalogue import Catalogue
from protocol.install.provider import Questions
from protocol.install.questions import Choices, ResolveRules, allows, constraint_of
from protocol.install.resolve import Solution, resolve
from protocol.install.search import search
from protocol.install.universe import Candidate, MemoryUniverse
from protocol.items import Dependency
from protocol.query import Strategy
from protocol.refs import Kind
from protocol.trust import TrustPolicy
from tests.fakes.universes import candidate_of, ref_of, universe_of

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "resolver"
SCENARIOS: list[dict[str, Any]] = yaml.safe_load((SAMPLES / "scenarios.yaml").read_text("utf-8"))
CONSTRAINTS: list[dict[str, str]] = yaml.safe_load((SAMPLES / "constraints.yaml").read_text("utf-8"))
RELEASES = ("0.9", "1.0.0", "1.2.3", "1.2.9", "1.9.0", "2.0.0", "2.1.0-rc.1", "3.0.0")


def still() -> float:
    """A clock that stands."""
    return 0.0


def solve(
    universe: MemoryUniverse,
    target: str,
    options: dict[str, Any] | None = None,
    clock: Callable[[], float] = still,
) -> Solution:
    said = options or {}
    installed = {(Kind.SKILL, name): tuple(map(tuple, rows)) for name, rows in said.get("installed", {}).items()}
    rules = ResolveRules(
        trust=TrustPolicy(pins=tuple(said.get("pins", {}).items())),
        strategy=Strategy(said.get("strategy", "trust")),
        optional=said.get("optional", True),
        pre_releases=said.get("pre_releases", False),
        upgrade=said.get("upgrade", False),
        installed=installed,
        cooling=dict.fromkeys(said.get("cooling", ()), 90_000.0),
    )
    choices = Choices(said.get("providers", {}), said.get("owners", {}), frozenset(said.get("digests", ())))
    return resolve(ref_of(target), universe, rules, choices, clock)


def names(solution: Solution) -> set[str]:
    return {f"{one.ref.any_version}".removeprefix("skill:") + f"@{one.item.version}" for one in solution.picks}


def test_the_corpus_is_large_enough_and_has_no_two_of_a_name() -> None:
    assert len(SCENARIOS) + len(CONSTRAINTS) >= 120
    assert len({one["n"] for one in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one["n"])
def test_scenario(scenario: dict[str, Any]) -> None:
    universe = universe_of(scenario["u"])
    if "e" in scenario:
        with pytest.raises(OoderError) as caught:
            solve(universe, scenario["t"], scenario.get("o"))
        assert caught.value.code == scenario["e"], str(caught.value)
        assert scenario.get("w", "") in str(caught.value)
        assert caught.value.next_step() and caught.value.text("zh")
        return
    solution = solve(universe, scenario["t"], scenario.get("o"))
    assert names(solution) == set(scenario["x"].split())
    left = {one.needs.removeprefix("skill:"): one.reason for one in solution.skipped}
    assert left == scenario.get("left", {})


@pytest.mark.parametrize("row", CONSTRAINTS, ids=lambda one: one["c"])
def test_constraint(row: dict[str, str]) -> None:
    universe = universe_of(
        [f"a 1 | b {row['c']}" if "||" not in row["c"] else "a 1", *(f"b {one}" for one in RELEASES)]
    )
    if "||" in row["c"]:
        assert [v for v in RELEASES if allows(constraint_of(row["c"]), v, pre_releases=False)][-1] == row["x"]
    elif row["x"]:
        assert names(solve(universe, "a")) == {"a@1", f"b@{row['x']}"}
    else:
        with pytest.raises(OoderError) as caught:
            solve(universe, "a")
        assert caught.value.code == "plan.unsatisfiable"


def test_the_order_in_which_a_universe_is_told_does_not_matter() -> None:
    for scenario in SCENARIOS[:60]:
        if "x" in scenario:
            backwards = solve(universe_of(reversed(scenario["u"])), scenario["t"], scenario.get("o"))
            assert names(backwards) == set(scenario["x"].split()), scenario["n"]


@pytest.mark.parametrize("length", [2, 3, 10, 50, 400])
def test_long_circles_end(length: int) -> None:
    lines = [f"a{at} 1 | a{(at + 1) % length} | ?a{(at + 2) % length}" for at in range(length)]
    assert len(solve(universe_of(lines), "a0").picks) == length


def test_a_plan_has_a_largest_size() -> None:
    lines = [f"a{at} 1 | a{at + 1}" for at in range(limits.RESOLVE_PACKAGES + 50)]
    with pytest.raises(OoderError) as caught:
        solve(universe_of([*lines, f"a{limits.RESOLVE_PACKAGES + 50} 1"]), "a0")
    assert caught.value.code == "plan.too_large"


def test_only_the_newest_releases_are_looked_at() -> None:
    lines = [f"b 1.{at}" for at in range(limits.RESOLVE_VERSIONS + 100)]
    assert "b@1.299" in names(solve(universe_of(["a 1 | b", *lines]), "a"))
    with pytest.raises(OoderError) as caught:
        solve(universe_of(["a 1 | b =1.3", *lines]), "a")
    assert caught.value.code == "plan.unsatisfiable"


# --- All ways ------------------------------------------------------------------------------------------------------
def small_universe(chance: random.Random) -> list[str]:
    """3 to 5 skills with 1 to 3 versions, random needs; a third of them cannot be solved."""
    count = chance.randint(3, 5)
    lines = []
    for at in range(count):
        for version in range(1, chance.randint(1, 3) + 1):
            needs = []
            for other in range(count):
                if other != at and chance.random() < 0.45:
                    sign = chance.choice(["", "^1", "^2", ">=2", "<3", "=1.0", "=2.0", ">=1"])
                    needs.append(f"s{other} {sign}".strip())
            lines.append(" | ".join([f"s{at} {version}.0", *needs]))
    return lines


def solutions(candidates: Sequence[Candidate]) -> Iterator[dict[str, Candidate]]:
    """Every set of releases, at most one of each name, in which all needs of all members are met and s0 is one."""
    by_name: dict[str, list[Candidate | None]] = {}
    for one in candidates:
        by_name.setdefault(one.item.id, [None]).append(one)
    for picks in itertools.product(*by_name.values()):
        chosen = {one.item.id: one for one in picks if one is not None}
        if "s0" in chosen and all(
            is_met(need.id, need.constraint, chosen) for one in chosen.values() for need in one.item.requires
        ):
            yield chosen


def is_met(name: str, constraint: str, chosen: dict[str, Candidate]) -> bool:
    one = chosen.get(name)
    return one is not None and allows(constraint_of(constraint), one.item.version, pre_releases=False)


def compare(seed: int) -> bool:
    """Whether the resolver and trying everything agree; returns whether there was a solution."""
    lines = small_universe(random.Random(seed))
    candidates = [candidate_of(line) for line in lines]
    possible = next(solutions(candidates), None)
    try:
        picks = {one.item.id: one for one in solve(MemoryUniverse(candidates), "s0").picks}
    except OoderError as error:
        assert possible is None, (seed, error, lines)
        return False
    assert possible is not None, (seed, lines)
    for one in picks.values():
        assert all(is_met(need.id, need.constraint, picks) for need in one.item.requires), (seed, lines)
    reached, waiting = set(), ["s0"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(need.id for need in picks[name].item.requires)
    assert reached == set(picks), (seed, lines)
    return True


def test_small_universes_agree_with_trying_everything() -> None:
    solved = sum(compare(seed) for seed in range(400))
    assert 100 < solved < 390


def test_what_the_resolver_calls_impossible_is_looked_at_again() -> None:
    assert compare(2830)  # resolvelib leaps back over the only solution


def test_what_the_resolver_calls_solved_is_looked_at_again() -> None:
    assert compare(3263) and compare(4575)  # resolvelib loses a need of a skill in a circle


def test_the_search_alone_agrees_too() -> None:
    for seed in range(300):
        candidates = [candidate_of(line) for line in small_universe(random.Random(seed))]
        catalogue = Catalogue(MemoryUniverse(candidates), ResolveRules(), Choices())
        questions = Questions(catalogue, {}, lambda: None)
        found, asked = search(questions, catalogue.need(Dependency(Kind.SKILL, "s0"), None))
        assert bool(found) is (next(solutions(candidates), None) is not None), seed
        assert bool(found) is not bool(asked)


@pytest.mark.exhaustive
def test_many_small_universes_agree_with_trying_everything() -> None:
    assert sum(compare(seed) for seed in range(1_000, 6_000)) > 1_000


def test_hot_conflicts_are_solved_with_what_is_learned_from_them() -> None:
    """The set of SECURITY 3.4. Counted in looks at the clock, which do not depend on the machine."""
    for seed in range(6):
        looks = itertools.count()
        found = solve(hot(seed), "root", clock=lambda looks=looks: next(looks) * 0.0)  # type: ignore[misc]
        assert len(found.picks) > 100 and next(looks) < 10_000, seed


# --- Graphs made to take for ever ------------------------------------------------------------------------------------
def pigeonhole(size: int) -> list[str]:
    """`size` pigeons in `size - 1` holes: each pigeon's release n wants hole n, and a hole holds one pigeon."""
    lines = ["root 1 | " + " | ".join(f"pigeon{at}" for at in range(size))]
    for at in range(size):
        for hole in range(1, size):
            lines.append(f"pigeon{at} {hole}.0 | hole{hole} ={at + 1}.0")
    for hole in range(1, size):
        lines += [f"hole{hole} {at + 1}.0" for at in range(size)]
    return lines


def test_an_impossible_graph_is_given_up_at_the_deadline() -> None:
    ticks = itertools.count()

    def clock() -> float:
        return next(ticks) / 1_000  # a thousand looks are a second

    with pytest.raises(OoderError) as caught:
        solve(universe_of(pigeonhole(12)), "root", clock=clock)
    assert caught.value.code == "plan.too_hard"


def test_a_small_impossible_graph_is_known_to_be_impossible() -> None:
    with pytest.raises(OoderError) as caught:
        solve(universe_of(pigeonhole(4)), "root")
    assert caught.value.code == "plan.conflict"


@pytest.mark.slow
@pytest.mark.parametrize("size", [7, 14])
def test_the_deadline_holds_on_a_real_clock(size: int) -> None:
    start = time.monotonic()
    with pytest.raises(OoderError) as caught:
        solve(universe_of(pigeonhole(size)), "root", clock=time.monotonic)
    assert caught.value.code in ("plan.too_hard", "plan.conflict")
    assert time.monotonic() - start < limits.RESOLVE_SECONDS + 0.5


def test_an_optional_part_that_is_too_hard_is_left_out() -> None:
    ticks = itertools.count()
    lines = [*pigeonhole(12), "a 1 | ?root | b", "b 1"]
    solution = solve(universe_of(lines), "a", clock=lambda: next(ticks) / 1_000)
    assert names(solution) == {"a@1", "b@1"}
    assert [one.reason for one in solution.skipped] == ["plan.too_hard"]
