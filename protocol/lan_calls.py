"""Whom to ask by name while a flood hides who is there.

A flood in somebody's name makes the door refuse that address, and with it whoever really lives there. So an address that was
refused is asked, by unicast, with a nonce nobody else sees; its answer passes the door without a budget (`lan_admission`). No
more is sent to an address than came in its name, once a second, and 200 in all.
"""

from __future__ import annotations

from collections import OrderedDict

from protocol import limits
from protocol.lan_admission import Refusal
from protocol.ratelimit import Bucket

CROWDED = frozenset({Refusal.SOURCE_RATE, Refusal.FORGER, Refusal.KEY_RATE, Refusal.VERIFY_BUDGET})
"""Refusals that say nothing about who was refused."""


class Calls:
    """Counts what was refused in the name of each address."""

    def __init__(self, now: float) -> None:
        self._all = Bucket(limits.CALLS_RATE, limits.CALLS_BURST, now)
        self._came: OrderedDict[str, tuple[int, float]] = OrderedDict()  # ip -> (bytes since the last call, its time)

    def is_due(self, ip: str, size: int, now: float) -> bool:
        """A datagram of `size` bytes was refused; whether to ask `ip` now."""
        came, called = self._came.get(ip, (0, float("-inf")))
        came = min(came + size, limits.DATAGRAM_SENT)
        due = came >= limits.DATAGRAM_SENT and now - called >= limits.CALL_GAP_SECONDS and self._all.take(now)
        self._came[ip] = (0, now) if due else (came, called)
        self._came.move_to_end(ip)
        if len(self._came) > limits.SOURCES:
            self._came.popitem(last=False)
        return due
