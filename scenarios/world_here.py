"""Worlds on this machine: every machine a network namespace (driver `netns`, needs root), or all on the loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from node import control
from node.keys import node_key
from node.paths import Paths
from protocol.errors import OoderError
from scenarios.loopback import SETTINGS, LoopLab, free_udp_port, on_loopback
from scenarios.netns import NetLab
from scenarios.topology import CATALOGUE, ROOT, Topology, settings_of
from scenarios.world import World


class HereWorld(World):
    """Processes of this checkout, with homes in a folder of their own."""

    def __init__(self, topology: Topology, tell: Callable[[str], None] = print, driver: str = "netns") -> None:
        super().__init__(topology, tell)
        self._alone = driver == "loopback"
        self.lab: NetLab | LoopLab = LoopLab() if self._alone else NetLab()
        self._folder = Path(tempfile.mkdtemp(prefix="ooder-scenario-"))
        self._running: dict[str, subprocess.Popen[Any]] = {}
        self._seed_port = free_udp_port() if self._alone else 0

    def build(self) -> None:
        self.lab.__enter__()
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
        self.start(*(name for name, machine in self.topology.nodes.items() if not machine.late))

    def remove(self) -> None:
        self.lab.__exit__(None, None, None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _furnish(self, name: str) -> None:
        """A home with settings, a key, and what it shares."""
        machine, paths = self.topology.nodes[name], self.paths(name)
        paths.home.mkdir(mode=0o700, parents=True)
        settings = settings_of(name, machine, str(CATALOGUE))
        if self._alone:
            sources = settings["sources"] = {**SETTINGS, **settings["sources"]}
            settings.setdefault("peer", {"host": "127.0.0.1"})
            if "dht_kademlia" in sources:
                sources["dht_kademlia"] = on_loopback(sources["dht_kademlia"], self._seed_port)
        paths.config.write_text(yaml.safe_dump(settings), "utf-8")
        node_key(paths)
        if machine.key_of:
            shutil.copy(self.paths(machine.key_of).node_key, paths.node_key)
        if machine.shares:
            self.ooder(name, "scan", "--source", "local_fs")
            for ref in machine.shares:
                self.ooder(name, "share", ref)

    # --- Acting ------------------------------------------------------------------------------------------------------
    def paths(self, name: str) -> Paths:
        """The home of a node."""
        return Paths(self._folder / name)

    def key(self, name: str) -> str:
        return node_key(self.paths(name)).public.fingerprint

    def launch(self, names: Sequence[str]) -> None:
        for name in names:
            program = self.topology.nodes[name].program or ("-m", "node", "serve")
            with (self._folder / f"{name}.log").open("ab") as log:
                self._running[name] = self.lab.popen(
                    name,
                    [sys.executable, *program],
                    env=self._environment(name),
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )

    def send(self, names: Sequence[str], number: signal.Signals) -> None:
        for name in names:
            self._running[name].send_signal(number)

    def lives(self, name: str) -> bool:
        return self._running[name].poll() is None

    def split(self, lan: str, away: Iterable[str]) -> None:
        self.lab.split(lan, list(away))

    def heal(self, lan: str) -> None:
        self.lab.heal(lan)

    def python(self, name: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.lab.argv(name, [sys.executable, "-m", module, *arguments])
        return subprocess.run(
            command, env=self._environment(name), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )

    def _environment(self, name: str) -> Mapping[str, str]:
        silent = {key: value for key, value in os.environ.items() if not key.startswith("OODER_SOURCES__")}
        home = str(self._folder / name)
        return {**silent, "OODER_HOME": home, "HOME": home, "PYTHONUNBUFFERED": "1", "OODER_LANG": "en"}

    # --- Seeing ------------------------------------------------------------------------------------------------------
    def ask_peers(self, name: str) -> list[dict[str, Any]] | None:
        try:
            found: list[dict[str, Any]] = control.ask(self.paths(name), "peers.list", {}, seconds=2.0)["peers"]
        except OoderError:
            return None
        return found

    def forget(self, name: str, file: str) -> None:
        (self.paths(name).home / file).unlink()

    def log(self, name: str) -> str:
        path = self._folder / f"{name}.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def logs(self) -> str:
        tails = [
            f"\n--- {path.stem}\n{path.read_text('utf-8', 'replace')[-600:]}" for path in self._folder.glob("*.log")
        ]
        return "".join(tails[:4])
