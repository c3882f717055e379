"""Who says what over mDNS: the `zeroconf` library does not tell from which address a record came.

Anybody can publish a service at somebody else's address and so have it connected to (SECURITY T3). Only an address whose holder
speaks for the service counts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import cast

from zeroconf import Zeroconf
from zeroconf._dns import DNSPointer
from zeroconf._protocol.incoming import DNSIncoming

from protocol import limits

_Address = tuple[str | object, int]


class Speakers:
    """The addresses from which each service was spoken for; at most `limits.SERVICES` services, the oldest forgotten."""

    def __init__(self, types: Sequence[str]) -> None:
        self._types = tuple(types)
        self._words = tuple({kind.split(".", 1)[0].encode("ascii") for kind in types})
        self._spoken: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def attach(self, zeroconf: Zeroconf) -> None:
        """Listen to what its sockets receive from now on; any number of times, as its sockets come and go."""
        for reader in zeroconf.engine.readers:
            protocol = cast("asyncio.DatagramProtocol", reader.transport.get_protocol())
            if not isinstance(protocol, _Ear):
                reader.transport.set_protocol(_Ear(self, protocol))

    def hear(self, data: bytes, ip: str) -> None:
        """A datagram came from there. Never raises."""
        if not any(word in data for word in self._words):
            return
        message = DNSIncoming(data)
        if not message.valid or message.is_query():
            return
        for record in message.answers():
            name = record.alias if isinstance(record, DNSPointer) else record.name
            if name.lower().endswith(self._types):
                self._note(name.lower(), ip)

    def of(self, name: str, addresses: Iterable[str]) -> tuple[str, ...]:
        """Those of `addresses` that spoke for the service `name`."""
        spoken = self._spoken.get(name.lower())
        return tuple(address for address in addresses if spoken and address.partition("%")[0] in spoken)

    def _note(self, name: str, ip: str) -> None:
        spoken = self._spoken.setdefault(name, OrderedDict())
        self._spoken.move_to_end(name)
        spoken[ip] = None
        spoken.move_to_end(ip)
        if len(spoken) > limits.PEER_ADDRESSES:
            spoken.popitem(last=False)
        if len(self._spoken) > limits.SERVICES:
            self._spoken.popitem(last=False)


class _Ear(asyncio.DatagramProtocol):
    """Between a socket and the library."""

    def __init__(self, speakers: Speakers, behind: asyncio.DatagramProtocol) -> None:
        self._speakers, self._behind = speakers, behind

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        self._speakers.hear(data, str(addr[0]).partition("%")[0])
        self._behind.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        self._behind.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)
