"""20,000 junk datagrams a second do not hide a newcomer."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    world.start("flooder")
    world.start("newcomer")
    world.until("desk and newcomer see each other", lambda: world.all_see_all("desk", "newcomer"), 5.0)
