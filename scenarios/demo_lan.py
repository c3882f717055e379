"""The demo's chapter about neighbours: three real nodes find each other, and one installs from another with no internet. In network
namespaces for root, on the loopback for everybody else."""

from __future__ import annotations

from scenarios.__main__ import run
from scenarios.netns import why_not


def play_neighbours() -> int:
    """Play it; returns the exit code."""
    reason = why_not()
    if reason:
        print(f"({reason}: the three nodes share this machine's loopback)")
    return run("personal-3", "loopback" if reason else "netns")


if __name__ == "__main__":
    raise SystemExit(play_neighbours())
