"""Two devices with one key are named by whoever hears both."""

from __future__ import annotations

from scenarios.world import World


def play(world: World) -> None:
    key = world.key("original")

    def named(name: str) -> bool:
        return any(row["key"] == key and "clone" in row["why"] for row in world.peers(name))

    world.until("the witness names the clone", lambda: named("witness"), 20.0)
    traffic = world.ooder("original", "doctor", "lan", accept=(0, 1))
    checks = {row["check"] for row in traffic["findings"]}
    other = {row["check"] for row in world.ooder("copy", "doctor", "lan", accept=(0, 1))["findings"]}
    world.until("one of the two says so itself", lambda: "clone" in checks | other, 1.0)
