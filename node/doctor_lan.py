"""Why is nobody found? What the local network looks like from here, interface by interface."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

from node import control
from node.config import Config
from node.doctor import Finding, Health
from node.io.interfaces import list_interfaces
from node.paths import Paths
from protocol.errors import OoderError
from protocol.lan_events import Interface
from sources.udp_broadcast import Config as BeaconSettings

GROUP = "224.0.0.251"
WAIT_SECONDS = 0.3
FIREWALLS = ("nft", "ufw", "firewall-cmd", "iptables")


def examine_lan(paths: Paths, config: Config) -> Iterator[Finding]:
    """Interfaces, whether what is sent to everybody comes back, the running node's counters, firewalls."""
    if not config.enabled.get("udp_broadcast", True):
        yield Finding("beacon", Health.WARN, "switched off", "ooder sources enable udp_broadcast")
        return
    settings = config.sources["udp_broadcast"]
    assert isinstance(settings, BeaconSettings)
    interfaces = list_interfaces(settings.interfaces)
    if not interfaces:
        yield Finding(
            "interfaces", Health.FAIL, "none leads to neighbours", "sources.udp_broadcast.interfaces names one"
        )
    for interface in interfaces:
        if ":" not in interface.ip:
            yield _loop(f"{interface.name} {interface.ip}", "broadcast", _broadcast(interface))
            yield _loop(f"{interface.name} {interface.ip}", "multicast", _multicast(interface))
    yield from _running(paths)
    yield from _firewall(settings.port)


def _loop(where: str, what: str, problem: str) -> Finding:
    if not problem:
        return Finding(what, Health.OK, f"{where}: what is sent to everybody comes back")
    fix = "A firewall, a VPN or the access point may drop it; neighbours can still be named in sources.udp_broadcast.seeds"
    return Finding(what, Health.WARN, f"{where}: {problem}", fix)


def _broadcast(interface: Interface) -> str:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        try:
            ear.bind(("", 0))
            mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            mouth.bind((interface.ip, 0))
            mouth.sendto(b"ooder doctor", ("255.255.255.255", ear.getsockname()[1]))
        except OSError as error:
            return error.strerror or str(error)
        return _heard(ear)


def _multicast(interface: Interface) -> str:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth,
    ):
        try:
            ear.bind(("", 0))
            member = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(interface.ip))
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface.ip))
            mouth.bind((interface.ip, 0))
            mouth.sendto(b"ooder doctor", (GROUP, ear.getsockname()[1]))
        except OSError as error:
            return error.strerror or str(error)
        return _heard(ear)


def _heard(ear: socket.socket) -> str:
    ear.settimeout(WAIT_SECONDS)
    try:
        while ear.recv(64) != b"ooder doctor":
            continue
    except TimeoutError:
        return "what is sent to everybody does not come back"
    return ""


def _running(paths: Paths) -> Iterator[Finding]:
    try:
        said: dict[str, Any] = control.ask(paths, "peers.traffic", {}, seconds=2.0)
    except OoderError:
        yield Finding("node", Health.WARN, "not running: nothing is announced, nothing counted", "ooder serve")
        return
    if said["problem"]:
        yield Finding("node", Health.WARN, said["problem"], "ooder sources")
    for row in said["interfaces"]:
        failed = ", ".join(f"{name} {count}" for name, count in row["failed"].items())
        text = f"{row['name'] or 'port 48888'}: sent {row['sent']}, received {row['received']}"
        health = Health.WARN if failed or not row["sent"] + row["received"] else Health.OK
        yield Finding("traffic", health, f"{text}, failed {failed}" if failed else text)
    dropped = ", ".join(f"{name} {count}" for name, count in sorted(said["refused"].items()))
    yield Finding("dropped", Health.OK, dropped or "nothing")
    yield Finding("peers", Health.OK, str(said["peers"]))
    for clone in said["clones"]:
        text = f"{clone['agent_id']} at {', '.join(clone['addresses'])}: two devices with one key"
        yield Finding("clone", Health.WARN, text, "Remove node.key on one of the two, and start it again.")


def _firewall(port: int) -> Iterator[Finding]:
    """Only what can be told without asking for more rights."""
    for program in FIREWALLS:
        path = shutil.which(program)
        if path is None or program in ("nft", "iptables"):
            continue
        command = [path, "status"] if program == "ufw" else [path, "--state"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        active = "Status: active" in done.stdout or done.stdout.strip() == "running"
        if active:
            allow = {"ufw": f"ufw allow {port}/udp", "firewall-cmd": f"firewall-cmd --add-port={port}/udp"}[program]
            yield Finding("firewall", Health.WARN, f"{program} is active", f"{allow}; likewise 48889/tcp and 5353/udp")
