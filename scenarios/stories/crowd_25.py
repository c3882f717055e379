"""Twenty-five on one network: everybody is seen, also by whoever comes last."""

from __future__ import annotations

from scenarios.world import World

LIGHT_ONES = 23


def play(world: World) -> None:
    def online(name: str) -> int:
        return sum(row["light"] == "online" for row in world.peers(name))

    world.until("desk sees all 23 light nodes", lambda: online("desk") >= LIGHT_ONES, 45.0)
    world.start("late")
    world.until("late sees all 24", lambda: online("late") >= LIGHT_ONES + 1, 20.0)
    world.until("desk sees late", lambda: world.light("desk", "late") == "online", 1.0)
