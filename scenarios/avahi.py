"""avahi from Debian as a foreign neighbour, on one host of a laboratory, with a message bus and a mount namespace of its own.

with Avahi(lab, "office", tmp_path) as avahi:
    avahi.browse("_ooder._tcp")                              # what it sees, resolved
    avahi.publish("Ooder Agent-x", "_ooder._tcp", 48889, "agentId=x")
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from scenarios.netns import NetLab

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>
"""
CONF = """[server]
host-name={host}
use-ipv6=no
allow-interfaces=eth0
[publish]
publish-hinfo=no
publish-workstation=no
"""
# /run is our own there, so that two of them never meet in a pid file; so are the users, of whom it wants one to be "avahi".
START = """mount -t tmpfs tmpfs /run && mkdir -p /run/avahi-daemon
mount --bind {folder}/passwd /etc/passwd && mount --bind {folder}/group /etc/group
exec avahi-daemon -f {conf} --no-drop-root --no-chroot --no-rlimits"""


# Asking it for its state, unlike browsing, leaves its cache empty. 2: its host name is settled, it can publish.
_STATE = [
    "dbus-send",
    "--system",
    "--print-reply",
    "--dest=org.freedesktop.Avahi",
    "/",
    "org.freedesktop.Avahi.Server.GetState",
]
_RUNNING = "int32 2"
_PROGRAMS = ("avahi-daemon", "avahi-browse", "avahi-publish", "dbus-daemon", "dbus-send")


def why_no_avahi() -> str:
    """ "" when avahi can be started here, else the reason."""
    missing = [name for name in _PROGRAMS if not _find(name)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Seen(NamedTuple):
    name: str
    host: str
    address: str
    port: int
    txt: str


class Avahi:
    """One daemon; ends with the block."""

    def __init__(self, lab: NetLab, host: str, folder: Path) -> None:
        self._lab, self._host, self._folder = lab, host, folder
        bus = folder / f"{host}.bus"
        self._bus, self._conf = folder / f"{host}.bus.conf", folder / f"{host}.conf"
        self._bus.write_text(BUS.format(path=bus))
        self._conf.write_text(CONF.format(host=host))
        for file, line in (("passwd", "avahi:x:64999:64999::/:/bin/false"), ("group", "avahi:x:64999:")):
            (folder / file).write_text(Path("/etc", file).read_text("utf-8") + line + "\n")
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        # What a program of its own needs to talk to it.
        self.environment = {**os.environ, "PATH": path, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        self._running: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        self._popen("dbus-daemon", "--nofork", "--config-file", str(self._bus))
        self._until(lambda: (self._folder / f"{self._host}.bus").exists(), "the message bus")
        self._popen("sh", "-c", START.format(conf=self._conf, folder=self._folder))
        self._until(lambda: _RUNNING in self._run(*_STATE).stdout, "avahi-daemon")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
                process.wait(10)

    def publish(self, name: str, service: str, port: int, *txt: str, subtype: str = "") -> subprocess.Popen[Any]:
        """Until that process is terminated, or this block ends."""
        words = ["--subtype", subtype] if subtype else []
        return self._popen("avahi-publish", "-s", *words, name, service, str(port), *txt)

    def browse(self, service: str) -> list[Seen]:
        """What it knows of a type, with a query and an answer."""
        done = self._run("avahi-browse", "-t", "-r", "-p", service)
        rows = [line.split(";", 9) for line in done.stdout.splitlines() if line.startswith("=;")]
        return [Seen(_plain(row[3]), row[6], row[7], int(row[8]), row[9]) for row in rows]

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self._lab.argv(self._host, words)
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=20)

    def _popen(self, *words: str) -> subprocess.Popen[Any]:
        quiet = subprocess.DEVNULL
        process = self._lab.popen(self._host, words, env=self.environment, stdout=quiet, stderr=quiet)
        self._running.append(process)
        return process

    def _until(self, done: Any, what: str) -> None:
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end, f"{what} did not start"
            time.sleep(0.02)


def _plain(name: str) -> str:
    """avahi writes `\\032` for a space."""
    parts = name.split("\\")
    return parts[0] + "".join(chr(int(part[:3])) + part[3:] if part[:3].isdigit() else part for part in parts[1:])
