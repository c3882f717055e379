"""Sleeping is not being there; waking is quick."""

from __future__ import annotations

import signal

from scenarios.world import World


def play(world: World) -> None:
    world.until("both see each other", world.all_see_all, 15.0)
    world.signal("laptop", signal.SIGSTOP)
    world.until("the sleeping laptop is not fresh", lambda: world.light("desk", "laptop") != "online", 9.0)
    world.signal("laptop", signal.SIGCONT)
    world.until("both see each other again", world.all_see_all, 5.0)
