"""Who really asks, when a reverse proxy stands before the server: `X-Forwarded-For`, believed only as far as the proxies are known.

Every proxy appends the address it was asked from. So the list is read from its end, and only while the one who wrote the entry is a
proxy the settings name: what a stranger sends in this line himself stands before that, and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from protocol.http.addresses import Network
from protocol.subnets import read_address

_HOPS: Final = 8  # proxies one behind the other


def client_address(remote: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """The address to count a request for. `forwarded` are the values of all `X-Forwarded-For` lines, in order.

    >>> from ipaddress import ip_network
    >>> client_address("10.0.0.2", ["6.6.6.6, 192.0.2.7"], [ip_network("10.0.0.0/24")])
    '192.0.2.7'
    >>> client_address("192.0.2.7", ["6.6.6.6"], [ip_network("10.0.0.0/24")])
    '192.0.2.7'
    """
    hops = [hop.strip() for hop in ",".join(forwarded).rsplit(",", _HOPS)[-_HOPS:]]
    found = remote
    while hops and _is_one_of(found, proxies):
        hop = hops.pop()
        if read_address(hop) is None:
            break
        found = hop
    return found


def _is_one_of(text: str, proxies: Sequence[Network]) -> bool:
    address = read_address(text)
    if address is None:
        return False
    plain = getattr(address, "ipv4_mapped", None) or address
    return any(plain in proxy for proxy in proxies if proxy.version == plain.version)
