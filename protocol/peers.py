"""The table of peers: who is here, since when nobody has heard of them, and who shares a key.

Guarantees: a peer is `fresh` only while it keeps the promise it made itself (`every`); when it breaks it, it is asked three
times and then called `suspect`, with the reason, before anybody can rely on it for longer; after `ttl` it is gone, but it is
retried for an hour. A peer that proved to be alive is never pushed out by ones that did not. Leaves to others: whether a
signature is genuine (`lan_admission`), when to send (`beacon`).

Pure: time is passed in (loop seconds). Rows are values; a change makes a new one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from protocol import limits
from protocol.dialects import Dialect

PROBES = 3
PROBE_GAP = 0.5
LATE = 0.25  # seconds a promise may be late beyond the sender's 10 % jitter
RETRY_FAST, RETRY_SLOW = 1.5, 10.0  # seconds between tries to reach a lost peer: for ten minutes, then for an hour
RETRY_FAST_FOR, RETRY_FOR = 600.0, 3_600.0
CLONE_AGAIN = 60.0  # seconds between two warnings about one key


class PeerState(StrEnum):
    FRESH = "fresh"
    SUSPECT = "suspect"
    GONE = "gone"


class Change(StrEnum):
    """What hearing a peer changed."""

    APPEARED = "appeared"
    RETURNED = "returned"  # from suspect or gone
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"  # no room


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer's datagrams came from; unicast goes back there."""

    ip: str
    port: int
    iface: str = ""


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer as it last described itself. `key` is "" for one that does not sign; times are loop seconds."""

    agent_id: str
    key: str
    instance: bytes = b""
    name: str = ""
    user_id: str = ""
    device_name: str = ""
    capabilities: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    status: str = "online"
    tcp_port: int = 0
    dht_port: int = 0
    digest: bytes = b""
    count: int = 0
    flags: int = 0
    seq: int = 0
    dialect: Dialect = Dialect.FRAME
    addresses: tuple[Address, ...] = ()
    first_seen: float = 0.0
    last_heard: float = 0.0
    every: float = 5.0
    ttl: float = 16.0
    proven: bool = False  # answered a question only it could answer
    state: PeerState = PeerState.FRESH
    reason: str = ""  # why it is not fresh

    @property
    def row(self) -> str:
        """The identity in the table: the key, or id and address of one that does not sign."""
        return self.key or f"{self.agent_id}@{self.addresses[0].ip if self.addresses else ''}"


@dataclass(slots=True)
class _Row:
    peer: Peer
    deadline: float
    probes: int = 0
    prove_at: float = 0.0
    prove_gap: float = 4.0
    lives: dict[bytes, float] = field(default_factory=dict)
    warned: float = -CLONE_AGAIN


@dataclass(slots=True)
class _Lost:
    peer: Peer
    since: float
    retry_at: float


@dataclass(frozen=True, slots=True)
class Turn:
    """What time brought: peers to ask, peers no longer fresh, peers gone."""

    ask: tuple[Peer, ...] = ()
    suspected: tuple[Peer, ...] = ()
    gone: tuple[Peer, ...] = ()
    retry: tuple[Peer, ...] = ()


def _quiet_until(peer: Peer) -> float:
    return peer.last_heard + peer.every * 1.1 + LATE


class PeerTable:
    """All peers, bounded by `limits.PEERS`."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._unproven: OrderedDict[str, None] = OrderedDict()
        self._lost: OrderedDict[str, _Lost] = OrderedDict()
        self._per_ip: Counter[str] = Counter()
        self._next = float("inf")

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Peer]:
        return (row.peer for row in self._rows.values())

    def get(self, row: str) -> Peer | None:
        """The peer of that row (its key), if it is here."""
        found = self._rows.get(row)
        return found.peer if found else None

    def anybody_at(self, ip: str) -> bool:
        """Whether a peer was last heard from that address."""
        return ip in self._per_ip

    @property
    def lost(self) -> Mapping[str, Peer]:
        """Peers that went without a word and are being retried, by row."""
        return {key: entry.peer for key, entry in self._lost.items()}

    def next_deadline(self) -> float:
        """When `turn` has something to do, in loop seconds."""
        return self._next

    def hear(self, said: Peer, now: float) -> Change:
        """A sign of life of `said` (its newest description, one address). Its other addresses are kept."""
        row = self._rows.get(said.row)
        if row is None:
            return self._admit(replace(said, last_heard=now, first_seen=now, state=PeerState.FRESH, reason=""), now)
        old = row.peer
        addresses = said.addresses + tuple(a for a in old.addresses if a.ip != said.addresses[0].ip)
        said = replace(
            said,
            addresses=addresses[: limits.PEER_ADDRESSES],
            first_seen=old.first_seen,
            last_heard=now,
            state=PeerState.FRESH,
            reason="",
            proven=said.proven or old.proven,
        )
        if said.proven:
            self._unproven.pop(said.row, None)
        self._count(old, -1)
        self._count(said, 1)
        row.peer, row.probes, row.deadline = said, 0, _quiet_until(said)
        self._next = min(self._next, row.deadline)
        if old.state is not PeerState.FRESH:
            return Change.RETURNED
        return Change.SAME if _same(old, said) else Change.CHANGED

    def cloned(self, said: Peer, now: float) -> bool:
        """Whether the life `said.instance` shows that two devices use one key: a life came back after another one spoke."""
        row = self._rows.get(said.row)
        if row is None or not said.instance:
            return False
        again = said.instance in row.lives and row.peer.instance != said.instance
        row.lives[said.instance] = now
        if len(row.lives) > 4:
            del row.lives[min(row.lives, key=row.lives.__getitem__)]
        if not again or now - row.warned < CLONE_AGAIN:
            return False
        row.warned = now
        return True

    def leave(self, key: str, reason: str) -> Peer | None:
        """The peer said goodbye: it is gone at once and not retried."""
        row = self._rows.get(key)
        if row is None:
            self._lost.pop(key, None)
            return None
        return self._drop(key, reason)

    def suspect(self, key: str, reason: str) -> Peer | None:
        """Somebody unsigned says the peer left: doubt it, no more."""
        row = self._rows.get(key)
        if row is None or row.peer.state is not PeerState.FRESH:
            return None
        row.peer = replace(row.peer, state=PeerState.SUSPECT, reason=reason)
        return row.peer

    def postpone(self, until: float) -> None:
        """Judge nobody before `until` (this machine slept)."""
        for row in self._rows.values():
            heard = max(row.peer.last_heard, until - row.peer.every * 1.1 - LATE)
            row.peer, row.probes, row.deadline = replace(row.peer, last_heard=heard), 0, until

    def turn(self, now: float) -> Turn:
        """Let time pass."""
        if now < self._next:
            return Turn()
        ask: list[Peer] = []
        suspected: list[Peer] = []
        gone: list[str] = []
        for key, row in self._rows.items():
            if not row.peer.proven and row.peer.key and now >= row.prove_at:
                ask.append(row.peer)
                row.prove_at, row.prove_gap = now + row.prove_gap, min(60.0, row.prove_gap * 2)
            if now >= row.deadline:
                self._judge(key, row, now, ask, suspected, gone)
        left = tuple(self._lose(key, now) for key in gone)
        retry = tuple(self._retries(now))
        waits = [row.deadline for row in self._rows.values()]
        waits += [row.prove_at for row in self._rows.values() if row.peer.key and not row.peer.proven]
        waits += [entry.retry_at for entry in self._lost.values()]
        self._next = min(waits, default=float("inf"))
        return Turn(tuple(ask), tuple(suspected), left, retry)

    def _judge(self, key: str, row: _Row, now: float, ask: list[Peer], suspected: list[Peer], gone: list[str]) -> None:
        peer = row.peer
        if now >= peer.last_heard + max(peer.ttl, 3 * peer.every + 1):
            gone.append(key)
        elif peer.key and row.probes < PROBES:
            ask.append(peer)
            row.probes += 1
            row.deadline = now + PROBE_GAP
        else:
            if peer.state is PeerState.FRESH:
                row.peer = replace(peer, state=PeerState.SUSPECT, reason="no_answer")
                suspected.append(row.peer)
            if peer.key:
                ask.append(row.peer)
            row.deadline = now + RETRY_FAST

    def _retries(self, now: float) -> Iterator[Peer]:
        for key, entry in list(self._lost.items()):
            age = now - entry.since
            if age > RETRY_FOR:
                del self._lost[key]
            elif now >= entry.retry_at:
                entry.retry_at = now + (RETRY_FAST if age < RETRY_FAST_FOR else RETRY_SLOW)
                yield entry.peer

    def _admit(self, said: Peer, now: float) -> Change:
        if self._per_ip[said.addresses[0].ip] >= limits.PEERS_PER_ADDRESS and not said.proven:
            return Change.REFUSED
        if len(self._rows) >= limits.PEERS:
            if not self._unproven:
                return Change.REFUSED
            self._drop(next(iter(self._unproven)), "no_room")
        before = self._lost.pop(said.row, None)
        row = _Row(said, _quiet_until(said), prove_at=now + 1.0 + (len(self._rows) % 20) / 10)
        row.lives[said.instance] = now
        self._rows[said.row] = row
        if not said.proven:
            self._unproven[said.row] = None
        self._count(said, 1)
        self._next = min(self._next, row.deadline, row.prove_at)
        return Change.RETURNED if before else Change.APPEARED

    def _lose(self, key: str, now: float) -> Peer:
        peer = self._drop(key, "silent")
        if peer.key and peer.proven:
            self._lost[key] = _Lost(peer, now, now + RETRY_FAST)
            if len(self._lost) > limits.LOST_PEERS:
                self._lost.popitem(last=False)
        return peer

    def _drop(self, key: str, reason: str) -> Peer:
        row = self._rows.pop(key)
        self._unproven.pop(key, None)
        self._count(row.peer, -1)
        return replace(row.peer, state=PeerState.GONE, reason=reason)

    def _count(self, peer: Peer, by: int) -> None:
        ip = peer.addresses[0].ip
        self._per_ip[ip] += by
        if self._per_ip[ip] <= 0:
            del self._per_ip[ip]


_DESCRIBES = tuple(
    name
    for name in Peer.__slots__
    if name not in {"seq", "first_seen", "last_heard", "addresses", "proven", "every", "ttl", "flags", "reason"}
)


def _same(old: Peer, new: Peer) -> bool:
    return old.addresses[0].ip == new.addresses[0].ip and all(
        getattr(old, name) == getattr(new, name) for name in _DESCRIBES
    )
