"""A topology come true, as stories see it: real nodes that are started, asked and troubled, with a timeline. How machines are made
is the driver's: `scenarios/world_here.py` (namespaces, or the loopback), `scenarios/world_docker.py` (docker compose).

Nothing in a story sleeps for convergence: `world.until(what, condition, seconds)` awaits, says how long it took, and fails the
scenario with what was expected.
"""

from __future__ import annotations

import json
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from signal import Signals
from types import TracebackType
from typing import Any, Self

from scenarios.topology import Topology

POLL = 0.02
START_SECONDS = 60.0
START_SECONDS_EACH = 2.0


class Failed(Exception):
    """A story did not go as it should; the message says which step."""


class World(ABC):
    """Everything of one scenario; leaving the `with` block ends and removes it all."""

    def __init__(self, topology: Topology, tell: Callable[[str], None] = print) -> None:
        self.topology, self._tell = topology, tell
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        try:
            self.build()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    # --- What a driver does ------------------------------------------------------------------------------------------
    @abstractmethod
    def build(self) -> None:
        """Make networks and machines, and start the nodes that are not `late`."""

    @abstractmethod
    def remove(self) -> None:
        """End and remove everything, whatever state it is in."""

    @abstractmethod
    def launch(self, names: Sequence[str]) -> None:
        """Start the nodes (or programs) of these machines."""

    @abstractmethod
    def send(self, names: Sequence[str], number: Signals) -> None:
        """Send a signal to the programs of machines."""

    @abstractmethod
    def lives(self, name: str) -> bool:
        """Whether the program of a machine still runs."""

    @abstractmethod
    def python(self, name: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m module` on a machine, to its end."""

    @abstractmethod
    def forget(self, name: str, file: str) -> None:
        """Remove a file from the home of a machine whose program does not run."""

    @abstractmethod
    def log(self, name: str) -> str:
        """What the program of a machine said so far."""

    @abstractmethod
    def ask_peers(self, name: str) -> list[dict[str, Any]] | None:
        """Peers as a running node sees them; None while it does not answer."""

    @abstractmethod
    def key(self, name: str) -> str:
        """The fingerprint of a node."""

    @abstractmethod
    def split(self, lan: str, away: Iterable[str]) -> None:
        """Nothing passes any more between `away` and the rest."""

    @abstractmethod
    def heal(self, lan: str) -> None:
        """Everybody on one switch again."""

    @abstractmethod
    def logs(self) -> str:
        """The last words of some machines."""

    # --- Acting ------------------------------------------------------------------------------------------------------
    def start(self, *names: str) -> None:
        """Start machines and await that their nodes answer; the time a busy machine needs to load programs is no part of what
        stories measure."""
        self.launch(names)
        nodes = [name for name in names if not self.topology.nodes[name].program]
        if nodes:
            who = ", ".join(nodes) if len(nodes) <= 5 else f"{len(nodes)} nodes"
            most = START_SECONDS + START_SECONDS_EACH * len(nodes)
            self.until(f"{who} started", lambda: self._all_answer(nodes), most)

    def _all_answer(self, waiting: list[str]) -> bool:
        """Takes out of `waiting` who answers; nobody is asked again, which would cost those that still start their time."""
        while waiting and self.answers(waiting[0]):
            waiting.pop(0)
        return not waiting

    def signal(self, name: str, number: Signals) -> None:
        """Send a signal to the program of a machine."""
        self.send([name], number)
        self.note(f"{name}: {number.name}")

    def signal_all(self, names: Sequence[str], number: Signals) -> None:
        """The same signal to many at once."""
        self.send(names, number)
        self.note(f"{len(names)} nodes: {number.name}")

    def ooder(self, name: str, *arguments: str, accept: Sequence[int] = (0,)) -> Any:
        """Run a command on a machine; the JSON it prints. Raises Failed for another exit code."""
        return self.ask(name, "node", "--json", *arguments, accept=accept)

    def ask(self, name: str, module: str, *arguments: str, accept: Sequence[int] = (0,)) -> Any:
        """Run `python -m module` on a machine; the JSON of its last line. Raises Failed for another exit code."""
        done = self.python(name, module, *arguments)
        if done.returncode not in accept:
            said = f"{module} {' '.join(arguments)} left with {done.returncode}: {done.stdout}{done.stderr}"
            raise Failed(f"{name}: {said}")
        return json.loads((done.stdout.strip().splitlines() or ["{}"])[-1])

    # --- Seeing ------------------------------------------------------------------------------------------------------
    def said(self, name: str) -> list[dict[str, Any]]:
        """What the program of a machine said so far: the lines of its log that are JSON objects with an `event`."""
        found = []
        for line in self.log(name).splitlines():
            if line.startswith('{"'):
                with suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def last(self, name: str, event: str) -> dict[str, Any]:
        """The last time it said so; empty when it never did."""
        return next((line for line in reversed(self.said(name)) if line.get("event") == event), {})

    def answers(self, name: str) -> bool:
        """Whether the node of a machine is up and answers."""
        return self.ask_peers(name) is not None

    def peers(self, name: str) -> list[dict[str, Any]]:
        """Peers as a running node sees them; nobody while it does not answer."""
        return self.ask_peers(name) or []

    def light(self, name: str, other: str) -> str:
        """The light of `other` at `name`; "" when it was never seen."""
        key = self.key(other)
        return next((row["light"] for row in self.peers(name) if row["key"] == key), "")

    def all_see_all(self, *some: str) -> bool:
        """Whether every one of these nodes (default: all that are not `late`) has every other one online."""
        nodes = self.topology.nodes
        chosen = some or tuple(name for name, each in nodes.items() if not each.program and not each.late)
        keys = {name: self.key(name) for name in chosen}
        for name in chosen:
            online = {row["key"] for row in self.peers(name) if row["light"] == "online"}
            if not {key for other, key in keys.items() if other != name} <= online:
                return False
        return True

    def note(self, text: str) -> None:
        """A line of the timeline."""
        self._tell(f"{time.monotonic() - self._began:7.2f} s  {text}")

    def until(self, what: str, done: Callable[[], bool], seconds: float) -> float:
        """Await `done`; how long it took. Raises Failed."""
        began = time.monotonic()
        while not done():
            if time.monotonic() - began > seconds:
                raise Failed(f"not within {seconds} s: {what}{self.logs()}")
            time.sleep(POLL)
        took = time.monotonic() - began
        self.note(f"{what} ({took:.2f} s)")
        return took
