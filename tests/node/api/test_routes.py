"""Every route answers what it declares; every error has the one body; nothing of the table is forgotten."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from node.api.openapi import codes_of, description, plain_path
from node.api.problems import BY_CODE, status_of_code
from node.api.route import Access, Answer, Audience
from node.api.routes import all_routes, routes_of
from protocol.messages import MESSAGES
from tests.node.api.running import CATALOGUE, Running

# route -> path, body, status: once as it should be, once wrong
GOOD: dict[str, tuple[str, Any, int]] = {
    "search_items": ("/api/v1/items?q=日报&kind=scene&limit=5", None, 200),
    "show_item": ("/api/v1/items/scene:daily-report", None, 200),
    "list_sources": ("/api/v1/sources?scope=company", None, 200),
    "list_scopes": ("/api/v1/scopes", None, 200),
    "enable_source": ("/api/v1/sources/local_fs/enable", {}, 200),
    "disable_source": ("/api/v1/sources/git_repository/disable", {}, 200),
    "check_source": ("/api/v1/sources/local_fs/test", {}, 202),
    "add_place": ("/api/v1/places", {"place": "/"}, 201),
    "remove_place": ("/api/v1/places?place=/nowhere", None, 404),
    "start_scan": ("/api/v1/scans", {"sources": ["local_fs"]}, 202),
    "list_scans": ("/api/v1/scans", None, 200),
    "show_scan": ("/api/v1/scans/7", None, 404),
    "cancel_scan": ("/api/v1/scans/7", None, 404),
    "events": ("/api/v1/events?since=3&limit=2", None, 200),
    "list_peers": ("/api/v1/peers", None, 200),
    "list_repositories": ("/api/v1/repositories?sort=updated&platform=github", None, 200),
    "show_dht": ("/api/v1/dht", None, 200),
    "trace_dht": ("/api/v1/dht/trace", {"ref": "scene:x"}, 503),
    "dht_events": ("/api/v1/dht/events?ref=scene:x", None, 503),
    "make_plan": ("/api/v1/plans", {"target": "scene:daily-report"}, 200),
    "make_bundle_plan": ("/api/v1/plans/bundle", {"path": "/nowhere.ooder.tar"}, 404),
    "start_install": ("/api/v1/installs", {"plan": "sha256:0", "agreed": []}, 404),
    "list_installs": ("/api/v1/installs", None, 200),
    "show_install": ("/api/v1/installs/7", None, 404),
    "cancel_install": ("/api/v1/installs/7", None, 404),
    "list_waiting": ("/api/v1/waiting", None, 200),
    "let_wait": ("/api/v1/waiting", {"target": "skill:not-yet"}, 201),
    "drop_waiting": ("/api/v1/waiting?target=skill:nobody", None, 404),
    "list_installed": ("/api/v1/installed", None, 200),
    "list_generations": ("/api/v1/installed/generations", None, 200),
    "list_outdated": ("/api/v1/installed/outdated", None, 200),
    "roll_back": ("/api/v1/installed/rollback", {"to": 7}, 404),
    "verify_installed": ("/api/v1/installed/verify", {}, 200),
    "collect_garbage": ("/api/v1/installed/collect", {}, 200),
    "uninstall": ("/api/v1/installed/scene:nobody", None, 404),
    "list_agents": ("/api/v1/agents", None, 200),
    "show_agent": ("/api/v1/agents/scene:nobody", None, 404),
    "start_scene": ("/api/v1/installed/scene:nobody/start", {}, 503),
    "stop_scene": ("/api/v1/installed/scene:nobody/stop", {}, 404),
    "call_capability": ("/api/v1/installed/scene:nobody/call", {"capability": "cap:x"}, 404),
    "plan_replacement": ("/api/v1/installed/scene:nobody/replace", {"capability": "x", "skill": "y"}, 404),
    "scene_logs": ("/api/v1/installed/scene:nobody/logs", None, 404),
    "skill_settings": ("/api/v1/installed/skill:nobody/settings", None, 404),
    "change_skill_settings": ("/api/v1/installed/skill:nobody/settings", {"settings": {"a": "b"}}, 404),
    "list_services": ("/api/v1/services", None, 200),
    "show_pairing": ("/api/v1/pairing", None, 200),
    "start_pairing": ("/api/v1/pairing", {}, 202),
    "confirm_pairing": ("/api/v1/pairing/confirm", {"yes": True}, 404),
    "unpair": ("/api/v1/peers/nobody", None, 404),
    "list_shares": ("/api/v1/shares", None, 200),
    "add_share": ("/api/v1/shares", {"ref": "skill:skill-msg-mail", "audience": "paired"}, 201),
    "stop_share": ("/api/v1/shares/skill:nobody", None, 404),
    "show_trust": ("/api/v1/trust", None, 200),
    "pin_name": ("/api/v1/trust/skill:skill-msg-mail", {"principal": "file:me"}, 200),
    "unpin_name": ("/api/v1/trust/skill:nobody", None, 404),
    "show_settings": ("/api/v1/config", None, 200),
    "change_settings": ("/api/v1/config", {"settings": {"scan.every": 60}}, 200),
    "check_settings": ("/api/v1/config/problems", None, 200),
    "settings_schema": ("/api/v1/config/schema", None, 200),
    "status": ("/api/v1/status", None, 200),
    "problems": ("/api/v1/problems?limit=3", None, 200),
    "doctor": ("/api/v1/doctor", None, 200),
    "cache_info": ("/api/v1/cache", None, 200),
    "clear_cache": ("/api/v1/cache/clear", {}, 200),
    "version": ("/api/v1/version", None, 200),
    "sign_in": ("/api/v1/session", {"token": "not this one"}, 401),
    "show_session": ("/api/v1/session", None, 200),
    "sign_out": ("/api/v1/session", None, 200),
    "make_link": ("/api/v1/session/link", {}, 201),
    "livez": ("/livez", None, 200),
    "healthz": ("/healthz", None, 200),
    "readyz": ("/readyz?verbose=true", None, 200),
    "metrics": ("/metrics", None, 200),
    "openapi": ("/openapi.json", None, 200),
    "peer_self": ("/peer/v1/self", None, 200),
    "peer_offers": ("/peer/v1/offers?since=4", None, 200),
    "peer_changes": ("/peer/v1/changes", None, 200),
    "peer_offer": ("/peer/v1/offers/skill:x", None, 404),
    "peer_pair": ("/peer/v1/pair?key=" + "A" * 52 + "&commitment=" + "0" * 64, None, 404),
    "peer_package": ("/peer/v1/packages/sha256:" + "0" * 64, None, 404),
    "peer_tree": ("/peer/v1/trees/sha256:" + "0" * 64, None, 404),
    "peer_package_file": ("/peer/v1/packages/sha256:" + "0" * 64 + "/a/b.md", None, 404),
}
BAD: tuple[tuple[str, str, Any, int, str], ...] = (
    ("GET", "/api/v1/items?limit=0", None, 400, "api.bad_request"),
    ("GET", "/api/v1/items?limit=5&limit=6", None, 400, "api.bad_request"),
    ("GET", "/api/v1/items?kind=planet", None, 400, "api.bad_request"),
    ("GET", "/api/v1/items?colour=red", None, 400, "api.bad_request"),
    ("GET", "/api/v1/items?q=" + "x" * 300, None, 400, "api.bad_request"),
    ("GET", "/api/v1/items/scene", None, 400, "ref.malformed"),
    ("GET", "/api/v1/items/scene:nobody", None, 404, "item.unknown"),
    ("GET", "/api/v1/events?since=-1", None, 400, "api.bad_request"),
    ("POST", "/api/v1/scans", {"sources": ["nowhere"]}, 404, "source.unknown"),
    ("POST", "/api/v1/scans", {"sources": "local_fs"}, 400, "api.bad_request"),
    ("POST", "/api/v1/scans", [], 400, "api.bad_request"),
    ("POST", "/api/v1/scans", {"color": 1}, 400, "api.bad_request"),
    ("POST", "/api/v1/places", {"place": "/no/such/folder"}, 400, "source.bad_place"),
    ("POST", "/api/v1/places", {"place": "0" * 900}, 400, "source.bad_place"),
    ("POST", "/api/v1/places", {"place": "a\0b"}, 400, "source.bad_place"),
    ("PUT", "/api/v1/status", None, 405, "api.no_method"),
    ("POST", "/api/v1/places", {"place": "a" * 2000}, 400, "api.bad_request"),
    ("PATCH", "/api/v1/config", {"settings": {"scan.every": "soon"}}, 400, "config.invalid"),
    ("PATCH", "/api/v1/config", {"settings": {"scan.evry": 60}}, 400, "config.invalid"),
    ("PATCH", "/api/v1/config", {"settings": {"a..b": 60}}, 400, "api.bad_request"),
    ("PUT", "/api/v1/trust/skill:x", {"principal": "a\nb"}, 400, "api.bad_request"),
    ("PUT", "/api/v1/trust/x", {"principal": "a"}, 400, "ref.malformed"),
    ("GET", "/api/v1/nothing", None, 404, "api.no_route"),
    ("GET", "/web/../secret", None, 404, "api.no_route"),
    ("GET", "/web/%2e%2e/%2e%2e/config.py", None, 404, "api.no_route"),
    ("POST", "/api/v1/status", {}, 405, "api.no_method"),
    ("OPTIONS", "/api/v1/status", None, 405, "api.no_method"),
)


def schema_of(answer: Any, path: str, method: str, status: int, media: str) -> dict[str, Any]:
    responses = answer["paths"][path][method]["responses"]
    assert str(status) in responses, f"{method} {path} answered {status}, which it does not declare"
    found = responses[str(status)]["content"]
    assert media in found, f"{media} is not declared"
    return {**found[media]["schema"], "components": answer["components"]}


def test_the_table_of_good_requests_is_whole() -> None:
    center = {route.name for route in routes_of(Audience.CENTER)}  # tests/node/skill_center
    assert set(GOOD) == {route.name for route in all_routes()} - {"events_socket"} - center


def test_names_and_paths_are_unique_and_codes_are_known() -> None:
    routes = all_routes()
    assert len({route.name for route in routes}) == len(routes)
    assert len({(route.method, route.path, route.audience) for route in routes}) == len(routes)
    for route in routes:
        assert set(codes_of(route)) <= set(MESSAGES), route.name
        assert route.params.__doc__ and route.summary and route.handler.__doc__
    assert set(BY_CODE) <= set(MESSAGES)


def test_the_peer_plane_only_reads() -> None:
    assert {route.method for route in routes_of(Audience.PEER)} == {"GET"}
    assert all(route.path.startswith(("/peer/v1/", "/livez")) for route in routes_of(Audience.PEER))


def test_only_what_tells_nothing_is_open() -> None:
    control = routes_of(Audience.CONTROL)
    opened = {route.name for route in control if route.access is Access.OPEN}
    assert opened == {"livez", "healthz", "readyz", "version", "openapi", "sign_in"}


def test_the_description_is_sound() -> None:
    for audience in Audience:
        body = description(audience)
        assert body["openapi"] == "3.1.0"
        wanted = set()

        def walk(value: Any, wanted: set[str] = wanted) -> None:
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    wanted.add(value["$ref"].rpartition("/")[2])
                for inner in value.values():
                    walk(inner)
            elif isinstance(value, list):
                for inner in value:
                    walk(inner)

        walk(body)
        assert wanted <= set(body["components"]["schemas"])
        for schema in body["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", sorted(GOOD))
async def test_every_route_answers_what_it_declares(node: Running, name: str) -> None:
    route = next(one for one in all_routes() if one.name == name)
    path, body, wanted = GOOD[name]
    peer = Audience.CONTROL not in route.audience
    status, said, headers = await node.call(route.method, path, body, plane=node.peer if peer else "")
    assert status == wanted, said
    media = headers["Content-Type"].partition(";")[0]
    document = description(Audience.PEER if peer else Audience.CONTROL)
    schema = schema_of(document, plain_path(route), route.method.lower(), status, media)
    if route.kind is not Answer.TEXT or status != 200:
        jsonschema.validate(said, schema)
    if status >= 400:
        assert media == "application/problem+json" and said["status"] == status == status_of_code(said["code"])
    if route.tagged and status == 200:
        again = await node.call(
            "GET", path, headers={**node.auth, "If-None-Match": headers["ETag"]}, plane=node.peer if peer else ""
        )
        assert again[0] == 304 and not again[1]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), BAD)
async def test_wrong_requests_get_the_one_body(
    node: Running, method: str, path: str, body: Any, status: int, code: str
) -> None:
    from yarl import URL

    url = URL(node.base + path, encoded=True)
    async with node.client.request(method, url, json=body, headers=node.auth) as answer:
        said = await answer.json(content_type=None)
        assert (answer.status, said["code"]) == (status, code)
        assert answer.content_type == "application/problem+json"
        assert set(said) == {
            "type", "title", "status", "detail", "instance", "code", "message", "next_step", "fault", "params",
        }  # fmt: skip
        assert "Traceback" not in str(said) and str(CATALOGUE) not in str(said)


async def test_errors_speak_chinese(node: Running) -> None:
    headers = {**node.auth, "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    _, said, _ = await node.call("GET", "/api/v1/items/scene:nobody", headers=headers)
    assert "没有名为" in said["message"] and said["next_step"].startswith("试试")


async def test_a_place_is_added_scanned_and_removed(node: Running, tmp_path: Any) -> None:
    skill = tmp_path / "more" / "fresh-skill" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: fresh-skill\ndescription: Brand new.\n---\n# Fresh\n", "utf-8")
    status, said, _ = await node.call("POST", "/api/v1/places", {"place": str(tmp_path / "more")})
    assert status == 201 and said["params"]["source"] == "local_fs" and node.reloads
    status, job, _ = await node.call("POST", "/api/v1/scans", {})
    await node.desk.scans.get(job["id"]).ended.wait()
    _, job = await node.get(f"/api/v1/scans/{job['id']}")
    assert job["state"] == "completed" and job["changes"] >= 1 and job["sources"][0]["stage"] == "done"
    assert (await node.get("/api/v1/items/skill:fresh-skill"))[0] == 200
    status, _, _ = await node.call("DELETE", f"/api/v1/places?place={tmp_path / 'more'}")
    assert status == 200
    assert (await node.call("DELETE", f"/api/v1/places?place={tmp_path / 'more'}"))[0] == 404


async def test_settings_that_do_not_hold_are_not_written(node: Running) -> None:
    before = node.desk.service.paths.own_config.exists()
    status, said, _ = await node.call("PATCH", "/api/v1/config", {"settings": {"scan.every": 1}})
    assert status == 400 and said["code"] == "config.invalid"
    assert node.desk.service.paths.own_config.exists() == before
    status, said, _ = await node.call("PATCH", "/api/v1/config", {"settings": {"scope": "company"}})
    assert status == 200 and node.desk.service.config.settings.scope.value == "company"
    status, said, _ = await node.call("PATCH", "/api/v1/config", {"settings": {"scope": None}})
    assert node.desk.service.config.settings.scope.value == "personal"


async def test_a_scan_can_be_joined_and_cancelled(node: Running) -> None:
    first = (await node.call("POST", "/api/v1/scans", {"sources": ["local_fs"]}))[1]
    second = (await node.call("POST", "/api/v1/scans", {"sources": ["local_fs"]}))[1]
    assert first["id"] == second["id"]
    status, _, _ = await node.call("DELETE", f"/api/v1/scans/{first['id']}")
    assert status == 200
    scan = node.desk.scans.get(first["id"])
    await scan.ended.wait()
    assert scan.over


async def test_pages_of_a_list_meet(node: Running) -> None:
    seen: list[str] = []
    offset: int | None = 0
    while offset is not None:
        _, page = await node.get(f"/api/v1/items?limit=10&offset={offset}")
        seen += [row["ref"] for row in page["items"]]
        offset = page["next_offset"]
    assert len(seen) == len(set(seen)) == page["total"] > 30
