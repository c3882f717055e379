"""The sockets of the local network (LAN.md 2): one ear on port 48888, one mouth per interface address.

The ear is bound to the wildcard address, shared with other nodes of this host, and survives every change of interfaces. A
mouth is bound to (address, 0): its broadcasts leave by exactly that interface, with no route and no privilege, and answers
come back to its own port, so several nodes on one host never take each other's mail. Both are read: up to 64 datagrams or
2 ms per wake-up. Where the port is taken or forbidden the node only speaks and hears answers; `problem` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from node.io.interfaces import InterfaceWatch, list_interfaces
from protocol import limits
from protocol.lan_events import PORT, Interface, Outgoing
from protocol.subnets import read_address

GROUP_V6: Final = "ff12::00de:1a4e"
"""Our own transient link-local group. Spoken to by interfaces without IPv4, heard by all: whoever has both answers there."""
RECEIVE_BUFFER = 1 << 20
DRAIN_MOST, DRAIN_SECONDS = 64, 0.002

Within = Callable[[], AbstractContextManager[object]]
"""Entered while sockets are made; a test puts them into another network namespace."""


class Listener(Protocol):
    """Who hears."""

    def datagram(self, data: bytes, ip: str, port: int, iface: str) -> None:
        """One datagram; called for each of a batch."""

    def drained(self) -> None:
        """The batch is over: a good moment to answer."""

    def interfaces(self, interfaces: tuple[Interface, ...]) -> None:
        """The usable addresses, at the start and after every change."""


@dataclass(slots=True)
class Traffic:
    """Counted per interface, for the question why nobody is found."""

    sent: int = 0
    sent_bytes: int = 0
    received: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # by errno name


class LanSockets:
    """Ear and mouths. `only` names interfaces, `ears` further ports to listen on (the other dialects of WIRE 3.1)."""

    def __init__(
        self,
        port: int = PORT,
        *,
        only: Sequence[str] = (),
        ears: Sequence[int] = (),
        within: Within = contextlib.nullcontext,
    ) -> None:
        self._port, self._only, self._extra, self._within = port, tuple(only), tuple(ears), within
        self._ears: dict[tuple[int, int], socket.socket] = {}  # (family, port)
        self._mouths: dict[Interface, socket.socket] = {}
        self._origins: dict[str, str] = {}  # ip -> interface
        self._watch = InterfaceWatch(self.look)
        self._listener: Listener | None = None
        self.problem = ""
        self.traffic: dict[str, Traffic] = {}

    def open(self, listener: Listener) -> None:
        """Bind everything and start to listen. Never fails: what cannot be had is in `problem`, and is tried again."""
        self._listener = listener
        with self._within():
            self._watch.open()
        self.look()

    def close(self) -> None:
        """Close everything."""
        self._watch.close()
        for sock in (*self._ears.values(), *self._mouths.values()):
            self._shut(sock)
        self._ears.clear()
        self._mouths.clear()

    def look(self) -> None:
        """Look at the interfaces again and make the sockets match."""
        with self._within():
            wanted = list_interfaces(self._only)
            self._origins.clear()
            for gone in set(self._mouths) - set(wanted):
                self._shut(self._mouths.pop(gone))
            for interface in wanted:
                if interface not in self._mouths:
                    self._open_mouth(interface)
            self._open_ears()
            if not self._mouths:
                self.problem = "lan.no_interface"
        if self._listener is not None:
            self._listener.interfaces(tuple(self._mouths))

    def send(self, out: Outgoing) -> None:
        """Send one datagram, to everybody or to one address. A failure is counted; that an interface went away the watch tells."""
        if out.ip:
            mouth = self._mouth_for(out.ip, out.iface)
            if mouth is not None:
                self._send(mouth, out.data, out.ip, out.port)
            return
        spoken = {each.name for each in self._mouths if ":" not in each.ip}
        for interface in list(self._mouths):
            if ":" in interface.ip:
                if interface.name not in spoken:
                    self._send(interface, out.data, GROUP_V6, out.port)
                continue
            self._send(interface, out.data, "255.255.255.255", out.port)
            if interface.broadcast:  # some systems and access points let only one of the two pass; a copy costs a hash
                self._send(interface, out.data, interface.broadcast, out.port)

    # --- sockets -----------------------------------------------------------------------------------------------------

    def _open_ears(self) -> None:
        self.problem = ""
        families = [socket.AF_INET, *([socket.AF_INET6] if any(":" in each.ip for each in self._mouths) else [])]
        for family in families:
            for port in (self._port, *self._extra):
                if (family, port) not in self._ears:
                    self._open_ear(family, port)
        ear = self._ears.get((socket.AF_INET6, self._port))
        for interface in self._mouths:
            if ear is not None and ":" in interface.ip:
                group = socket.inet_pton(socket.AF_INET6, GROUP_V6) + struct.pack("@I", interface.index)
                with contextlib.suppress(OSError):  # a member already
                    ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)

    def _open_ear(self, family: int, port: int) -> None:
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(("", port))
        except OSError as error:
            sock.close()
            taken = error.errno == errno.EADDRINUSE
            if port == self._port and family == socket.AF_INET:
                self.problem = "lan.port_taken" if taken else "lan.port_refused"
            return
        self._ears[family, port] = sock
        self._listen(sock, "")

    def _open_mouth(self, interface: Interface) -> None:
        v6 = ":" in interface.ip
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if v6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 1)
                sock.bind((interface.ip, 0, 0, interface.index))
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sock.bind((interface.ip, 0))
        except OSError as error:
            sock.close()
            self._traffic(interface.name).failed[_errno_name(error)] += 1
            return
        self._mouths[interface] = sock
        self._listen(sock, interface.name)

    def _listen(self, sock: socket.socket, iface: str) -> None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock.fileno(), self._drain, sock, iface)

    def _shut(self, sock: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(sock.fileno())
        sock.close()

    # --- traffic -----------------------------------------------------------------------------------------------------

    def _drain(self, sock: socket.socket, iface: str) -> None:
        listener = self._listener
        if listener is None:
            return
        end = time.monotonic() + DRAIN_SECONDS
        for _ in range(DRAIN_MOST):
            try:
                data, address = sock.recvfrom(limits.DATAGRAM_READ + 1)
            except BlockingIOError:
                break
            except OSError as error:  # an ICMP answer to something sent before, or the interface went away
                self._traffic(iface).failed[_errno_name(error)] += 1
                break
            ip = address[0]
            name = iface or self._interface_of(ip)
            self._traffic(name).received += 1
            listener.datagram(data, ip, address[1], name)
            if time.monotonic() > end:
                break
        listener.drained()

    def _send(self, interface: Interface, data: bytes, ip: str, port: int) -> bool:
        traffic = self._traffic(interface.name)
        try:
            self._mouths[interface].sendto(data, (ip, port))
        except OSError as error:
            traffic.failed[_errno_name(error)] += 1
            return False
        traffic.sent += 1
        traffic.sent_bytes += len(data)
        return True

    def _mouth_for(self, ip: str, iface: str) -> Interface | None:
        address = read_address(ip)
        same = [each for each in self._mouths if (":" in each.ip) == (":" in ip)]
        near = [each for each in same if address in _network(each)]
        named = [each for each in near or same if each.name == iface]
        return next(iter((*named, *near, *same)), None)

    def _interface_of(self, ip: str) -> str:
        found = self._origins.get(ip)
        if found is None:
            address = read_address(ip)
            near = (each.name for each in self._mouths if ":" not in each.ip and address in _network(each))
            found = ip.partition("%")[2] or next(near, "")
            if len(self._origins) >= limits.SOURCES:
                self._origins.clear()
            self._origins[ip] = found
        return found

    def _traffic(self, iface: str) -> Traffic:
        found = self.traffic.get(iface)
        if found is None:
            found = self.traffic[iface] = Traffic()
        return found


@lru_cache(maxsize=256)
def _network(interface: Interface) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(f"{interface.ip}/{interface.prefix}", strict=False)


def _errno_name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "UNKNOWN")
