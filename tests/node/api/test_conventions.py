"""The conventions of ECOSYSTEM 1.9: request ids, rate limits that can be seen, health, figures in both formats, one wish done once."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from node.service import Service
from protocol.errors import StorageError
from tests.node.api.running import Running

NAMES = {
    "ooder_build_info",
    "ooder_source_up",
    "ooder_source_last_success_timestamp_seconds",
    "ooder_discovery_records_total",
    "ooder_catalog_records",
    "ooder_search_duration_seconds",
    "ooder_install_total",
    "ooder_dht_peers",
    "ooder_rpc_dropped_total",
}


async def test_every_answer_has_an_id_and_says_how_much_is_left(node: Running) -> None:
    seen = set()
    for path, headers in (("/livez", {}), ("/api/v1/status", node.auth), ("/api/v1/status", {}), ("/nothing", {})):
        _, _, found = await node.call("GET", path, headers=headers)
        seen.add(found["X-Request-ID"])
        assert int(found["RateLimit-Remaining"]) <= int(found["RateLimit-Limit"]) and "RateLimit-Reset" in found
    assert len(seen) == 4
    _, _, found = await node.call("GET", "/livez", headers={"X-Request-ID": "mine-7"})
    assert found["X-Request-ID"] == "mine-7"
    _, _, found = await node.call("GET", "/livez", headers={"X-Request-ID": "<script>"})
    assert "script" not in found["X-Request-ID"]


async def test_health_has_its_names_and_says_more_when_asked(node: Running) -> None:
    assert (await node.call("GET", "/healthz", headers={}))[0] == 200
    assert (await node.call("GET", "/readyz", headers={}))[1] == {"status": "ok"}
    _, said, _ = await node.call("GET", "/readyz?verbose=1", headers={})
    assert said["sources"]["local_fs"] == "online"


async def test_figures_have_the_names_of_the_ecosystem_in_both_formats(node: Running) -> None:
    await node.get("/metrics")
    await node.get("/api/v1/items?q=x")
    _, text, headers = await node.call("GET", "/metrics")
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(text))
    found = {family.name for family in families} | {one.name for family in families for one in family.samples}
    counted = {f"{family.name}_total" for family in families if family.type == "counter"}
    assert found | counted >= NAMES
    labels = {label for family in families for one in family.samples for label in one.labels}
    assert labels <= {"version", "source", "type", "scope", "reason", "result", "route", "status", "le"}
    accept = {**node.auth, "Accept": "application/openmetrics-text; version=1.0.0"}
    _, text, headers = await node.call("GET", "/metrics", headers=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n") and list(read_openmetrics(text))


async def test_the_same_key_is_the_same_install(node: Running) -> None:
    _, plan, _ = await node.call("POST", "/api/v1/plans", {"target": "skill:skill-faq"})
    wish = {"plan": plan["id"], "agreed": list(range(len(plan["questions"])))}
    headers = {**node.auth, "Idempotency-Key": "once"}
    _, first, _ = await node.call("POST", "/api/v1/installs", wish, headers=headers)
    await node.desk.installs.get(first["id"]).ended.wait()
    _, again, _ = await node.call("POST", "/api/v1/installs", wish, headers=headers)
    assert (again["id"], again["state"]) == (first["id"], "completed")
    _, other, _ = await node.call("POST", "/api/v1/installs", wish)
    assert other["id"] != first["id"]


async def test_after_a_write_the_answer_is_fresh(node: Running) -> None:
    """Answers are held for a moment; nobody sees one from before what they did."""
    _, before = await node.get("/api/v1/items/skill:skill-approval")
    assert (await node.get("/api/v1/items/skill:skill-approval"))[1] == before
    wish = {"principal": "git:github.com#7"}
    assert (await node.call("PUT", "/api/v1/trust/skill:skill-approval", wish))[0] == 200
    _, after = await node.get("/api/v1/items/skill:skill-approval")
    assert after != before
    _, lists = await node.get("/api/v1/items?kind=skill")
    service = node.desk.service
    other = Service(service.paths, service.config)  # as the command line does beside the node
    other.index.forget("local_fs", "", other.rules, other.now())
    other.close()
    assert (await node.get("/api/v1/items?kind=skill"))[1]["total"] == 0 < lists["total"]


async def test_what_needs_no_index_is_answered_without_one(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[int, int]:
        raise StorageError("index.read_only", path="index.db", reason="gone")

    monkeypatch.setattr(node.desk.service.index, "revision", broken)
    assert (await node.get("/openapi.json"))[0] == 200
