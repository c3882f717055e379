"""Who is on the other side: a certificate nobody vouches for is refused, one of the company's own authority is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.errors import OoderError
from protocol.http.exchange import HttpBounds, HttpRequest
from tests.fakes.certificate import certificate
from tests.fakes.web_server import WebServer
from tests.node.io.http.test_door import JSON, make_door


@pytest.mark.parametrize(
    ("known", "ip", "code"),
    [(False, "127.0.0.1", "http.untrusted"), (True, "127.0.0.1", ""), (True, "127.0.0.2", "http.untrusted")],
)
async def test_certificates(tmp_path: Path, known: bool, ip: str, code: str) -> None:
    authority, context = certificate(tmp_path, ip)
    async with WebServer(tls=context) as server:
        server.route("/a", **JSON)
        bounds = HttpBounds(hosts=frozenset({server.host}), ca_file=str(authority) if known else "")
        found = ""
        try:
            await make_door(tmp_path).client(bounds).ask(HttpRequest(server.url("/a")))
        except OoderError as error:
            found = error.code
    assert found == code


async def test_nobody_is_led_from_https_to_http(tmp_path: Path) -> None:
    authority, context = certificate(tmp_path)
    async with WebServer(tls=context) as safe, WebServer() as plain:
        safe.route("/a", status=301, headers={"Location": plain.url("/b")})
        plain.route("/b", **JSON)
        bounds = HttpBounds(hosts=frozenset({safe.host, plain.host}), ca_file=str(authority))
        with pytest.raises(OoderError, match="https to http"):
            await make_door(tmp_path).client(bounds).ask(HttpRequest(safe.url("/a")))
        assert plain.asked == []


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    import asyncio

    async def ask() -> None:
        await (
            make_door(tmp_path)
            .client(HttpBounds(ca_file=str(tmp_path / "none")))
            .ask(HttpRequest("https://x.example/"))
        )

    with pytest.raises(OoderError) as caught:
        asyncio.run(ask())
    assert caught.value.code == "http.bad_authority"
