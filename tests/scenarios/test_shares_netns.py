"""What is shared with some: real nodes in namespaces. Who is paired or in the group installs, a stranger is refused, and an end ends it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from node import control
from node.io.peer_client import PeerClient, Point
from node.keys import node_key
from node.sharing import Share, add_share, read_shares
from protocol.errors import UnavailableError
from protocol.identity import SigningKey
from protocol.refs import parse_ref
from scenarios.netns import NetLab, why_not
from scenarios.topology import Machine, Topology
from scenarios.world_here import HereWorld

pytestmark = [pytest.mark.slow, pytest.mark.netns, pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")]

OURS, SALES = "skill:skill-text-brief", "skill:skill-text-digest"
NODES = ("desk", "pad", "colleague", "stranger")


@pytest.fixture
def world() -> Iterator[HereWorld]:
    """Four machines; desk and colleague have the same list of a group."""
    machines = {name: Machine(lan="l", late=True, catalogue=name == "desk") for name in NODES}
    with HereWorld(Topology(about="shares", lans={"l": "10.77.1.0/24"}, nodes=machines), lambda line: None) as made:
        for name in ("desk", "colleague"):
            path = made.paths(name).config
            settings = yaml.safe_load(path.read_text("utf-8"))
            settings["groups"] = {"sales": [made.key("desk"), made.key("colleague")]}
            path.write_text(yaml.safe_dump(settings), "utf-8")
        made.ooder("desk", "scan", "--source", "local_fs")
        made.start(*NODES)
        yield made


def pair(world: HereWorld, one: str, other: str) -> None:
    """As `ooder peers pair` on both devices at once, when both people see the same code and say yes."""
    codes: dict[str, str] = {}

    def side(name: str) -> None:
        for said in control.request(world.paths(name), "peers.pair", {"name": ""}, language="en", seconds=20.0):
            if "code" in said:
                codes[name] = said["code"]
                control.ask(world.paths(name), "peers.confirm", {"yes": True}, language="en")

    sides = [threading.Thread(target=side, args=(name,)) for name in (one, other)]
    for thread in sides:
        thread.start()
    for thread in sides:
        thread.join(20.0)
    assert len(codes) == 2 and len(set(codes.values())) == 1, "both screens show one code"


def rows(world: HereWorld, name: str) -> dict[str, Any]:
    return {row["ref"]: row for row in world.ooder(name, "list", "--kind", "skill")["items"]}


def ask(world: HereWorld, name: str) -> set[str]:
    """What desk answers a node, straight, as its own process would ask."""
    assert isinstance(world.lab, NetLab)
    desk = node_key(world.paths("desk")).public
    point = Point(desk.agent_id, world.lab.hosts["desk"].ip, 48_889, desk.fingerprint)
    client = PeerClient(lambda: node_key(world.paths(name)), time.time, lambda who: True)
    with world.lab.inside(name):
        return {str(row.item.ref.any_version) for row in asyncio.run(client.catalogue(point))}


def fetch(world: HereWorld, key: SigningKey, host: str, digest: str) -> int:
    """How many files desk gives to who has this key."""
    assert isinstance(world.lab, NetLab)
    point = Point(node_key(world.paths("desk")).public.agent_id, world.lab.hosts["desk"].ip, 48_889)
    client = PeerClient(lambda: key, time.time, lambda who: True)
    with world.lab.inside(host):
        return len(asyncio.run(client.tree([point], digest)))


def test_the_paired_and_the_group_install_strangers_are_refused_and_an_end_ends_it(world: HereWorld) -> None:
    digests = {ref: str(row["digest"]) for ref, row in rows(world, "desk").items() if ref in (OURS, SALES)}
    world.until("all see desk", lambda: all(world.light(name, "desk") == "online" for name in NODES[1:]), 10.0)
    pair(world, "desk", "pad")
    world.ooder("desk", "share", OURS, "--with", "paired")
    world.ooder("desk", "share", SALES, "--with", "group:sales", "--for", "1m")

    for name, mine, others in (("pad", OURS, SALES), ("colleague", SALES, OURS)):
        world.until(f"{name} hears of it", lambda name=name, mine=mine: mine in rows(world, name), 10.0)  # type: ignore[misc]
        assert others not in rows(world, name)
        world.ooder(name, "install", mine, "--yes", "--digest", digests[mine])
    assert ask(world, "stranger") == set() and ask(world, "pad") == {OURS} and ask(world, "colleague") == {SALES}
    stranger = node_key(world.paths("stranger"))
    for digest in digests.values():
        with pytest.raises(UnavailableError):
            fetch(world, stranger, "stranger", digest)

    colleague = node_key(world.paths("colleague"))
    assert fetch(world, colleague, "colleague", digests[SALES])
    share = next(one for one in read_shares(world.paths("desk")) if str(one.ref) == SALES)
    now = time.time()
    assert 0 < share.until - now <= 60
    add_share(world.paths("desk"), Share(parse_ref(SALES), share.audience, share.may, now + 0.3), now)
    world.until("the share has ended", lambda: ask(world, "colleague") == set(), 3.0)
    with pytest.raises(UnavailableError):
        fetch(world, colleague, "colleague", digests[SALES])
