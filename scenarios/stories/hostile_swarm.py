"""Two fifths of the nodes are hostile in every way at once; every careful reading still names the newest record of its publisher."""

from __future__ import annotations

import signal

from protocol import limits
from scenarios.dht_story import all_up, look, published, settle
from scenarios.world import Failed, World

HONEST = tuple(f"n{number}" for number in range(18))
HOSTILE = tuple(f"n{number}" for number in range(18, 30))


def play(world: World) -> None:
    all_up(world, (*HONEST, *HOSTILE), 40.0)
    world.until("the honest published version 1, which the hostile keep", lambda: published(world, HONEST), 40.0)
    world.signal_all(HONEST, signal.SIGUSR1)
    world.until("the honest published version 2", lambda: published(world, HONEST, "2"), 40.0)
    look(
        world, "n4", nodes=18, version="2", what="every reading names the newest record, none a forged or replayed one"
    )
    ends = settle(world, HONEST)
    refused = {code for end in ends for code, count in end["counts"].items() if count and "." in code}
    for code in ("dht.malformed", "dropped.token", "dropped.unasked"):
        if code not in refused:
            raise Failed(f"nobody refused anything as {code}: {sorted(refused)}")
    most = max(sum(1 for ip in end["contacts"] if ip.startswith(("10.78.4.", "10.78.5."))) for end in ends)
    if most > 2 * limits.DHT_TABLE_NETWORK:
        raise Failed(f"{most} hostile contacts in one table")
    world.note(f"at most {most} hostile contacts in a table; refused: {', '.join(sorted(refused))}")
