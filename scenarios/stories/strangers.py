"""What only the DHT knows: found across networks with no server and no neighbour, asked of its publisher in full, installed by digest."""

from __future__ import annotations

from scenarios.world import Failed, World

SCENE = "scene:text-desk"


def play(world: World) -> None:
    def row() -> dict[str, object]:
        world.ooder("reader", "scan", "--source", "dht_kademlia", accept=(0, 1, 4, 5))
        found = world.ooder("reader", "search", "文稿台")["items"]
        return next((row for row in found if row["ref"] == SCENE), {})

    world.until("reader finds by a word what a stranger published", lambda: bool(row()), 20.0)
    plan = world.ooder("reader", "install", SCENE, "--plan")
    world.note(f"reader asks the publisher: {len(plan['items'])} items, {plan['size']} bytes")
    digests = [word for item in plan["items"] for word in ("--digest", str(item["digest"]))]
    world.ooder("reader", "install", SCENE, "--yes", *digests)
    if world.ooder("reader", "verify").get("drift"):
        raise Failed("the installed bytes are not whole")
    world.note("reader has it installed; every byte is the one that was published")
    data = '{"text": "会议开始。大家同意周五发布。散会。", "sentences": 1}'
    answer = world.ooder("reader", "call", SCENE, "cap:text-summarize", "--data", data)
    world.note(f"and it answers: {answer}")
