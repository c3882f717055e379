"""mDNS for real, on the `zeroconf` library (LAN.md 3 and 6): publish one service, browse types, ask at once, follow interfaces.

Interfaces are always named, so nothing is published into containers and tunnels and a host without a route does not fail. The
browser asks for multicast answers (another process of this host would otherwise take ours), and one question from an own
port at the start brings the first answers without the library's delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Final

from zeroconf import DNSQuestionType, IPVersion, NotRunningException, RecordUpdate, ServiceStateChange
from zeroconf._dns import DNSPointer, DNSQuestion
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from node.io.datagrams import Within
from node.io.interfaces import InterfaceWatch, list_interfaces
from node.io.mdns_speakers import Speakers
from protocol import limits
from protocol.errors import UnavailableError
from protocol.lan_events import Interface
from sources.mdns_dns_sd import Published
from sources.mdns_services import Found

_GROUP, _PORT = "224.0.0.251", 5353
_QUERY, _PTR, _IN = 0, 12, 1
_AUTHORITATIVE_ANSWER = 0x8400
RESOLVE_MS: Final = 3_000
RECONFIRM_MS: Final = 3_000  # three questions (RFC 6762 10.4 asks for two)
LISTEN_S: Final = 0.5  # seconds answers to the first question are read
RESOLVED_AT_ONCE: Final = 16


class ZeroconfMdns:
    """One publisher and browser. `run` holds it open; the callbacks are called from its loop."""

    def __init__(self, only: Sequence[str] = (), within: Within = contextlib.nullcontext) -> None:
        self._only, self._within = tuple(only), within
        self._zeroconf: AsyncZeroconf | None = None
        self._info: AsyncServiceInfo | None = None
        self._kinds: list[AsyncServiceInfo] = []
        self._publishing = asyncio.Lock()
        self._published: Published | None = None
        self._wanted: asyncio.Queue[tuple[str, str]] = asyncio.Queue(limits.SERVICES)
        self._changed = asyncio.Event()
        self._speakers = Speakers(())
        self.interfaces: tuple[Interface, ...] = ()
        self.dropped = 0

    async def run(
        self,
        published: Published | None,
        types: Sequence[str],
        found: Callable[[Found], None],
        lost: Callable[[str], None],
    ) -> None:
        """Publish and browse until cancelled, then say goodbye; without a network, from when there is one. Raises UnavailableError
        `lan.mdns_refused`."""
        self._published = published
        watch = InterfaceWatch(self._changed.set)
        with self._within():
            watch.open()
        try:
            await self._open()
            await self._work(types, found, lost)
        finally:
            watch.close()

    async def _open(self) -> None:
        while (zeroconf := self._make()) is None:
            await self._changed.wait()
            self._changed.clear()
        try:
            # Shielded: all wait there for one future of the library, and whoever is cancelled cancels it for all.
            await asyncio.shield(zeroconf.zeroconf.async_wait_for_start())
        except NotRunningException as error:
            raise UnavailableError("lan.mdns_refused", reason=str(error)) from error
        except asyncio.CancelledError:
            await zeroconf.async_close()
            raise
        self._zeroconf = zeroconf

    def _make(self) -> AsyncZeroconf | None:
        with self._within():
            self.interfaces = _v4(self._only)
            try:
                addresses = [each.ip for each in self.interfaces]
                return AsyncZeroconf(addresses, ip_version=IPVersion.V4Only) if addresses else None
            except OSError as error:
                raise UnavailableError("lan.mdns_refused", reason=error.strerror or str(error)) from error

    async def _work(self, types: Sequence[str], found: Callable[[Found], None], lost: Callable[[str], None]) -> None:
        assert self._zeroconf is not None
        self._speakers = Speakers(types)
        self._speakers.attach(self._zeroconf.zeroconf)
        browser = AsyncServiceBrowser(
            self._zeroconf.zeroconf,
            list(types),
            handlers=[
                lambda zeroconf, service_type, name, state_change: self._heard(service_type, name, state_change, lost)
            ],
            question_type=DNSQuestionType.QM,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._resolve(found))
                group.create_task(self._ask(types, found))
                group.create_task(self._follow_interfaces())
                if self._published is not None:
                    await self.publish(self._published)
        finally:
            await browser.async_cancel()
            await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = self._info = None

    async def publish(self, published: Published) -> None:
        """Register the service, or say what changed about it."""
        async with self._publishing:  # what is offered may change while the first registration is under way
            await self._publish(published)

    async def _publish(self, published: Published) -> None:
        self._published = published
        if self._zeroconf is None:
            return
        info = self._describe(published, published.type)
        if self._info is None:
            # The name holds a key's hash, so nobody else has it: the probing of 1.2 s can be left out.
            await (await self._zeroconf.async_register_service(info, cooperating_responders=True))
        else:
            await (await self._zeroconf.async_update_service(info))
        self._info = info
        self._publish_kinds(published)

    def _describe(self, published: Published, kind: str) -> AsyncServiceInfo:
        return AsyncServiceInfo(
            kind,
            published.name,
            port=published.port,
            properties=dict(published.txt),
            addresses=[socket.inet_aton(each.ip) for each in self.interfaces],
            server=f"{published.host}.local.",
        )

    def _publish_kinds(self, published: Published) -> None:
        """The same service under its subtypes. The library knows one type per name, so each is entered under a key of its own."""
        assert self._zeroconf is not None
        registry = self._zeroconf.zeroconf.registry
        registry.async_remove([*self._kinds])
        self._kinds = [self._describe(published, f"{each}._sub.{published.type}") for each in published.subtypes]
        said = DNSOutgoing(_AUTHORITATIVE_ANSWER)
        for number, info in enumerate(self._kinds):
            info.key = f"{number}.{info.key}"
            registry.async_add(info)
            said.add_answer_at_time(info.dns_pointer(), 0)
        self._zeroconf.zeroconf.async_send(said)

    # --- browsing ----------------------------------------------------------------------------------------------------

    def _heard(self, kind: str, name: str, change: ServiceStateChange, lost: Callable[[str], None]) -> None:
        if change is ServiceStateChange.Removed:
            lost(name)
        elif self._wanted.full():
            self.dropped += 1
        else:
            self._wanted.put_nowait((kind, name))

    async def _resolve(self, found: Callable[[Found], None]) -> None:
        gate = asyncio.Semaphore(RESOLVED_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                kind, name = await self._wanted.get()
                await gate.acquire()
                group.create_task(self._resolve_one(kind, name, gate, found))

    async def _resolve_one(self, kind: str, name: str, gate: asyncio.Semaphore, found: Callable[[Found], None]) -> None:
        try:
            info = AsyncServiceInfo(kind, name)
            assert self._zeroconf is not None
            if await info.async_request(self._zeroconf.zeroconf, RESOLVE_MS):
                found(self._claimed(kind, info))
        finally:
            gate.release()

    # --- probing -----------------------------------------------------------------------------------------------------

    async def reachable(self, addresses: Sequence[str], port: int) -> bool:
        """Whether a TCP connection to any of them comes about; it is closed at once."""
        return any(await asyncio.gather(*(_connects(ip, port, self._within) for ip in addresses)))

    async def reconfirm(self, kind: str, name: str) -> bool:
        """Ask for SRV and TXT of the service as if they were not known; whether anybody answers."""
        if self._zeroconf is None:
            return False
        zeroconf = self._zeroconf.zeroconf
        zeroconf.cache.async_remove_records(zeroconf.cache.async_entries_with_name(name))
        return await AsyncServiceInfo(kind, name).async_request(zeroconf, RECONFIRM_MS)

    async def flush(self, kind: str, name: str) -> None:
        """Hear the goodbye that the service cannot say any more, so that its return is news again."""
        if self._zeroconf is None:
            return
        said = DNSOutgoing(_AUTHORITATIVE_ANSWER)
        said.add_answer_at_time(DNSPointer(kind, _PTR, _IN, 0, name), 0)
        for packet in said.packets():
            self._zeroconf.zeroconf.record_manager.async_updates_from_response(DNSIncoming(packet))

    async def _ask(self, types: Sequence[str], found: Callable[[Found], None]) -> None:
        """One question per interface from an own port (RFC 6762 6.7); answers hold everything and come within milliseconds."""
        loop = asyncio.get_running_loop()
        sockets = []
        with self._within():
            for interface in self.interfaces:
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.setblocking(False)
                try:
                    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface.ip))
                    sock.bind((interface.ip, 0))
                    sock.sendto(_question(types, sock.getsockname()[1]), (_GROUP, _PORT))
                except OSError:  # this interface cannot; the browser asks on all that can
                    sock.close()
                    continue
                sockets.append(sock)
                loop.add_reader(sock.fileno(), self._answered, sock, tuple(types), found)
        try:
            await asyncio.sleep(LISTEN_S)
        finally:
            for sock in sockets:
                loop.remove_reader(sock.fileno())
                sock.close()

    def _answered(self, sock: socket.socket, types: Sequence[str], found: Callable[[Found], None]) -> None:
        try:
            data, sender = sock.recvfrom(9_000)
        except OSError:
            return
        message = DNSIncoming(data)
        self._speakers.hear(data, sender[0])
        if not message.valid or self._zeroconf is None:
            return
        records = message.answers()
        for record in records:
            if isinstance(record, DNSPointer) and record.name in types and record.alias.endswith(record.name):
                info = AsyncServiceInfo(record.name, record.alias)
                for _ in range(2):  # addresses count once the server's name is known
                    updates = [RecordUpdate(other, None) for other in records]
                    info.async_update_records(self._zeroconf.zeroconf, message.now, updates)
                if info.port and info.parsed_addresses():
                    found(self._claimed(record.name, info))

    def _claimed(self, kind: str, info: AsyncServiceInfo) -> Found:
        """What is claimed, but for the addresses of others."""
        addresses = self._speakers.of(info.name, info.parsed_scoped_addresses())[: limits.PEER_ADDRESSES * 2]
        return Found(kind, info.name, addresses, info.port or 0, dict(info.properties))

    # --- interfaces --------------------------------------------------------------------------------------------------

    async def _follow_interfaces(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            with self._within():
                now = _v4(self._only)
            if now == self.interfaces or self._zeroconf is None:
                continue
            renewed = {each.ip for each in now} == {each.ip for each in self.interfaces}
            self.interfaces = now
            if not now:
                continue  # the library needs one; what it has is gone by itself
            with self._within():
                if renewed:  # same address on a new device: the library sees no change, and its memberships are gone
                    await self._zeroconf.async_update_interfaces(["127.0.0.1"])
                await self._zeroconf.async_update_interfaces([each.ip for each in now])
            self._speakers.attach(self._zeroconf.zeroconf)
            if self._published is not None:
                await self.publish(self._published)


def _question(types: Sequence[str], number: int) -> bytes:
    """A query of its own `number`: responders ignore for a second what looks like a copy of another host's question."""
    question = DNSOutgoing(_QUERY, multicast=False, id_=number)
    for kind in types:
        question.add_question(DNSQuestion(kind, _PTR, _IN))
    return question.packets()[0]


async def _connects(ip: str, port: int, within: Within) -> bool:
    host, _, scope = ip.partition("%")
    v6 = ":" in host
    with within():
        sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        async with asyncio.timeout(limits.SERVICE_PROBE_SECONDS):
            index = (int(scope) if scope.isdigit() else socket.if_nametoindex(scope)) if scope else 0
            to = (host, port, 0, index) if v6 else (host, port)
            await asyncio.get_running_loop().sock_connect(sock, to)
    except (OSError, TimeoutError):
        return False
    else:
        return True
    finally:
        sock.close()


def _v4(only: Sequence[str]) -> tuple[Interface, ...]:
    return tuple(each for each in list_interfaces(only) if ":" not in each.ip)
