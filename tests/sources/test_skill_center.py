"""The source against registries of our own: one that signs and lies, one that signs nothing, several that disagree."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

from node.io.clock import SystemClock
from node.io.http import Door, HttpClient
from node.revocation_lists import Revocations
from node.source_memory import SourceMemory
from protocol import limits
from protocol.errors import OoderError
from protocol.http.exchange import HttpBounds
from protocol.identity import SigningKey
from protocol.items import Channel, Status
from protocol.query import Query, Trust
from protocol.trust import TrustPolicy, admit
from sources import skill_center
from sources.ports import Context
from tests.fakes.heard import Heard
from tests.fakes.registry_server import CENTER, SignedRegistry
from tests.fakes.web_server import WebServer


class QuickClock(SystemClock):
    """Waits are short, times are real."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.005))


class Node:
    """What a source gets of a node, kept over restarts."""

    def __init__(self, home: Path) -> None:
        self.heard = Heard()
        self.clock = QuickClock()
        self.home = home
        self.door = Door(home / "http", self.clock, Random(1))
        self.memory_of_sources = SourceMemory(home / "sources")
        self.revocations = Revocations(home / "lists.json")
        home.mkdir(exist_ok=True)

    @property
    def context(self) -> Context:
        return Context(self.clock, self.heard, self.home, Random(1))

    def http(self, bounds: HttpBounds) -> HttpClient:
        return self.door.client(bounds)

    def source(self, config: Mapping[str, Any]) -> skill_center.Provider:
        return skill_center.make(skill_center.Config.model_validate(config), self)

    async def look(self, config: Mapping[str, Any]) -> str:
        """The code of the failure of one look by a fresh source, "" for none."""
        try:
            await self.source(config).search(Query(), self.heard)
        except OoderError as error:
            return error.code
        return ""

    def refs(self) -> dict[str, str]:
        return {str(one.item.ref): one.status.value for one in self.heard.sightings()}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "home")


@pytest.fixture
async def registry(node: Node) -> AsyncIterator[SignedRegistry]:
    async with SignedRegistry(node.clock.wall()) as made:
        yield made


# --- A registry that signs --------------------------------------------------------------------------------------------
async def test_releases_come_with_everything_that_proves_them(node: Node, registry: SignedRegistry) -> None:
    release = registry.publish("acme.report")
    assert await node.look(registry.config()) == ""
    (said,) = node.heard.sightings()
    host = registry.web.host
    assert (said.digest, said.principal) == (release.digest, f"registry:{host}/acme")
    assert said.location == registry.web.url(f"/download/acme.report/1.0#sha256={release.package}")
    assert (said.evidence.channel, said.status) == (Channel.ORIGIN, Status.ACTIVE)
    assert admit(said, TrustPolicy(), node.clock.wall()).trust is Trust.COMMUNITY
    official = skill_center.Config.model_validate(registry.config(official=True)).official
    assert admit(said, TrustPolicy(official=official), node.clock.wall()).trust is Trust.OFFICIAL


async def test_only_changes_are_asked_for_and_an_unchanged_registry_costs_one_request(
    node: Node, registry: SignedRegistry
) -> None:
    for at in range(7):
        registry.publish(f"s{at}")
    assert await node.look(registry.config()) == ""
    registry.web.requests.clear()
    assert await node.look(registry.config()) == ""
    assert [path.partition("?")[0] for path in registry.web.asked] == ["/api/v1/center"]
    node.heard.new.clear()
    registry.publish("s3", status=Status.WITHDRAWN)
    assert await node.look(registry.config()) == ""
    assert node.heard.new == ["skill:s3@1.0"]
    assert node.refs()["skill:s3@1.0"] == "withdrawn"
    assert len(node.heard.surveys[-1].places) == 7
    registry.web.requests.clear()
    registry.publish("s8")
    assert await node.look(registry.config()) == ""
    assert [path for path in registry.web.asked if "changes" in path] == ["/api/v1/changes?since=8&limit=500"]
    assert len(node.heard.surveys[-1].places) == 8


async def test_pages_come_while_others_are_checked_and_a_bad_one_ends_the_look(
    node: Node, registry: SignedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.limits.REGISTRY_PAGE", 3)
    for at in range(7):
        registry.publish(f"s{at}")
    assert await node.look(registry.config()) == ""
    asked = [path for path in registry.web.asked if "changes" in path]
    assert asked == [f"/api/v1/changes?since={since}&limit=3" for since in (0, 3, 6)]
    assert len(node.refs()) == 7
    node.heard.readings.clear()
    registry.lies["/api/v1/changes"] = lambda _: {"changes": [{"n": n} for n in (1, 2, 3)], "last": 3, "more": True}
    assert await node.look(registry.config()) == "center.bad_change"
    assert not node.refs()


async def test_a_cleared_index_is_filled_again(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a")
    assert await node.look(registry.config()) == ""
    node.heard.readings.clear()
    assert await node.look(registry.config()) == ""
    assert list(node.refs()) == ["skill:a@1.0"]


async def test_an_index_cleared_under_a_running_node_is_filled_again(node: Node, registry: SignedRegistry) -> None:
    for at in range(3):
        registry.publish(f"s{at}")
    source = node.source(registry.config())
    await source.search(Query(), node.heard)
    node.heard.readings.clear()
    await source.search(Query(), node.heard)
    assert len(node.refs()) == 3


async def test_older_and_double_heads_change_nothing_also_after_a_restart(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a", "1.0")
    old = registry.head()
    registry.publish("a", "2.0")
    assert await node.look(registry.config()) == ""
    registry.publish("b")
    before = node.refs()
    for lie, code in (
        (lambda _: old, "registry.rolled_back"),
        (lambda _: registry.head(releases=99), "registry.incomplete"),
    ):
        registry.lies["/api/v1/center"] = lie
        assert await node.look(registry.config()) == code
        assert node.refs() == before
        assert [one.code for one in node.heard.problems()] == [code]
    registry.lies["/api/v1/center"] = lambda _: registry.head(event=5)
    assert await node.look(registry.config()) == "registry.equivocated"
    registry.lies.clear()
    registry.seq += 1
    assert await node.look(registry.config()) == ""
    assert not node.heard.problems()


async def test_an_expired_head_is_a_freeze(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a")
    assert await node.look(registry.config()) == ""
    surveys = len(node.heard.surveys)
    registry.now -= 8 * 86_400
    registry.seq += 1
    assert await node.look(registry.config()) == "record.expired"
    assert len(node.heard.surveys) == surveys  # nothing was made fresh
    registry.now += 8 * 86_400 + 3_600  # a clock that goes an hour ahead
    registry.seq += 1
    assert await node.look(registry.config()) == "record.from_the_future"
    assert list(node.refs()) == ["skill:a@1.0"]


async def test_another_key_and_a_registry_that_stops_signing(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a")
    other = SigningKey(b"\x09" * 32).public.fingerprint
    assert await node.look(registry.config(key=other)) == "center.other_key"
    assert await node.look(registry.config(key="")) == ""
    registry.lies["/api/v1/center"] = lambda _: web.Response(status=404)
    assert await node.look(registry.config(key="")) == "http.not_found"


async def test_what_was_left_out_or_changed_on_the_way_is_not_taken_in(node: Node, registry: SignedRegistry) -> None:
    for at in range(3):
        registry.publish(f"s{at}")

    def without(request: web.Request) -> dict[str, Any]:
        body = registry.changes(request)
        return {**body, "changes": body["changes"][1:]}

    def flipped(request: web.Request) -> dict[str, Any]:
        body = registry.changes(request)
        body["changes"][1]["item"] = body["changes"][1]["item"].replace("made here", "made hare")
        return body

    for lie, code in ((without, "registry.incomplete"), (flipped, "center.other_item")):
        registry.lies["/api/v1/changes"] = lie
        assert await node.look(registry.config()) == code
        assert node.refs() == {}


async def test_without_protection_and_without_a_named_key_nothing_is_more_than_unverified(
    node: Node, registry: SignedRegistry
) -> None:
    registry.publish("a")
    assert await node.look({"registries": [{"url": registry.url}]}) == ""
    assert node.heard.sightings()[0].evidence.channel is Channel.PLAIN


async def test_revocations_are_kept_and_an_older_list_is_a_replay(node: Node, registry: SignedRegistry) -> None:
    digest = registry.publish("a").digest
    registry.revoke(digest)
    assert await node.look(registry.config()) == ""
    owner = f"registry:{registry.web.host}"
    assert node.revocations.amount_to(frozenset()).reason(f"{owner}/a", digest, "") == "bad"
    assert node.revocations.amount_to(frozenset()).reason("registry:else/a", digest, "") is None
    assert node.revocations.amount_to(frozenset({f"{owner}/*"})).reason("registry:else/a", digest, "") == "bad"
    assert await node.revocations.seq(owner) == 1
    old = registry.revocations()
    registry.revoke("sha256:" + "0" * 64)
    registry.lies["/api/v1/revocations"] = lambda _: old
    assert await node.look(registry.config()) == "registry.rolled_back"


async def test_a_mirror_is_asked_when_the_registry_is_down(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a")
    config = {
        "registries": [{"url": "http://127.0.0.1:9", "mirrors": [registry.url], "key": CENTER.public.fingerprint}]
    }
    assert await node.look(config) == ""
    (said,) = node.heard.sightings()
    assert said.principal == "registry:127.0.0.1:9/a"
    copies = skill_center.Config.model_validate(config).copies_of(said.location)
    assert copies == (said.location.replace("http://127.0.0.1:9", registry.url),)


# --- Pushes -----------------------------------------------------------------------------------------------------------
async def until(wanted: Any) -> None:
    async with asyncio.timeout(30):
        while not wanted():
            await asyncio.sleep(0.002)


@pytest.mark.parametrize("many", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_a_push_is_a_hint_and_many_are_one(node: Node, registry: SignedRegistry, many: int) -> None:
    registry.publish("a")
    source = node.source(registry.config())
    listening = asyncio.ensure_future(source.run(node.heard))
    try:
        await until(lambda: registry.pushes and node.refs())
        registry.publish("b")
        await until(lambda: "skill:b@1.0" in node.refs())
        registry.web.requests.clear()
        for _ in range(many):
            registry.pushes[0].put_nowait('{"id": 1, "type": "release.published", "ts": 1, "data": {}}')
        registry.pushes[0].put_nowait("rubbish")
        registry.publish("c")
        await until(lambda: "skill:c@1.0" in node.refs())
        assert len(registry.web.requests) < many // 5
    finally:
        listening.cancel()


async def test_what_happened_while_nobody_listened_is_caught_up(node: Node) -> None:
    port = 0
    listening = None
    for at in range(2):
        async with SignedRegistry(node.clock.wall(), port) as registry:
            port = registry.web.port
            for name in range(at + 1):
                registry.publish(f"s{name}")
            registry.seq += at * 10
            if listening is None:
                source = node.source(registry.config())
                listening = asyncio.ensure_future(source.run(node.heard))
            await until(lambda: f"skill:s{at}@1.0" in node.refs() or (listening and listening.done()))  # noqa: B023
            if listening.done():
                listening = asyncio.ensure_future(source.run(node.heard))
                await until(lambda: f"skill:s{at}@1.0" in node.refs())  # noqa: B023
    assert listening is not None
    with pytest.raises(OoderError):
        async with asyncio.timeout(10):
            await listening


# --- A registry that signs nothing --------------------------------------------------------------------------------------
def rows(count: int) -> list[dict[str, Any]]:
    return [{"skillId": f"s{at}", "name": f"S {at}", "version": "1.0", "checksum": "a" * 64} for at in range(count)]


def plain_config(server: WebServer, **more: Any) -> dict[str, Any]:
    return {"registries": [{"url": server.url(""), **more}]}


def route_json(server: WebServer, path: str, body: object) -> None:
    server.route(
        path, body=body if isinstance(body, bytes) else json.dumps(body).encode(), content_type="application/json"
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda found: found,
        lambda found: {"code": 200, "data": found},
        lambda found: {"code": 200, "status": "success", "data": {"items": found, "total": len(found)}},
        lambda found: {"data": {"records": found}},
        lambda found: {"data": {"skills": found}},
        lambda found: {"items": found},
        lambda found: {"success": True, "data": {"list": found}},
    ],
)
async def test_every_envelope_is_understood(node: Node, wrap: Any) -> None:
    async with WebServer() as server:
        route_json(server, "/api/v1/skills", wrap(rows(2)))
        assert await node.look(plain_config(server)) == ""
    assert sorted(node.refs()) == ["skill:s0@1.0", "skill:s1@1.0"]


async def test_one_bad_row_of_a_thousand_is_one_problem_and_999_items(node: Node) -> None:
    found = rows(1_000)
    found[500] = {"skillId": "../../etc/passwd", "version": "1.0"}

    async def answer(request: web.Request) -> web.Response:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        return web.json_response(found[offset : offset + limit], headers={"X-Total-Count": "1000"})

    async with WebServer() as server:
        server.route("/api/v1/skills", answer)
        assert await node.look(plain_config(server)) == ""
    assert len(node.refs()) == 999
    (problem,) = [one for one in node.heard.problems() if one.fatal]
    assert problem.code == "registry.bad_row"
    assert "passwd" in str(problem.params["reason"])


async def test_a_key_twice_and_numbers_for_versions(node: Node) -> None:
    body = b'[{"skillId": "a", "version": 1.10}, {"skillId": "b", "skillId": "c"}, {"skillId": "d", "version": "1"}]'
    async with WebServer() as server:
        route_json(server, "/api/v1/skills", body)
        assert await node.look(plain_config(server)) == ""
    assert sorted(node.refs()) == ["skill:a@1.10", "skill:d@1"]
    assert "registry.bad_row" in {one.code for one in node.heard.problems()}


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("ACTIVE", "active"),
        ("blocked", "revoked"),
        ("Deprecated", "deprecated"),
        ("deleted", "withdrawn"),
        ("odd", "deprecated"),
    ],
)
async def test_status_fields_are_obeyed(node: Node, said: str, status: str) -> None:
    async with WebServer() as server:
        route_json(server, "/api/v1/skills", [{**rows(1)[0], "status": said, "rating": 4.5, "downloads": "7"}])
        assert await node.look(plain_config(server)) == ""
    (seen,) = node.heard.sightings()
    assert (seen.status.value, dict(seen.signals)) == (status, {"rating": 4.5, "downloads": 7.0})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"text": "<html>sign in", "content_type": "text/html"}, "http.wrong_type"),
        ({"body": b"[" * 50_000, "content_type": "application/json"}, "http.json_too_deep"),
        ({"body": b" " * (30 * limits.MIB), "content_type": "application/json"}, "http.too_large"),
        (
            {"body": b'{"code": 500, "message": "no", "data": []}', "content_type": "application/json"},
            "registry.bad_answer",
        ),
        ({"body": b'[{"skillId": "a"}', "content_type": "application/json"}, "http.no_json"),
        ({"status": 302, "headers": {"Location": "https://169.254.169.254/"}}, "http.forbidden_address"),
        ({"status": 302, "headers": {"Location": "/api/v1/skills"}}, "http.redirected_away"),
        ({"status": 500}, "http.failed"),
    ],
)
async def test_bad_answers_have_their_codes_and_forget_nothing(node: Node, answer: dict[str, Any], code: str) -> None:
    async with WebServer() as server:
        route_json(server, "/api/v1/skills", rows(1))
        assert await node.look(plain_config(server)) == ""
        server.route("/api/v1/skills", **answer)
        assert await node.look(plain_config(server)) == code
    assert list(node.refs()) == ["skill:s0@1.0"]
    assert code in {one.code for one in node.heard.problems()}


async def test_searches_of_the_guide(node: Node) -> None:
    async with WebServer() as server:
        for path in ("search", "tags/search", "scene/desk", "capability/write", "category/office/reports"):
            route_json(server, f"/api/v1/skills/{path}", [{**rows(1)[0], "skillId": path.replace("/", "-")}])
        route_json(server, "/api/v1/skills/a/versions", ["1.1", "1.0"])
        look = node.source(plain_config(server)).registries[0].rows
        await look.search(Query(text="日报", category="office/reports", capability="write"), node.heard)
        await look.tagged(("x",), node.heard)
        await look.of_scene("desk", node.heard)
        assert await look.versions("a") == ("1.1", "1.0")
        assert len(node.refs()) == 5
        assert server.bodies[0].decode() == '{"query": "日报"}'


# --- Several ------------------------------------------------------------------------------------------------------------
async def test_a_namespace_has_one_speaker_and_priority_goes_before(node: Node, registry: SignedRegistry) -> None:
    async with SignedRegistry(node.clock.wall()) as second:
        for one in (registry, second):
            one.publish("acme.x")
            one.publish("both")
        second.publish("only")
        key = CENTER.public.fingerprint
        config = {
            "registries": [
                {"url": second.url, "key": key},
                {"url": registry.url, "key": key, "namespaces": ["acme"], "priority": 5},
            ]
        }
        assert await node.look(config) == ""
        said = {(one.origin, one.item.id): one.evidence.channel for one in node.heard.sightings()}
        assert said == {
            (registry.url, "acme.x"): Channel.ORIGIN,
            (registry.url, "both"): Channel.ORIGIN,
            (second.url, "acme.x"): Channel.HEARSAY,
            (second.url, "both"): Channel.HEARSAY,
            (second.url, "only"): Channel.ORIGIN,
        }
        registry.publish("only")
        assert await node.look(config) == ""
        said = {(one.origin, one.item.id): one.evidence.channel for one in node.heard.sightings()}
        assert said[second.url, "only"] is Channel.HEARSAY


async def test_a_poisoned_registry_beside_a_healthy_one(node: Node, registry: SignedRegistry) -> None:
    registry.publish("a")

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        for _ in range(300):
            await answer.write(b" ")
            await asyncio.sleep(0.1)
        return answer

    async with WebServer() as hanging, WebServer() as garbage, WebServer() as dripping, WebServer() as ill:
        hanging.route("/api/v1/center", hang)
        dripping.route("/api/v1/center", drip)
        garbage.route("/api/v1/center", body=os.urandom(1_000), content_type="application/json")
        ill.route("/api/v1/center", status=500)
        bad = [{"url": one.url("")} for one in (hanging, garbage, dripping, ill)]
        source = node.source({"registries": [*registry.config()["registries"], *bad], "timeout_s": 1.0})
        began = asyncio.get_running_loop().time()
        looking = asyncio.ensure_future(source.search(Query(), node.heard))
        await until(node.refs)
        assert asyncio.get_running_loop().time() - began < 1.0  # before any of the bad ones is given up
        await looking
        codes = {one.code for one in source.failed.values()}
        assert codes >= {"http.timed_out", "http.failed"}
        assert len(source.failed) == 4
    remark = source.remark()
    assert remark is not None


def test_settings_that_do_not_hold() -> None:
    for entry in (
        {"url": "ftp://x"},
        {"url": "https://u:p@x"},
        {"url": "https://x", "key": "nonsense"},
        {"url": "https://x/?q"},
        {"url": "https://x", "keys": ["a-secret-canary"]},
    ):
        with pytest.raises(ValueError, match="1 validation error") as caught:
            skill_center.Config.model_validate({"registries": [entry]})
        assert "canary" not in str(caught.value)
    with pytest.raises(ValueError, match="twice"):
        skill_center.Config.model_validate({"registries": [{"url": "https://x"}, {"url": "https://x/api/v1/"}]})
