"""A connected peer is told that the catalogue changed: only its own view, bounded, the slow ones dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from node.io.peer_client import PeerClient, Point
from node.policy import know_key
from node.sharing import Share, add_share, stop_share
from protocol import limits
from protocol.catalogue import sign_ask
from protocol.identity import SigningKey
from protocol.refs import parse_ref
from tests.node.api.running import Running

SKILL, SCENE = parse_ref("skill:skill-msg-mail"), parse_ref("scene:daily-report")
FRIEND = SigningKey(b"f" * 32)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PEER_NEWS_SECONDS", 0.01)


@asynccontextmanager
async def listening(node: Running, ask: str = "") -> AsyncIterator[Any]:
    """Gives a function that waits for the next event."""
    params = {"ask": ask} if ask else {}
    sent = {"Accept": "text/event-stream"}
    async with node.client.get(node.peer + "/peer/v1/changes", params=params, headers=sent) as answer:
        assert answer.status == 200 and answer.content_type == "text/event-stream"

        async def told() -> dict[str, Any]:
            async with asyncio.timeout(5):
                while not (line := await answer.content.readline()).startswith(b"data: "):
                    assert line
                found: dict[str, Any] = json.loads(line[6:])
                return found

        yield told


async def offered(node: Running, ask: str = "") -> dict[str, Any]:
    _, body, _ = await node.call("GET", f"/peer/v1/changes?ask={ask}" if ask else "/peer/v1/changes", plane=node.peer)
    return dict(body)


async def test_everybody_is_told_of_changes_in_their_own_view_and_of_nothing_else(node: Running) -> None:
    service = node.desk.service
    paths, now = service.paths, service.now()
    me = service.ports.lan.key().public.agent_id
    know_key(paths, FRIEND.public.fingerprint)
    ask = sign_ask(FRIEND, me, now)
    async with listening(node) as stranger, listening(node, ask) as friend:
        assert (await stranger())["digest"] == (await friend())["digest"]
        add_share(paths, Share(SCENE, "paired"), now)
        only_friend = await friend()
        add_share(paths, Share(SKILL), now)
        both = await friend()
        public = await stranger()  # the first thing it hears is what everyone may see
        assert len({only_friend["digest"], both["digest"], public["digest"]}) == 3
        assert public == await offered(node) and both == await offered(node, ask)
        assert set(public) == {"last", "digest"}
        stop_share(paths, SKILL, now)
        assert (await friend())["digest"] == only_friend["digest"]


async def test_who_is_paired_while_it_listens_is_told_at_once(node: Running) -> None:
    service = node.desk.service
    add_share(service.paths, Share(SCENE, "paired"), service.now())
    ask = sign_ask(FRIEND, service.ports.lan.key().public.agent_id, service.now())
    async with listening(node, ask) as friend:
        before = await friend()
        know_key(service.paths, FRIEND.public.fingerprint)
        assert (await friend())["digest"] != before["digest"]


async def test_listeners_are_bounded_in_all_and_for_each_address(
    node: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "API_KEEP_ALIVE_SECONDS", 0.05)
    sent = {"Accept": "text/event-stream"}
    for bound in ("PEER_LISTENERS", "PEER_LISTENERS_EACH"):
        with monkeypatch.context() as patch:
            patch.setattr(limits, bound, 1)
            async with listening(node) as told:
                await told()
                status, said, headers = await node.call("GET", "/peer/v1/changes", headers=sent, plane=node.peer)
                assert (status, said["code"]) == (503, "api.busy") and headers["Retry-After"]
            async with asyncio.timeout(5):
                while node.desk.news.listeners:
                    await asyncio.sleep(0.01)


async def test_who_takes_nothing_is_dropped(node: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_STALLED_SECONDS", 0.02)

    async def never(data: bytes) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await node.desk.news.tell("", never, lambda: True)
    assert not node.desk.news.listeners


async def test_an_ask_that_is_no_record_makes_a_stranger(node: Running) -> None:
    assert await offered(node, "junk") == await offered(node)


async def test_a_paired_device_hears_it_and_fetches_what_changed(node: Running) -> None:
    service = node.desk.service
    me = service.ports.lan.key().public
    know_key(service.paths, FRIEND.public.fingerprint)
    host, _, port = node.peer.removeprefix("http://").rpartition(":")
    ours = PeerClient(lambda: FRIEND, service.now, lambda key: True)
    point = Point(me.agent_id, host, int(port), me.fingerprint)
    assert await ours.catalogue(point) == []
    async with aclosing(ours.listen(point)) as told, asyncio.timeout(5):
        add_share(service.paths, Share(SCENE, "paired"), service.now())
        assert await anext(told)
        assert [row.item.id for row in await ours.catalogue(point)] == [SCENE.id]
