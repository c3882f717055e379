"""The power fails everywhere: all nodes start again at once, find each other from memory, and still hold each other's records."""

from __future__ import annotations

import signal

from scenarios.dht_story import all_up, look, published, settle
from scenarios.world import World

TOWN = tuple(f"n{number}" for number in range(12))
GONE = "n5"


def play(world: World) -> None:
    all_up(world, TOWN, 30.0)
    world.until("everybody published", lambda: published(world, TOWN), 30.0)
    world.signal_all(TOWN, signal.SIGTERM)
    world.until("everybody stopped", lambda: not any(world.lives(name) for name in TOWN), 10.0)
    back = [name for name in TOWN if name != GONE]
    for name in back:
        world.start(name)
    all_up(world, back, 30.0, times=2)
    look(world, "n8", nodes=12, what="everything is there, also what its publisher never came back for")
    settle(world, back)
