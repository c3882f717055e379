"""A light node of the DHT as a process: the code of the daemon's DHT, its state file and its settings, without index, API and web page.

    OODER_HOME=... python -m scenarios.dht_node publish=skill:town-7 each=2      # a node; SIGUSR1: now as version 2
    OODER_HOME=... python -m scenarios.dht_node read=skill:town- nodes=50 each=2 version=2     # a client that looks once

A full node costs a second of start; fifty of these start on two cores within a scenario. Everything it has to say is one JSON
object per line on stdout; the last one, on SIGTERM, has its counters. `attack=1` makes it hostile (`scenarios.dht_hostile`).
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any

import yaml

from node.dht import HomeDht, LiveNode
from node.io.clock import SystemClock
from node.paths import Paths
from protocol.dht.messages import Place
from protocol.dht.reading import get, listing
from protocol.dht.record import Pointer, name_key
from protocol.errors import OoderError
from protocol.refs import KIND_OF_PREFIX, parse_ref
from scenarios.dht_hostile import attack
from sources.dht_kademlia import Config

PACE = 0.5  # seconds between looks at what is published
RETRY = 0.3  # seconds; as the supervisor does, only faster


def say(event: str, **facts: Any) -> None:
    """One line."""
    print(json.dumps({"event": event, **facts}, sort_keys=True), flush=True)


class Light:
    """One home and what it publishes."""

    def __init__(self, home: Path, words: Mapping[str, str]) -> None:
        paths = Paths(home)
        paths.ensure()
        saved = yaml.safe_load(paths.config.read_text("utf-8")) if paths.config.exists() else {}
        self.config = Config(**(saved or {}).get("sources", {}).get("dht_kademlia", {}))
        self.words, self.version, self.offered = words, "1", "1"
        self.dht = HomeDht(paths, SystemClock(), SystemRandom(), pace=PACE)
        self.dht.offers = self.offers

    def offers(self) -> list[Pointer]:
        """`each` items below the name in `publish`."""
        self.offered = self.version
        head, each = self.words.get("publish", ""), int(self.words.get("each", "1"))
        refs = [parse_ref(f"{head}-{number}") for number in range(each)] if head else []
        return [Pointer(ref, self.offered, places=("http://192.0.2.1:48889",), title="Town hall") for ref in refs]

    async def serve(self) -> None:
        """Be a node until cancelled; where nobody answers, try again."""
        while True:
            try:
                async with self.dht.session(self.config, serve=True) as live:
                    await self._live(live)
            except OoderError as error:
                say("failed", code=error.code)
                await asyncio.sleep(RETRY)

    async def _live(self, live: LiveNode) -> None:
        say("up", contacts=len(live.machine.table), records=live.machine.store.count, problem=live.problem)
        async with asyncio.TaskGroup() as group:
            group.create_task(live.keep_up())
            group.create_task(self._report(live))
            if self.words.get("attack"):
                group.create_task(attack(live))

    async def _report(self, live: LiveNode) -> None:
        """Say what every sweep reached, once it is over."""
        told = live.report
        try:
            while True:
                if live.report is not told:
                    told = live.report
                    if told.replicas:
                        say("published", version=self.offered, replicas=told.replicas, unplaced=told.unplaced)
                await asyncio.sleep(0.05)
        finally:
            machine = live.machine
            say(
                "end",
                counts=dict(machine.counts),
                contacts=[entry.contact.ip for entry in machine.table],
                records=machine.store.count,
                rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            )

    async def read(self) -> dict[str, Any]:
        """Look for everything that `nodes` nodes publish, each name once, carefully; then list the kind."""
        head, nodes, each = self.words["read"], int(self.words["nodes"]), int(self.words.get("each", "1"))
        wanted = self.words.get("version", "1")
        refs = [parse_ref(f"{head}{node}-{number}") for node in range(nodes) for number in range(each)]
        found, newest, times = 0, 0, []
        async with self.dht.session(self.config, serve=False) as live:
            for ref in refs:
                began = time.perf_counter()
                reading = await live.do(get(live.machine, name_key(ref), Place(), careful=True))
                times.append((time.perf_counter() - began) * 1000)
                honest = [one.pointer for one in reading.live if one.pointer.title == "Town hall"]
                found += bool(honest)
                newest += [one.version for one in honest] == [wanted]
            kind = KIND_OF_PREFIX[head.partition(":")[0]]
            listed = await live.do(listing(live.machine, kind, "*", careful=True))
            names = {name for _, name in listed.records}
        return {
            "read": len(refs),
            "found": found,
            "newest": newest,
            "listed": sum(1 for ref in refs if str(ref) in names),
            "p50_ms": round(sorted(times)[len(times) // 2], 1),
        }


async def main(words: Mapping[str, str]) -> None:
    """Serve until SIGTERM, or look once."""
    light = Light(Path(os.environ["OODER_HOME"]), words)
    if "read" in words:
        print(json.dumps(await light.read()), flush=True)
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(light, "version", "2"))
    try:
        await light.serve()
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    asyncio.run(main(dict(word.split("=", 1) for word in sys.argv[1:])))
