"""Fifty light nodes, churn without warning, and everything that anybody published stays findable by name and in the listing.

What is promised: a record that more nodes hold than are killed cannot be lost, whether its publisher lives or not. So the
killing waits until every sweep reached that many, which the first to come only do when they sweep again for those who came later.
"""

from __future__ import annotations

import signal

from scenarios.dht_story import LOOKS, all_up, look, published, settle
from scenarios.world import World

KILLED = ("n3", "n8", "n12", "n17", "n21", "n26", "n30", "n35", "n39", "n44")
FIRST = tuple(f"n{number}" for number in range(45))
LATE = ("n45", "n46", "n47", "n48", "n49")
HOLDERS = len(KILLED) + 1
PATIENCE = 120.0  # seconds in which fifty programs start and publish, on a machine that has other work


def play(world: World) -> None:
    all_up(world, FIRST, PATIENCE)
    world.until(f"{HOLDERS} or more hold each record", lambda: published(world, FIRST, replicas=HOLDERS), PATIENCE)
    look(world, "n7", nodes=45, what="one of them finds all 90 records by name and in the listing", looks=LOOKS)
    world.signal_all(KILLED, signal.SIGKILL)
    for name in LATE:
        world.start(name)
    look(world, "n42", nodes=45, what="ten killed and not yet missed: nothing is lost", looks=LOOKS)
    all_up(world, LATE, PATIENCE)
    world.until("the newcomers published", lambda: published(world, LATE, replicas=HOLDERS), PATIENCE)
    look(world, "n49", nodes=50, what="a newcomer finds what the dead, the living and the new published", looks=LOOKS)
    settle(world, [name for name in (*FIRST, *LATE) if name not in KILLED])
