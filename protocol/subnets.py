"""Which addresses are near enough to be answered: directly connected subnets, link-local, and what the user named."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from protocol import limits

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=1024)
def read_address(ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address without its scope; None for what is none."""
    try:
        return ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return None


class Subnets:
    """`connected` changes with the interfaces; `allowed` (CIDR or single addresses) is configured."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(ipaddress.ip_network(each, strict=False) for each in allowed)
        self._connected: tuple[Network, ...] = ()
        self._known: dict[str, bool] = {}

    def connect(self, addresses: Iterable[tuple[str, int]]) -> bool:
        """These (address, prefix length) are ours now; whether that is a change."""
        connected = tuple(ipaddress.ip_network(f"{ip}/{prefix}", strict=False) for ip, prefix in addresses)
        changed, self._connected = connected != self._connected, connected
        self._known.clear()
        return changed

    def near(self, ip: str) -> bool:
        """Whether `ip` may be answered. False for what is no address."""
        found = self._known.get(ip)
        if found is None:
            if len(self._known) >= limits.SOURCES:
                self._known.clear()
            found = self._known[ip] = self._is_near(ip)
        return found

    def _is_near(self, ip: str) -> bool:
        address = read_address(ip)
        if address is None:
            return False
        if address.version == 6 and address.is_link_local:
            return True
        return any(address in net for net in self._connected) or any(address in net for net in self._allowed)

    def behind_router(self, ip: str) -> bool:
        """Whether `ip` may be answered, but no broadcast of ours reaches it."""
        address = read_address(ip)
        return self.near(ip) and not (
            address and (address.is_link_local or any(address in net for net in self._connected))
        )
