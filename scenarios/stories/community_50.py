"""Fifty light nodes, churn without warning, and everything that anybody published stays findable by name and in the listing."""

from __future__ import annotations

import signal

from scenarios.dht_story import all_up, look, published, settle
from scenarios.world import World

KILLED = ("n3", "n8", "n12", "n17", "n21", "n26", "n30", "n35", "n39", "n44")
FIRST = tuple(f"n{number}" for number in range(45))
LATE = ("n45", "n46", "n47", "n48", "n49")


def play(world: World) -> None:
    all_up(world, FIRST, 60.0)
    world.until("everybody published", lambda: published(world, FIRST), 60.0)
    look(world, "n7", nodes=45, what="one of them finds all 90 records by name and in the listing")
    world.signal_all(KILLED, signal.SIGKILL)
    for name in LATE:
        world.start(name)
    look(world, "n42", nodes=45, what="ten killed and not yet missed: nothing is lost")
    all_up(world, LATE, 30.0)
    world.until("the newcomers published", lambda: published(world, LATE), 30.0)
    look(world, "n49", nodes=50, what="a newcomer finds what the dead, the living and the new published")
    settle(world, [name for name in (*FIRST, *LATE) if name not in KILLED])
