"""Source `dht_kademlia`: finds scenes, capabilities, skills and agents that strangers announce in a DHT, and announces what is shared.

Guide 3.3, docs/protocol/dht.md. It trusts nothing but signatures: what it reports is what a key said about its own items
(`Channel.SIGNED`), with the node it was heard from and its age. By ref it reads one key; by word, beginning or `*` it walks the
index. A miss is no statement: what was known stays until it expires. Everything decided about the network is in
`protocol/dht`, sockets and memory come through the port.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from protocol import limits
from protocol.dht.contacts import DENSE, Networks, may_fetch
from protocol.dht.events import RecordFound
from protocol.dht.messages import Place
from protocol.dht.node import DhtNode
from protocol.dht.reading import get, listing
from protocol.dht.record import EVERYTHING, TITLE_GAP, SignedPointer, asked_words, name_key
from protocol.errors import OoderError, UsageError
from protocol.items import Channel, Evidence, Item, Json, Progress, Reading, Sighting, Standing
from protocol.query import Query
from protocol.refs import KIND_OF_PREFIX, Kind, Ref, parse_ref
from sources.base import Emit
from sources.ports import Context

SOURCE = "dht_kademlia"
ORIGIN = "dht"
PORT = 48_890
T = TypeVar("T")
_PEER_PLANE = re.compile(r"http://(\[[0-9a-fA-F:]+\]:\d+|[\w.-]+:\d+)/?")


class Config(BaseModel):
    """Section `sources.dht_kademlia` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bootstrap: tuple[str, ...] = Field(
        default=(), max_length=limits.DHT_BOOTSTRAP, description="nodes to join through: HOST, HOST:PORT or [IPV6]:PORT"
    )
    port: int = Field(default=PORT, ge=0, le=65_535, description="UDP port of the node; 0 takes any free one")
    listen: tuple[str, ...] = Field(default=("0.0.0.0", "::"), description="addresses to listen on, IPv4 and IPv6")  # noqa: S104
    seed: bool = Field(default=False, description="run also while no other node is known, for others to join through")
    client: bool = Field(default=False, description="only ask (behind NAT): store nothing, be remembered by nobody")
    networks: tuple[str, ...] = Field(
        default=DENSE,
        description="networks (CIDR) in which many nodes may share a /24; by default those only insiders reach",
    )
    fetch_networks: tuple[str, ...] = Field(
        default=(),
        max_length=limits.DHT_BOOTSTRAP,
        description="networks (CIDR) besides the public internet from whose publishers packages may be fetched",
    )
    careful: bool = Field(
        default=True, description="read on disjoint paths, so that hostile nodes cannot hide the newest"
    )
    most: int = Field(default=2_000, ge=1, le=limits.DHT_FOUND, description="records one look brings at most")
    records: int = Field(default=limits.DHT_RECORDS, ge=0, le=200_000, description="records kept for others")
    republish_s: float = Field(
        default=3_600.0, ge=60, le=86_400, description="seconds between sweeps over what is shared"
    )
    life_s: float = Field(
        default=172_800.0, ge=3_600, le=limits.DHT_LIFE_SECONDS, description="seconds a published record holds"
    )

    @model_validator(mode="after")
    def _addresses_hold(self) -> Self:
        try:
            self.addresses()
            Networks(self.networks)
            may_fetch("::", self.fetch_networks)
        except OoderError as error:
            raise ValueError(f"{error.text()}. {error.next_step()}") from error
        return self

    def addresses(self) -> list[tuple[str, int]]:
        """The bootstrap nodes as host and port. Raises UsageError `dht.bad_address`."""
        return [read_address(text) for text in self.bootstrap]


def read_address(text: str) -> tuple[str, int]:
    """Host and port of `HOST`, `HOST:PORT`, `IPV6` or `[IPV6]:PORT`. Raises UsageError `dht.bad_address`.

    >>> read_address("[2001:db8::1]:7"), read_address("dht.example.org")
    (('2001:db8::1', 7), ('dht.example.org', 48890))
    """
    host, port = text, str(PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or len(host) > 253 or any(char.isspace() for char in host) or not (port.isascii() and port.isdigit()):
        raise UsageError("dht.bad_address", text=text[:80])
    if not 0 < int(port) < 65_536:
        raise UsageError("dht.bad_address", text=text[:80])
    return host, int(port)


class Session(Protocol):
    """A node that has joined."""

    @property
    def machine(self) -> DhtNode: ...
    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work of the machine."""

    async def keep_up(self) -> None:
        """Stay joined, and publish what is shared, until cancelled."""


class Dht(Protocol):
    """The node of this home. `session` raises UnavailableError `dht.no_bootstrap`, `dht.unreachable`, `dht.port_taken`; no socket is
    open before somebody is known to talk to."""

    def session(self, config: Config, *, serve: bool) -> AbstractAsyncContextManager[Session]:
        """Join for as long as the block lasts. With `serve` as this home's node, which publishes what is shared; else as a client,
        or as the full node when it runs already."""

    def remark(self) -> OoderError | None:
        """Why the node of this home works only half, while it does."""


class Ports(Protocol):
    """What this source needs of the node."""

    @property
    def context(self) -> Context: ...
    @property
    def dht(self) -> Dht: ...


class Provider:
    """Source `dht_kademlia`."""

    name: ClassVar[str] = SOURCE
    priority: ClassVar[int] = 70
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)
    pushes: ClassVar[bool] = False
    delivers: ClassVar[bool] = True  # from the publisher's peer plane, by digest

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config, self._context, self._dht = config, ports.context, ports.dht

    async def run(self, emit: Emit) -> None:
        """Be a node of the DHT until cancelled."""
        async with self._dht.session(self._config, serve=True) as session:
            await session.keep_up()

    async def search(self, query: Query, emit: Emit) -> None:
        """Look once; results stream in as nodes answer."""
        async with self._dht.session(self._config, serve=False) as session:
            seen = 0

            def tell(found: RecordFound) -> None:
                nonlocal seen
                seen += 1
                emit(reading_of(found.signed, self._context.clock.wall(), found))
                emit(Progress(SOURCE, seen))

            for question in read_question(query):
                if seen < self._config.most:
                    await self._ask(session, question, tell, emit)

    def remark(self) -> OoderError | None:
        """Why this source works only half: a memory that cannot be written, records that nobody takes."""
        return self._dht.remark()

    async def detail(self, ref: Ref, emit: Emit) -> int:
        """Everything anybody says about one name now; how many publishers there are."""
        async with self._dht.session(self._config, serve=False) as session:
            reading = await session.do(get(session.machine, name_key(ref), Place(), careful=self._config.careful))
            for signed in reading.records.values():
                emit(reading_of(signed, self._context.clock.wall()))
            return len(reading.live)

    async def _ask(self, session: Session, question: Question, tell: Any, emit: Emit) -> None:
        machine, careful = session.machine, self._config.careful
        if isinstance(question, Ref):
            reading = await session.do(get(machine, name_key(question), Place(), careful=careful, tell=tell))
            records = list(reading.records.values())
        else:
            kind, word = question
            walk = listing(machine, kind, word, careful=False, most=self._config.most, tell=tell)
            records = list((await session.do(walk)).records.values())
        for signed in records:
            if signed.pointer.gone:
                emit(reading_of(signed, self._context.clock.wall()))


Question = Ref | tuple[Kind, str]


def read_question(query: Query) -> list[Question]:
    """What to ask the DHT for a query: refs, or (kind, index word). The index of this node filters what comes back.

    >>> [str(question) for question in read_question(Query("skill:pdf-tools"))]
    ['skill:pdf-tools']
    >>> read_question(Query("scene:*"))
    [(<Kind.SCENE: 'scene'>, '*')]
    """
    text, kinds = query.text.strip(), query.kinds or frozenset(Kind)
    prefix, colon, rest = text.partition(":")
    if colon and prefix in KIND_OF_PREFIX:
        kinds, text = frozenset({KIND_OF_PREFIX[prefix]}), rest
        if "*" not in rest and " " not in rest:
            try:
                return [parse_ref(f"{prefix}:{rest}").any_version]
            except OoderError:
                return []
    words = asked_words(text)
    word = words[0] if words else EVERYTHING
    return [(kind, word) for kind in Kind if kind in kinds]


def reading_of(signed: SignedPointer, wall: float, found: RecordFound | None = None) -> Reading:
    """What one publisher says about one item: a listing with the places where it can be had. Nothing, when it was withdrawn."""
    pointer, record = signed.pointer, signed.record
    place = f"{record.key.fingerprint}/{record.name}"
    if pointer.gone:
        return Reading(SOURCE, ORIGIN, place, wall)
    facts: dict[str, Json] = {"places": list(pointer.places)}
    if found is not None:
        host = f"[{found.contact.ip}]" if ":" in found.contact.ip else found.contact.ip
        facts |= {"heard_from": f"{host}:{found.contact.port}", "record_age": round(found.age)}
    ref = pointer.ref
    name, _, description = pointer.title.partition(TITLE_GAP)
    item = Item(
        ref.kind, ref.id, pointer.version, name or ref.id, description, tags=pointer.tags, facts=facts, dialect=ORIGIN
    )
    sighting = Sighting(
        item,
        SOURCE,
        ORIGIN,
        place,
        _location(signed),
        record.key.principal,
        Evidence(Channel.SIGNED, record.key.fingerprint),
        wall,
        digest=pointer.digest,
        expires_at=record.expires_at,
        size=pointer.size,
        seq=record.seq,
        standing=Standing.LISTING,
    )
    return Reading(SOURCE, ORIGIN, place, wall, (sighting,))


def _location(signed: SignedPointer) -> str:
    """The first place; a peer plane (`http://HOST:PORT`) as who it has to be and which tree is wanted there."""
    pointer, key = signed.pointer, signed.record.key
    if not pointer.places:
        return f"dht:{signed.record.name}"
    host = _PEER_PLANE.fullmatch(pointer.places[0])
    if host is None or not pointer.digest:
        return pointer.places[0]
    return f"peer+http://{key.agent_id}@{host[1]}/{pointer.digest.removeprefix('sha256:')}"


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
