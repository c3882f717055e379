"""Plans of the catalogue's scenes: scanned for real, resolved, explained, and asked about."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from node import config as configuration
from node.install.planning import PlanOptions, plan_install
from node.paths import Paths
from node.service import Service
from protocol.errors import DataError, OoderError
from protocol.install.apply import apply, check
from protocol.install.consents import check_agreed
from protocol.install.model import EMPTY, Origin
from protocol.install.plan_json import decode_plan, encode_plan, plan_digest
from protocol.install.planned import Asked, Step
from protocol.install.questions import Choices
from tests.fakes.plan_change import Fetched, change_of

CATALOGUE = Path(__file__).resolve().parents[3] / "scenarios" / "catalogue"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A node that has looked at the catalogue once."""
    paths = Paths(tmp_path_factory.mktemp("home"))
    flags = {("sources", "local_fs", "folders"): [str(CATALOGUE)], ("sources", "local_fs", "agent_folders"): False}
    opened = Service(paths, configuration.load(paths, flags, {}))
    asyncio.run(opened.scan(lambda event: None, ["local_fs"]))
    yield opened
    opened.close()


def test_a_scene_is_planned_with_everything_it_needs(service: Service) -> None:
    plan = plan_install(service, "scene:daily-report")
    names = {str(item.ref) for item in plan.items}
    assert {"scene:daily-report@1.4.0", "skill:skill-task-collector@1.3.4", "skill:skill-common-text@1.2.0"} <= names
    assert {"cap:40@1.10", "cap:report-write@2.1.0", "skill:skill-text-digest@1.1.2"} <= names
    assert all(item.step is Step.ADDED and item.digest and item.size and item.locations for item in plan.items)
    place = {item.release: at for at, item in enumerate(plan.items)}
    assert all(place[need] < place[item.release] for item in plan.items for need in item.needs)
    assert [item.id for item in plan.items if item.requested] == ["daily-report"]


def test_a_scene_gets_its_own_declared_skills_and_sees_the_others(service: Service) -> None:
    plan = plan_install(service, "scene:daily-report")
    match = next(one for one in plan.matches if one.capability == "40")
    assert (match.release.split()[0], match.decided_by) == ("skill:skill-msg-wecom@1.4.0", "declared")
    assert {one.release.split("@")[0] for one in match.alternatives} == {
        "skill:skill-msg-dingtalk",
        "skill:skill-msg-mail",
    }
    chosen = plan_install(service, "scene:daily-report", PlanOptions(providers={"40": "skill-msg-mail"}))
    scene = next(item for item in chosen.items if item.id == "daily-report")
    route = next(route for route in scene.routes if route.capability == "40")
    assert route.skills[0].startswith("skill:skill-msg-mail@")
    assert any(one.startswith("skill:skill-msg-wecom@") for one in route.skills[1:])


def test_what_would_be_run_is_asked(service: Service) -> None:
    plan = plan_install(service, "skill:skill-text-digest")
    asked = {one.asked: one for one in plan.questions}
    assert asked[Asked.RUN].values == ("python3 server.py",)
    assert Asked.TRUST in asked
    assert plan_install(service, "skill:skill-calendar").matches == ()


@pytest.mark.parametrize(
    ("target", "code", "word"),
    [
        ("scene:leave-approval", "plan.frozen", "skill-approval@1.5.0"),
        ("skill:skill-expense", "plan.frozen", "skill-approval"),
        ("skill:skill-attendance", "plan.unsatisfiable", ">=9.0.0"),
        ("skill:skill-seat-map", "plan.only_listed", "seat-map"),
        ("skill:nobody", "plan.unknown_target", "nobody"),
        ("cap:40", "plan.cannot_install", "cap:40"),
        ("scene:daily-report@9.9", "plan.unsatisfiable", "9.9"),
    ],
)
def test_what_cannot_be_installed_is_explained(service: Service, target: str, code: str, word: str) -> None:
    with pytest.raises(OoderError) as caught:
        plan_install(service, target)
    assert (caught.value.code, word in str(caught.value)) == (code, True)
    assert caught.value.next_step() and caught.value.text("zh")


def test_the_user_may_choose_one_content_of_a_frozen_release(service: Service) -> None:
    with pytest.raises(OoderError) as caught:
        plan_install(service, "scene:leave-approval")
    causes = caught.value.params["causes"]
    assert isinstance(causes, list) and len(causes) == 2
    for digest in causes:
        plan = plan_install(service, "scene:leave-approval", PlanOptions(digests=frozenset([digest])))
        assert next(item for item in plan.items if item.id == "skill-approval").digest == digest


def test_an_optional_circle_and_a_diamond_are_nothing_special(service: Service) -> None:
    plan = plan_install(service, "scene:incident-response")
    names = [item.id for item in plan.items]
    assert {"skill-oncall-pager", "skill-runbook"} <= set(names)
    assert names.count("skill-text-index") == 1


def test_an_item_read_after_repair_is_asked_about(service: Service) -> None:
    plan = plan_install(service, "skill:skill-visitor-pass")
    assert Asked.REPAIRED in {one.asked for one in plan.questions}
    assert Asked.EXPLICIT_DIGEST in {one.asked for one in plan.questions}


def test_a_plan_survives_json_and_its_digest_tells_plans_apart(service: Service) -> None:
    plan = plan_install(service, "scene:daily-report")
    body = json.loads(json.dumps(encode_plan(plan)))
    assert decode_plan(body) == plan
    again = plan_install(service, "scene:daily-report")
    assert plan_digest(again) == plan_digest(plan)
    assert plan_digest(plan_install(service, "scene:daily-report", PlanOptions(optional=False))) != plan_digest(plan)
    body["items"][0]["principal"] = "git:elsewhere"
    with pytest.raises(DataError, match="digest"):
        decode_plan(body)


def test_an_agreed_plan_becomes_a_generation_and_then_asks_nothing_again(service: Service) -> None:
    plan = plan_install(service, "scene:daily-report")
    got = {
        item.release: Fetched(item.digest, item.size, item.files, Origin("local_fs", item.locations[0].url))
        for item in plan.items
    }
    generation = apply(EMPTY, change_of(plan, got, EMPTY, who="me", at=1.0), 1.0)
    assert [str(one.ref) for one in generation.scenes] == ["scene:daily-report@1.4.0"]
    assert check(generation) == generation
    again = plan_install(service, "scene:daily-report", installed=generation)
    assert again.is_done and again.questions == () and again.base == 1
    with pytest.raises(OoderError, match="generation 0"):
        apply(generation, change_of(plan, got, generation, who="me", at=2.0), 2.0)


def test_only_an_answer_lets_a_plan_pass(service: Service) -> None:
    plan = plan_install(service, "scene:daily-report")
    with pytest.raises(OoderError) as caught:
        check_agreed(plan, Choices(), agreed=False)
    assert caught.value.code == "plan.needs_consent"
    check_agreed(plan, Choices(), agreed=True)
    doubtful = plan_install(service, "skill:skill-visitor-pass")
    with pytest.raises(OoderError) as caught:
        check_agreed(doubtful, Choices(), agreed=True)
    assert caught.value.code == "plan.needs_digest"
    digest = next(item.digest for item in doubtful.items if item.id == "skill-visitor-pass")
    check_agreed(doubtful, Choices(digests=frozenset([digest])), agreed=True)
