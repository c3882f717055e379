"""Catalogues of peers: fetched when the beacon tells a new digest, kept fresh, gone with the peer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from protocol.catalogue import Offered
from protocol.errors import UnavailableError
from protocol.items import Item, Reading, Report
from protocol.lan_events import PeerAppeared, PeerHeard, PeerLeft, PeerSuspected
from protocol.peers import Address, Peer
from protocol.refs import Kind
from sources.lan_catalogues import FRESH_SECONDS, RETRY_FIRST, Catalogues
from tests.fakes.virtual_time import LoopClock, run_virtual

PEER = Peer("node-a", "K", tcp_port=48889, digest=b"1", proven=True, addresses=(Address("10.0.0.2", 1),))
ROW = Offered(Item(Kind.SKILL, "brief", "1.0"), "local:0", "sha256:" + "0" * 64)


class Story:
    """Catalogues with a peer whose answers are counted."""

    def __init__(self) -> None:
        self.asked, self.fail, self.said = 0, False, list[Report]()
        self.catalogues = Catalogues(self.fetch, lambda peer: "peer+http://x", self.said.append, LoopClock())

    async def fetch(self, peer: Peer) -> Sequence[Offered]:
        self.asked += 1
        await asyncio.sleep(0.1)
        if self.fail:
            raise UnavailableError("peer.refused", address="x", status=500)
        return (ROW,)

    def last(self) -> Reading:
        assert isinstance(self.said[-1], Reading)
        return self.said[-1]


def play(*steps: tuple[float, object], fail: bool = False) -> Story:
    async def main() -> Story:
        story = Story()
        story.fail = fail
        async with asyncio.TaskGroup() as group:
            task = group.create_task(story.catalogues.run())
            for wait, event in steps:
                await asyncio.sleep(wait)
                story.catalogues.hear(event)  # type: ignore[arg-type]
            await asyncio.sleep(1)
            task.cancel()
        return story

    return run_virtual(main())


def test_one_digest_is_asked_for_once_and_a_new_one_again() -> None:
    story = play((0, PeerAppeared(PEER)), (1, PeerHeard(PEER)), (1, PeerHeard(PEER)))
    assert story.asked == 1 and len(story.said) == 1
    assert story.last().sightings[0].item.id == "brief"
    story = play((0, PeerAppeared(PEER)), (1, PeerHeard(replace(PEER, digest=b"2"))))
    assert story.asked == 2


def test_nobody_is_asked_who_did_not_prove_to_be_there_or_serves_nothing() -> None:
    for peer in (
        replace(PEER, proven=False),
        replace(PEER, tcp_port=0),
        replace(PEER, digest=b""),
        replace(PEER, key=""),
    ):
        assert play((0, PeerAppeared(peer))).asked == 0


def test_what_a_fresh_peer_offers_stays_fresh_and_a_doubtful_one_does_not() -> None:
    story = play((0, PeerAppeared(PEER)), (60, PeerHeard(PEER)))
    assert story.asked == 1 and len(story.said) == 2
    sighting = story.last().sightings[0]
    assert sighting.expires_at == sighting.seen_at + FRESH_SECONDS
    sighting = play((0, PeerAppeared(PEER)), (5, PeerSuspected(PEER))).last().sightings[0]
    assert sighting.expires_at == sighting.seen_at
    assert play((0, PeerAppeared(PEER)), (5, PeerLeft(PEER))).last().sightings == ()


def test_a_peer_that_fails_is_asked_again_later_not_at_every_beat() -> None:
    beats = [(0.5, PeerHeard(PEER)) for _ in range(9)]
    story = play((0, PeerAppeared(PEER)), *beats, fail=True)
    assert story.asked == 1 and story.said == [] and "K" in story.catalogues.problems
    assert play((0, PeerAppeared(PEER)), (RETRY_FIRST + 1, PeerHeard(PEER)), fail=True).asked == 2


def test_a_peer_that_says_itself_that_it_changed_is_asked_at_once_and_once_more_after_a_fetch_under_way() -> None:
    async def main() -> None:
        story = Story()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(story.catalogues.run())
            story.catalogues.hurry("K")  # nobody knows that key
            story.catalogues.hear(PeerAppeared(PEER))
            await asyncio.sleep(1)
            assert story.asked == 1
            story.catalogues.hurry("K")
            await asyncio.sleep(0.05)
            for _ in range(3):
                story.catalogues.hurry("K")
            await asyncio.sleep(1)
            assert story.asked == 3
            task.cancel()

    run_virtual(main())
