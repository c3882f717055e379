"""Resolving: one scene in a large universe, many roots at once, hot conflicts, and graphs made to take for ever.

The universes are those of SECURITY 3.4: 1,000 skills with 6 versions in layers, where a few libraries are used by many; and a
set in which three in ten dependencies go to ten shared libraries with narrow ranges, asked for by 20 roots at once.
"""

from __future__ import annotations

import random
from statistics import median
from time import monotonic, process_time

from bench import Row
from protocol.errors import OoderError
from protocol.install.questions import Choices, ResolveRules
from protocol.install.resolve import resolve
from protocol.install.universe import Candidate, MemoryUniverse
from protocol.items import Dependency, Item, Provided
from protocol.query import Trust
from protocol.refs import Kind, Ref

SKILLS, VERSIONS, LAYERS = 1_000, 6, 10
HOT = 40


def candidate(kind: Kind, name: str, version: str, needs: list[Dependency], provides: str = "") -> Candidate:
    given = (Provided(provides),) if provides else ()
    return Candidate(Item(kind, name, version, provides=given, requires=tuple(needs)), "p", Trust.COMMUNITY)


def layered(seed: int) -> tuple[MemoryUniverse, list[str]]:
    """1,000 skills x 6 versions; each needs up to 2 of deeper layers; 200 scenes with 3 capabilities and 3 skills each."""
    chance = random.Random(seed)
    found = []
    popular = [SKILLS - 1 - at for at in range(20)]
    for at in range(SKILLS):
        layer = at * LAYERS // SKILLS
        for version in range(1, VERSIONS + 1):
            needs = []
            for _ in range(chance.randint(0, 2) if layer < LAYERS - 1 else 0):
                low = (layer + 1) * SKILLS // LAYERS
                other = chance.choice(popular) if chance.random() < 0.3 else chance.randrange(low, SKILLS)
                needs.append(Dependency(Kind.SKILL, f"s{other}", chance.choice([">=1", "^1", "", ">=1.1"])))
            found.append(candidate(Kind.SKILL, f"s{at}", f"1.{version}.0", needs, f"c{at % 200}"))
    scenes = []
    for at in range(200):
        wanted = [Dependency(Kind.CAPABILITY, f"c{chance.randrange(200)}") for _ in range(3)]
        wanted += [Dependency(Kind.SKILL, f"s{chance.randrange(SKILLS // 2)}", ">=1") for _ in range(3)]
        found.append(candidate(Kind.SCENE, f"scene{at}", "1.0.0", wanted))
        scenes.append(f"scene{at}")
    return MemoryUniverse(found), scenes


def hot(seed: int) -> MemoryUniverse:
    """300 skills, three in ten needs go to 10 libraries with caret ranges over 3 majors; `root` needs 20 of them."""
    chance = random.Random(seed)
    found = []
    for at in range(300):
        for version in range(1, VERSIONS + 1):
            needs = []
            for _ in range(3):
                if chance.random() < 0.3:
                    needs.append(Dependency(Kind.SKILL, f"lib{chance.randrange(10)}", f"^{chance.randint(1, 3)}.0"))
                elif at < 290:
                    needs.append(
                        Dependency(Kind.SKILL, f"s{chance.randrange(at + 1, 300)}", f">=1.{chance.randint(0, 3)}")
                    )
            found.append(candidate(Kind.SKILL, f"s{at}", f"1.{version}.0", needs))
    for at in range(10):
        for major in (1, 2, 3):
            found += [candidate(Kind.SKILL, f"lib{at}", f"{major}.{minor}.0", []) for minor in (0, 1)]
    roots = [Dependency(Kind.SKILL, f"s{at}") for at in chance.sample(range(150), 20)]
    found.append(candidate(Kind.SKILL, "root", "1.0.0", roots))
    return MemoryUniverse(found)


def pigeonhole(size: int) -> MemoryUniverse:
    """One pigeon more than there are holes."""
    found = [candidate(Kind.SKILL, "root", "1.0.0", [Dependency(Kind.SKILL, f"pigeon{at}") for at in range(size)])]
    for at in range(size):
        for hole in range(1, size):
            need = [Dependency(Kind.SKILL, f"hole{hole}", f"={at + 1}.0.0")]
            found.append(candidate(Kind.SKILL, f"pigeon{at}", f"{hole}.0.0", need))
    for hole in range(1, size):
        found += [candidate(Kind.SKILL, f"hole{hole}", f"{at + 1}.0.0", []) for at in range(size)]
    return MemoryUniverse(found)


def timed(universe: MemoryUniverse, target: Ref) -> tuple[float, str, int]:
    """(seconds of processor time, "solved" or the code of the error, size of the plan)."""
    start = process_time()
    try:
        found = resolve(target, universe, ResolveRules(), Choices(), monotonic)
    except OoderError as error:
        return process_time() - start, error.code, 0
    return process_time() - start, "solved", len(found.picks)


def run() -> list[Row]:
    """All figures; about 20 s."""
    rows = []
    times, sizes, solved = [], [], 0
    for seed in (1, 2):
        universe, scenes = layered(seed)
        for scene in scenes:
            seconds, how, size = timed(universe, Ref(Kind.SCENE, scene))
            times.append(seconds * 1_000)
            sizes.append(size)
            solved += how == "solved"
    times.sort()
    rows.append(Row("one scene, 1,000 skills x 6 versions, median", median(times), "ms"))
    rows.append(Row("one scene, 1,000 skills x 6 versions, p95", times[int(len(times) * 0.95)], "ms", "<= 10"))
    rows.append(Row("one scene, slowest", times[-1], "ms"))
    rows.append(Row(f"scenes solved of {len(times)}", solved, "scenes"))
    rows.append(Row("items in the largest plan", max(sizes), "items"))
    heat = [timed(hot(seed), Ref(Kind.SKILL, "root")) for seed in range(HOT)]
    rows.append(Row(f"hot conflicts, slowest of {HOT}", max(one[0] for one in heat) * 1_000, "ms", "<= 5000"))
    rows.append(
        Row("hot conflicts, answered before the deadline", sum(one[1] != "plan.too_hard" for one in heat), f"of {HOT}")
    )
    rows.append(Row("hot conflicts, solved", sum(one[1] == "solved" for one in heat), f"of {HOT}"))
    for size in (6, 7, 9):
        seconds, how, _ = timed(pigeonhole(size), Ref(Kind.SKILL, "root"))
        rows.append(Row(f"pigeonhole {size}: {how}", seconds * 1_000, "ms", "<= 5000"))
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
