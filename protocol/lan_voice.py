"""How this node words its datagrams: presence, questions, answers, goodbyes, each signed with the next sequence number."""

from __future__ import annotations

from dataclasses import dataclass, replace

from protocol import limits
from protocol.announce import compose
from protocol.lan_events import Offer
from protocol.lan_extension import Extension, Flag, Seal
from protocol.lan_text import AgentAnnounce, DiscoveryRequest, DiscoveryResponse, Message, encode_text


@dataclass(frozen=True, slots=True)
class Moment:
    """What is true of this node when it speaks: wall time in ms, the interval it promises in seconds, who watches."""

    wall: int
    every: float
    watching: bool


class Voice:
    """Signs and numbers what is said. `offer` may be replaced at any time. While `quiet`, only questions are said, and not
    signed, so that nobody takes somebody who just asks for a neighbour."""

    def __init__(self, offer: Offer, seal: Seal, instance: bytes, *, quiet: bool = False) -> None:
        self.offer, self.instance, self.quiet = offer, instance, quiet
        self._seal, self._seq = seal, 0

    def is_meant(self, request: DiscoveryRequest) -> bool:
        """Whether that question is one for this node: for everybody, or about something it offers."""
        wanted = request.query.strip().casefold()
        words = (self.offer.agent_id, self.offer.name, *self.offer.capabilities, *self.offer.scenes)
        return wanted in {"", "*"} or any(wanted in word.casefold() for word in words)

    def announce(self, moment: Moment) -> bytes | None:
        return self.message(self._describe(AgentAnnounce, moment), moment)

    def announce_raw(self, moment: Moment) -> bytes | None:
        """The documented raw text, unsigned. It kills Java receivers."""
        if self.quiet:
            return None
        return encode_text(self._describe(AgentAnnounce, moment)).encode()[: limits.DATAGRAM_SENT]

    def answer(self, moment: Moment, nonce: bytes, room: int) -> bytes | None:
        """The answer to a question of `room` bytes: signed if that fits, else the bare id, else nothing."""
        described = self._describe(DiscoveryResponse, moment)
        room = min(room, limits.DATAGRAM_SENT)
        signed = self.message(described, moment, nonce=nonce, limit=room)
        if signed or self.quiet:
            return signed
        return compose(DiscoveryResponse(self.offer.agent_id), None, self._seal, room)

    def request(self, moment: Moment, nonce: bytes, *, probe: bool, padded: bool) -> bytes | None:
        """A question, padded so that the answer of a stranger need not be longer."""
        request = DiscoveryRequest(self.offer.agent_id, nonce=nonce.hex(), timestamp=moment.wall)
        pad_to = limits.DATAGRAM_SENT if padded or self.quiet else 0
        if self.quiet:
            return compose(request, None, self._seal, pad_to=pad_to)
        return self.message(request, moment, flags=Flag.PROBE if probe else 0, pad_to=pad_to)

    def goodbye(self, moment: Moment) -> bytes | None:
        described = replace(self._describe(AgentAnnounce, moment), status="offline", capabilities=(), scenes=())
        return self.message(described, moment, flags=Flag.GOODBYE)

    def message(
        self,
        message: Message,
        moment: Moment,
        *,
        nonce: bytes = b"",
        flags: int = 0,
        limit: int = limits.DATAGRAM_SENT,
        pad_to: int = 0,
    ) -> bytes | None:
        """Any message with our extension; None when it does not fit, or while quiet."""
        if self.quiet:
            return None
        self._seq += 1
        mine = self.offer
        extension = Extension(
            agent_id=mine.agent_id,
            instance=self.instance,
            seq=self._seq,
            issued=moment.wall,
            ttl=int(3 * moment.every + 1),
            every=int(moment.every * 1000),
            tcp_port=mine.tcp_port,
            dht_port=mine.dht_port,
            digest=mine.digest[:16],
            count=mine.count,
            nonce=nonce,
            name=mine.name[: limits.NAME_CHARS // 4],
            flags=flags | (Flag.WATCHING if moment.watching else 0),
        )
        return compose(message, extension, self._seal, limit, pad_to)

    def _describe(self, cls: type[AgentAnnounce], moment: Moment) -> AgentAnnounce:
        mine = self.offer
        lists = mine.capabilities, mine.scenes
        return cls(mine.agent_id, mine.user_id, mine.device_name, *lists, mine.status, moment.wall)
