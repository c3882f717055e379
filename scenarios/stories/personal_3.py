"""Auto discovery, and an install from a neighbour with no internet."""

from __future__ import annotations

from scenarios.world import Failed, World

SKILL = "skill:skill-text-brief"


def play(world: World) -> None:
    world.until("all three see each other", world.all_see_all, 15.0)

    def row() -> dict[str, object]:
        rows = world.ooder("laptop", "list", "--kind", "skill")["items"]
        return next((row for row in rows if row["ref"] == SKILL), {})

    world.until("laptop knows what desk shares", lambda: bool(row()), 10.0)
    digest = str(row()["digest"])
    world.ooder("laptop", "install", SKILL, "--yes", "--digest", digest)
    installed = world.ooder("laptop", "verify")
    world.note(f"laptop installed {SKILL} from desk")
    if installed.get("drift"):
        raise Failed("the installed bytes are not whole")
