"""The sockets and the clock of a DHT node, in the shape of the package `kademlia`.

`DhtServer` is a `kademlia.network.Server`, `DhtProtocol` its `protocol_class`, `RecordStorage` its storage: whoever knows the
package finds `listen`, `bootstrap`, `get`, `set` and `stop` where they are used to be. What the package decides - routing,
crawling, what is stored and believed - is decided by `protocol.dht.node.DhtNode` instead; datagrams are handled on the spot,
without a task each.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from kademlia.network import Server
from kademlia.node import Node as KademliaNode
from kademlia.protocol import KademliaProtocol
from kademlia.storage import IStorage

from protocol import limits
from protocol.dht.contacts import ID_BYTES
from protocol.dht.events import Event
from protocol.dht.messages import Place
from protocol.dht.node import DhtNode
from protocol.dht.reading import get
from protocol.dht.record import SignedPointer, name_key, open_pointer
from protocol.dht.tasks import start
from protocol.dht.writing import join, publish
from protocol.errors import UnavailableError
from protocol.refs import parse_ref
from sources.ports import Clock

T = TypeVar("T")
Within = Callable[[], AbstractContextManager[object]]
RECEIVE_BUFFER = 1 << 20


class RecordStorage(IStorage):  # type: ignore[misc]
    """The store of the machine as the package wants to see it: key -> bytes of the records. Writing goes through the machine
    only, where signatures are checked."""

    def __init__(self, machine: DhtNode) -> None:
        self._machine = machine

    def __setitem__(self, key: bytes, value: bytes) -> None:
        signed = self._machine.verifier.open(value, self._machine.now, self._machine.wall)
        if signed is not None:
            self._machine.store.put(key, signed, "", self._machine.wall)

    def __getitem__(self, key: bytes) -> list[bytes]:
        found: list[bytes] | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def get(self, key: bytes, default: Any = None) -> Any:
        found = [held.signed.raw for held in self._machine.store.get(key)]
        return found or default

    def iter_older_than(self, seconds_old: float) -> Iterator[tuple[bytes, bytes]]:
        before = self._machine.wall - seconds_old
        return iter([(held.key, held.signed.raw) for held in self._machine.store if held.at <= before])

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter([(held.key, held.signed.raw) for held in self._machine.store])


class DhtProtocol(KademliaProtocol):  # type: ignore[misc]
    """One socket. Of the package's protocol only the place in the machinery is used."""

    def __init__(self, source_node: Any, storage: RecordStorage, ksize: int, server: DhtServer) -> None:
        self.source_node, self.storage, self.ksize, self._server = source_node, storage, ksize, server
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._server.heard(data, str(addr[0]), int(addr[1]))

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer to something sent before; the question's timeout tells the same."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None


class DhtServer(Server):  # type: ignore[misc]
    """One node on the network. `machine` decides, `clock` tells the wall time, `within` is entered while sockets are made."""

    protocol_class = DhtProtocol
    node_class = KademliaNode

    def __init__(self, machine: DhtNode, clock: Clock, within: Within = contextlib.nullcontext) -> None:
        self.machine, self._clock, self._within = machine, clock, within
        storage = RecordStorage(machine)
        super().__init__(limits.DHT_K, limits.DHT_ALPHA, machine.own.id.to_bytes(ID_BYTES, "big"), storage)
        self._sockets: dict[bool, DhtProtocol] = {}  # IPv6? -> protocol
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = float("inf")
        self.port = 0
        self.failed_sends = 0
        self._watchers: list[Callable[[Event], None]] = []

    # --- the shape of the package ------------------------------------------------------------------------------------

    def _create_protocol(self) -> DhtProtocol:
        return self.protocol_class(self.node, self.storage, self.ksize, self)

    async def listen(self, port: int, interface: str = "0.0.0.0") -> None:  # noqa: S104 - what a node of a DHT is for
        """Listen on one more interface address. Raises UnavailableError `dht.port_taken`, OSError where the family is missing."""
        v6 = ":" in interface
        with self._within():
            sock = _bind(interface, port, v6=v6)
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(self._create_protocol, sock=sock)
        self._sockets[v6] = protocol
        self.port = int(sock.getsockname()[1])
        self.pump()

    async def bootstrap(self, addrs: Sequence[tuple[str, int]]) -> int:
        """Join through these addresses; how many of them answered."""
        return await self.do(join(self.machine, list(addrs))) if addrs else 0

    async def get(self, key: str) -> list[SignedPointer]:
        """The live records of a ref, verified."""
        return (await self.do(get(self.machine, name_key(parse_ref(key)), Place()))).live

    async def set(self, key: str, value: bytes) -> bool:
        """Publish a signed record about `key`. Raises what `open_pointer` raises."""
        signed = open_pointer(value, self._clock.wall())
        return signed.record.name == key and bool((await self.do(publish(self.machine, [signed]))).replicas)

    def refresh_table(self, interval: int = 3600) -> None:
        """The machine keeps its own table fresh."""

    def stop(self) -> None:
        """Close the sockets; everybody who waits for an answer gets none."""
        self.machine.close()
        if self._timer is not None:
            self._timer.cancel()
        for protocol in self._sockets.values():
            if protocol.transport is not None:
                protocol.transport.close()
        self._sockets.clear()

    # --- between the machine and the loop ----------------------------------------------------------------------------

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work of the machine (`protocol.dht.reading`, `.writing`) to its end."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self.machine.tick(loop.time(), self._clock.wall())
        start(work).when(lambda value: None if done.done() else done.set_result(value))
        self.pump()
        return await done

    @contextlib.contextmanager
    def watch(self, tell: Callable[[Event], None]) -> Iterator[None]:
        """Inside, `tell` is called with everything the machine tells, as it happens. It must not block or raise."""
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    def heard(self, data: bytes, ip: str, port: int) -> None:
        """A socket heard something."""
        self.machine.receive(data, ip, port, asyncio.get_running_loop().time(), self._clock.wall())
        self.pump()

    def pump(self) -> None:
        """Send what is due and be woken in time."""
        for out in self.machine.datagrams_to_send():
            self._send(out.data, out.ip, out.port)
        if self._watchers:
            for event in self.machine.events():
                for tell in list(self._watchers):
                    tell(event)
        due = self.machine.next_timeout()
        if due < self._timer_at and not self.machine.closed:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = due
            self._timer = asyncio.get_running_loop().call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self.machine.tick(asyncio.get_running_loop().time(), self._clock.wall())
        self.pump()

    def _send(self, data: bytes, ip: str, port: int) -> None:
        protocol = self._sockets.get(":" in ip)
        if protocol is None or protocol.transport is None:
            self.failed_sends += 1
            return
        try:
            protocol.transport.sendto(data, (ip, port))
        except (OSError, ValueError):
            self.failed_sends += 1


def _bind(interface: str, port: int, *, v6: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setblocking(False)
        sock.bind((interface, port))
    except OSError as error:
        sock.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise UnavailableError("dht.port_taken", port=port) from error
        raise
    return sock
