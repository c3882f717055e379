"""Nothing we send kills a Java receiver."""

from __future__ import annotations

from scenarios.world import Failed, World


def play(world: World) -> None:
    def sees(name: str) -> bool:
        return any(row["agent_id"] == "agent-java-1" and row["light"] == "online" for row in world.peers(name))

    world.until("desk and laptop see the Java neighbour", lambda: sees("desk") and sees("laptop"), 20.0)
    world.until("desk and laptop see each other", lambda: world.all_see_all("desk", "laptop"), 10.0)
    if not world.lives("java"):
        raise Failed("the Java neighbour died of what it heard")
    world.note("the Java neighbour lives")
