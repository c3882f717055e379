"""The DHT over the API: what the node knows, and a lookup told step by step, whole or as it happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from node.dht import HomeDht
from node.io.clock import SystemClock
from node.paths import Paths
from protocol.dht.record import Pointer, open_pointer, sign_pointer
from protocol.dht.writing import publish
from protocol.identity import SigningKey
from protocol.refs import parse_ref
from sources.dht_kademlia import Config
from tests.node.api.running import Running

HERE: dict[str, Any] = {"port": 0, "listen": ("127.0.0.1",)}
TRACE = "/api/v1/dht/events?ref=skill:pdf-tools"


@asynccontextmanager
async def joined(node: Running, folder: Path) -> AsyncIterator[None]:
    """This node runs a node of the DHT, and three others hold what somebody published."""
    dht = node.desk.service.ports.dht
    async with dht.session(Config(seed=True, **HERE), serve=True) as live:
        known = (f"127.0.0.1:{live.server.port}",)
        homes = [HomeDht(Paths(folder / f"other{n}"), SystemClock(), Random(n)) for n in range(3)]
        for home in homes:
            (folder / home.path.parent.name).mkdir()
        first, second, third = (home.session(Config(bootstrap=known, **HERE), serve=True) for home in homes)
        async with first, second, third as author:
            wall = SystemClock().wall()
            raw = sign_pointer(
                SigningKey(b"k" * 32), Pointer(parse_ref("skill:pdf-tools"), "1.0"), seq=1, issued=wall, life=9_999
            )
            await author.do(publish(author.machine, [open_pointer(raw, wall)]))
            yield


def check(events: list[dict[str, Any]]) -> None:
    """Every step of one lookup is there, in order."""
    kinds = [one["event"] for one in events]
    assert kinds[-1] == "ended" and kinds.count("asked") == kinds.count("answered") == 3 and "found" in kinds
    asked = {one["id"] for one in events if one["event"] == "asked"}
    assert asked == {one["id"] for one in events if one["event"] == "answered"}
    answers = [one for one in events if one["event"] == "answered"]
    assert all(one["ok"] and one["ms"] > 0 and one["path"] in (0, 1, 2) for one in answers)
    assert events[-1]["asked"] == events[-1]["answered"] == 3 and events[-1]["ms"] > 0
    (found,) = [one for one in events if one["event"] == "found"]
    assert found["ref"] == "skill:pdf-tools" and found["publisher"].startswith("key:") and len(found["from"]) == 40


async def test_a_lookup_is_told_whole(node: Running, tmp_path: Path) -> None:
    async with joined(node, tmp_path):
        status, body = await node.get(TRACE)
        assert status == 200 and body["ref"] == "skill:pdf-tools"
        check(body["events"])


async def test_a_lookup_is_told_as_it_happens(node: Running, tmp_path: Path) -> None:
    async with joined(node, tmp_path):
        headers = {**node.auth, "Accept": "text/event-stream"}
        async with node.client.get(node.base + TRACE, headers=headers) as answer:
            assert answer.content_type == "text/event-stream"
            lines = (await answer.text()).splitlines()
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        assert [line[7:] for line in lines if line.startswith("event: ")] == [one["event"] for one in events]
        check(events)
        assert node.desk.hub.listeners == 0


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?ref=nothing", 400), ("?ref=skill:a%20b", 400)])
async def test_wrong_questions_are_answered_with_a_reason(node: Running, query: str, status: int) -> None:
    found, body = await node.get("/api/v1/dht/events" + query)
    assert found == status and (body.get("error") or body)["code"]


async def test_nobody_to_ask_is_said(node: Running) -> None:
    status, body = await node.get(TRACE)
    assert status == 503 and (body.get("error") or body)["code"] == "dht.no_bootstrap"
