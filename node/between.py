"""Capabilities between devices of one person: asked for (CAP_SYNC_REQUEST, CAP_SYNC) and handed over (CAP_HANDOVER); WIRE 3.2.

Guarantees: only a device that is paired with this one is answered or listened to, and only by signed messages that name this node;
a handover changes nothing by itself: it waits, is shown beside the peer, and is taken by installing the capability, which asks
as every install does. Leaves to others: who is paired (`node.policy`), what is shared (`node.sharing`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocol import limits
from protocol.errors import PolicyError, UnavailableError
from protocol.lan_events import Event, MessageHeard
from protocol.lan_text import CapHandover, CapSync, CapSyncRequest, Message
from protocol.peers import Address, Peer

FULL = "full"
ANSWER_SECONDS = 2.0
_TEXT_BYTES = 500  # of a list in one datagram


@dataclass(frozen=True, slots=True)
class Handed:
    """A capability that another device of the same person wants this one to take over."""

    capability: str
    reason: str
    at: float


class Between:
    """One per node. `say(message, to)` sends signed, `me()` is this node's agent id, `offered()` are the capabilities shared with paired
    devices, `wall()` tells the time."""

    def __init__(
        self,
        say: Callable[[Message, Address], None],
        me: Callable[[], str],
        is_paired: Callable[[str], bool],
        offered: Callable[[], Sequence[str]],
        wall: Callable[[], float],
    ) -> None:
        self._say, self._me, self._is_paired, self._offered, self._wall = say, me, is_paired, offered, wall
        self._answers: dict[str, asyncio.Future[tuple[str, ...]]] = {}
        self.handed: OrderedDict[tuple[str, str], Handed] = OrderedDict()

    def hear(self, event: Event) -> None:
        """Something happened on the network."""
        if not isinstance(event, MessageHeard) or not event.key:
            return
        message = event.message
        if not isinstance(message, CapHandover | CapSyncRequest | CapSync) or message.to_agent_id != self._me():
            return
        if not self._is_paired(event.key):
            return
        if isinstance(message, CapSyncRequest):
            cut = tuple(_cut(self._offered()))
            self._say(CapSync(self._me(), message.agent_id, message.sync_type or FULL, cut), event.address)
        elif isinstance(message, CapSync):
            waiting = self._answers.get(event.key)
            if waiting is not None and not waiting.done():
                waiting.set_result(message.capabilities)
        elif message.cap_id:
            self.handed[event.key, message.cap_id] = Handed(message.cap_id, message.reason, self._wall())
            self.handed.move_to_end((event.key, message.cap_id))
            while len(self.handed) > limits.HANDOVERS:
                self.handed.popitem(last=False)

    async def ask(self, peer: Peer) -> tuple[str, ...]:
        """What a paired device shares with us. Raises PolicyError `peer.not_paired`, UnavailableError `peer.unreachable`."""
        self._check(peer)
        waiting: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
        self._answers[peer.key] = waiting
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    self._say(CapSyncRequest(self._me(), peer.agent_id, FULL), peer.addresses[0])
                    done, _ = await asyncio.wait([waiting], timeout=0.4)
                    if done:
                        return waiting.result()
        except TimeoutError:
            raise UnavailableError("peer.unreachable", address=peer.addresses[0].ip, reason="silence") from None
        finally:
            self._answers.pop(peer.key, None)

    def hand_over(self, peer: Peer, capability: str, reason: str) -> None:
        """Tell a paired device to take a capability over. Raises PolicyError `peer.not_paired`."""
        self._check(peer)
        self._say(CapHandover(self._me(), peer.agent_id, capability, reason), peer.addresses[0])

    def _check(self, peer: Peer) -> None:
        if not peer.key or not self._is_paired(peer.key):
            raise PolicyError("peer.not_paired", name=peer.name or peer.agent_id)


def _cut(names: Sequence[str]) -> Sequence[str]:
    kept: list[str] = []
    for name in names:
        if sum(len(one.encode()) + 1 for one in (*kept, name)) > _TEXT_BYTES:
            break
        kept.append(name)
    return kept
