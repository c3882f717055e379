"""Broadcast does not cross a router; unicast to a seed does."""

from __future__ import annotations

from scenarios.world import Failed, World


def play(world: World) -> None:
    world.until("desk and seed see each other", lambda: world.all_see_all("desk", "seed"), 15.0)
    world.until("bench and seed see each other across the router", lambda: world.all_see_all("bench", "seed"), 15.0)
    if world.light("desk", "bench"):
        raise Failed("desk heard bench: broadcasts crossed the router")
