"""The usable network addresses of this host, and a watch that tells when they changed (LAN.md 2, 6.1)."""

from __future__ import annotations

import asyncio
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from typing import Final

import ifaddr

from protocol.lan_events import Interface

SKIPPED: Final = (
    "docker*",
    "br-*",
    "veth*",
    "cni*",
    "virbr*",
    "tun*",
    "tap*",
    "wg*",
    "utun*",
    "tailscale*",
    "zt*",
    "vEthernet*",
)
"""Interfaces that lead to containers, virtual machines and tunnels, not to neighbours."""

DEBOUNCE = 0.3  # seconds; a change of network is a burst of messages
POLL = 5.0  # seconds between looks where the kernel does not tell
_SIOCGIFFLAGS = 0x8913
_UP, _LOOPBACK, _MULTICAST = 0x1, 0x8, 0x1000
_RTM_GROUPS = 0x1 | 0x10 | 0x100  # links, IPv4 and IPv6 addresses


def list_interfaces(only: Sequence[str] = ()) -> tuple[Interface, ...]:
    """Addresses worth speaking on: those of `only` (names or patterns), else of all interfaces that lead to neighbours, else
    the loopback. One IPv4 address each, or the link-local IPv6 address of an interface that has no IPv4."""
    flags = {adapter.nice_name: _flags(adapter.nice_name) for adapter in ifaddr.get_adapters()}
    found: list[Interface] = []
    for adapter in ifaddr.get_adapters():
        name = adapter.nice_name
        if not flags[name] & _UP or not _wanted(name, flags[name], only):
            continue
        v4 = [_v4(name, adapter.index or 0, ip) for ip in adapter.ips if isinstance(ip.ip, str)]
        v6 = [_v6(name, adapter.index or 0, ip) for ip in adapter.ips if not isinstance(ip.ip, str)]
        found += [*v4, *[each for each in v6 if each.ip.startswith("fe80")][:1]]
    if not found and not only and any(flag & _UP and flag & _LOOPBACK for flag in flags.values()):
        return (Interface("lo", "127.0.0.1", 8, broadcast="127.255.255.255"),)
    return tuple(sorted(found, key=lambda each: (each.name, each.ip)))


def _wanted(name: str, flags: int, only: Sequence[str]) -> bool:
    if only:
        return any(fnmatch(name, pattern) for pattern in only)
    return bool(flags & _MULTICAST) and not flags & _LOOPBACK and not any(fnmatch(name, each) for each in SKIPPED)


def _v4(name: str, index: int, ip: ifaddr.IP) -> Interface:
    network = ipaddress.ip_network(f"{ip.ip}/{ip.network_prefix}", strict=False)
    broadcast = str(network.broadcast_address) if ip.network_prefix < 31 else ""
    return Interface(name, str(ip.ip), ip.network_prefix, index, broadcast)


def _v6(name: str, index: int, ip: ifaddr.IP) -> Interface:
    return Interface(name, str(ip.ip[0]), ip.network_prefix, index)


def _flags(name: str) -> int:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            answer = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode()[:15], 0))
    except OSError:
        return 0
    return int(struct.unpack("16sH14x", answer)[1])


class InterfaceWatch:
    """Calls `changed` a moment after the kernel reported a change of links or addresses; polls where it cannot listen."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Start. Needs a running loop."""
        loop = asyncio.get_running_loop()
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
            sock.bind((0, _RTM_GROUPS))
        except (OSError, AttributeError):
            self._timer = loop.call_later(POLL, self._fire)
            return
        self._socket = sock
        loop.add_reader(sock.fileno(), self._told)

    def close(self) -> None:
        """Stop."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _told(self) -> None:
        assert self._socket is not None
        try:
            while self._socket.recv(65_536):
                pass
        except OSError:  # nothing more to read, or the queue overflowed: look again in both cases
            pass
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DEBOUNCE, self._fire)

    def _fire(self) -> None:
        polling = self._socket is None
        self._timer = asyncio.get_running_loop().call_later(POLL, self._fire) if polling else None
        self._changed()
