"""A neighbour's catalogue and bytes over real sockets of this machine, from honest and from hostile peers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from node.io.peer_client import PeerClient, Point, check_point, read_location
from protocol import limits
from protocol.catalogue import Offered, encode_row, rows_digest, sign_head
from protocol.digest import TreeFile, tree_digest
from protocol.errors import DataError, IntegrityError, OoderError, PolicyError, UnavailableError
from protocol.identity import SigningKey
from protocol.items import Item
from protocol.refs import Kind

NOW = 1_800_000_000.0
PEER, ME, OTHER = SigningKey(b"p" * 32), SigningKey(b"m" * 32), SigningKey(b"o" * 32)
BYTES = {"SKILL.md": b"# brief\n", "bin/run.sh": b"#!/bin/sh\n"}
FILES = [TreeFile(name, name.endswith(".sh"), len(b), hashlib.sha256(b).hexdigest()) for name, b in BYTES.items()]
DIGEST = tree_digest(FILES)
WHOLE = b"".join(BYTES.values())  # sorted by path
ROWS = [encode_row(Offered(Item(Kind.SKILL, f"brief-{n}", "1.0"), "local:0", DIGEST, 18, 2)) for n in range(3)]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def catalogue(rows: list[Any] = ROWS, key: SigningKey = PEER, **changes: Any) -> dict[str, Any]:
    head = sign_head(key, rows_digest(rows), len(rows), 7, NOW)
    return {"last": 7, "full": True, "items": rows, "gone": [], "more": False, "head": head, **changes}


def client(friends: frozenset[str] = frozenset()) -> PeerClient:
    return PeerClient(lambda: ME, lambda: NOW, friends.__contains__)


@asynccontextmanager
async def peer(handler: Handler) -> AsyncIterator[tuple[Point, list[str]]]:
    """A peer that answers everything with `handler`, and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(str(request.rel_url))
        return await handler(request)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield Point(PEER.public.agent_id, "127.0.0.1", port, PEER.public.fingerprint), asked
    finally:
        await runner.cleanup()


def says(body: Any) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    return answer


async def honest(request: web.Request) -> web.StreamResponse:
    path = request.path
    if path == "/peer/v1/offers":
        return web.json_response(catalogue())
    if path == f"/peer/v1/packages/{DIGEST}":
        rows = [
            {"path": f.path, "size": f.size, "digest": f"sha256:{f.sha256}", "executable": f.executable} for f in FILES
        ]
        return web.json_response({"digest": DIGEST, "files": rows})
    assert path == f"/peer/v1/trees/{DIGEST}"
    start, end = request.http_range.start, request.http_range.stop
    return web.Response(status=206, body=WHOLE[start:end])


async def test_a_catalogue_and_a_tree_from_an_honest_peer() -> None:
    async with peer(honest) as (point, asked):
        rows = await client().catalogue(point)
        assert [row.item.id for row in rows] == ["brief-0", "brief-1", "brief-2"]
        files = await client().tree([point], DIGEST)
        assert {file.path: file.data for file in files} == BYTES and files[1].executable
        assert not any("ask=" in each for each in asked), "a stranger does not learn who asks"
        await client(frozenset({point.key})).catalogue(point)
        assert "ask=" in asked[-1]
    assert read_location(f"{point.location}/{DIGEST[7:]}")[0].port == point.port


async def test_a_delta_is_applied_and_one_that_does_not_fit_is_fetched_whole() -> None:
    more = [*ROWS[1:], encode_row(Offered(Item(Kind.SCENE, "new"), "local:0"))]
    wrong = False

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query["since"] == "0":
            return web.json_response(catalogue(more if wrong else ROWS))
        head = sign_head(PEER, rows_digest(more), 3, 8, NOW)
        gone = [] if wrong else [ROWS[0]["ref"]]
        return web.json_response(
            {"last": 8, "full": False, "items": more[2:], "gone": gone, "more": False, "head": head}
        )

    async with peer(answer) as (point, asked):
        asking = client()
        assert len(await asking.catalogue(point)) == 3
        assert [row.item.id for row in await asking.catalogue(point)] == ["brief-1", "brief-2", "new"]
        wrong = True
        again = client()
        again._known = {point.key: asking._known[point.key].__class__(7, {"x": {}})}
        assert len(await again.catalogue(point)) == 3 and asked[-1].endswith("since=0")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (catalogue(key=OTHER), "offer.other_node"),
        (catalogue(items=ROWS[:2]), "offer.wrong_digest"),
        (catalogue(items=[*ROWS, {"ref": "skill:extra"}]), "offer.wrong_digest"),
        (catalogue(head="AAAA"), "record.trailing_bytes"),
        (catalogue(head="\ud800"), "offer.malformed"),
        (catalogue(items=[1]), "offer.malformed"),
        (catalogue(items=None), "offer.malformed"),
        ([1, 2], "offer.malformed"),
    ],
)
async def test_a_catalogue_that_is_not_what_was_signed_is_not_used(body: Any, code: str) -> None:
    async with peer(says(body)) as (point, _):
        with pytest.raises((DataError, IntegrityError)) as found:
            await client().catalogue(point)
        assert found.value.code == code


async def test_other_bytes_are_refused_whether_listed_or_sent() -> None:
    async def lies(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/peer/v1/trees/"):
            return web.Response(status=206, body=b"# evil!\n" + WHOLE[8:])
        return await honest(request)

    async with peer(lies) as (point, _):
        with pytest.raises(IntegrityError):
            await client().tree([point], DIGEST)
    async with peer(honest) as (point, _):
        with pytest.raises(OoderError):
            await client().tree([point], "sha256:" + "0" * 64)


async def test_a_peer_that_stalls_drips_floods_resets_or_sends_elsewhere_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PEER_SILENCE_SECONDS", 0.2)
    monkeypatch.setattr(limits, "CATALOGUE_BYTES", 10_000)

    async def stall(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3)
        return web.Response()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async def flood(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * 20_000)

    async def reset(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://127.0.0.1:9/secret")

    for handler, code in (
        (stall, "peer.unreachable"),
        (drip, "peer.too_slow"),
        (flood, "peer.too_much"),
        (reset, "peer.unreachable"),
        (elsewhere, "peer.refused"),
    ):
        async with peer(handler) as (point, _):
            with pytest.raises(UnavailableError) as found:
                await client().catalogue(point)
            assert found.value.code == code, handler.__name__


@pytest.mark.parametrize(
    ("ip", "port"),
    [
        ("169.254.169.254", 8080),
        ("::ffff:169.254.169.254", 8080),
        ("0.0.0.0", 48889),
        ("224.0.0.251", 48889),
        ("255.255.255.255", 48889),
        ("ff02::fb", 48889),
        ("localhost", 48889),
        ("example.invalid", 48889),
        ("192.168.1.5", 22),
        ("192.168.1.5", 80),
        ("192.168.1.5", 0),
        ("192.168.1.5", 70_000),
    ],
)
async def test_what_is_no_neighbour_is_never_connected_to(ip: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    connects: list[object] = []

    async def connect(*arguments: object, **named: object) -> None:
        connects.append(arguments)

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    for ask in (lambda p: client().catalogue(p), lambda p: client().tree([p], DIGEST)):
        with pytest.raises(PolicyError):
            await ask(Point("node-x", ip, port, "K"))
    with pytest.raises(PolicyError):
        check_point(Point("node-x", ip, port))
    assert connects == []


async def test_a_tree_that_broke_off_is_resumed_by_a_range() -> None:
    ranges: list[str] = []

    async def breaks_once(request: web.Request) -> web.StreamResponse:
        if not request.path.startswith("/peer/v1/trees/"):
            return await honest(request)
        ranges.append(request.headers["Range"])
        if len(ranges) > 1:
            return await honest(request)
        response = web.StreamResponse(status=206, headers={"Content-Length": str(len(WHOLE))})
        await response.prepare(request)
        await response.write(WHOLE[:3])
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with peer(breaks_once) as (point, _):
        assert {file.path: file.data for file in await client().tree([point], DIGEST)} == BYTES
    assert ranges == ["bytes=0-17", "bytes=3-17"]


async def test_listening_tells_of_catalogues_we_do_not_hold() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/peer/v1/changes":
            return await honest(request)
        assert request.headers["Accept"] == "text/event-stream" and request.query["ask"]
        return web.Response(
            body=b"id: 7\n\n: hello\nid: x\nid: 8\nevent: catalogue\n\n", content_type="text/event-stream"
        )

    async with peer(answer) as (point, _):
        ours = client(frozenset({point.key}))
        await ours.catalogue(point)  # number 7
        assert [number async for number in ours.listen(point)] == [8]


async def test_an_older_peer_without_the_stream_is_an_error_with_a_code() -> None:
    async with peer(honest_but_old) as (point, _):
        with pytest.raises(UnavailableError) as caught:
            _ = [number async for number in client().listen(point)]
        assert caught.value.code == "peer.refused"


async def honest_but_old(request: web.Request) -> web.StreamResponse:
    return web.Response(status=404)
