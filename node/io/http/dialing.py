"""Connections that are judged where they are made: a resolver and a socket factory that ask the guard (SECURITY 5.6).

The resolver drops addresses a name must not lead to; the socket factory sees the very address a socket is about to connect to, so that
literal addresses, redirects and names that change their answer (DNS rebinding) are judged alike.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol.errors import UsageError
from protocol.http.addresses import Guard, read_networks
from protocol.http.exchange import HttpBounds, host_of, read_target

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import ResolveResult

NAMED = 256
"""Addresses of configured hosts that are remembered."""


class AddressRefused(OSError):
    """The guard said no."""


class GuardedDialer:
    """Makes connectors for one way out. The aiohttp of this process is imported when the first one is made."""

    def __init__(self, bounds: HttpBounds) -> None:
        hosts = bounds.hosts | ({host_of(bounds.proxy)} if bounds.proxy else frozenset())
        self.guard = Guard(read_networks(bounds.networks), hosts)
        self._bounds = bounds
        self._named: dict[tuple[str, int], None] = {}
        if bounds.proxy:
            proxy = read_target(bounds.proxy)
            self.judge(proxy.host, proxy.port)

    def judge(self, host: str, port: int) -> None:
        """Refuse a host that is a literal address, before anything is sent. Raises AddressRefused."""
        named = self.guard.names(host, port)
        try:
            socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host.partition("%")[0])
        except OSError:
            return  # a name; its addresses are judged when it is resolved
        if not self.guard.allows(host, named=named):
            raise AddressRefused(host)
        if named:
            self._remember(host, port)

    def _remember(self, ip: str, port: int) -> None:
        self._named[(ip.partition("%")[0], port)] = None
        if len(self._named) > NAMED:
            del self._named[next(iter(self._named))]

    async def resolve(self, host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
        """The addresses of a name that may be connected to. Raises AddressRefused when there are only others, OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
        named = self.guard.names(host, port)
        answers: list[ResolveResult] = []
        for kind, _, proto, _, address in found:
            ip = str(address[0])
            if not self.guard.allows(ip, named=named):
                continue
            if named:
                self._remember(ip, port)
            answers.append(
                {
                    "hostname": host,
                    "host": ip,
                    "port": port,
                    "family": kind,
                    "proto": proto,
                    "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                }
            )
        if not answers:
            raise AddressRefused(host) if found else OSError(f"{host} has no address")
        return answers

    def make_socket(self, info: Any) -> socket.socket:
        """A socket for exactly this address. Raises AddressRefused."""
        family, kind, proto, _, address = info
        ip, port = str(address[0]), int(address[1])
        if not self.guard.allows(ip, named=(ip.partition("%")[0], port) in self._named):
            raise AddressRefused(ip)
        return socket.socket(family, kind, proto)

    def connector(self) -> aiohttp.TCPConnector:
        """A pool of connections. Raises UsageError `http.bad_authority` when the certificates cannot be read."""
        import aiohttp
        from aiohttp.abc import AbstractResolver

        dialer = self

        class Resolver(AbstractResolver):
            async def resolve(
                self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
            ) -> list[ResolveResult]:
                return await dialer.resolve(host, port, family)

            async def close(self) -> None:
                """Nothing is held."""

        return aiohttp.TCPConnector(
            limit=4 * self._bounds.parallel,
            limit_per_host=self._bounds.parallel,
            resolver=Resolver(),
            use_dns_cache=False,
            socket_factory=self.make_socket,
            ssl=self._tls(),
            keepalive_timeout=30.0,
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._bounds.ca_file:
            return True
        try:
            return ssl.create_default_context(cafile=str(Path(self._bounds.ca_file).expanduser()))
        except (OSError, ssl.SSLError) as error:
            raise UsageError("http.bad_authority", path=self._bounds.ca_file, reason=str(error)[:200]) from None


def was_refused(error: BaseException | None) -> bool:
    """Whether the guard's no is the cause of a failed connection."""
    for _ in range(8):
        if error is None:
            return False
        if isinstance(error, AddressRefused):
            return True
        error = getattr(error, "os_error", None) or error.__cause__ or error.__context__
    return False
