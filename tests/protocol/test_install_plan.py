"""Plans over an installed set: what changes, what widens, what must be asked, what a lock allows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from protocol.errors import OoderError
from protocol.install.apply import apply
from protocol.install.locked import locked_plan
from protocol.install.lookalike import folded_names, lookalikes
from protocol.install.model import EMPTY, Generation, Origin
from protocol.install.plan import PlanPolicy, make_plan
from protocol.install.plan_json import decode_plan, encode_plan, plan_digest
from protocol.install.planned import Asked, InstallPlan, Step
from protocol.install.questions import Choices, ResolveRules
from protocol.query import Trust
from tests.fakes.plan_change import Fetched, change_of
from tests.fakes.universes import NOW, ref_of, universe_of


def plan(
    lines: Sequence[str],
    target: str,
    installed: Generation = EMPTY,
    policy: PlanPolicy | None = None,
    choices: Choices | None = None,
) -> InstallPlan:
    universe = universe_of(lines)
    return make_plan(
        ref_of(target), universe, installed, policy or PlanPolicy(), choices or Choices(), NOW, lambda: 0.0
    )


def commit(made: InstallPlan, before: Generation = EMPTY) -> Generation:
    got = {
        item.release: Fetched(item.digest, item.size, item.files, Origin("local_fs", "file:///x"))
        for item in made.items
    }
    return apply(before, change_of(made, got, before, who="me", at=NOW), NOW)


def steps(made: InstallPlan) -> dict[str, str]:
    return {item.id: item.step.value for item in made.items}


def asked(made: InstallPlan) -> set[tuple[str, str]]:
    return {(one.asked.value, one.release.split()[0]) for one in made.questions}


UPGRADE = PlanPolicy(ResolveRules(upgrade=True))


def test_a_first_install_adds_and_the_second_keeps() -> None:
    lines = ["scene:s 1 | a | cap:x", "a 1 | +x", "cap:x 1"]
    before = commit(plan(lines, "scene:s"))
    again = plan(lines, "scene:s", before)
    assert set(steps(again).values()) == {"kept"}
    assert again.is_done and again.questions == () and again.removed == ()


def test_an_update_says_what_becomes_of_everything() -> None:
    before = commit(plan(["scene:s 1 | a ^1 | b", "a 1", "b 1"], "scene:s"))
    lines = ["scene:s 2 | a ^2 | c", "scene:s 1 | a ^1 | b", "a 1", "a 2", "b 1", "c 1"]
    made = plan(lines, "scene:s@2", before)
    assert steps(made) == {"s": "upgraded", "a": "upgraded", "c": "added"}
    assert made.removed == ("scene:s@1 p", "skill:a@1 p", "skill:b@1 p")
    assert ("dependencies", "scene:s@2") in asked(made)
    after = commit(made, before)
    assert [str(item.ref) for item in after.items] == ["scene:s@2", "skill:a@2", "skill:c@1"]
    back = plan(lines, "scene:s@1", after)
    assert steps(back)["s"] == "downgraded" and ("downgrade", "scene:s@1") in asked(back)


def test_what_another_scene_needs_is_not_removed() -> None:
    lines = ["scene:s 1 | a", "scene:s 2", "scene:t 1 | a", "a 1"]
    first = commit(plan(lines, "scene:t"))
    both = commit(plan(lines, "scene:s@1", first), first)
    assert plan(lines, "scene:s@2", both).removed == ("scene:s@1 p",)


def test_wider_permissions_are_asked_and_the_same_are_not() -> None:
    before = commit(plan(["a 1 | ~allow=net.read"], "a"))
    same = plan(["a 1 | ~allow=net.read", "a 2 | ~allow=net.read"], "a@2", before)
    more = plan(["a 1 | ~allow=net.read", "a 2 | ~allow=net.read | ~allow=net.write"], "a@2", before)
    assert "permissions" not in {one for one, _ in asked(same)}
    question = next(one for one in more.questions if one.asked is Asked.PERMISSIONS)
    assert question.values == ("net.write",)


def test_another_principal_is_asked() -> None:
    before = commit(plan(["a 1 q"], "a"))
    made = plan(["a 1 q", "a 2 r official"], "a", before, choices=Choices(owners={"skill:a": "r"}))
    question = next(one for one in made.questions if one.asked is Asked.PRINCIPAL)
    assert question.values == ("q",) and steps(made) == {"a": "replaced"}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a 1 p official"], set()),
        (["a 1 p community"], {("trust", "skill:a@1")}),
        (["a 1 p personal"], {("trust", "skill:a@1")}),
        (["a 1 p unverified"], {("explicit_digest", "skill:a@1")}),
        (["a 1 p official | ~run=python3 x.py"], {("run", "skill:a@1")}),
        (["a 1 p official | ~repaired"], {("repaired", "skill:a@1")}),
        (["a 1 p official *deprecated"], {("deprecated", "skill:a@1")}),
        (["a 1 p official | b", "b 1 q community"], {("trust", "skill:b@1"), ("crossing", "skill:b@1")}),
        (["a 1 p official | b", "b 1 q official"], set()),
        (["a 1 p official | b", "b 1 p community"], {("trust", "skill:b@1")}),
        (["a 1 p community | b", "b 1 p community"], {("trust", "skill:a@1"), ("trust", "skill:b@1")}),
    ],
)
def test_what_lowers_trust_is_asked(lines: list[str], expected: set[tuple[str, str]]) -> None:
    assert asked(plan(lines, "a")) == expected


def test_a_scene_is_trusted_like_the_least_of_its_parts() -> None:
    made = plan(
        ["scene:s 1 p official | a", "a 1 p official | b | s", "b 1 q personal", "s 1 p official | a"], "scene:s"
    )
    least = {(item.kind.value, item.id): item.least_trust for item in made.items}
    assert least[("scene", "s")] is Trust.PERSONAL and least[("skill", "s")] is Trust.PERSONAL


def test_a_young_release_does_not_replace_an_installed_one_by_itself() -> None:
    before = commit(plan(["a 1 | b", "b 1"], "a"))
    lines = ["a 1 | b", "b 1", "b 2 | ~new"]
    assert steps(plan(lines, "a", before, UPGRADE))["b"] == "kept"
    assert steps(plan([*lines[:2], "b 2"], "a", before, UPGRADE))["b"] == "upgraded"
    assert steps(plan([*lines[:2], "b 2 p official | ~new"], "a", before, UPGRADE))["b"] == "upgraded"
    assert steps(plan(["a 1 | b ^2", "b 2 | ~new"], "a"))["b"] == "added"


def test_an_update_held_back_by_the_wait_alone_says_until_when_and_how_to_go_ahead() -> None:
    before = commit(plan(["a 1 | b", "b 1"], "a"))
    lines = ["a 2 p official | b ^2", "b 1", "b 2 | ~new"]
    with pytest.raises(OoderError) as caught:
        plan(lines, "a", before, UPGRADE)
    error = caught.value
    assert error.code == "plan.cooling" and error.fault == "policy"
    assert "skill:b@2" in error.text() and error.params["until"] == "2027-01-16 07:00 UTC"
    assert error.params["until"] in error.text("zh") and "ooder install skill:a@2" in error.next_step("zh")
    assert steps(plan(lines, str(error.params["again"]), before)) == {"a": "upgraded", "b": "upgraded"}


def test_the_digest_of_a_plan_ignores_its_time_and_nothing_else() -> None:
    lines = ["scene:s 1 | a | cap:x", "a 1 | +x", "cap:x 1"]
    one, two = plan(lines, "scene:s"), plan(list(reversed(lines)), "scene:s")
    assert plan_digest(one) == plan_digest(two)
    assert plan_digest(one) != plan_digest(plan([*lines, "a 2 | +x"], "scene:s"))
    assert decode_plan(encode_plan(one)) == one


@pytest.mark.parametrize(
    "damage", [{"items": 3}, {"target": None}, {"base": "0"}, {"schema_version": 9}, {"questions": [{}]}]
)
def test_a_damaged_plan_is_refused(damage: dict[str, Any]) -> None:
    body = {**encode_plan(plan(["a 1"], "a")), **damage}
    with pytest.raises(OoderError) as caught:
        decode_plan(body)
    assert caught.value.code == "plan.bad_record"


def test_a_lock_is_followed_and_nothing_is_resolved() -> None:
    lines = ["scene:s 1 | a | cap:x", "a 1 | +x | ~run=python3 a.py", "cap:x 1"]
    lock = commit(plan(lines, "scene:s")).items
    universe = universe_of([*lines, "a 2 | +x"])
    made = locked_plan(ref_of("scene:s"), lock, universe, EMPTY, NOW)
    assert {str(item.ref) for item in made.items} == {"scene:s@1", "skill:a@1", "cap:x@1"}
    assert all(item.locations for item in made.items)
    assert asked(made) == {("run", "skill:a@1"), *(("trust", name) for name in ("skill:a@1", "cap:x@1", "scene:s@1"))}
    assert commit(made).items == lock
    assert {item.step for item in locked_plan(ref_of("scene:s"), lock, universe, commit(made), NOW).items} == {
        Step.KEPT
    }
    with pytest.raises(OoderError) as caught:
        locked_plan(ref_of("scene:other"), lock, universe, EMPTY, NOW)
    assert caught.value.code == "plan.not_locked"


def test_a_lock_has_no_say_in_how_far_it_is_trusted() -> None:
    lines = ["scene:s 1 | a", "a 1 | b", "b 1"]
    lock = tuple(replace(one, trust="official", first_seen=1.0) for one in commit(plan(lines, "scene:s")).items)
    here = universe_of(["scene:s 1 p personal | a", "a 1 | b", "b 1 =other"])
    made = locked_plan(ref_of("scene:s"), lock, here, EMPTY, NOW)
    assert {item.id: item.trust.value for item in made.items} == {
        "s": "unverified",
        "a": "community",
        "b": "unverified",
    }
    assert {item.least_trust.value for item in made.items} == {"unverified"}
    assert asked(made) == {
        ("explicit_digest", "scene:s@1"),
        ("trust", "skill:a@1"),
        ("explicit_digest", "skill:b@1"),
    }


def test_a_lock_brings_nothing_back_that_was_revoked_here() -> None:
    lines = ["scene:s 1 | a", "a 1"]
    lock = commit(plan(lines, "scene:s")).items
    with pytest.raises(OoderError) as caught:
        locked_plan(ref_of("scene:s"), lock, universe_of([lines[0], "a 1 !revoked"]), EMPTY, NOW)
    assert caught.value.code == "plan.blocked" and "revoked" in str(caught.value)


# --- Names that look alike ---------------------------------------------------------------------------------------------
KNOWN = [
    "skill-calendar", "skill-doc-search", "skill-knowledge-qa", "skill-org-directory", "skill-text-digest", "daily-report-writer",
    "skill-llm-gateway", "skill-msg-dingtalk", "skill-task-collector", "skill-transcriber", "minutes-writer", "welcome-letter",
    "incident-review", "skill-common-text", "skill-approval", "skill-attendance", "skill-git-activity", "skill-oncall-pager",
    "skill-summary-service", "skill-visitor-pass",
]  # fmt: skip


def squat(name: str, chance: random.Random) -> str:
    """A name that could be mistaken for `name`."""
    at = chance.randrange(1, len(name) - 1)
    match chance.randrange(6):
        case 0:
            return name[:at] + name[at + 1 :]
        case 1:
            return name[:at] + name[at] + name[at:]
        case 2:
            return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        case 3:
            return name.replace("-", "_")
        case 4:
            return name.replace("l", "1").replace("o", "0")
        case _:
            return name[:at] + chance.choice("aeiou") + name[at + 1 :]


def test_names_made_to_be_mistaken_are_warned_of() -> None:
    chance, known = random.Random(7), frozenset(KNOWN)
    folds = folded_names(known)
    made = [one for name in KNOWN for one in [squat(name, chance) for _ in range(12)] if one not in known]
    assert len(made) >= 200
    assert sum(bool(lookalikes(one, known, folds)) for one in made) >= len(made) * 0.97


def test_honest_names_are_not() -> None:
    for name in KNOWN:
        assert lookalikes(name, frozenset(KNOWN) - {name}) == set()
    assert lookalikes("skill-v2", {"skill-v1"}) == set()


def test_only_a_more_trusted_name_is_worth_a_warning() -> None:
    policy = PlanPolicy(known={"skill-calendar": Trust.OFFICIAL.rank})
    assert ("lookalike", "skill:skill-ca1endar@1") in asked(plan(["skill-ca1endar 1"], "skill-ca1endar", policy=policy))
    same = PlanPolicy(known={"skill-calendar": Trust.COMMUNITY.rank})
    assert "lookalike" not in {one for one, _ in asked(plan(["skill-ca1endar 1"], "skill-ca1endar", policy=same))}
