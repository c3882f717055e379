"""Both seeds are killed for good: readings and restarts go on without them, and a newcomer that knows nobody else is told so."""

from __future__ import annotations

import signal

from scenarios.dht_story import all_up, look, published, settle
from scenarios.world import Failed, World

SEEDS = ("n0", "n6")
TOWN = tuple(f"n{number}" for number in range(12))


def play(world: World) -> None:
    all_up(world, TOWN, 30.0)
    world.until("everybody published", lambda: published(world, TOWN), 30.0)
    world.signal("n9", signal.SIGTERM)
    world.until("one stopped", lambda: not world.lives("n9"), 5.0)
    world.signal_all(SEEDS, signal.SIGKILL)
    look(world, "n3", nodes=12, what="nothing is lost with the seeds")
    world.start("n9")
    world.until("who restarts joins from memory", lambda: joined_again(world, "n9"), 15.0)
    world.forget("n0", "dht.db")
    done = world.ask("n0", "node", "--json", "dht", "status", accept=(5,))
    if done["error"]["code"] != "dht.unreachable":
        raise Failed(f"a newcomer that knows only dead seeds is told {done}")
    world.note("a newcomer that knows only the dead seeds is told that nobody answers")
    settle(world, [name for name in TOWN if name not in SEEDS])


def joined_again(world: World, name: str) -> bool:
    """Whether it came up twice, and the second time with contacts."""
    ups = [line for line in world.said(name) if line["event"] == "up"]
    return len(ups) == 2 and ups[1]["contacts"] > 0
