"""Gone is gone, at once or within 8 s, and the reason is told."""

from __future__ import annotations

import signal
from typing import Any

from scenarios.world import World


def play(world: World) -> None:
    def row(name: str) -> dict[str, Any]:
        key = world.key(name)
        return next((row for row in world.peers("watcher") if row["key"] == key), {"light": "", "why": []})

    world.until("all see all", world.all_see_all, 15.0)
    world.signal("polite", signal.SIGTERM)
    world.until("polite is gone, with a goodbye", lambda: row("polite")["why"] == ["goodbye"], 3.0)
    world.signal("crashed", signal.SIGKILL)
    world.until("crashed is not fresh", lambda: row("crashed")["light"] != "online", 8.5)
    world.signal("watcher", signal.SIGTERM)
    world.until("watcher stopped", lambda: not world.lives("watcher"), 5.0)
    world.start("watcher")
    world.until("watcher remembers both after a restart", lambda: bool(row("crashed")["light"]), 10.0)
    world.start("crashed")
    world.until("crashed is back", lambda: row("crashed")["light"] == "online", 10.0)
