"""20,000 junk datagrams a second do not hide a newcomer."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    world.until("desk runs", lambda: bool(world.paths("desk").run.joinpath("node.sock").exists()), 15.0)
    world.start("flooder")
    world.start("newcomer")
    world.until("desk and newcomer see each other", lambda: world.all_see_all("desk", "newcomer"), 20.0)
