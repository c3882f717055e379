"""Two halves lose each other within 8 s and find each other within 2 s."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    world.until("all see all", world.all_see_all, 15.0)
    world.split("office", ["c"])
    world.until("c is not fresh for a", lambda: world.light("a", "c") != "online", 9.0)
    world.until("nobody is fresh for c", lambda: "online" not in {world.light("c", "a"), world.light("c", "b")}, 9.0)
    world.heal("office")
    world.until("healed: all see all", world.all_see_all, 3.0)
