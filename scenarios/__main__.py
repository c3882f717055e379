"""`python -m scenarios list` and `python -m scenarios run NAME [--driver netns|loopback]`: timeline, verdict, exit code (0 passed, 1 failed,
2 unknown, 5 not possible here). `ooder scenario` is the same."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from protocol.errors import NotFoundError
from scenarios.netns import LabUnavailable
from scenarios.topology import load, names
from scenarios.world import Failed, World


def run(name: str, driver: str = "netns") -> int:
    """Build, play, clean up."""
    topology = load(name)
    story = importlib.import_module(f"scenarios.stories.{name.replace('-', '_')}")
    print(f"{name}: {topology.about}", flush=True)
    began = time.monotonic()
    try:
        with World(topology, lambda line: print(line, flush=True), driver) as world:
            story.play(world)
    except Failed as error:
        print(f"FAILED {name}: {error}")
        return 1
    except LabUnavailable as error:
        print(f"not possible here: {error}", file=sys.stderr)
        return 5
    print(f"passed {name} in {time.monotonic() - began:.1f} s")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="ooder scenario")
    parser.add_argument("command", choices=["run", "list"])
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--driver", choices=["netns", "loopback"], default="netns")
    chosen = parser.parse_args()
    if chosen.command == "list":
        for name in names():
            print(f"{name:<24} {load(name).about}")
        return 0
    try:
        return run(chosen.name, chosen.driver)
    except NotFoundError as error:
        print(f"error {error.code}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
