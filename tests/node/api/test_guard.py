"""SECURITY 5.5: what other sites, rebound names, other ports and other users get - nothing; and in which order it is refused."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from node.api.keys import Keys, write_private
from node.api.listening import bind, is_loopback
from node.api.server import HEADERS
from protocol import limits
from protocol.errors import OoderError, UnavailableError, UsageError
from tests.node.api.running import Running

PATHS = ("/api/v1/status", "/api/v1/events", "/api/v1/ws", "/livez", "/", "/nothing/here")


async def raw(node: Running, request: str) -> tuple[int, dict[str, Any]]:
    """Send bytes as they are; `{host}` and `{token}` are filled in."""
    host = node.base.removeprefix("http://")
    name, _, port = host.rpartition(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    text = request.replace("{host}", host).replace("{token}", node.desk.keys.token)
    writer.write(text.replace("\n", "\r\n").encode())
    answer = await reader.read(65_536)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    return int(head.split()[1]), said


def head(path: str, *lines: str, host: str = "Host: {host}", method: str = "GET") -> str:
    return "\n".join((f"{method} {path} HTTP/1.1", host, "Connection: close", *lines, "", ""))


AUTH = "Authorization: Bearer {token}"
CROSS_SITE: dict[str, tuple[str, int]] = {
    "a rebound name": (head("/api/v1/status", AUTH, host="Host: evil.example:48880"), 421),
    "a rebound name without port": (head("/api/v1/status", AUTH, host="Host: 127.0.0.1"), 421),
    "another port": (head("/api/v1/status", AUTH, host="Host: 127.0.0.1:1"), 421),
    "no host": ("GET /api/v1/status HTTP/1.0\n" + AUTH.strip() + "\n\n", 421),
    "two hosts": (head("/api/v1/status", AUTH, "Host: evil.example"), 400),  # the parser refuses it already
    "a name that only begins alike": (head("/api/v1/status", AUTH, host="Host: localhost.evil.example"), 421),
    "a foreign page": (head("/api/v1/status", AUTH, "Origin: https://evil.example"), 403),
    "a sandboxed page": (head("/api/v1/status", AUTH, "Origin: null"), 403),
    "our host with another scheme": (head("/api/v1/status", AUTH, "Origin: https://{host}"), 403),
    "a page of another port": (head("/api/v1/status", AUTH, "Origin: http://127.0.0.1:3000"), 403),
    "a cross-site image": (head("/api/v1/status", AUTH, "Sec-Fetch-Site: cross-site"), 403),
    "a same-site page of another port": (head("/api/v1/status", AUTH, "Sec-Fetch-Site: same-site"), 403),
    "nobody in particular": (head("/api/v1/status"), 401),
    "a wrong token": (head("/api/v1/status", "Authorization: Bearer wrong"), 401),
    "a token in the address": (head("/api/v1/status?token={token}"), 401),
    "a form": (
        head("/api/v1/scans", AUTH, "Content-Type: text/plain", "Content-Length: 2", method="POST") + "{}",
        415,
    ),
    "a cross-site WebSocket": (
        head(
            "/api/v1/ws",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Origin: https://evil.example",
            AUTH,
        ),
        403,
    ),
    "a preflight": (
        head(
            "/api/v1/scans",
            "Origin: https://evil.example",
            "Access-Control-Request-Method: POST",
            method="OPTIONS",
        ),
        403,
    ),
}


@pytest.mark.parametrize("case", CROSS_SITE)
async def test_other_sites_get_nothing(node: Running, case: str) -> None:
    request, wanted = CROSS_SITE[case]
    status, said = await raw(node, request)
    assert (status, said.get("status")) == (wanted, wanted if said else None)
    assert said or wanted == 400


def test_there_are_eighteen_cases() -> None:
    assert len(CROSS_SITE) == 18


async def test_our_own_page_and_programs_pass(node: Running) -> None:
    for lines in (
        (AUTH,),
        (AUTH, "Origin: http://{host}", "Sec-Fetch-Site: same-origin"),
        (AUTH, "Sec-Fetch-Site: none"),
    ):
        assert (await raw(node, head("/api/v1/status", *lines)))[0] == 200
    port = node.base.rpartition(":")[2]
    assert (await raw(node, head("/api/v1/status", AUTH, host=f"Host: LOCALHOST:{port}")))[0] == 200


@pytest.mark.parametrize("path", PATHS)
async def test_every_path_is_guarded(node: Running, path: str) -> None:
    assert (await raw(node, head(path, AUTH, host="Host: evil.example")))[0] == 421
    assert (await raw(node, head(path, AUTH, "Origin: null")))[0] == 403
    assert (await raw(node, head(path, AUTH, "Sec-Fetch-Site: cross-site")))[0] == 403


async def test_the_order_of_the_checks(node: Running) -> None:
    """A request with everything wrong learns only the first thing; mended one by one, the next."""
    wrong = ["Origin: null", "Sec-Fetch-Site: cross-site", "Content-Type: text/plain", "Content-Length: 99999999"]
    answers = []
    for host, lines in (
        ("Host: evil.example", wrong),
        ("Host: {host}", wrong),
        ("Host: {host}", wrong[1:]),
        ("Host: {host}", wrong[2:]),
        ("Host: {host}", [AUTH, *wrong[2:]]),
        ("Host: {host}", [AUTH, "Content-Type: application/json", wrong[3]]),
    ):
        answers.append((await raw(node, head("/api/v1/scans", *lines, host=host, method="POST")))[0])
    assert answers == [421, 403, 403, 401, 415, 413]


async def test_every_answer_is_dressed(node: Running) -> None:
    for path in PATHS[:1] + PATHS[3:]:
        for headers in (node.auth, {}):
            async with node.client.get(node.base + path, headers=headers) as answer:
                for name, value in HEADERS.items():
                    assert name == "Cache-Control" or answer.headers[name] == value
                assert "Access-Control-Allow-Origin" not in answer.headers
                assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


async def test_a_browser_signs_in_once(node: Running) -> None:
    secret = node.desk.keys.make_link()
    status, _, headers = await node.call("POST", "/api/v1/session", {"token": secret}, headers={})
    cookie = headers["Set-Cookie"]
    assert status == 200 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    sent = {"Cookie": cookie.partition(";")[0]}
    assert (await node.call("POST", "/api/v1/session", {"token": secret}, headers={}))[0] == 401
    assert (await node.call("GET", "/api/v1/status", headers=sent))[1]["code"] == "api.no_header"
    signed = {**sent, "X-Ooder": "1"}
    assert (await node.call("GET", "/api/v1/status", headers=signed))[0] == 200
    stream = {**sent, "Accept": "text/event-stream"}
    assert (await node.call("GET", "/api/v1/events", headers=stream))[0] == 401
    async with node.client.get(
        node.base + "/api/v1/events", headers={**stream, "Sec-Fetch-Site": "same-origin"}
    ) as answer:
        assert answer.status == 200
    assert (await node.call("DELETE", "/api/v1/session", headers=signed))[0] == 200
    assert (await node.call("GET", "/api/v1/status", headers=signed))[0] == 401


def keys(folder: Path, at: float = 1000.0) -> Keys:
    return Keys(folder, lambda: at)


def test_the_token_is_private_and_new_each_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    first, second = keys(run), keys(run)
    first.publish("http://127.0.0.1:1")
    assert stat.S_IMODE(first.token_path.stat().st_mode) == 0o600 and stat.S_IMODE(run.stat().st_mode) == 0o700
    assert first.token_path.read_text() == first.token != second.token and len(first.token) >= 43
    assert first.is_token(first.token) and not second.is_token(first.token) and not first.is_token("")
    first.withdraw()
    assert not first.token_path.exists()


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim"
    run.mkdir(mode=0o700)
    victim.write_text("precious")
    (run / "token").symlink_to(victim)
    (run / f".token.{os.getpid()}").symlink_to(victim)
    keys(run).publish("http://127.0.0.1:1")
    assert victim.read_text() == "precious" and not (run / "token").is_symlink()


def test_sessions_outlive_a_restart_but_not_their_time(tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = keys(run)
    session = before.open_session(before.make_link())
    assert session not in (run / "sessions.json").read_text()
    assert keys(run).is_session(session)
    assert not keys(run, 1000.0 + limits.API_SESSION_SECONDS).is_session(session)
    (run / "sessions.json").chmod(0o644)
    assert not keys(run).is_session(session)
    for junk in ("", "[]", '{"a": "b"}', "{"):
        write_private(run / "sessions.json", junk.encode())
        assert not keys(run).is_session(session)


def test_links_and_sessions_are_bounded(tmp_path: Path) -> None:
    found = keys(tmp_path / "run")
    links = [found.make_link() for _ in range(limits.API_LINKS + 3)]
    with pytest.raises(UsageError):
        found.open_session(links[0])
    first = found.open_session(links[-1])
    for _ in range(limits.API_SESSIONS):
        found.open_session(found.make_link())
    assert not found.is_session(first)


def test_a_taken_port_moves_to_the_next_free_one() -> None:
    first = bind("127.0.0.1", 0)
    port = first.getsockname()[1]
    second = bind("127.0.0.1", port)
    assert port < second.getsockname()[1] <= port + limits.API_PORTS_TRIED
    first.close()
    second.close()
    with pytest.raises(UnavailableError) as caught:
        bind("192.0.2.1", 48880)
    assert caught.value.code == "api.no_port"


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_what_counts_as_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside


async def test_listening_outside_needs_tls(tmp_path: Path) -> None:
    from node import config
    from node.api.gate import open_gate
    from node.paths import Paths
    from node.service import Service

    paths = Paths(tmp_path / "home")
    for flags, code in (
        ({("api", "host"): "0.0.0.0", ("api", "port"): 0}, "api.unsafe_listen"),
        ({("api", "tls_certificate"): str(tmp_path / "none.pem"), ("api", "port"): 0}, "api.bad_tls"),
    ):
        loaded = config.load(paths, flags, environ={})
        service = Service(paths, loaded)
        with pytest.raises(OoderError) as caught:
            async with open_gate(service, lambda loaded=loaded: loaded, lambda: None):  # type: ignore[misc]
                pass
        assert caught.value.code == code
        service.close()


async def test_a_flood_of_a_thousand_clients_is_bounded(node: Running) -> None:
    """No more connections are served than allowed, and afterwards everything works."""
    name, _, port = node.base.removeprefix("http://").rpartition(":")
    opened = []
    for _ in range(1_000):
        opened.append(await asyncio.open_connection(name, int(port)))
    for _, writer in opened:
        writer.write(f"GET /livez HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
    answers = [int((await reader.read(4_096)).split()[1] or 0) for reader, _ in opened]
    assert answers.count(200) == limits.API_CONNECTIONS and answers.count(503) == 1_000 - limits.API_CONNECTIONS
    for _, writer in opened:
        writer.close()
    async with asyncio.timeout(10):
        while (await node.call("GET", "/livez"))[0] != 200:
            await asyncio.sleep(0)
