"""The beacon: when to speak on the local network, and what was heard. Sans-IO: bytes and times in, datagrams and events out.

Guarantees: a newcomer and everybody else know each other after one exchange; a question is answered at once, by unicast, never
with more bytes than it had unless the asker is known, never outside our subnets; a peer that stops keeping its promise is not
`fresh` 8 s later; a goodbye counts at once; two devices with one key are named; nothing said by the network makes this node
hold or send more than the bounds of `protocol.limits`. Leaves to others: sockets (`node/io/datagrams.py`), keys (`Seal`),
what is offered (`Offer`), trust in names (the trust door).

Rules. Speak: announce and ask at start, ask again twice, then announce every `interval` (shorter while somebody watches, longer
among many) and ask every minute; seeds that are not heard are asked more often. Answer: at once among few, with 0-20 ms of jitter above 10 peers, 0-100 ms above 100. A
newcomer that announced itself without asking is answered once; many at once are answered by one broadcast. Lost peers are
tried every 1.5 s, so that a healed partition is whole within 2 s. Waking from sleep: what queued up is not heard, nobody is
judged for 5 s, and the network is asked anew.

>>> beacon.receive(data, ip, port, "eth0", now)      # whenever a datagram came
>>> beacon.tick(now, wall)                            # at next_timeout() at the latest
>>> for out in beacon.datagrams_to_send(now): ...     # after either
>>> for event in beacon.events(): ...
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

from protocol import limits
from protocol.announce import Heard
from protocol.dialects import Foreign
from protocol.lan_admission import Admission, Admitted, Floor, Refusal
from protocol.lan_answers import Answers
from protocol.lan_calls import CROWDED, Calls
from protocol.lan_events import (
    EVENT_OF,
    BeaconConfig,
    Chance,
    CloneSeen,
    Event,
    ForeignHeard,
    Interface,
    MessageHeard,
    Offer,
    Outgoing,
    PeerLeft,
    PeerSuspected,
    Woke,
)
from protocol.lan_extension import NONCE_BYTES, Extension, Flag, Seal
from protocol.lan_schedule import Job, Schedule, Task
from protocol.lan_seeds import Seeds
from protocol.lan_text import AgentAnnounce, DiscoveryRequest, Heartbeat, Message, read_nonce
from protocol.lan_voice import Moment, Voice
from protocol.peer_claims import plain_peer, signed_peer
from protocol.peers import CLONE_AGAIN, RETRY_FAST, RETRY_FOR, Address, Change, Peer, PeerState, PeerTable
from protocol.ratelimit import Bucket
from protocol.subnets import Subnets

TICK = 1.0
SLEPT = 3.0  # a tick that comes this late means that the machine slept
GRACE = 5.0  # seconds after waking in which nobody is judged
DEAF = 0.05  # seconds after waking in which the queue is not believed
MANY_LOST = 4
EARLIER, EARLIER_GAP = (
    32,
    60.0,
)  # peers of the last run that are asked again, and the seconds between two rounds in the end
FAREWELLS = 64  # peers behind routers that are told goodbye by unicast


class Beacon:
    """One node's voice and ear. `key` is the fingerprint `seal` signs with, `instance` eight random bytes of this start,
    `floors` and `remembered` (ip, port) are what the node knew when it stopped. `now` is loop time, `wall` seconds since 1970.
    While `quiet` it only asks, unsigned, and appears to nobody.
    """

    def __init__(
        self,
        config: BeaconConfig,
        offer: Offer,
        seal: Seal,
        key: str,
        instance: bytes,
        chance: Chance,
        *,
        now: float,
        wall: float,
        floors: Mapping[str, Floor] | None = None,
        remembered: Sequence[tuple[str, int]] = (),
        quiet: bool = False,
    ) -> None:
        self._config, self._key, self._chance = config, key, chance
        self._started, self._wall_offset, self._last_tick = int(wall * 1000), wall - now, now
        self.peers = PeerTable()
        self._voice = Voice(offer, seal, instance, quiet=quiet)
        self._door = Admission(seal, self._knows, now, floors)
        self._schedule = Schedule()
        self._seeds = Seeds(config.seeds, chance.uniform)
        self._events: deque[Event] = deque(maxlen=limits.LAN_EVENTS)
        self._subnets = Subnets((*config.networks, *(ip for ip, _ in config.seeds)))
        self._answers = Answers(self._schedule, self._door.refuse, self._subnets, chance, now)
        self._calls = Calls(now)
        self._challenges = Bucket(limits.CHALLENGES_RATE, limits.CHALLENGES_RATE, now)
        self._watch_until = self._watched_until = self._deaf_until = float("-inf")
        self._last_announce = self._own_clone = float("-inf")
        self._closing = False
        self._again: list[float] = []  # seconds between the question just asked and its repetitions
        for ip, port in remembered:
            self._schedule.add(now, Task(Job.REQUEST, ip, port))
        self._earlier = Seeds(remembered[-EARLIER:], chance.uniform, EARLIER_GAP, now + RETRY_FOR)
        self._earlier.again(now + 1.0)
        self._burst(now)

    # --- facts -------------------------------------------------------------------------------------------------------

    @property
    def counters(self) -> Counter[str]:
        """What was not heard or not answered, by reason."""
        return self._door.refused

    @property
    def refusals(self) -> Mapping[str, tuple[str, float]]:
        """By address: why it was last not heard, and when (loop time)."""
        return self._door.last_refusals

    @property
    def floors(self) -> Mapping[str, Floor]:
        """Newest sequence numbers by key, to be kept for the next start."""
        return self._door.floors

    @property
    def offering(self) -> Offer:
        """What this node says about itself."""
        return self._voice.offer

    @property
    def closed(self) -> bool:
        """After `close`: everything is said."""
        return self._closing and not self._schedule

    @property
    def interval(self) -> float:
        """Seconds until the next announcement, before jitter."""
        watched = max(self._watch_until, self._watched_until) > self._last_tick
        base = self._config.watch_interval if watched else self._config.interval
        return max(base, self._config.per_peer * len(self.peers) * base / self._config.interval)

    # --- in ----------------------------------------------------------------------------------------------------------

    def speak_up(self, now: float) -> None:
        """Stop being quiet: say who is here."""
        self._voice.quiet = False
        self._burst(now)

    def offer(self, offer: Offer, now: float) -> None:
        """This node offers something else now; said at once, at most once a second."""
        if offer != self._voice.offer:
            self._voice.offer = offer
            self._schedule.sooner(Job.ANNOUNCE, max(now, self._last_announce + 1.0))

    def watch(self, seconds: float, now: float) -> None:
        """Somebody looks at the network for so long: ask, and let the neighbours speak more often."""
        if self._watch_until <= now:
            self._schedule.sooner(Job.ANNOUNCE, now)
        self._watch_until = max(self._watch_until, now + seconds)
        self.ask(now)

    def ask(self, now: float) -> None:
        """Ask everybody, now and twice again: what was lost is asked for once more."""
        self._again = [self._chance.uniform(0.25, 0.5), self._chance.uniform(0.5, 0.75)]
        self._schedule.sooner(Job.REQUEST, now)
        self._seeds.again(now)

    def ask_at(self, ip: str, now: float) -> None:
        """Somebody may be at `ip` (another source says so): ask there."""
        self._schedule.add(now, Task(Job.REQUEST, ip, self._config.port))

    def say(self, message: Message, now: float, to: Address | None = None) -> None:
        """Send a message that is not about presence (CAP_SHARE, SCENE_CREATE, ...), signed, to all or to one."""
        address = to or Address("", 0)
        self._schedule.add(now, Task(Job.MESSAGE, address.ip, address.port, address.iface, message=message))

    def set_interfaces(self, interfaces: Sequence[Interface], now: float) -> None:
        """The usable addresses of this host; a change is followed by announcing and asking."""
        if self._subnets.connect((each.ip, each.prefix) for each in interfaces):
            self._burst(now)

    def receive(self, data: bytes, ip: str, port: int, iface: str, now: float) -> None:
        """A datagram arrived. Never raises, whatever it holds."""
        self._notice_sleep(now, self._wall_offset)
        if now < self._deaf_until:
            return self._door.refuse(Refusal.ASLEEP, ip, now)
        outcome = self._door.admit(data, ip, now, self._wall(now))
        address = Address(ip, port, iface)
        if not isinstance(outcome, Admitted):
            if outcome.reason in CROWDED and self._subnets.near(ip) and self._calls.is_due(ip, len(data), now):
                self.ask_at(ip, now)
            return self._doubt(outcome.heard, address, len(data), now) if outcome.heard else None
        if outcome.extension is None:
            return self._hear_unsigned(outcome.heard, address, len(data), now)
        if outcome.key == self._key:
            return self._hear_own_key(outcome.extension, address, now)
        return self._hear_signed(outcome, outcome.extension, address, len(data), now)

    def tick(self, now: float, wall: float) -> None:
        """Time passes. Call at `next_timeout()`; calling more often does no harm."""
        self._notice_sleep(now, wall - now)
        self._wall_offset, self._last_tick = wall - now, now
        if self._closing:
            return
        for ip, port in (*self._seeds.due(now, self.peers.anybody_at), *self._earlier.due(now, self.peers.anybody_at)):
            self._schedule.add(now, Task(Job.REQUEST, ip, port))
        turn = self.peers.turn(now)
        retry = turn.retry
        if retry and len(self.peers.lost) > MANY_LOST:
            self._schedule.sooner(Job.ANNOUNCE, max(now, self._last_announce + RETRY_FAST))
            retry = ()
        for peer in (*turn.ask, *retry):
            for address in peer.addresses[:2]:
                # Its answers came from a port of its own, which ends with its process; the shared port is the next one's.
                for port in {address.port} if peer.state is PeerState.FRESH else {address.port, self._config.port}:
                    task = Task(Job.REQUEST, address.ip, port, address.iface, probe=True, known=True)
                    self._schedule.add(now, task)
        self._events.extend(PeerSuspected(peer) for peer in turn.suspected)
        self._events.extend(PeerLeft(peer) for peer in turn.gone)

    def close(self, now: float) -> None:
        """Say goodbye three times; done when `closed`."""
        self._closing = True
        self._schedule.clear()
        far = [each for each in (peer.addresses[0] for peer in self.peers) if self._subnets.behind_router(each.ip)]
        for delay in (0.0, 0.02, 0.04):
            self._schedule.add(now + delay, Task(Job.GOODBYE))
            for each in far[:FAREWELLS]:
                self._schedule.add(now + delay, Task(Job.GOODBYE, each.ip, each.port, each.iface))

    # --- out ---------------------------------------------------------------------------------------------------------

    def next_timeout(self) -> float:
        """Loop seconds at which `tick` and `datagrams_to_send` want to be called."""
        if self._closing:
            return self._schedule.next_at()
        dates = self._schedule.next_at(), self.peers.next_deadline(), self._seeds.next_at, self._earlier.next_at
        return min(self._last_tick + TICK, *dates)

    def has_news(self) -> bool:
        """Whether `events` has something to say."""
        return bool(self._events)

    def events(self) -> list[Event]:
        """What happened since the last call."""
        happened = list(self._events)
        self._events.clear()
        return happened

    def datagrams_to_send(self, now: float) -> list[Outgoing]:
        """What is due now; signed now, so that sequence numbers leave in order."""
        out: list[Outgoing] = []
        for task in self._schedule.due(now):
            data = self._write(task, now)
            if data is None:
                self._door.refused[Refusal.TOO_SMALL] += 1
                continue
            self._door.sent(data)
            out.append(Outgoing(data, task.ip, task.port or self._config.port, task.iface))
        return out

    def _write(self, task: Task, now: float) -> bytes | None:
        moment = Moment(self._wall(now), self.interval, self._watch_until > now)
        if task.kind is Job.ANNOUNCE:
            self._last_announce = now
            self._schedule.later(Job.ANNOUNCE, now + moment.every * self._chance.uniform(0.9, 1.1))
            return self._voice.announce_raw(moment) if self._config.raw_text else self._voice.announce(moment)
        if task.kind is Job.REQUEST:
            nonce = self._chance.randbytes(NONCE_BYTES)
            self._door.asked(nonce, now, task.ip)
            if not task.ip:
                rare = self._config.request_interval * self._chance.uniform(0.9, 1.1)
                self._schedule.later(Job.REQUEST, now + (self._again.pop(0) if self._again else rare))
            return self._voice.request(moment, nonce, probe=task.probe, padded=not task.known)
        if task.kind is Job.ANSWER:
            return self._voice.answer(moment, task.nonce, task.room)
        if task.kind is Job.MESSAGE and task.message is not None:
            return self._voice.message(task.message, moment)
        return self._voice.goodbye(moment)

    def _burst(self, now: float) -> None:
        self._schedule.sooner(Job.ANNOUNCE, now)
        self.ask(now)

    # --- hearing -----------------------------------------------------------------------------------------------------

    def _hear_signed(self, outcome: Admitted, extension: Extension, address: Address, size: int, now: float) -> None:
        message, key = outcome.heard.message, outcome.key
        if extension.flags & Flag.GOODBYE:
            left = self.peers.leave(key, "goodbye")
            if left is not None:
                self._events.append(PeerLeft(left))
            return
        before = self.peers.get(key)
        said = signed_peer(before, outcome, extension, address)
        if before is not None and self.peers.cloned(said, now):
            ips = {each.ip for each in (*before.addresses, address)}
            self._events.append(CloneSeen(extension.agent_id, key, tuple(sorted(ips))))
        change, peer = self._hear(said, now)
        if peer is None:
            return
        if extension.flags & Flag.WATCHING:
            self._watched_until = now + 2 * peer.every
            self._hurry(now)
        if isinstance(message, DiscoveryRequest):
            self._schedule.drop_greeting(address.ip, address.port)
            room = limits.DATAGRAM_SENT if peer.proven else size
            self._answer(message, address, room, now, spread=not extension.flags & Flag.PROBE)
        elif change in {Change.APPEARED, Change.RETURNED} and type(message) is AgentAnnounce:
            self._answers.greet(address, len(self.peers), now)
        elif not isinstance(message, AgentAnnounce | Heartbeat | Foreign):
            self._events.append(MessageHeard(message, key, address))

    def _hear(self, said: Peer, now: float) -> tuple[Change, Peer | None]:
        change = self.peers.hear(said, now)
        peer = self.peers.get(said.row)
        if change is Change.REFUSED or peer is None:
            self._door.refuse(Refusal.NO_ROOM, said.addresses[0].ip, now)
            return change, None
        self._events.append(EVENT_OF[change](peer))
        return change, peer

    def _hear_unsigned(self, heard: Heard, address: Address, size: int, now: float) -> None:
        message = heard.message
        if isinstance(message, Foreign):
            self._events.append(ForeignHeard(message, address))
        elif isinstance(message, DiscoveryRequest):
            return self._answer(message, address, size, now, spread=True)
        elif isinstance(message, AgentAnnounce) and message.status == "offline":
            doubted = self.peers.suspect(f"{message.agent_id}@{address.ip}", "unsigned_goodbye")
            if doubted is not None:
                self._events.append(PeerSuspected(doubted))
            return None
        elif not isinstance(message, AgentAnnounce | Heartbeat):
            self._events.append(MessageHeard(message, "", address))
        said = plain_peer(message, heard.dialect, address)
        if said is not None and said.agent_id == self._voice.offer.agent_id:
            self._door.refuse(Refusal.OWN_ECHO, address.ip, now)
        elif said is not None:
            self._hear(said, now)
        return None

    def _hear_own_key(self, extension: Extension, address: Address, now: float) -> None:
        if self._voice.quiet or extension.instance == self._voice.instance or extension.issued < self._started:
            return self._door.refuse(Refusal.OWN_ECHO, address.ip, now)
        if now - self._own_clone >= CLONE_AGAIN:
            self._own_clone = now
            self._events.append(CloneSeen(extension.agent_id, self._key, (address.ip,), own=True))
        return None

    def _doubt(self, heard: Heard, address: Address, size: int, now: float) -> None:
        """A signed datagram of a life we cannot place: ask it for a sign of life, and answer like a stranger's question."""
        if self._subnets.near(address.ip) and self._challenges.take(now):
            self._schedule.add(now, Task(Job.REQUEST, address.ip, address.port, address.iface, probe=True))
        if isinstance(heard.message, DiscoveryRequest):
            self._answer(heard.message, address, size, now, spread=False)

    def _answer(self, request: DiscoveryRequest, address: Address, room: int, now: float, *, spread: bool) -> None:
        if self._voice.is_meant(request):
            self._answers.answer(address, read_nonce(request.nonce), room, len(self.peers) if spread else 0, now)

    # --- small facts -------------------------------------------------------------------------------------------------

    def _hurry(self, now: float) -> None:
        """Somebody watches: do not wait out a longer interval."""
        if self._schedule.date(Job.ANNOUNCE) > now + self.interval * 1.1:
            self._schedule.sooner(Job.ANNOUNCE, now + self._chance.uniform(0.0, self.interval))

    def _notice_sleep(self, now: float, offset: float) -> None:
        slept = max(now - self._last_tick - TICK, offset - self._wall_offset)
        if slept <= SLEPT or self._closing:
            return
        self._last_tick, self._wall_offset, self._deaf_until = now, offset, now + DEAF
        self.peers.postpone(now + GRACE)
        self._events.append(Woke(slept))
        self._burst(now + DEAF)

    def _knows(self, key: str, ip: str) -> bool:
        if not key:
            return self.peers.anybody_at(ip)
        peer = self.peers.get(key)
        return peer is not None and any(address.ip == ip for address in peer.addresses)

    def _wall(self, now: float) -> int:
        return int((now + self._wall_offset) * 1000)
