"""Broadcast does not cross a router; unicast to a seed does, whenever the seed comes; what nobody hears is found in the DHT."""

from __future__ import annotations

import signal

from scenarios.world import Failed, World

SKILL = "skill:skill-text-brief"


def play(world: World) -> None:
    world.note("bench asks a seed that is not there")
    world.start("seed")
    world.until("desk and seed see each other", lambda: world.all_see_all("desk", "seed"), 15.0)
    world.until("bench and seed see each other across the router", lambda: world.all_see_all("bench", "seed"), 15.0)
    world.signal("seed", signal.SIGTERM)
    world.until("the seed stopped", lambda: not world.lives("seed"), 5.0)
    world.until("bench heard its goodbye", lambda: world.light("bench", "seed") != "online", 5.0)
    world.start("seed")
    world.until(
        "both see it again", lambda: world.all_see_all("desk", "seed") and world.all_see_all("bench", "seed"), 15.0
    )
    if world.light("desk", "bench"):
        raise Failed("desk heard bench: broadcasts crossed the router")
    world.until("bench finds in the DHT what desk shares", lambda: knows(world), 60.0)
    digest = world.ooder("bench", "install", SKILL, "--plan")["items"][0]["digest"]
    world.ooder("bench", "install", SKILL, "--yes", "--digest", digest)
    world.note(f"bench installed {SKILL} from desk, which it never heard")


def knows(world: World) -> bool:
    """Whether bench has heard of what desk shares."""
    world.ooder("bench", "scan", "--source", "dht_kademlia", accept=(0, 1, 4, 5))
    return any(row["ref"] == SKILL for row in world.ooder("bench", "list", "--kind", "skill")["items"])
