"""Plan, agree, install, look, call, replace, uninstall and roll back over the API: the powers of the command line."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from node.api.install_schemas import Install
from node.api.installs import Install as Job
from node.api.installs import job_body
from node.install.engine import Engine
from node.install.installer import Outcome
from node.install.steps import Stage as Step
from node.install.steps import StepEvent
from node.scene.host import host_scenes
from protocol.errors import ConflictError, NotFoundError
from tests.node.api.running import Running

SCENE = "/api/v1/installed/scene:text-desk"


@pytest.fixture
async def hosted(node: Running) -> AsyncIterator[Running]:
    """The node with scene agents, as the daemon runs them."""
    failures: list[Exception] = []

    def opened(methods: Any) -> None:
        node.desk.methods = methods

    async with asyncio.TaskGroup() as group:
        paths = node.desk.service.paths
        task = group.create_task(host_scenes(paths, lambda event, ref: None, failures.append, opened=opened))
        while not node.desk.methods:
            await asyncio.sleep(0)
        yield node
        task.cancel()
    assert failures == []


async def installed(node: Running, target: str, **more: Any) -> dict[str, Any]:
    """Plan, agree to everything, install; the job at its end."""
    status, plan, _ = await node.call("POST", "/api/v1/plans", {"target": target, **more})
    assert status == 200, plan
    return await carried_out(node, plan)


async def carried_out(node: Running, plan: dict[str, Any]) -> dict[str, Any]:
    agreed = list(range(len(plan["questions"])))
    status, job, _ = await node.call("POST", "/api/v1/installs", {"plan": plan["id"], "agreed": agreed})
    assert status == 202, job
    await node.desk.installs.get(job["id"]).ended.wait()
    found: dict[str, Any] = (await node.get(f"/api/v1/installs/{job['id']}"))[1]
    return found


async def test_a_scene_is_installed_called_stopped_and_uninstalled(hosted: Running) -> None:
    node = hosted
    job = await installed(node, "scene:text-desk")
    assert job["state"] == "completed", job
    assert [one["step"] for one in job["steps"]] == [
        "download",
        "verify",
        "dependencies",
        "initialise",
        "activate",
        "cache",
    ]
    assert job["generation"] == 1 and job["inactive"] == {} and job["pending"] == {} and job["changed"]
    assert all(one["seconds"] >= 0 for one in job["steps"])
    _, found = await node.get("/api/v1/installed")
    scene = next(item for item in found["items"] if item["kind"] == "scene")
    assert scene["name"] and scene["agent"]["state"] == "ACTIVE" and scene["routes"]
    _, agent = await node.get("/api/v1/agents/scene:text-desk")
    capability = next(one["capability"] for one in agent["capabilities"] if one["capability"] == "text-summarize")
    asked = {"capability": f"cap:{capability}", "request": {"text": "One. Two. Three.", "sentences": 1}}
    status, answer, _ = await node.call("POST", f"{SCENE}/call", asked)
    assert status == 200 and answer["body"] and not answer["alone"], answer
    status, refused, _ = await node.call("POST", f"{SCENE}/call", {"capability": f"cap:{capability}", "request": {}})
    assert (status, refused["code"]) == (400, "scene.contract_request")
    assert (await node.get(f"{SCENE}/logs"))[0] in (200, 404)
    assert (await node.call("POST", f"{SCENE}/stop", {}))[1]["state"] == "STOPPED"
    assert (await node.call("POST", f"{SCENE}/call", asked))[1]["code"] == "scene.not_active"
    assert (await node.call("POST", f"{SCENE}/start", {}))[1]["state"] == "ACTIVE"
    status, gone, _ = await node.call("DELETE", SCENE)
    assert status == 200 and any(name.startswith("scene:text-desk") for name in gone["removed"])
    assert (await node.get("/api/v1/agents"))[1]["agents"] == []
    status, back, _ = await node.call("POST", "/api/v1/installed/rollback", {})
    assert status == 200 and back["generation"] == 3
    _, history = await node.get("/api/v1/installed/generations")
    assert history["current"] == 3 and [row["number"] for row in history["generations"]] == [1, 2, 3]
    assert (await node.call("POST", "/api/v1/installed/verify", {}))[1]["ok"]
    kinds = {event["type"] for event in (await node.get("/api/v1/events?since=0"))[1]["events"]}
    assert {"install.download.started", "install.progressed", "scene.installed", "install.rolled_back"} <= kinds


async def test_nothing_is_installed_without_consent(node: Running) -> None:
    _, plan, _ = await node.call("POST", "/api/v1/plans", {"target": "scene:text-desk"})
    assert plan["questions"]
    for agreed in ([], [0]):
        status, job, _ = await node.call("POST", "/api/v1/installs", {"plan": plan["id"], "agreed": agreed})
        await node.desk.installs.get(job["id"]).ended.wait()
        _, job = await node.get(f"/api/v1/installs/{job['id']}")
        assert status == 202 and job["state"] == "failed"
        assert job["error"]["code"] in ("install.not_agreed", "install.needs_digest")
    status, said, _ = await node.call("POST", "/api/v1/installs", {"plan": plan["id"], "agreed": [10_000]})
    assert (status, said["code"]) == (400, "api.bad_request")
    assert (await node.get("/api/v1/installed"))[1]["items"] == []


async def test_plans_that_take_long_hold_up_nothing_that_is_read(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def plan(*_: object) -> None:
        gate.wait(20)
        raise ConflictError("plan.too_hard", ref="skill:x", seconds=5.0)

    monkeypatch.setattr(Engine, "plan", plan)
    asked = [asyncio.create_task(node.call("POST", "/api/v1/plans", {"target": "skill:x"})) for _ in range(6)]
    try:
        async with asyncio.timeout(5):
            assert (await node.get("/api/v1/items"))[0] == 200
            assert (await node.get("/api/v1/installed"))[0] == 200
    finally:
        gate.set()
    assert [(status, body["code"]) for status, body, _ in await asyncio.gather(*asked)] == [(409, "plan.too_hard")] * 6


async def test_a_stale_plan_changes_nothing(node: Running) -> None:
    _, first, _ = await node.call("POST", "/api/v1/plans", {"target": "skill:skill-msg-mail"})
    assert (await installed(node, "skill:skill-faq"))["state"] == "completed"
    job = await carried_out(node, first)
    assert job["state"] == "failed" and job["error"]["code"] == "install.base_moved"


async def test_a_cancelled_install_leaves_the_old_state(node: Running) -> None:
    _, plan, _ = await node.call("POST", "/api/v1/plans", {"target": "scene:text-desk"})
    wish = {"plan": plan["id"], "agreed": list(range(len(plan["questions"])))}
    job = (await node.call("POST", "/api/v1/installs", wish))[1]
    again = (await node.call("POST", "/api/v1/installs", wish))[1]
    assert again["id"] == job["id"], "the same wish joins the install that runs"
    status, said, _ = await node.call("DELETE", f"/api/v1/installs/{job['id']}")
    assert status == 200
    one = node.desk.installs.get(job["id"])
    await one.ended.wait()
    generation = (await node.get("/api/v1/installed"))[1]["generation"]
    assert (one.stage.value, generation) in (("cancelled", 0), ("completed", 1)), said


async def test_another_skill_takes_a_place_and_only_stays_if_it_answers(node: Running) -> None:
    assert (await installed(node, "scene:text-desk"))["state"] == "completed"
    _, found = await node.get("/api/v1/installed")
    scene = next(item for item in found["items"] if item["kind"] == "scene")
    route = next(one for one in scene["routes"] if one["capability"] == "text-summarize")
    before = route["skills"][0].partition("@")[0]
    _, cap = await node.get("/api/v1/items/cap:text-summarize")
    other = next(row["ref"].partition("@")[0] for row in cap["providers"] if row["ref"].partition("@")[0] != before)
    wish = {"capability": "cap:text-summarize", "skill": other, "request": {"text": "One. Two. Three.", "sentences": 1}}
    status, plan, _ = await node.call("POST", f"{SCENE}/replace", wish)
    assert status == 200, plan
    job = await carried_out(node, plan)
    assert job["state"] == "completed" and job["answer"]["skill"].startswith(other), job
    _, plan, _ = await node.call("POST", f"{SCENE}/replace", {**wish, "skill": before, "request": {"wrong": True}})
    job = await carried_out(node, plan)
    assert job["state"] == "failed" and job["error"]["code"] == "replace.failed"
    _, found = await node.get("/api/v1/installed")
    scene = next(item for item in found["items"] if item["kind"] == "scene")
    kept = next(one for one in scene["routes"] if one["capability"] == "text-summarize")
    assert kept["skills"][0].startswith(other), "the skill that answered stays"


async def test_settings_go_in_and_never_come_out(node: Running) -> None:
    assert (await installed(node, "skill:skill-msg-mail"))["state"] == "completed"
    path = "/api/v1/installed/skill:skill-msg-mail/settings"
    _, before = await node.get(path)
    name = before["settings"][0]["name"]
    status, after, _ = await node.call("PATCH", path, {"settings": {name: "hush-hush"}})
    assert status == 200 and next(one for one in after["settings"] if one["name"] == name)["given"]
    assert "hush-hush" not in str(after) and "hush-hush" not in str(await node.get(path))
    status, said, _ = await node.call("PATCH", path, {"settings": {"nonsense": "x"}})
    assert (status, said["code"]) == (400, "settings.unknown")


async def test_what_cannot_be_had_waits(node: Running) -> None:
    status, row, _ = await node.call("POST", "/api/v1/waiting", {"target": "skill:later"})
    assert status == 201 and row["target"] == "skill:later"
    assert [one["target"] for one in (await node.get("/api/v1/waiting"))[1]["waiting"]] == ["skill:later"]
    assert (await node.call("DELETE", "/api/v1/waiting?target=skill:later"))[0] == 200
    assert (await node.get("/api/v1/waiting"))[1]["waiting"] == []


async def test_two_screens_show_a_code_and_both_say_yes(node: Running) -> None:
    """Pairing as the page drives it, with a node that finds somebody at once."""
    said: list[Any] = []
    agreed = asyncio.Event()
    peer = {"name": "laptop", "key": "K" * 52, "addresses": ["192.0.2.1"]}

    async def pair(params: Any, language: str) -> AsyncIterator[dict[str, Any]]:
        yield {"peer": peer, "code": "123456"}
        await agreed.wait()
        yield {"peer": peer, "paired": True}

    async def confirm(params: Any, language: str) -> AsyncIterator[dict[str, Any]]:
        said.append(params["yes"])
        agreed.set()
        yield {}

    node.desk.methods = {"peers.pair": pair, "peers.confirm": confirm}
    assert (await node.call("POST", "/api/v1/pairing", {}))[1]["state"] == "looking"
    async with asyncio.timeout(5):
        while (found := (await node.get("/api/v1/pairing"))[1])["state"] == "looking":
            await asyncio.sleep(0)
    assert (found["state"], found["code"], found["peer"]["name"]) == ("compare", "123456", "laptop")
    assert (await node.call("POST", "/api/v1/pairing", {}))[1]["code"] == "pair.failed"
    await node.call("POST", "/api/v1/pairing/confirm", {"yes": True})
    async with asyncio.timeout(5):
        while (await node.get("/api/v1/pairing"))[1]["state"] == "compare":
            await asyncio.sleep(0)
    assert said == [True] and (await node.get("/api/v1/pairing"))[1]["state"] == "paired"


async def test_what_is_shared_is_listed_until_it_is_stopped(node: Running) -> None:
    wish = {"ref": "skill:skill-msg-mail", "audience": "group:team", "duration": "12h"}
    assert (await node.call("POST", "/api/v1/shares", wish))[0] == 201
    (row,) = (await node.get("/api/v1/shares"))[1]["shares"]
    assert row["with"] == "group:team" and row["until"] > row["since"]
    assert (await node.call("POST", "/api/v1/shares", {**wish, "audience": "aliens"}))[1][
        "code"
    ] == "share.bad_audience"
    assert (await node.call("DELETE", "/api/v1/shares/skill:skill-msg-mail"))[0] == 200
    assert (await node.get("/api/v1/shares"))[1]["shares"] == []


async def test_services_of_the_network_are_listed_as_claimed(node: Running) -> None:
    from types import SimpleNamespace

    from tests.sources.test_mdns_dns_sd import SERVICE, Found, service

    found = (service("node-9"), Found(SERVICE, "evil\u202e." + SERVICE, ("192.0.2.1",), 1, {b"x": b"\xff\x00"}))
    node.desk.service.ports.lan.services = SimpleNamespace(heard=lambda: found, why=lambda name: "no_answer")  # type: ignore[assignment]
    rows = (await node.get("/api/v1/services"))[1]["services"]
    assert {row["ref"] for row in rows} == {"agent:node-9", ""} and rows[0]["properties"]
    assert rows[0]["why"] == ["no_answer"]
    assert "\u202e" not in str(rows) and "\x00" not in str([list(row["properties"].values()) for row in rows])


def test_a_job_tells_what_will_not_answer_and_how_long_a_step_took() -> None:
    made: Any = SimpleNamespace(id="p", plan=SimpleNamespace(target="skill:x"))
    job = Job(id="1", asked_at=0.0, made=made, agreed=(), queue=False, language="en")
    job.steps[Step.DOWNLOAD] = StepEvent(Step.DOWNLOAD, "completed", seconds=1.25)
    generation: Any = SimpleNamespace(number=3)
    why = NotFoundError("plan.unknown", id="x")
    job.outcome = Outcome(generation, (), {}, pending={"skill:x": why})
    body = job_body(job, "en")
    assert body["pending"] == {"skill:x": why.body("en")} and body["steps"][0]["seconds"] == 1.25
    Install.model_validate(body)
