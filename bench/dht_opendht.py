"""The yardstick `opendht`, run by an interpreter that has it: same machine, same number of nodes, values not signed. Prints JSON.

    python -m venv /tmp/o && /tmp/o/bin/pip install opendht
    OODER_BENCH_OPENDHT=/tmp/o/bin/python python -m bench.dht

Only the standard library and opendht are imported, so that it need not be installed beside this project.
"""

from __future__ import annotations

import json
import random
import sys
import time

HOST = "127.0.0.1"
PORT = 42_000
VALUE = b"x" * 300


def main(count: int, keys: int) -> None:
    import opendht

    chance = random.Random(7)
    nodes = []
    for number in range(count):
        node = opendht.DhtRunner()
        node.run(ipv4=HOST, port=PORT + number)
        if nodes:
            node.bootstrap(HOST, str(PORT))
        nodes.append(node)
    time.sleep(5)  # it joins by itself and has no word for having joined
    rows: dict[str, float] = {}
    names = [opendht.InfoHash.get(f"thing-{number}") for number in range(keys)]
    write = [timed(lambda n=n: nodes[n % count].put(names[n], opendht.Value(VALUE))) for n in range(keys)]
    rows["write p50"] = middle([took for took, _ in write])
    alive = list(nodes)
    reads(rows, "", alive, names, chance)
    missing = [opendht.InfoHash.get(f"nothing-{number}") for number in range(min(keys, 50))]
    miss = [timed(lambda key=key: chance.choice(nodes).get(key)) for key in missing]
    rows["miss p50"] = middle([took for took, _ in miss])
    for node in chance.sample(nodes[1:], count // 5):
        alive.remove(node)
        node.shutdown()
    reads(rows, "20% killed ", alive, names[: min(keys, 50)], chance)
    print(json.dumps(rows), flush=True)


def reads(rows: dict[str, float], head: str, alive: list, names: list, chance: random.Random) -> None:
    """Each name once, from any node."""
    found = [timed(lambda key=key: chance.choice(alive).get(key)) for key in names]
    times = sorted(took for took, _ in found)
    rows[f"{head}read p50"], rows[f"{head}read p95"] = middle(times), times[int(len(times) * 0.95)]
    rows[f"{head}success"] = sum(bool(values) for _, values in found) / len(found) * 100


def timed(work: object) -> tuple[float, object]:
    """Milliseconds, and the result."""
    began = time.perf_counter()
    done = work()  # type: ignore[operator]
    return (time.perf_counter() - began) * 1000, done


def middle(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
