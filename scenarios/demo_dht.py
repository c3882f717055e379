"""The demo's chapter about strangers: a scene that only the DHT knows is found by a word, asked of its publisher, installed and called. In
network namespaces for root, on the loopback for everybody else."""

from __future__ import annotations

from scenarios.__main__ import run
from scenarios.netns import why_not


def play_strangers() -> int:
    """Play it; returns the exit code."""
    return run("strangers", "loopback" if why_not() else "netns")


if __name__ == "__main__":
    raise SystemExit(play_strangers())
