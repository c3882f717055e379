"""One item at several neighbours: they are asked together, and what the others have only when they fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.install.fetch import Fetcher
from node.install.peer_deliverer import PeerDeliverer
from node.install.stage import Stage
from node.install.store import Store
from node.install.unpack import PackedFile, Unpacked
from node.io.peer_client import Point
from protocol.errors import PolicyError, UnavailableError
from protocol.install.model import Origin
from protocol.install.universe import Location

TREE = "ab" * 32


def at(ip: str, tree: str = TREE, source: str = "udp_broadcast") -> Location:
    return Location(source, f"peer+http://node-x@{ip}:48889/{tree}", "key:x")


class Neighbours:
    near = False

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[list[Location]] = []
        self.fails = fails

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        raise AssertionError("asked alone")

    async def gather(self, locations: Sequence[Location], stage: Stage) -> tuple[Unpacked, Origin]:
        self.asked.append(list(locations))
        if self.fails:
            raise UnavailableError("peer.unreachable", address="x", reason="silence")
        return stage.files([PackedFile("SKILL.md", False, b"# x\n")]), Origin("udp_broadcast", locations[0].url)


def item(*locations: Location, digest: str = "") -> Any:
    return SimpleNamespace(ref="skill:x", digest=digest, locations=locations)


async def test_all_that_have_it_are_asked_together_and_once(tmp_path: Path) -> None:
    neighbours = Neighbours()
    first, second, other = at("10.0.0.1"), at("10.0.0.2"), at("10.0.0.3", "cd" * 32)
    with Store(tmp_path).stage(9) as stage:
        brought = await Fetcher({"peer+http": neighbours}, lambda digest: False).fetch(
            item(first, second, other), stage
        )
    assert neighbours.asked == [[first, second]] and brought.origin.url == first.url
    neighbours = Neighbours(fails=True)
    with Store(tmp_path).stage(9) as stage, pytest.raises(UnavailableError):
        await Fetcher({"peer+http": neighbours}, lambda digest: False).fetch(item(first, second, other), stage)
    assert neighbours.asked == [[first, second], [other]]


async def test_only_those_that_may_be_asked_are(tmp_path: Path) -> None:
    asked: list[Sequence[Point]] = []

    class Client:
        async def tree(
            self, points: Sequence[Point], digest: str, pace: object, journal: object = None
        ) -> list[PackedFile]:
            asked.append(points)
            return [PackedFile("SKILL.md", False, b"# x\n")]

    deliverer = PeerDeliverer(Client())  # type: ignore[arg-type]
    with Store(tmp_path).stage(9) as stage:
        await deliverer.gather([at("127.0.0.1", source="dht_kademlia"), at("10.0.0.2")], stage)
    assert [[point.ip for point in points] for points in asked] == [["10.0.0.2"]]
    with Store(tmp_path).stage(9) as stage, pytest.raises(PolicyError):
        await deliverer.gather([at("10.0.0.2", source="skill_center")], stage)
