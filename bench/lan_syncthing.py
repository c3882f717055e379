"""syncthing's local discovery does what `bench.lan` measures of this node, on the same kind of network.

Everything that leaves the network is off: global discovery, relays, NAT, reports, upgrades. Who was discovered when is read from
its stream of events; who is still listed, from `/rest/system/discovery`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.lan_foreign import Figure, Program, at_rest, capped, idle, spread, until
from scenarios.netns import NetLab

PROGRAMS = ("syncthing",)
PORT = 21027
NODES = 10
ROUNDS = 3
IDLE_S = 30.0  # it announces itself once in that time
LATE_S = 8.0  # whoever has not seen a newcomer by then counts as having taken that long
_KEY = "bench"
_OFF = {
    "globalAnnounceEnabled": "false",
    "relaysEnabled": "false",
    "natEnabled": "false",
    "urAccepted": "-1",
    "crashReportingEnabled": "false",
    "autoUpgradeIntervalH": "0",
    "startBrowser": "false",
}


class Syncthing:
    """One node; `seen` says when it discovered whom."""

    def __init__(self, lab: NetLab, host: str, home: Path) -> None:
        self._lab, self.host = lab, host
        self.id, self.seen = _configure(home), dict[str, float]()
        lab.host(host, "l")
        flags = ["--home", str(home), "--no-browser", "--no-restart", "--no-upgrade"]
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "STMONITORED": "yes"}  # without its watchdog process
        self.program = Program(lab, host, ["syncthing", "serve", *flags], env=environment)

    def follow(self) -> bool:
        """Notes discoveries from now on; False while its API does not answer."""
        try:
            self.listed()
        except (OSError, http.client.HTTPException):
            return False
        threading.Thread(target=self._follow, daemon=True).start()
        return True

    def listed(self) -> set[str]:
        """Whom it knows now."""
        with contextlib.closing(self._connection()) as connection:
            return set(_get(connection, "/rest/system/discovery") or {})

    def _connection(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", 8384, timeout=70)
        with self._lab.inside(self.host):
            connection.connect()
        return connection

    def _follow(self) -> None:
        since = 0
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(self._connection()) as wire:
            while True:
                for event in _get(wire, f"/rest/events?since={since}&timeout=60") or ():
                    since = event["id"]
                    if event["type"] == "DeviceDiscovered":
                        ago = time.time() - datetime.fromisoformat(event["time"]).timestamp()
                        self.seen.setdefault(event["data"]["device"], time.perf_counter() - ago)


def measure() -> list[Figure]:
    """Most of a minute."""
    with NetLab() as lab, tempfile.TemporaryDirectory() as folder:
        lab.lan("l", "10.77.0.0/16")
        nodes = [Syncthing(lab, f"s{number}", Path(folder, str(number))) for number in range(NODES)]
        for node in nodes:
            until(node.follow, 40.0, 0.1)
        programs = [node.program for node in nodes]
        until(lambda: at_rest(lab, programs), 20.0)
        figures = idle(lab, programs, IDLE_S, f"syncthing, {NODES} nodes")
        return figures + _newcomers(lab, nodes, Path(folder))


def _newcomers(lab: NetLab, nodes: Sequence[Syncthing], folder: Path) -> list[Figure]:
    """Each is killed when it was seen: whether they are still listed when all rounds are over is the last figure."""
    took, cold, killed, last = list[float](), list[float](), 0.0, ""
    for number in range(ROUNDS):
        late = Syncthing(lab, f"late{number}", folder / f"late{number}")
        opened, name = late.program.opened(PORT, 20.0), late.id
        until(lambda name=name: all(name in node.seen for node in nodes), LATE_S)  # type: ignore[misc]
        took += [node.seen.get(name, opened + LATE_S) - opened for node in nodes]
        until(late.follow, LATE_S)
        until(lambda late=late: bool(late.seen.keys() - {late.id}), LATE_S)  # type: ignore[misc]
        cold.append(
            min((at for each, at in late.seen.items() if each != name), default=opened + LATE_S) - late.program.started
        )
        late.program.end()
        killed, last = killed or time.perf_counter(), last or name
    until(lambda: not any(last in node.listed() for node in nodes), max(0.0, killed + 10.0 - time.perf_counter()), 0.5)
    still = any(last in node.listed() for node in nodes)
    middle, most = spread(took)
    what = f"newcomer seen by {NODES} running nodes"
    return [
        capped(f"{what}, p50", middle * 1000, "ms", "syncthing", LATE_S * 1000),
        capped(f"{what}, p95", most * 1000, "ms", "syncthing", LATE_S * 1000),
        Figure("cold process, exec to first peer", spread(cold)[0] * 1000, "ms", "syncthing"),
        Figure(
            "crash not shown as fresh by 8 nodes",
            time.perf_counter() - killed,
            "s",
            "syncthing, still listed after" if still else "syncthing",
        ),
    ]


def _configure(home: Path) -> str:
    """A new node; its id."""
    command = ["syncthing", "generate", "--home", str(home), "--no-default-folder", "--skip-port-probing"]
    subprocess.run(command, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    config = home / "config.xml"
    text = config.read_text("utf-8")
    for name, value in _OFF.items():
        text = re.sub(rf"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>", text)
    text = re.sub(r"<apikey>[^<]*</apikey>", f"<apikey>{_KEY}</apikey>", text)
    config.write_text(text, "utf-8")
    found = re.search(r'<device id="([^"]+)"', text)
    assert found is not None
    return found[1]


def _get(connection: http.client.HTTPConnection, path: str) -> Any:
    connection.request("GET", path, headers={"X-API-Key": _KEY})
    return json.loads(connection.getresponse().read())
