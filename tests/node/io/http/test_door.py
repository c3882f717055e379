"""The door against real servers on loopback: what comes in, what is refused, what is tried again."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from node.io.clock import SystemClock
from node.io.http import Door, HttpClient
from protocol import limits
from protocol.errors import OoderError
from protocol.http.breaker import Gate
from protocol.http.exchange import HttpBounds, HttpRequest
from tests.fakes.web_server import WebServer

ROWS = b'[{"id": "a"}]'
JSON = {"body": ROWS, "content_type": "application/json"}


class QuickClock(SystemClock):
    """Real time, but nobody sleeps for longer than a blink."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.001))


def make_door(tmp_path: Path) -> Door:
    return Door(tmp_path / "http", QuickClock(), Random(1))


def client_of(tmp_path: Path, *servers: WebServer, **bounds: object) -> HttpClient:
    hosts = frozenset(server.host for server in servers)
    origins = frozenset(f"http://{host}" for host in hosts)
    return make_door(tmp_path).client(
        HttpBounds(hosts=hosts, key_origins=origins, rate=1e6, burst=1e6, **bounds)  # type: ignore[arg-type]
    )


async def code_of(client: HttpClient, request: HttpRequest) -> str:
    try:
        await client.ask(request)
    except OoderError as error:
        assert error.next_step() or error.code == "http.cache_damaged"
        return error.code
    return ""


async def test_an_answer_is_read_whole_and_packed_or_not(tmp_path: Path) -> None:
    async with WebServer() as server:
        server.route("/plain", **JSON)
        packed = gzip.compress(ROWS)
        server.route("/packed", body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"})
        client = client_of(tmp_path, server)
        for path in ("/plain", "/packed"):
            answer = await client.ask(HttpRequest(server.url(path)))
            assert (answer.status, answer.body) == (200, ROWS)


async def test_unchanged_answers_are_not_sent_again_even_after_a_restart(tmp_path: Path) -> None:
    sent = []

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304)
        sent.append(1)
        return web.Response(body=ROWS, content_type="application/json", headers={"ETag": '"v1"'})

    async with WebServer() as server:
        server.route("/a", answer)
        first = await client_of(tmp_path, server).ask(HttpRequest(server.url("/a")))
        again = await client_of(tmp_path, server).ask(HttpRequest(server.url("/a")))
    assert not first.unchanged
    assert again.unchanged
    assert again.body == ROWS
    assert len(sent) == 1


async def test_a_damaged_kept_answer_is_asked_for_again(tmp_path: Path) -> None:
    async with WebServer() as server:
        server.route("/a", headers={"ETag": '"v1"'}, **JSON)
        await client_of(tmp_path, server).ask(HttpRequest(server.url("/a")))
        for path in (tmp_path / "http").rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[:-1] + b"!")
        answer = await client_of(tmp_path, server).ask(HttpRequest(server.url("/a")))
    assert answer.body == ROWS
    assert "If-None-Match" not in server.requests[-1].headers


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"text": "<html>login", "content_type": "text/html"}, "http.wrong_type"),
        ({"body": b"x", "headers": {"Content-Type": ""}}, "http.wrong_type"),
        ({"body": b" " * (9 * limits.MIB), "content_type": "application/json"}, "http.too_large"),
        ({"status": 404}, "http.not_found"),
        ({"status": 410}, "http.not_found"),
        ({"status": 401}, "http.denied"),
        ({"status": 418}, "http.refused"),
        ({"status": 500}, "http.failed"),
        ({"status": 503, "headers": {"Retry-After": "900"}}, "http.rate_limited"),
        ({"status": 429, "headers": {"Retry-After": "900"}}, "http.rate_limited"),
        ({"status": 403, "headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "900"}}, "http.rate_limited"),
        ({"status": 302}, "http.redirected_away"),
        ({"body": b"junk", "content_type": "application/json", "headers": {"Content-Encoding": "gzip"}}, "http.broken"),
        ({"body": b"junk", "content_type": "application/json", "headers": {"Content-Encoding": "br"}}, "http.broken"),
    ],
)
async def test_every_bad_answer_has_its_code(tmp_path: Path, answer: dict[str, object], code: str) -> None:
    async with WebServer() as server:
        server.route("/a", **answer)
        assert await code_of(client_of(tmp_path, server), HttpRequest(server.url("/a"))) == code


async def test_a_bomb_costs_no_more_than_its_bound(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(24 * limits.MIB))
    async with WebServer() as server:
        server.route("/a", body=bomb, content_type="application/json", headers={"Content-Encoding": "gzip"})
        began = time.process_time()
        assert await code_of(client_of(tmp_path, server), HttpRequest(server.url("/a"))) == "http.too_large"
        assert time.process_time() - began < 1.0


# --- Where it goes --------------------------------------------------------------------------------------------------
FORBIDDEN = [
    *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://0x7f000001:{port}/", "http://2130706433:{port}/"),
    *("http://127.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "https://10.0.0.1/", "https://192.168.0.1/"),
    *("https://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://[::1]:{port}/", "https://0/"),
    "https://[64:ff9b::7f00:1]:{port}/",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_thirteen_spellings_of_inside_are_never_connected_to(tmp_path: Path, url: str) -> None:
    async with WebServer() as server:
        client = make_door(tmp_path).client(HttpBounds())
        code = await code_of(client, HttpRequest(url.format(port=server.port)))
        assert code == ("http.bad_url" if url == "https://0/" else "http.forbidden_address")
        assert server.asked == []


async def test_a_name_that_leads_inside_is_refused_where_it_is_resolved(tmp_path: Path) -> None:
    client = make_door(tmp_path).client(HttpBounds())
    assert await code_of(client, HttpRequest("https://localhost:4433/")) == "http.forbidden_address"


async def test_a_name_that_changes_its_answer_is_refused_at_the_socket(tmp_path: Path) -> None:
    """DNS rebinding: even if a resolver let it pass, the socket for this address is not made."""
    client = make_door(tmp_path).client(HttpBounds())
    async with WebServer() as server:
        rebound = [{"hostname": "x", "host": "127.0.0.1", "port": server.port, "family": 2, "proto": 6, "flags": 0}]

        async def resolve(*_: object) -> list[dict[str, object]]:
            return rebound

        client.dialer.resolve = resolve  # type: ignore[method-assign,assignment]
        assert await code_of(client, HttpRequest(f"https://evil.example:{server.port}/")) == "http.forbidden_address"
        assert server.asked == []


async def test_the_environment_is_not_asked_for_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with WebServer() as server:
        server.route("/a", **JSON)
        assert await code_of(client_of(tmp_path, server), HttpRequest(server.url("/a"))) == ""


async def test_a_configured_proxy_is_used(tmp_path: Path) -> None:
    async with WebServer() as proxy:
        proxy.route("/a", **JSON)
        bounds = HttpBounds(hosts=frozenset({"inside.example:80"}), proxy=proxy.url(""))
        answer = await make_door(tmp_path).client(bounds).ask(HttpRequest("http://inside.example/a"))
    assert answer.body == ROWS
    assert proxy.requests[0].headers["Host"] == "inside.example"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("/b", ""),
        ("/a", "http.redirected_away"),
        ("http://169.254.169.254/", "http.redirected_away"),
        ("https://169.254.169.254/", "http.forbidden_address"),
        ("https://127.0.0.1/", "http.forbidden_address"),
        ("file:///etc/passwd", "http.redirected_away"),
        ("https://u:p@example.com/", "http.redirected_away"),
        ("https://example.com:22/", "http.redirected_away"),
        ("//[", "http.redirected_away"),
    ],
)
async def test_redirects(tmp_path: Path, to: str, code: str) -> None:
    async with WebServer() as server:
        server.route("/a", status=302, headers={"Location": to})
        server.route("/b", **JSON)
        assert await code_of(client_of(tmp_path, server), HttpRequest(server.url("/a"))) == code


async def test_redirects_are_few_and_change_nothing(tmp_path: Path) -> None:
    async with WebServer() as server:
        for at in range(6):
            server.route(f"/{at}", status=307, headers={"Location": f"/{at + 1}"})
        client = client_of(tmp_path, server)
        assert await code_of(client, HttpRequest(server.url("/0"))) == "http.redirected_away"
        assert len(server.asked) == limits.HTTP_REDIRECTS + 1
        post = HttpRequest(server.url("/0"), method="POST", body=b"{}")
        assert await code_of(client, post) == "http.redirected_away"


# --- Keys -----------------------------------------------------------------------------------------------------------
async def test_a_key_goes_to_its_own_origin_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K1", "one")
    async with WebServer() as own, WebServer() as other:
        own.route("/a", status=302, headers={"Location": other.url("/b")})
        other.route("/b", **JSON)
        client = make_door(tmp_path).client(
            HttpBounds(
                hosts=frozenset({own.host, other.host}), keys=("env:K1",), key_origins=frozenset({f"http://{own.host}"})
            )
        )
        await client.ask(HttpRequest(own.url("/a")))
    assert own.requests[0].headers["Authorization"] == "Bearer one"
    assert "Authorization" not in other.requests[0].headers


async def test_a_revoked_key_is_put_aside_and_the_next_one_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("K1", "revoked-canary")
    good = tmp_path / "key"
    good.write_text("good-canary\n")
    good.chmod(0o600)

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer good-canary":
            return web.Response(status=401)
        return web.Response(body=ROWS, content_type="application/json", headers={"ETag": '"1"'})

    caplog.set_level(logging.DEBUG)
    async with WebServer() as server:
        server.route("/a", answer)
        client = client_of(tmp_path, server, keys=("env:K1", f"file:{good}"))
        await client.ask(HttpRequest(server.url("/a")))
        await client.ask(HttpRequest(server.url("/a")))
        assert len(server.asked) == 3
        assert client.keys.quarantined == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "http").rglob("*") if path.is_file())
    assert "canary" not in caplog.text
    assert b"canary" not in kept


async def test_a_used_up_quota_is_not_evaded_by_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K1", "one")
    monkeypatch.setenv("K2", "two")
    async with WebServer() as server:
        server.route("/a", status=429, headers={"Retry-After": "60"})
        client = client_of(tmp_path, server, keys=("env:K1", "env:K2"))
        for _ in range(3):
            assert await code_of(client, HttpRequest(server.url("/a"))) == "http.rate_limited"
        assert [request.headers["Authorization"] for request in server.requests] == ["Bearer one"]
        assert client.keys.quarantined == 0


def test_key_files_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    client = make_door(tmp_path).client(HttpBounds(keys=(f"file:{path}",)))
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(OoderError, match="0600"):
            client.keys.current()
    link = tmp_path / "link"
    path.chmod(0o600)
    os.symlink(path, link)
    with pytest.raises(OoderError):
        make_door(tmp_path).client(HttpBounds(keys=(f"file:{link}",))).keys.current()


# --- Pauses, retries and breakers -----------------------------------------------------------------------------------
async def test_a_hiccup_is_tried_again_but_only_what_may_be(tmp_path: Path) -> None:
    failures = [500, 502, 503]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=failures.pop()) if failures else web.Response(**JSON)

    async with WebServer() as server:
        server.route("/a", answer)
        client = client_of(tmp_path, server)
        assert (await client.ask(HttpRequest(server.url("/a")))).body == ROWS
        failures.append(500)
        assert await code_of(client, HttpRequest(server.url("/a"), method="POST", body=b"{}")) == "http.failed"


async def test_a_dead_origin_is_left_alone_after_five_failures_and_tried_once(tmp_path: Path) -> None:
    async with WebServer() as server:
        server.route("/a", status=500)
        client = client_of(tmp_path, server)
        request = HttpRequest(server.url("/a"), method="POST", body=b"{}")
        codes = [await code_of(client, request) for _ in range(8)]
        assert codes == ["http.failed"] * 5 + ["http.resting"] * 3
        assert client.health(server.url("/")).gate is Gate.OPEN
        assert len(server.asked) == 5


async def test_many_at_half_open_make_one_trial(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await gate.wait()
        return web.Response(**JSON)

    async with WebServer() as server:
        server.route("/a", answer)
        client = client_of(tmp_path, server)
        breaker = client.origin(
            __import__("protocol.http.exchange", fromlist=["x"]).read_target(server.url("/"))
        ).breaker
        for _ in range(5):
            breaker.failed(client.door.clock.loop() - 1_000, chance=0.0)
        asks = [asyncio.ensure_future(code_of(client, HttpRequest(server.url("/a"), keep=False))) for _ in range(20)]
        done, _ = await asyncio.wait(asks, timeout=0.3)
        assert len(done) == 19
        gate.set()
        assert sorted([await ask for ask in asks]) == [""] + ["http.resting"] * 19
        assert len(server.asked) == 1


async def test_a_host_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    async with WebServer() as server:
        server.route("/a", status=429, headers={"Retry-After": "120"})
        server.route("/b", **JSON)
        client = client_of(tmp_path, server)
        with pytest.raises(OoderError) as caught:
            await client.ask(HttpRequest(server.url("/a")))
        assert caught.value.params["retry_after"] == pytest.approx(120, abs=1)
        assert await code_of(client, HttpRequest(server.url("/b"))) == "http.rate_limited"
        assert len(server.asked) == 1


async def test_silence_and_drip_end_in_time(tmp_path: Path) -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        await answer.prepare(request)
        for _ in range(100):
            await answer.write(b" ")
            await asyncio.sleep(0.05)
        return answer

    async with WebServer() as server:
        server.route("/silent", silent)
        server.route("/drip", drip)
        client = client_of(tmp_path, server, silence_s=0.2, total_s=0.5)
        for path in ("/silent", "/drip"):
            began = time.monotonic()
            assert await code_of(client, HttpRequest(server.url(path))) == "http.timed_out"
            assert time.monotonic() - began < 3


# --- Downloads and sockets ------------------------------------------------------------------------------------------
async def test_a_download_is_resumed_where_it_broke(tmp_path: Path) -> None:
    data = os.urandom(3 * limits.MIB)
    cuts = [limits.MIB, 2 * limits.MIB]

    async def answer(request: web.Request) -> web.StreamResponse:
        start = int(request.headers["Range"][6:-1]) if "Range" in request.headers else 0
        heads = {"ETag": '"1"', "Content-Length": str(len(data) - start)}
        if start:
            heads["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        reply = web.StreamResponse(status=206 if start else 200, headers=heads)
        await reply.prepare(request)
        end = cuts.pop(0) if cuts else len(data)
        await reply.write(data[start:end])
        if end < len(data) and request.transport is not None:
            await asyncio.sleep(0.05)
            request.transport.close()
        return reply

    digest = hashlib.sha256(data).hexdigest()
    async with WebServer() as server:
        server.route("/p", answer)
        client = client_of(tmp_path, server)
        request = HttpRequest(server.url("/p"), types=(), most=limits.PACKAGE_BYTES)
        done = await client.download(request, tmp_path / "p", digest)
        assert (done.size, done.sha256, done.resumed) == (len(data), digest, 2)
        assert (tmp_path / "p").read_bytes() == data
        with pytest.raises(OoderError, match="not the one that was promised"):
            await client.download(request, tmp_path / "q", "0" * 64)
        assert not (tmp_path / "q").exists()
        with pytest.raises(OoderError) as caught:
            await client.download(replace(request, most=1_000), tmp_path / "q")
        assert caught.value.code == "http.too_large"


async def test_another_file_in_the_middle_begins_anew(tmp_path: Path) -> None:
    old, new = b"a" * 400_000, b"b" * 400_000
    asked = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Range", ""))
        if len(asked) == 1:
            reply = web.StreamResponse(headers={"ETag": '"1"', "Content-Length": str(len(old))})
            await reply.prepare(request)
            await reply.write(old[:200_000])
            await asyncio.sleep(0.05)
            assert request.transport is not None
            request.transport.close()
            return reply
        return web.Response(body=new, headers={"ETag": '"2"'})

    async with WebServer() as server:
        server.route("/p", answer)
        client = client_of(tmp_path, server)
        done = await client.download(HttpRequest(server.url("/p"), types=()), tmp_path / "p")
    assert (tmp_path / "p").read_bytes() == new
    assert done.size == len(new)
    assert asked == ["", "bytes=200000-"]


async def test_a_socket_brings_texts_and_says_how_it_ended(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        said = await socket.receive_json()
        for at in range(3):
            await socket.send_str(f"{said['since']} {at}")
        if said["since"] == 2:
            await socket.send_str("x" * (limits.HTTP_MESSAGE_BYTES + 1))
        if said["since"] == 1 and request.transport is not None:
            request.transport.abort()
        await socket.close()
        return socket

    async with WebServer() as server:
        server.route("/ws", answer)
        server.route("/away", status=302, headers={"Location": "/ws"})
        client = client_of(tmp_path, server)
        codes = []
        for since in (0, 1, 2):
            request = HttpRequest(server.url("/ws").replace("http", "ws"), body=json.dumps({"since": since}).encode())
            got: list[str] = []
            try:
                async with client.socket(request) as messages:
                    async for text in messages:
                        got.append(text)
                codes.append("")
            except OoderError as error:
                codes.append(error.code)
            assert got == [f"{since} {at}" for at in range(3)]
        assert codes == ["", "http.broken", "http.too_large"]
        for path in ("/nowhere", "/away"):
            with pytest.raises(OoderError):
                async with client.socket(HttpRequest(server.url(path).replace("http", "ws"))):
                    pass


def test_connections_end_with_their_loop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clients = []

    async def once() -> None:
        async with WebServer() as server:
            server.route("/a", **JSON)
            client = clients[0] if clients else client_of(tmp_path, server)
            clients.append(client)
            await code_of(client, HttpRequest(server.url("/a")))

    for _ in range(2):
        asyncio.run(once())
    clients.clear()
    gc.collect()
    assert "Unclosed" not in caplog.text
