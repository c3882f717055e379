"""`python -m scenarios list`, `run NAME [--driver netns|loopback|docker]`: timeline, verdict, exit code (0 passed, 1 failed, 2 unknown,
5 not possible here); `compose NAME`: its compose file. `ooder scenario` is the same."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from protocol.errors import NotFoundError, UnavailableError
from scenarios.netns import LabUnavailable
from scenarios.topology import Topology, load, names
from scenarios.world import Failed, World

DRIVERS = ("netns", "docker", "loopback")


def run(name: str, driver: str = "netns") -> int:
    """Build, play, clean up."""
    topology = load(name)
    story = importlib.import_module(f"scenarios.stories.{name.replace('-', '_')}")
    print(f"{name}: {topology.about}", flush=True)
    began = time.monotonic()
    try:
        with make_world(name, topology, lambda line: print(line, flush=True), driver) as world:
            story.play(world)
    except Failed as error:
        print(f"FAILED {name}: {error}")
        return 1
    except LabUnavailable as error:
        print(f"not possible here: {error}", file=sys.stderr)
        return 5
    print(f"passed {name} in {time.monotonic() - began:.1f} s")
    return 0


def make_world(name: str, topology: Topology, tell: Callable[[str], None], driver: str) -> World:
    """The world of a driver; each is loaded only when it is used."""
    if driver == "docker":
        from scenarios.world_docker import DockerWorld

        return DockerWorld(name, topology, tell)
    from scenarios.world_here import HereWorld

    return HereWorld(topology, tell, driver)


def main() -> int:
    parser = argparse.ArgumentParser(prog="ooder scenario")
    parser.add_argument("command", choices=["run", "list", "compose"])
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("--driver", choices=DRIVERS, default="netns")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    try:
        if chosen.command == "list":
            for name in names():
                print(f"{name:<24} {load(name).about}")
            return 0
        if chosen.command == "compose":
            from scenarios.compose import write

            print(write(chosen.name, load(chosen.name)), end="")
            return 0
        return run(chosen.name, chosen.driver)
    except (NotFoundError, UnavailableError) as error:
        print(f"error {error.code}: {error}", file=sys.stderr)
        return 2 if isinstance(error, NotFoundError) else 5
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped; everything is removed", file=sys.stderr)
        return 130


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
