"""Who can be asked: a public key at an address. The id in the key space follows from the key, so nobody chooses an id freely.

docs/protocol/dht.md 2. Addresses are sorted into loopback, private and public: a node may only be told addresses that are at
least as public as the one who tells, so a stranger cannot make us knock at doors of our own network.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

KEY_BYTES: Final = 32
ID_BITS: Final = 160
ID_BYTES: Final = 20
_V4, _V6 = KEY_BYTES + 6, KEY_BYTES + 18

LOOPBACK, PRIVATE, PUBLIC, UNUSABLE = 0, 1, 2, 3

DENSE: Final = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10")
"""Networks that only people inside can reach: no limit per /24 there."""


class Contact(NamedTuple):
    """One node. `id` is its place in the key space as a number of 160 bits."""

    id: int
    key: bytes
    ip: str
    port: int


@lru_cache(maxsize=65_536)
def node_id(key: bytes) -> int:
    """The first 20 bytes of SHA-256("node" || key)."""
    return int.from_bytes(hashlib.sha256(b"node" + key).digest()[:ID_BYTES], "big")


def contact(key: bytes, ip: str, port: int) -> Contact:
    """A contact with its id."""
    return Contact(node_id(key), key, ip, port)


@lru_cache(maxsize=16_384)
def reach(ip: str) -> int:
    """LOOPBACK, PRIVATE, PUBLIC, or UNUSABLE for what is no address of one machine."""
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return UNUSABLE
    if address.is_loopback:
        return LOOPBACK
    if address.is_multicast or address.is_unspecified or (address.version == 4 and int(address) >= 0xF0000000):
        return UNUSABLE
    if address.is_private or address.is_link_local:
        return PRIVATE
    return PUBLIC


def may_fetch(ip: str, networks: Iterable[str] = ()) -> bool:
    """Whether an address that a stranger published may be connected to: only one that everybody can reach, or one inside
    `networks` (CIDR). So no record makes us knock at doors of this machine, of our own network, or of a cloud's metadata.

    >>> may_fetch("9.9.9.9"), may_fetch("127.0.0.1"), may_fetch("::ffff:10.0.0.1"), may_fetch("10.0.0.1", ["10.0.0.0/8"])
    (True, False, False, True)
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if any(address in ipaddress.ip_network(each, strict=False) for each in networks):
        return True
    inner = _inside(address)
    return _public(address) and (inner is None or _public(inner))


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inside(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, where a translator or tunnel unpacks it."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class Networks:
    """Which addresses count as one network (/24, IPv6 /48) and which are exempt from counting."""

    def __init__(self, dense: Iterable[str] = DENSE) -> None:
        self._dense = tuple(ipaddress.ip_network(each, strict=False) for each in dense)
        self._known: dict[str, str] = {}

    def of(self, ip: str) -> str:
        """The network of an address; "" where addresses are not counted."""
        found = self._known.get(ip)
        if found is None:
            if len(self._known) >= 16_384:
                self._known.clear()
            found = self._known[ip] = self._find(ip)
        return found

    def payer(self, ip: str, port: int) -> Hashable:
        """Whose token bucket a datagram is charged to: the address, the IPv6 /64, or in a dense network address and port."""
        if not self.of(ip):
            return (ip, port)
        return ip if ":" not in ip else ipaddress.IPv6Address(ip.partition("%")[0]).packed[:8]

    def _find(self, ip: str) -> str:
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return ip
        if any(address in network for network in self._dense):
            return ""
        length = 24 if address.version == 4 else 48
        return str(ipaddress.ip_network(f"{address}/{length}", strict=False))


def encode_contacts(contacts: Iterable[Contact]) -> tuple[bytes, bytes]:
    """Compact form: (IPv4, IPv6), each entry key, address, port."""
    entries = [_encoded(each) for each in contacts]
    v4 = [each for each in entries if len(each) == _V4]
    v6 = [] if len(v4) == len(entries) else [each for each in entries if len(each) == _V6]
    return b"".join(v4), b"".join(v6)


def decode_contacts(v4: bytes, v6: bytes, teller: str, limit: int) -> list[Contact]:
    """Contacts that may be asked, told by somebody at address `teller`. Raises ValueError for wrong lengths."""
    if len(v4) % _V4 or len(v6) % _V6 or len(v4) // _V4 + len(v6) // _V6 > limit:
        raise ValueError("contacts")
    least = reach(teller)
    told = [_decoded(v4[at : at + _V4]) for at in range(0, len(v4), _V4)]
    told += [_decoded(v6[at : at + _V6]) for at in range(0, len(v6), _V6)]
    return [each for each, public in told if each.port and least <= public < UNUSABLE]


@lru_cache(maxsize=8_192)
def _decoded(entry: bytes) -> tuple[Contact, int]:
    """One entry, and the reach of its address. The same few hundred are told over and over."""
    address, port = entry[KEY_BYTES:-2], int.from_bytes(entry[-2:], "big")
    ip = str(ipaddress.IPv4Address(address) if len(address) == 4 else ipaddress.IPv6Address(address))
    return contact(entry[:KEY_BYTES], ip, port), reach(ip)


@lru_cache(maxsize=4_096)
def _encoded(each: Contact) -> bytes:
    return each.key + ipaddress.ip_address(each.ip.partition("%")[0]).packed + each.port.to_bytes(2, "big")
