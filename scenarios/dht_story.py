"""What the stories about the DHT have in common: await that light nodes are up, look with a client, read what they say at the end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from scenarios.world import Failed, World

EACH = 2  # records of one node
LOOKS = 3  # a client on a machine that has no time for it may take living nodes for silent ones
RSS_MB = 160  # a light node with everything that was thrown at it


def all_up(world: World, names: Sequence[str], seconds: float, times: int = 1) -> None:
    """Await that all have joined (for the `times`-th time)."""

    def up() -> bool:
        return all(sum(1 for line in world.said(name) if line["event"] == "up") >= times for name in names)

    world.until(f"{len(names)} nodes have joined", up, seconds)


def published(world: World, names: Sequence[str], version: str = "1", replicas: int = 1) -> bool:
    """Whether the last sweep of all of them brought that version to so many nodes."""

    def done(said: dict[str, Any]) -> bool:
        return said.get("version") == version and said["replicas"] >= replicas

    return all(done(world.last(name, "published")) for name in names)


def look(world: World, name: str, *, nodes: int, what: str, version: str = "1", looks: int = 1) -> dict[str, Any]:
    """Read everything from the machine of `name`, with a client. Raises Failed unless all is found, newest and listed: at the
    first look, or at one of `looks` where all that is promised is that nothing is lost. The timeline names every look."""
    words = ("read=skill:town-", f"nodes={nodes}", f"each={EACH}", f"version={version}")
    answer: dict[str, Any] = {}
    for left in reversed(range(looks)):
        answer = world.ask(name, "scenarios.dht_node", *words)
        if {answer["found"], answer["newest"], answer["listed"]} == {answer["read"]}:
            world.note(f"{what}: {answer['read']} of {answer['read']}, p50 {answer['p50_ms']} ms")
            return answer
        if left:
            world.note(f"not all at this look: {answer}")
    raise Failed(f"{what}: {answer}")


def settle(world: World, names: Sequence[str]) -> list[dict[str, Any]]:
    """Stop these nodes; what each said at the end. Raises Failed for one that died before or grew."""
    for name in names:
        if not world.lives(name):
            raise Failed(f"{name} died")
    world.signal_all(names, signal.SIGTERM)
    world.until("all ended by themselves", lambda: not any(world.lives(name) for name in names), 60.0)
    ends = [world.last(name, "end") for name in names]
    most = max(end.get("rss_mb", 10**6) for end in ends)
    if most > RSS_MB:
        raise Failed(f"a node used {most} MB")
    world.note(f"at most {most} MB and {max(end['records'] for end in ends)} records in one node")
    return ends
