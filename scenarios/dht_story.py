"""What the stories about the DHT have in common: await that light nodes are up, look with a client, read what they say at the end."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

from scenarios.world import Failed, World

EACH = 2  # records of one node
RSS_MB = 160  # a light node with everything that was thrown at it


def all_up(world: World, names: Sequence[str], seconds: float, times: int = 1) -> None:
    """Await that all have joined (for the `times`-th time)."""

    def up() -> bool:
        return all(sum(1 for line in world.said(name) if line["event"] == "up") >= times for name in names)

    world.until(f"{len(names)} nodes have joined", up, seconds)


def published(world: World, names: Sequence[str], version: str = "1") -> bool:
    """Whether all have published that version."""
    return all(world.last(name, "published").get("version") == version for name in names)


def look(world: World, name: str, *, nodes: int, what: str, version: str = "1") -> dict[str, Any]:
    """Read everything from the machine of `name`, with a client. Raises Failed unless all is found, newest and listed."""
    words = ("read=skill:town-", f"nodes={nodes}", f"each={EACH}", f"version={version}")
    answer: dict[str, Any] = world.ask(name, "scenarios.dht_node", *words)
    if {answer["found"], answer["newest"], answer["listed"]} != {answer["read"]}:
        raise Failed(f"{what}: {answer}")
    world.note(f"{what}: {answer['read']} of {answer['read']}, p50 {answer['p50_ms']} ms")
    return answer


def settle(world: World, names: Sequence[str]) -> list[dict[str, Any]]:
    """Stop these nodes; what each said at the end. Raises Failed for one that died before or grew."""
    for name in names:
        if not world.lives(name):
            raise Failed(f"{name} died")
    world.signal_all(names, signal.SIGTERM)
    world.until("all ended by themselves", lambda: not any(world.lives(name) for name in names), 10.0)
    ends = [world.last(name, "end") for name in names]
    most = max(end.get("rss_mb", 10**6) for end in ends)
    if most > RSS_MB:
        raise Failed(f"a node used {most} MB")
    world.note(f"at most {most} MB and {max(end['records'] for end in ends)} records in one node")
    return ends
