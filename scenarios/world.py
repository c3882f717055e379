"""A topology come true: real nodes in network namespaces, asked over their control sockets, with a timeline.

Nothing in a story sleeps for convergence: `world.until(what, condition, seconds)` awaits, says how long it took, and fails the
scenario with what was expected.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from node import control
from node.keys import node_key
from node.paths import Paths
from protocol.errors import OoderError
from scenarios.loopback import SETTINGS, LoopLab, free_udp_port, on_loopback
from scenarios.netns import NetLab
from scenarios.topology import Topology

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "scenarios" / "catalogue"
POLL = 0.02
START_SECONDS = 60.0


class Failed(Exception):
    """A story did not go as it should; the message says which step."""


class World:
    """Everything of one scenario; leaving the `with` block ends and removes it all."""

    def __init__(self, topology: Topology, tell: Callable[[str], None] = print, driver: str = "netns") -> None:
        self.topology, self._tell, self._alone = topology, tell, driver == "loopback"
        self.lab: NetLab | LoopLab = LoopLab() if self._alone else NetLab()
        self._folder = Path(tempfile.mkdtemp(prefix="ooder-scenario-"))
        self._running: dict[str, subprocess.Popen[Any]] = {}
        self._began = time.monotonic()
        self._seed_port = free_udp_port() if self._alone else 0

    def __enter__(self) -> Self:
        try:
            self.lab.__enter__()
            self._build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lab.__exit__(kind, error, trace)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _build(self) -> None:
        for lan, subnet in self.topology.lans.items():
            self.lab.lan(lan, subnet)
        for router, lans in self.topology.routers.items():
            self.lab.router(router, lans)
        for name, machine in self.topology.nodes.items():
            self.lab.host(name, machine.lan, gateway=machine.gateway)
            if machine.loss:
                self.lab.loss(name, machine.loss)
            self._furnish(name)
        self.note(f"{len(self.topology.nodes)} machines, {', '.join(self.topology.lans)}")
        started = [name for name, machine in self.topology.nodes.items() if not machine.late]
        for name in started:
            self._launch(name)
        self._await_start(started)

    def _furnish(self, name: str) -> None:
        """A home with settings, a key, and what it shares."""
        machine, paths = self.topology.nodes[name], self.paths(name)
        paths.home.mkdir(mode=0o700, parents=True)
        sources: dict[str, Any] = {"local_fs": {"agent_folders": False}}
        if machine.catalogue:
            sources["local_fs"]["folders"] = [str(CATALOGUE)]
        settings: dict[str, Any] = {"name": name, "api": {"port": 0}, "sources": sources}
        if self._alone:
            sources |= SETTINGS
            settings["peer"] = {"host": "127.0.0.1"}
        settings |= {key: value for key, value in machine.settings.items() if key != "sources"}
        sources |= machine.settings.get("sources", {})
        if self._alone and "dht_kademlia" in sources:
            sources["dht_kademlia"] = on_loopback(sources["dht_kademlia"], self._seed_port)
        paths.config.write_text(yaml.safe_dump(settings), "utf-8")
        node_key(paths)
        if machine.key_of:
            shutil.copy(self.paths(machine.key_of).node_key, paths.node_key)
        if machine.shares:
            self.ooder(name, "scan", "--source", "local_fs")
            for ref in machine.shares:
                self.ooder(name, "share", ref)

    # --- Acting -----------------------------------------------------------------------------------------------------
    def paths(self, name: str) -> Paths:
        """The home of a node."""
        return Paths(self._folder / name)

    def key(self, name: str) -> str:
        """The fingerprint of a node."""
        return node_key(self.paths(name)).public.fingerprint

    def start(self, name: str) -> None:
        """Start the node (or program) of a machine; a node answers its control socket then."""
        self._launch(name)
        self._await_start([name])

    def _await_start(self, names: Sequence[str]) -> None:
        """The time a busy machine needs to load programs is no part of what stories measure."""
        nodes = [name for name in names if not self.topology.nodes[name].program]
        if nodes:
            self.until(f"{', '.join(nodes)} started", lambda: all(map(self.answers, nodes)), START_SECONDS)

    def _launch(self, name: str) -> None:
        program = self.topology.nodes[name].program or ("-m", "node", "serve")
        log = (self._folder / f"{name}.log").open("ab")
        command = [sys.executable, *program]
        self._running[name] = self.lab.popen(
            name, command, env=self._environment(name), cwd=ROOT, stdout=log, stderr=log
        )
        log.close()

    def signal_all(self, names: Sequence[str], number: signal.Signals) -> None:
        """The same signal to many at once."""
        for name in names:
            self._running[name].send_signal(number)
        self.note(f"{len(names)} nodes: {number.name}")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to the node of a machine."""
        self._running[name].send_signal(number)
        self.note(f"{name}: {number.name}")

    def lives(self, name: str) -> bool:
        """Whether the program of a machine still runs."""
        return self._running[name].poll() is None

    def ooder(self, name: str, *arguments: str, accept: Sequence[int] = (0,)) -> Any:
        """Run a command on a machine; the JSON it prints. Raises Failed for another exit code."""
        return self.ask(name, "node", "--json", *arguments, accept=accept)

    def ask(self, name: str, module: str, *arguments: str, accept: Sequence[int] = (0,)) -> Any:
        """Run `python -m module` on a machine; the JSON of its last line. Raises Failed for another exit code."""
        command = self.lab.argv(name, [sys.executable, "-m", module, *arguments])
        done = subprocess.run(
            command, env=self._environment(name), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode not in accept:
            said = f"{module} {' '.join(arguments)} left with {done.returncode}: {done.stdout}{done.stderr}"
            raise Failed(f"{name}: {said}")
        return json.loads((done.stdout.strip().splitlines() or ["{}"])[-1])

    def _environment(self, name: str) -> Mapping[str, str]:
        silent = {key: value for key, value in os.environ.items() if not key.startswith("OODER_SOURCES__")}
        home = str(self._folder / name)
        return {**silent, "OODER_HOME": home, "HOME": home, "PYTHONUNBUFFERED": "1", "OODER_LANG": "en"}

    # --- Seeing -----------------------------------------------------------------------------------------------------
    def said(self, name: str) -> list[dict[str, Any]]:
        """What the program of a machine said so far: the lines of its log that are JSON objects with an `event`."""
        found = []
        log = self._folder / f"{name}.log"
        for line in log.read_text("utf-8", "replace").splitlines() if log.exists() else ():
            if line.startswith('{"'):
                with suppress(ValueError):
                    found.append(json.loads(line))
        return found

    def last(self, name: str, event: str) -> dict[str, Any]:
        """The last time it said so; empty when it never did."""
        return next((line for line in reversed(self.said(name)) if line.get("event") == event), {})

    def peers(self, name: str) -> list[dict[str, Any]]:
        """Peers as a running node sees them; nobody while it does not answer."""
        try:
            found: list[dict[str, Any]] = control.ask(self.paths(name), "peers.list", {}, seconds=2.0)["peers"]
        except OoderError:
            found = []
        return found

    def answers(self, name: str) -> bool:
        """Whether the node of a machine is up and answers its control socket."""
        try:
            control.ask(self.paths(name), "peers.list", {}, seconds=2.0)
        except OoderError:
            return False
        return True

    def light(self, name: str, other: str) -> str:
        """The light of `other` at `name`; "" when it was never seen."""
        key = self.key(other)
        return next((row["light"] for row in self.peers(name) if row["key"] == key), "")

    def all_see_all(self, *some: str) -> bool:
        """Whether every one of these nodes (default: all that are started) has every other one online."""
        chosen = some or tuple(name for name in self._running if not self.topology.nodes[name].program)
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
                raise Failed(f"not within {seconds} s: {what}{self._logs()}")
            time.sleep(POLL)
        took = time.monotonic() - began
        self.note(f"{what} ({took:.2f} s)")
        return took

    def _logs(self) -> str:
        tails = [
            f"\n--- {path.stem}\n{path.read_text('utf-8', 'replace')[-600:]}" for path in self._folder.glob("*.log")
        ]
        return "".join(tails[:4])
