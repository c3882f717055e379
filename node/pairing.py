"""Pairing on this side: what is answered to the other device, and the steps up to a key that both people agreed to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from node.io.peer_client import Point
from protocol import limits
from protocol.errors import NotFoundError, OoderError, PolicyError, UnavailableError
from protocol.pairing import Side, code_of, number_for
from sources.ports import Clock

LOOK_SECONDS = 0.3
WAITING, ACCEPTED, DENIED = "waiting", "accepted", "denied"

Ask = Callable[[Point, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
"""Brings the other side's answer. Raises OoderErrors only."""


class Pairing:
    """One attempt. `secret` is 32 random bytes; `key` our fingerprint."""

    def __init__(self, key: str, secret: bytes, clock: Clock) -> None:
        self._key, self._secret, self._clock = key, secret, clock
        self._ends = clock.loop() + limits.PAIR_SECONDS
        self._commitments: dict[str, str] = {}
        self._decided = asyncio.Event()
        self._yes = False
        self.chosen = ""
        """Fingerprint of the device whose code is shown."""

    def _mine(self, other: str) -> Side:
        return Side(self._key, number_for(self._secret, other))

    def _bind(self, other: str, commitment: str) -> bool:
        """The first commitment of a device holds for the whole attempt."""
        if other not in self._commitments and len(self._commitments) < limits.LIST_ENTRIES:
            self._commitments[other] = commitment
        return self._commitments.get(other) == commitment

    def answer(self, other: str, commitment: str) -> Mapping[str, str]:
        """What the device `other` is told. Our number is shown only to who committed to its own before.

        Raises NotFoundError `pair.not_now`.
        """
        if not self._bind(other, commitment) or (self.chosen and other != self.chosen):
            raise NotFoundError("pair.not_now")
        mine = self._mine(other)
        state = (ACCEPTED if self._yes else DENIED) if self._decided.is_set() else WAITING
        return {"key": self._key, "commitment": mine.commitment, "number": mine.number.hex(), "state": state}

    def decide(self, *, yes: bool) -> None:
        """What the person here says about the code."""
        self._yes = yes
        self._decided.set()

    async def find(self, points: Callable[[], Sequence[Point]], ask: Ask) -> tuple[Point, str]:
        """The first device of `points` that is pairing too, and the code. Raises UnavailableError `pair.failed`."""
        while self._clock.loop() < self._ends:
            for point in points():
                side = await self._ask(point, ask)
                if side is not None:
                    self.chosen = point.key
                    return point, code_of(self._mine(point.key), side[0])
            await self._clock.sleep(LOOK_SECONDS)
        raise UnavailableError("pair.failed", name="-", reason="no other device is pairing")

    async def agree(self, point: Point, ask: Ask) -> None:
        """Wait until both people said yes. Raises PolicyError `pair.denied`, UnavailableError `pair.failed`."""
        left = max(0.0, self._ends - self._clock.loop())
        try:
            async with asyncio.timeout(left):
                await self._decided.wait()
                while self._yes:
                    side = await self._ask(point, ask)
                    if side is not None and side[1] == ACCEPTED:
                        return
                    if side is not None and side[1] == DENIED:
                        break
                    await self._clock.sleep(LOOK_SECONDS)
        except TimeoutError:
            raise UnavailableError("pair.failed", name=point.agent_id, reason="no answer in time") from None
        raise PolicyError("pair.denied")

    async def _ask(self, point: Point, ask: Ask) -> tuple[Side, str] | None:
        """The other side and its state, None while it is not pairing, or when what it shows is not what it committed to."""
        mine = self._mine(point.key)
        try:
            said = await ask(point, {"key": self._key, "commitment": mine.commitment})
            side = Side(point.key, bytes.fromhex(str(said.get("number"))))
        except (OoderError, ValueError):
            return None
        commitment = str(said.get("commitment"))
        if said.get("key") != point.key or side.commitment != commitment or not self._bind(point.key, commitment):
            return None
        return side, str(said.get("state"))
