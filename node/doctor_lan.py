"""Why is nobody found? What the local network looks like from here, interface by interface."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from node import control
from node.config import Config
from node.finding import Finding, Health
from node.io.interfaces import list_interfaces
from node.paths import Paths
from protocol.errors import OoderError, UnavailableError
from protocol.lan_events import Interface
from sources.udp_broadcast import Config as BeaconSettings

GROUP = "224.0.0.251"
WAIT_SECONDS = 0.3
FIREWALLS = ("ufw", "firewall-cmd")


Say = Callable[..., str]
"""Gives a sentence `doctor.lan.*`, filled with named parameters."""


class Speaker(Protocol):
    """Says it in the language of who asks."""

    language: str

    def say(self, key: str, **params: object) -> str: ...


def examine_lan(paths: Paths, config: Config, speaker: Speaker) -> Iterator[Finding]:
    """Interfaces, whether what is sent to everybody comes back, the running node's counters, firewalls."""
    say = speaker.say
    if not config.enabled.get("udp_broadcast", True):
        yield Finding("beacon", Health.WARN, say("doctor.lan.off"), "ooder sources enable udp_broadcast")
        return
    settings = config.sources["udp_broadcast"]
    assert isinstance(settings, BeaconSettings)
    interfaces = list_interfaces(settings.interfaces)
    if not settings.interfaces and all(interface.ip.startswith("127.") for interface in interfaces):
        yield Finding("interfaces", Health.WARN, say("doctor.lan.none"), say("doctor.lan.none.fix"))
    elif not interfaces:
        yield Finding("interfaces", Health.FAIL, say("doctor.lan.none"), say("doctor.lan.none.fix"))
    for interface in interfaces:
        if ":" not in interface.ip:
            for what, test in (("broadcast", _broadcast), ("multicast", _multicast)):
                yield _loop(f"{interface.name} {interface.ip}", what, test, interface, say)
    yield from _running(paths, settings.port, speaker)
    yield from _firewall(settings.port, say)


def _loop(where: str, what: str, test: Callable[[Interface], bool], interface: Interface, say: Say) -> Finding:
    try:
        if test(interface):
            return Finding(what, Health.OK, say("doctor.lan.back", where=where))
        found = say("doctor.lan.no_echo", where=where)
    except OSError as error:
        found = say("doctor.lan.failed", where=where, reason=error.strerror or str(error))
    return Finding(what, Health.WARN, found, say("doctor.lan.no_echo.fix"))


def _broadcast(interface: Interface) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind(("", 0))
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        mouth.bind((interface.ip, 0))
        mouth.sendto(b"ooder doctor", ("255.255.255.255", ear.getsockname()[1]))
        return _heard(ear)


def _multicast(interface: Interface) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        ear.bind(("", 0))
        member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface.ip))
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface.ip))
        mouth.bind((interface.ip, 0))
        mouth.sendto(b"ooder doctor", (GROUP, ear.getsockname()[1]))
        return _heard(ear)


def _heard(ear: socket.socket) -> bool:
    ear.settimeout(WAIT_SECONDS)
    try:
        while ear.recv(64) != b"ooder doctor":
            continue
    except TimeoutError:
        return False
    return True


def _running(paths: Paths, port: int, speaker: Speaker) -> Iterator[Finding]:
    say = speaker.say
    try:
        said: dict[str, Any] = control.ask(paths, "peers.traffic", {}, seconds=2.0)
    except OoderError:
        yield Finding("node", Health.WARN, say("doctor.lan.not_running"), "ooder serve")
        return
    if said["problem"]:
        problem = UnavailableError(said["problem"], port=port)
        yield Finding("node", Health.WARN, problem.text(speaker.language), problem.next_step(speaker.language))
    for row in said["interfaces"]:
        failed = ", ".join(f"{name} {count}" for name, count in row["failed"].items())
        health = Health.WARN if failed or not row["sent"] + row["received"] else Health.OK
        counts = {"where": row["name"] or f"UDP {port}", "sent": row["sent"], "received": row["received"]}
        key = "doctor.lan.traffic_failed" if failed else "doctor.lan.traffic"
        yield Finding("traffic", health, say(key, **counts, **({"failed": failed} if failed else {})))
    dropped = ", ".join(f"{name} {count}" for name, count in sorted(said["refused"].items()))
    yield Finding("dropped", Health.OK, dropped or say("doctor.lan.nothing"))
    yield Finding("peers", Health.OK, str(said["peers"]))
    for clone in said["clones"]:
        text = say("doctor.lan.clone", agent=clone["agent_id"], addresses=", ".join(clone["addresses"]))
        yield Finding("clone", Health.WARN, text, say("doctor.lan.clone.fix"))


def _firewall(port: int, say: Say) -> Iterator[Finding]:
    """Only what can be told without asking for more rights."""
    for program in FIREWALLS:
        path = shutil.which(program)
        if path is None:
            continue
        command = [path, "status"] if program == "ufw" else [path, "--state"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        active = "Status: active" in done.stdout or done.stdout.strip() == "running"
        if active:
            allow = f"ufw allow {port}/udp" if program == "ufw" else f"firewall-cmd --add-port={port}/udp"
            found = say("doctor.lan.firewall", program=program)
            yield Finding("firewall", Health.WARN, found, say("doctor.lan.firewall.fix", allow=allow))
