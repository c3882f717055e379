"""Worlds of containers: the compose file of a scenario, driven with `docker compose` (v2; the engine 25 or newer).

Everything belongs to one project, `ooder-NAME-PID`; leaving removes its containers, networks and volumes, and the next run removes
what a killed one left behind. Images stay: building them is what takes long.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from protocol.errors import UnavailableError
from scenarios.compose import DOCKERFILE, HOME, LATE, compose, path_of
from scenarios.topology import ROOT, Topology
from scenarios.world import START_SECONDS, Failed, World

BUILD_SECONDS = 1_200.0
_PROJECT = re.compile(r"ooder-[a-z0-9-]+-(\d+)")
_PAUSES = {signal.SIGSTOP: "pause", signal.SIGCONT: "unpause"}


class DockerWorld(World):
    """One compose project. Raises UnavailableError `scenario.no_engine` when there is none."""

    def __init__(self, name: str, topology: Topology, tell: Callable[[str], None] = print) -> None:
        super().__init__(topology, tell)
        self.project = f"ooder-{name}-{os.getpid()}"
        self._name, self._file = name, path_of(name)
        self._keys: dict[str, str] = {}
        self._addresses = topology.addresses()
        self._away: dict[str, set[str]] = {}
        self._made = False

    def build(self) -> None:
        reason = why_no_engine()
        if reason:
            raise UnavailableError("scenario.no_engine", reason=reason)
        sweep()
        self._made = True
        self._images()
        self.note(f"{len(self.topology.nodes)} machines, {', '.join(self.topology.lans)}")
        if self.topology.routers:
            self._compose("up", "--detach", "--no-build", *self.topology.routers)
        self.start(*(name for name, machine in self.topology.nodes.items() if not machine.late))

    def remove(self) -> None:
        if self._made:
            self._compose("down", "--volumes", "--remove-orphans", "--timeout", "1", check=False)

    # --- Acting ------------------------------------------------------------------------------------------------------
    def launch(self, names: Sequence[str]) -> None:
        self._compose("up", "--detach", "--no-build", *names)
        nodes = self.topology.nodes
        cables = [f"{name}-cable" for name in names if nodes[name].gateway or nodes[name].loss]
        if cables:  # Each start of a machine has a new network, so they are made again.
            self._compose("up", "--detach", "--no-build", "--no-deps", "--force-recreate", *cables)
            self.until(f"{len(cables)} cables are in", lambda: self._are_in(cables), START_SECONDS)

    def send(self, names: Sequence[str], number: signal.Signals) -> None:
        if number in _PAUSES:
            self._compose(_PAUSES[number], *names)
        else:
            self._compose("kill", "--signal", number.name, *names)

    def lives(self, name: str) -> bool:
        return name in self._compose("ps", "--services", "--status", "running").split()

    def python(self, name: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = (name, "python", "-m", module, *arguments)
        done = self._run("exec", "--no-TTY", *command)
        if done.returncode and "is not running" in done.stderr:  # The machine is there, its program is not.
            return self._run("run", "--rm", "--no-deps", "--no-TTY", *command)
        return done

    def split(self, lan: str, away: Iterable[str]) -> None:
        for name in away:
            self._away.setdefault(lan, set()).add(name)
            self._docker("network", "disconnect", f"{self.project}_{lan}", f"{self.project}-{name}-1")

    def heal(self, lan: str) -> None:
        for name in sorted(self._away.pop(lan, set())):
            address = self._addresses[name][lan]
            self._docker("network", "connect", "--ip", address, f"{self.project}_{lan}", f"{self.project}-{name}-1")

    # --- Seeing ------------------------------------------------------------------------------------------------------
    def ask_peers(self, name: str) -> list[dict[str, Any]] | None:
        done = self._run("exec", "--no-TTY", name, "python", "-m", "scenarios.container", "peers")
        if done.returncode:
            return None
        found: list[dict[str, Any]] = json.loads(done.stdout)["peers"]
        return found

    def key(self, name: str) -> str:
        if name not in self._keys:
            self._keys[name] = self.python(name, "scenarios.container", "key").stdout.strip()
        return self._keys[name]

    def forget(self, name: str, file: str) -> None:
        self._compose("run", "--rm", "--no-deps", name, "rm", f"{HOME}/{file}")

    def log(self, name: str) -> str:
        done = _docker("logs", f"{self.project}-{name}-1")  # `compose logs` puts control sequences before each line
        return done.stdout + done.stderr

    def logs(self) -> str:
        return "\n" + self._compose("logs", "--no-color", "--tail", "8", check=False)

    def _are_in(self, cables: Sequence[str]) -> bool:
        """Whether all are made; raises Failed when one could not be."""
        rows = self._compose("ps", "--all", "--format", "{{.Service}} {{.State}} {{.ExitCode}}", *cables).splitlines()
        for name, state, code in (row.split() for row in rows):
            if state == "exited" and code != "0":
                raise Failed(f"{name} left with {code}: {self.log(name)}")
        return sum(" exited " in row for row in rows) == len(cables)

    def _images(self) -> None:
        """Compose would label each with this run, and leave them all behind."""
        services = compose(self._name, self.topology)["services"].values()
        for target, image in ((each["build"]["target"], each["image"]) for each in services if "build" in each):
            words = ("--quiet", "--file", str(DOCKERFILE), "--target", target, "--tag", image, str(ROOT))
            self._docker("build", *words, seconds=BUILD_SECONDS)

    # --- Commands ----------------------------------------------------------------------------------------------------
    def _compose(self, *words: str, seconds: float = START_SECONDS, check: bool = True) -> str:
        done = self._run(*words, seconds=seconds)
        if check and done.returncode:
            raise Failed(f"docker compose {' '.join(words)} left with {done.returncode}: {done.stderr[-2_000:]}")
        return done.stdout

    def _run(self, *words: str, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        project = ("--file", str(self._file), "--project-name", self.project, "--profile", LATE)
        return _docker("compose", *project, *words, seconds=seconds)

    def _docker(self, *words: str, seconds: float = START_SECONDS) -> None:
        done = _docker(*words, seconds=seconds)
        if done.returncode:
            raise Failed(f"docker {' '.join(words)} left with {done.returncode}: {done.stderr[-2_000:]}")


def why_no_engine() -> str:
    """ "" when containers can be run here, else the reason."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    plugin = _docker("compose", "version", "--short")
    if plugin.returncode:
        return "docker has no compose plugin"
    engine = _docker("version", "--format", "{{.Server.Version}}")
    if engine.returncode:
        return (engine.stderr.strip().splitlines() or ["the engine does not answer"])[-1][:200]
    return ""


def sweep() -> list[str]:
    """Remove the projects of runs that no longer live; their names."""
    listed = _docker("compose", "ls", "--all", "--format", "json")
    rows = json.loads(listed.stdout or "[]") if not listed.returncode else []
    stale = []
    for project in (str(row.get("Name", "")) for row in rows):
        owner = _PROJECT.fullmatch(project)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            _docker("compose", "--project-name", project, "down", "--volumes", "--remove-orphans", "--timeout", "1")
            stale.append(project)
    return stale


def _docker(*words: str, seconds: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(["docker", *words], 124, "", f"no answer within {seconds:.0f} s")
