"""A registry of our own that signs, on loopback, and can be told to lie.

async with SignedRegistry() as registry:
    registry.publish("acme.report", "1.0")
    registry.config()   ->   a section for `sources.skill_center`
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from protocol.digest import TreeFile, tree_digest
from protocol.identity import SigningKey
from protocol.items import Item, Status
from protocol.refs import Kind, Ref
from protocol.skill_center.changes import encode_change
from protocol.skill_center.events import Pushed, encode_event
from protocol.skill_center.following import Ledger
from protocol.skill_center.head import Head, sign_head
from protocol.skill_center.release import Release, item_text, open_release, sha256_of, sign_release
from protocol.skill_center.revocations import Revocation, sign_revocations
from protocol.skill_center.rows import encode_row
from tests.fakes.web_server import WebServer

CENTER, ALICE = SigningKey(b"\x03" * 32), SigningKey(b"\x01" * 32)


@dataclass(slots=True)
class Kept:
    n: int
    text: str
    item: Item
    package: bytes


class SignedRegistry:
    """Publishes with one key, signs with another. `now` is the time it signs by, `lies` changes JSON bodies by path."""

    def __init__(self, now: float, port: int = 0) -> None:
        self.now = now
        self.seq = 1
        self.pushes: list[asyncio.Queue[str]] = []
        self.lies: dict[str, Any] = {}
        self.kept: dict[Ref, Kept] = {}
        self.ledger = Ledger()
        self.revoked: list[Revocation] = []
        self.revocations_seq = 0
        self._n = 0
        self.web = WebServer(port)
        for path, body in (
            ("/api/v1/center", self.head),
            ("/api/v1/changes", self.changes),
            ("/api/v1/revocations", self.revocations),
        ):
            self.web.route(path, self._answering(path, body))
        self.web.route("/api/v1/ws", self._socket)

    # --- What it has ------------------------------------------------------------------------------------------------
    def publish(
        self, id_: str, version: str = "1.0", *, status: Status = Status.ACTIVE, key: SigningKey = ALICE
    ) -> Release:
        """A release of a skill, or another word about one."""
        manifest = f"id: {id_}\nname: {id_}\nversion: '{version}'\ndescription: made here\n".encode()
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.USTAR_FORMAT, compresslevel=1) as tar:
            info = tarfile.TarInfo("skill.yaml")
            info.size = len(manifest)
            tar.addfile(info, io.BytesIO(manifest))
        item = Item(Kind.SKILL, id_, version, name=id_, description="made here")
        before = self.kept.get(item.ref)
        package = before.package if before else held.getvalue()
        digest = tree_digest([TreeFile("skill.yaml", False, len(manifest), hashlib.sha256(manifest).hexdigest())])
        text = sha256_of(item_text(item).encode())
        release = Release(item.ref, digest, sha256_of(package), len(package), len(manifest), 1, text, status)
        self._n += 1
        self.seq += 1
        record = sign_release(key, release, int(self.now * 1000) + self._n, self.now)
        signed = open_release(record, self.now)
        self.ledger.put(item.ref, signed.digest, signed.seq)
        self.kept[item.ref] = Kept(self._n, record, item, package)
        self.web.route(f"/download/{id_}/{version}", body=package)
        for queue in self.pushes:
            queue.put_nowait(encode_event(Pushed(self._n, "release.published", item.ref, self.now)))
        return release

    def revoke(self, what: str) -> None:
        """Put a tree or a key on the list."""
        self.revoked.append(Revocation(what, "bad", self.now))
        self.revocations_seq += 1
        self.seq += 1

    # --- Answers ----------------------------------------------------------------------------------------------------
    def head(self, request: web.Request | None = None, **changed: Any) -> dict[str, Any]:
        facts = {"event": self._n, "releases": len(self.kept), "catalogue": self.ledger.catalogue()}
        values = Head(**{**facts, "revocations": self.revocations_seq, **changed})
        return {"head": sign_head(CENTER, values, self.seq, self.now), "agent_id": CENTER.public.agent_id}

    def changes(self, request: web.Request) -> dict[str, Any]:
        since, limit = int(request.query.get("since", 0)), int(request.query.get("limit", 500))
        found = sorted((one for one in self.kept.values() if one.n > since), key=lambda one: one.n)[:limit]
        rows = [encode_change(one.n, one.text, item_text(one.item)) for one in found]
        return {"changes": rows, "last": self._n, "more": len(rows) == limit}

    def revocations(self, request: web.Request | None = None) -> dict[str, Any]:
        return {"list": sign_revocations(CENTER, self.revoked, self.revocations_seq, self.now)}

    def rows(self) -> list[dict[str, Any]]:
        """The guide's rows."""
        return [dict(encode_row(one.item, open_release(one.text, self.now), self.now)) for one in self.kept.values()]

    def _answering(self, path: str, make: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            lie = self.lies.get(path)
            body = lie(request) if lie else make(request)
            if isinstance(body, web.Response):
                return body
            data = json.dumps(body).encode()
            return web.Response(body=data, content_type="application/json")

        return answer

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.pushes.append(queue)
        try:
            while not socket.closed:
                await socket.send_str(await queue.get())
        except ConnectionError:
            pass
        finally:
            self.pushes.remove(queue)
        return socket

    @property
    def url(self) -> str:
        return self.web.url("")

    def config(self, **more: Any) -> dict[str, Any]:
        return {"registries": [{"url": self.url, "key": CENTER.public.fingerprint, **more}]}

    async def __aenter__(self) -> SignedRegistry:
        await self.web.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.web.__aexit__(None, None, None)
