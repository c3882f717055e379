"""Machines without namespaces: every node on the loopback of this one, for whoever is not root. No loss, no routers, no cables."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from scenarios.netns import LabUnavailable

SETTINGS = {"udp_broadcast": {"interfaces": ["lo"]}, "mdns_dns_sd": {"interfaces": ["lo"]}}
"""Sections of the sources that keep a node on the loopback."""


def on_loopback(section: dict[str, Any], seed_port: int) -> dict[str, Any]:
    """A section of `dht_kademlia` for a node that shares this machine: a seed on one free port, the others join through it."""
    if not section:
        return section
    seed = bool(section.get("seed"))
    return {
        **section,
        "listen": ["127.0.0.1"],
        "port": seed_port if seed else 0,
        "bootstrap": [f"127.0.0.1:{seed_port}" for _ in section.get("bootstrap", ())[:1]],
        "fetch_networks": ["127.0.0.0/8"] if "fetch_networks" in section else [],
    }


def free_udp_port() -> int:
    """A port nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class LoopLab:
    """As much of `NetLab` as one machine can be."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()
        for process in self._running:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def lan(self, name: str, subnet: str) -> None:
        """There is one network."""

    def host(self, name: str, lan: str, *, gateway: str = "") -> None:
        """There is one machine. Raises LabUnavailable for what needs more."""
        if gateway:
            raise LabUnavailable("routers need namespaces")

    def router(self, name: str, lans: Sequence[str]) -> None:
        """Raises LabUnavailable."""
        raise LabUnavailable("routers need namespaces")

    def loss(self, host: str, percent: float) -> None:
        """Raises LabUnavailable."""
        raise LabUnavailable("loss needs namespaces")

    def split(self, lan: str, away: Sequence[str]) -> None:
        """Raises LabUnavailable."""
        raise LabUnavailable("cables need namespaces")

    def heal(self, lan: str) -> None:
        """Raises LabUnavailable."""
        raise LabUnavailable("cables need namespaces")

    def argv(self, host: str, argv: Sequence[str]) -> list[str]:
        """As it is."""
        return list(argv)

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start; it is ended with the lab."""
        process = subprocess.Popen(list(argv), **options)
        self._running.append(process)
        return process
