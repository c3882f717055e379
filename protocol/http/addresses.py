"""Which addresses this node may connect to: the guard against requests forged from outside (SECURITY 5.6, T8). Pure.

Guarantees: only public unicast addresses, and those a person configured, are ever connected to; addresses inside addresses
(IPv4-mapped, 6to4, NAT64, Teredo) are judged by what they lead to; the metadata services of clouds are refused even when configured.
`ipaddress.is_global` is not relied on: it differs between Python versions and says yes to NAT64 and site-local addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from protocol.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_DENIED = _networks(
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4"),
)
_ALLOWED_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = _networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
_NEVER = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "192.0.0.192/32", "100.100.100.200/32"),
    *("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128"),
)
"""Not even when configured: nothing, link-local (metadata services), many at once, and metadata addresses of some clouds."""

_NAT64 = _networks("64:ff9b::/96", "64:ff9b:1::/48")


def inner(address: Address) -> Address:
    """What an address leads to: the IPv4 address inside a mapped, compatible, NAT64, 6to4 or Teredo one, else itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in net for net in _NAT64) or (0xFFFF < int(address) < 2**32):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may be there."""
    if address.version == 6:
        leads = inner(address)
        if leads.version == 4:
            return any(address in net for net in _NAT64[:1]) and is_public(leads)
        return address in _ALLOWED_V6 and not any(address in net for net in _DENIED_V6)
    return not any(address in net for net in _DENIED)


def is_never(address: Address) -> bool:
    """Whether it is refused whatever is configured."""
    return any(one in net for one in (address, inner(address)) for net in _NEVER if net.version == one.version)


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks or single addresses. Raises UsageError `http.bad_network`."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise UsageError("http.bad_network", text=text[:100]) from None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges one address at connect time. `networks` may be private; so may the addresses of `hosts` (lower case `host:port`),
    because a person named them."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def allows(self, ip: str, *, named: bool) -> bool:
        """Whether to connect to `ip`; `named` says that it was reached under a configured host and port."""
        try:
            address: Address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        if is_never(address):
            return False
        leads = inner(address)
        return named or is_public(address) or any(leads in net for net in self.networks if net.version == leads.version)

    def names(self, host: str, port: int) -> bool:
        """Whether a person configured this host and port."""
        return f"{host.lower().rstrip('.')}:{port}" in self.hosts
