"""Streams: snapshot first, then every event once and in order; resume, gap, slow clients, stop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from node.events import Change
from protocol import limits
from tests.node.api.running import Running


def happen(node: Running, *types: str, size: int = 0) -> int:
    """Log events; returns the number of the last."""
    service = node.desk.service
    text = json.dumps({"x": "y" * size})
    service.index.apply([], service.rules, service.now(), [Change(one, "skill:x", text) for one in types])
    return service.last_event()


class Stream:
    """Reads one event after the other."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.comments = 0

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            fields: dict[str, str] = {}
            while True:
                line = (await self.answer.content.readline()).decode()
                if not line:
                    raise EOFError
                if line == "\n" and "data" in fields:
                    body: dict[str, Any] = json.loads(fields["data"])
                    assert fields["event"] == body["type"] and int(fields["id"]) == body["n"]
                    return body
                if line.startswith(":"):
                    self.comments += 1
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    fields[name] = value

    async def take(self, count: int) -> list[dict[str, Any]]:
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def stream(node: Running, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    sent = {**node.auth, "Accept": "text/event-stream", **{k.replace("_", "-"): v for k, v in headers.items()}}
    async with node.client.get(node.base + "/api/v1/events" + query, headers=sent) as answer:
        assert answer.status == 200 and answer.content_type == "text/event-stream"
        yield Stream(answer)


async def test_snapshot_first_then_deltas(node: Running) -> None:
    last = node.desk.service.last_event()
    async with stream(node) as one:
        first = await one.next()
        assert (first["type"], first["n"], first["data"]["last"]) == ("snapshot", last, last)
        assert first["data"]["counts"]["scenes"] >= 6 and first["data"]["sources"][0]["name"] == "local_fs"
        happen(node, "item.changed", "item.gone")
        happen(node, "item.discovered")
        told = await one.take(3)
        assert [event["n"] for event in told] == [last + 1, last + 2, last + 3]
        assert [event["type"] for event in told] == ["item.changed", "item.gone", "item.discovered"]


@pytest.mark.parametrize("by", ["since", "header"])
async def test_resume_misses_nothing_and_repeats_nothing(node: Running, by: str) -> None:
    last = happen(node, *["item.changed"] * 30)
    query, headers = (f"?since={last - 20}", {}) if by == "since" else ("?since=0", {"Last_Event_ID": str(last - 20)})
    async with stream(node, query, **headers) as one:
        told = await one.take(20)
        happen(node, "item.gone")
        told += await one.take(1)
    assert [event["n"] for event in told] == list(range(last - 19, last + 2))


async def test_what_is_no_longer_kept_is_a_gap_that_can_be_seen(node: Running) -> None:
    happen(node, *["item.changed"] * 5)
    service = node.desk.service
    service.index.apply([], service.rules, service.now(), [Change("item.changed")] * (limits.EVENTS_KEPT + 10))
    last = service.last_event()
    async with stream(node, "?since=2") as one:
        gap, snapshot = await one.take(2)
        assert gap["type"] == "gap" and gap["data"] == {"since": 2, "last": last}
        assert snapshot["type"] == "snapshot" and snapshot["n"] == last
        happen(node, "item.gone")
        assert (await one.next())["n"] == last + 1


async def test_a_number_from_the_future_is_a_gap(node: Running) -> None:
    async with stream(node, "?since=99999999") as one:
        assert [event["type"] for event in await one.take(2)] == ["gap", "snapshot"]


async def test_events_of_many_batches_arrive_in_order(node: Running) -> None:
    async with stream(node) as one:
        last = (await one.next())["n"]
        for _ in range(10):
            happen(node, *["item.changed"] * 150)
        told = await one.take(1_500)
    assert [event["n"] for event in told] == list(range(last + 1, last + 1_501))


async def test_a_quiet_stream_shows_that_it_lives(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_KEEP_ALIVE_SECONDS", 0.02)
    async with stream(node) as one:
        await one.next()
        async with asyncio.timeout(5):
            assert await one.answer.content.readline() == b": still here\n"


async def test_a_client_that_takes_nothing_is_dropped_and_costs_the_others_nothing(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "API_STALLED_SECONDS", 0.3)
    name, _, port = node.base.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port), limit=1)
    writer.write(
        f"GET /api/v1/events?since=0 HTTP/1.1\r\nHost: {name}:{port}\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {node.desk.keys.token}\r\n\r\n".encode()
    )
    async with stream(node) as quick:
        last = (await quick.next())["n"]
        for step in range(1, 41):
            happen(node, *["item.changed"] * 50, size=10_000)
            assert (await quick.take(50))[-1]["n"] == last + 50 * step
        async with asyncio.timeout(10):
            while node.desk.hub.listeners > 1:
                await asyncio.sleep(0.01)
    writer.close()
    assert reader is not None


async def test_streams_are_bounded(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_STREAMS", 1)
    async with stream(node) as one:
        await one.next()
        sent = {**node.auth, "Accept": "text/event-stream"}
        status, said, headers = await node.call("GET", "/api/v1/events", headers=sent)
        assert (status, said["code"]) == (503, "api.busy") and headers["Retry-After"]


async def test_the_socket_tells_the_same(node: Running) -> None:
    url = node.base + "/api/v1/ws"
    async with node.client.ws_connect(url, headers=node.auth) as socket:
        first = await socket.receive_json(timeout=5)
        assert first["type"] == "snapshot"
        await socket.send_str("whatever")
        last = happen(node, "item.changed")
        assert (await socket.receive_json(timeout=5))["n"] == last
    async with node.client.ws_connect(f"{url}?since={last - 1}", headers=node.auth) as socket:
        assert (await socket.receive_json(timeout=5))["n"] == last
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await node.client.ws_connect(url)
    assert caught.value.status == 401


async def test_nobody_listens_nobody_looks(node: Running) -> None:
    async with stream(node) as one:
        await one.next()
        assert node.desk.hub.listeners == 1
    async with asyncio.timeout(5):
        while node.desk.hub.listeners:
            await asyncio.sleep(0.01)


async def test_open_streams_do_not_hold_up_the_end(scanned: Any, tmp_path: Any) -> None:
    from node import config
    from node.api.gate import open_gate
    from node.paths import Paths
    from node.service import Service

    paths = Paths(tmp_path / "home")
    service = Service(paths, config.load(paths, {("api", "port"): 0}, environ={}))
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as client:
        async with open_gate(service, lambda: service.config, lambda: None) as desk:
            node = Running(desk, client, [])
            sent = {**node.auth, "Accept": "text/event-stream"}
            opened = [await client.get(node.base + "/api/v1/events", headers=sent) for _ in range(5)]
            socket = await client.ws_connect(node.base + "/api/v1/ws", headers=node.auth)
            await Stream(opened[0]).next()
            began = loop.time()
        assert loop.time() - began < 2.0
        assert (await socket.receive(timeout=1)).type is not None
        for one in opened:
            one.close()
    service.close()
