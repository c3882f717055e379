"""Twenty-five on one network: everybody sees everybody, also whoever comes last."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    world.until("all 24 see all", world.all_see_all, 45.0)
    world.start("late")
    everybody = list(world.topology.nodes)
    world.until("all 25 see all", lambda: world.all_see_all(*everybody), 20.0)
