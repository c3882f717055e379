"""The DHT node as a machine: datagrams and times in; datagrams, events and results out. No socket, no clock, no disk.

    node = DhtNode(seal, networks, random, now=loop.time(), wall=time.time())
    node.receive(data, ip, port, now, wall)         # never raises, whatever the bytes
    for out in node.datagrams_to_send(): ...
    if node.next_timeout() <= now: node.tick(now, wall)

Guarantees: nothing a stranger sends raises, grows without bound or makes this node send more than three times as much to an
address that is not proved; an answer counts only from the address that was asked; a contact enters the table only after it
proved its key. Leaves to others: what to do with a node (`reading`, `writing`), sockets and disk (`node/io`).
Rules: docs/protocol/dht.md.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from protocol import limits
from protocol.dht.contacts import Contact, Networks, contact, reach
from protocol.dht.events import ContactJoined, ContactLeft, Event
from protocol.dht.messages import (
    CLIENT,
    PROVE,
    TRANSACTION,
    Answer,
    Find,
    Found,
    Frame,
    Put,
    Question,
    decode,
    encode_answer,
    encode_question,
)
from protocol.dht.seal import Seal, proof_text
from protocol.dht.serve import Chance, Server, Verifier, asker
from protocol.dht.store import Store
from protocol.dht.table import Table
from protocol.dht.tasks import Timer, Timers
from protocol.dht.tokens import EPOCH_SECONDS, Tokens
from protocol.errors import DataError
from protocol.ratelimit import KeyedBuckets

SOFT_LEAST, SOFT_MOST = 0.05, 0.5  # seconds of silence after which another is asked too
HARD = 1.5  # seconds after which a question has failed
EXPIRE_EVERY = 60.0
PING_EVERY = 10.0  # seconds between looks for a contact nobody heard of
PING_AFTER = 900.0  # seconds of silence of a contact that make us ask
_TOKEN_LIFE = EPOCH_SECONDS - 10.0
_TOKENS_KEPT = 8_192


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One datagram to send."""

    data: bytes
    ip: str
    port: int


@dataclass(slots=True)
class Pending:
    """A question under way."""

    contact: Contact
    prove: bool
    sent: float
    then: Callable[[Answer | None], None]
    hard: Timer
    soft: Timer


class DhtNode:
    """`secret` are 32 random bytes for tokens. A `client` (behind NAT) asks, but asks not to be remembered."""

    def __init__(
        self,
        seal: Seal,
        networks: Networks,
        chance: Chance,
        *,
        now: float,
        wall: float,
        client: bool = False,
        capacity: int = limits.DHT_RECORDS,
    ) -> None:
        self.seal, self.networks, self.chance = seal, networks, chance
        self.own = contact(seal.public, "", 0)
        self.now, self.wall, self.client = now, wall, client
        self.counts: Counter[str] = Counter()
        self.table = Table(self.own.id, networks)
        self.store = Store(capacity)
        self.timers = Timers()
        self.verifier = Verifier(seal, self.counts, now)
        self._tokens = Tokens(chance.randbytes(32))
        self._server = Server(
            seal, self.table, self.store, self._tokens, self.verifier, networks, chance, self.counts, now
        )
        self._sources = KeyedBuckets(limits.DHT_SOURCE_RATE, limits.DHT_SOURCE_BURST, limits.DHT_SOURCES)
        self._pending: dict[bytes, Pending] = {}
        self._given: OrderedDict[tuple[str, int], tuple[bytes, float]] = OrderedDict()  # tokens others gave us
        self._dead: OrderedDict[tuple[str, int], float] = OrderedDict()
        self.left: OrderedDict[tuple[str, int], float] = OrderedDict()  # who left last, for when everybody has
        self._out: list[Outgoing] = []
        self._events: deque[Event] = deque(maxlen=limits.DHT_EVENTS)
        self._rtt, self._rtt_spread = SOFT_LEAST / 4, SOFT_LEAST / 8
        self.closed = False
        self.timers.at(now + EXPIRE_EVERY, self._expire)
        self.timers.at(now + PING_EVERY, self._ping)

    # --- the machine -------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, ip: str, port: int, now: float, wall: float) -> None:
        """One datagram came."""
        self.now, self.wall = now, wall
        self.counts["received"] += 1
        if len(data) > limits.DHT_DATAGRAM or not self._sources.take(self.networks.payer(ip, port), now):
            self.counts["dropped.size" if len(data) > limits.DHT_DATAGRAM else "dropped.rate"] += 1
            return
        if data[:1] == b"\x01" and data[1 : TRANSACTION + 1] not in self._pending:
            self.counts["dropped.unasked"] += 1
            return
        try:
            frame = decode(data, ip)
        except DataError:
            self.counts["dht.malformed"] += 1
            return
        if isinstance(frame.body, Found) or not isinstance(frame.body, Question):
            self._answered(frame, ip, port)
        else:
            self._asked(frame.body, frame.transaction, len(data), ip, port)

    def tick(self, now: float, wall: float) -> None:
        """Time went by. Call it also before beginning to look or to write: what is asked then counts from `now`."""
        self.now, self.wall = now, wall
        self.timers.fire(now)

    def next_timeout(self) -> float:
        """The loop time at which `tick` is due."""
        return self.timers.next()

    def datagrams_to_send(self) -> list[Outgoing]:
        """What has to go out now."""
        out, self._out = self._out, []
        return out

    def events(self) -> list[Event]:
        """What happened since the last call; the oldest are lost when nobody asks."""
        found = list(self._events)
        self._events.clear()
        return found

    def tell(self, event: Event) -> None:
        """Something happened."""
        self._events.append(event)

    def close(self) -> None:
        """Let every question under way end as unanswered, and start no new one."""
        self.closed = True
        for pending in list(self._pending.values()):
            pending.hard.cancel()
            pending.soft.cancel()
            pending.then(None)
        self._pending.clear()

    # --- asking ------------------------------------------------------------------------------------------------------

    def ask(
        self,
        whom: Contact,
        question: Question,
        then: Callable[[Answer | None], None],
        slow: Callable[[], None] | None = None,
    ) -> None:
        """Send a question, and again after the soft timeout, when `slow` is called too. `then` gets the answer, or None after
        the hard timeout."""
        if self.closed or len(self._pending) >= limits.DHT_OUTSTANDING or reach(whom.ip) > 2 or not whom.port:
            self.counts["dropped.outstanding"] += 1
            then(None)
            return
        transaction = self.chance.randbytes(TRANSACTION)
        prove = isinstance(question, Find) and bool(question.want & PROVE)
        padded = limits.DHT_PADDED if isinstance(question, Find) and not question.token else 0
        out = Outgoing(encode_question(transaction, question, padded), whom.ip, whom.port)
        self._out.append(out)
        self.counts["asked"] += 1

        def waited() -> None:
            self._out.append(out)  # once more: every question may be asked twice
            self.counts["repeated"] += 1
            if slow is not None:
                slow()

        hard = self.timers.at(self.now + HARD, lambda: self._silent(transaction))
        soft = self.timers.at(self.now + self.soft, waited)
        self._pending[transaction] = Pending(whom, prove, self.now, then, hard, soft)

    def find(self, whom: Contact, key: bytes, want: int) -> Find:
        """A question for `whom`, with the token it gave us, and a request for proof where that is worth something."""
        entry = self.table.known(whom.id) if whom.key else None
        proved = entry is not None and entry.contact == whom
        if not proved and (not whom.key or self.table.wants(whom)):
            want |= PROVE
        if self.client:
            want |= CLIENT
        return Find(self.seal.public, key, want, self.token_for(whom))

    def token_for(self, whom: Contact) -> bytes:
        """The token `whom` gave us, while it is good."""
        token, until = self._given.get((whom.ip, whom.port), (b"", 0.0))
        return token if until > self.now else b""

    def trusted(self, told: Iterable[Contact]) -> list[Contact]:
        """Contacts worth asking: not ourselves, not silent lately, and at the address we have proof of when there is one."""
        found = []
        own, dead, known = self.own.id, self._dead, self.table.known
        for each in told:
            if each.id == own or (dead and dead.get((each.ip, each.port), 0.0) > self.now):
                continue
            entry = known(each.id)
            found.append(entry.contact if entry is not None else each)
        return found

    def prove(self, whom: Contact, then: Callable[[Answer | None], None] = lambda answer: None) -> None:
        """Ask a contact for its proof and nothing else; it enters the table when it gives it."""
        key = self.own.id.to_bytes(20, "big")
        want = PROVE | (CLIENT if self.client else 0)
        self.ask(whom, Find(self.seal.public, key, want, self.token_for(whom)), then)

    @property
    def soft(self) -> float:
        """Seconds of silence that are unusual, from measured round trips."""
        return min(SOFT_MOST, max(SOFT_LEAST, self._rtt + 4 * self._rtt_spread))

    # --- private steps -----------------------------------------------------------------------------------------------

    def _answered(self, frame: Frame, ip: str, port: int) -> None:
        pending = self._pending.get(frame.transaction)
        if pending is None or (pending.contact.ip, pending.contact.port) != (ip, port):
            self.counts["dropped.unasked"] += 1
            return
        del self._pending[frame.transaction]
        pending.hard.cancel()
        pending.soft.cancel()
        self._measure(self.now - pending.sent)
        self._dead.pop((ip, port), None)
        answer = frame.body
        assert not isinstance(answer, Question)
        if isinstance(answer, Found):
            if answer.token:
                self._remember_token(ip, port, answer.token)
            if pending.prove and answer.proof:
                self._proved(pending.contact, answer.proof, frame.transaction)
        if pending.contact.key:
            self.table.answered(pending.contact, self.now)
        pending.then(answer)

    def _proved(self, whom: Contact, proof: bytes, transaction: bytes) -> None:
        key, signature = proof[:32], proof[32:]
        if whom.key not in {b"", key}:
            self.counts["dropped.other_key"] += 1
            return
        found = contact(key, whom.ip, whom.port)
        entry = self.table.known(found.id)
        if entry is not None and entry.contact == found:
            return
        if not self.seal.verify(key, signature, proof_text(transaction, self.seal.public, key)):
            self.counts["dropped.bad_proof"] += 1
            return
        if self.table.add(found, self.now):
            self.tell(ContactJoined(found))

    def _asked(self, question: Question, transaction: bytes, size: int, ip: str, port: int) -> None:
        if question.sender == self.own.key:
            self.counts["dropped.own"] += 1
            return
        answer, proved = self._server.answer(question, transaction, size, ip, port, self.now, self.wall)
        if answer is not None:
            self._out.append(Outgoing(encode_answer(transaction, answer), ip, port))
            self.counts["answered"] += 1
        else:
            self.counts["dropped.token"] += 1
        if isinstance(question, Put) or (isinstance(question, Find) and question.want & CLIENT):
            return
        self._meet(asker(question, ip, port), proved=proved)

    def _meet(self, who: Contact, *, proved: bool) -> None:
        """Somebody asked us. An address that is proved and a place in the table: ask for the proof of the key."""
        entry = self.table.known(who.id)
        if entry is not None:
            if proved and entry.contact == who:
                entry.seen = self.now
            return
        if proved and self.table.wants(who) and not self.client:
            self.prove(who)
        else:
            self.table.wait(who)

    def _silent(self, transaction: bytes) -> None:
        pending = self._pending.pop(transaction, None)
        if pending is None:
            return
        self.counts["silent"] += 1
        whom = pending.contact
        self._dead[whom.ip, whom.port] = self.now + limits.DHT_DEAD_SECONDS
        if len(self._dead) > limits.DHT_DEAD:
            self._dead.popitem(last=False)
        self._given.pop((whom.ip, whom.port), None)
        if whom.key:
            before = self.table.known(whom.id)
            successor = self.table.failed(whom)
            if before is not None and self.table.known(whom.id) is None:
                self.tell(ContactLeft(whom))
                self.left[whom.ip, whom.port] = self.now
                if len(self.left) > limits.DHT_K:
                    self.left.popitem(last=False)
            if successor is not None:
                self.prove(successor)
        pending.then(None)

    def _remember_token(self, ip: str, port: int, token: bytes) -> None:
        if len(self._given) >= _TOKENS_KEPT:
            self._given.popitem(last=False)
        self._given[ip, port] = (token, self.now + _TOKEN_LIFE)
        self._given.move_to_end((ip, port))

    def _measure(self, seconds: float) -> None:
        """Smoothed round trip and its spread (RFC 6298)."""
        self._rtt_spread += (abs(seconds - self._rtt) - self._rtt_spread) / 4
        self._rtt += (seconds - self._rtt) / 8

    def _expire(self) -> None:
        self.store.expire(self.wall)
        self.timers.at(self.now + EXPIRE_EVERY, self._expire)

    def _ping(self) -> None:
        stale = self.table.stalest(self.now - PING_AFTER)
        if stale is not None:
            self.prove(stale.contact)
        self.timers.at(self.now + PING_EVERY, self._ping)
