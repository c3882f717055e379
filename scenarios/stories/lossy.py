"""Loss costs time, not truth."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    world.until("all see all", world.all_see_all, 20.0)
