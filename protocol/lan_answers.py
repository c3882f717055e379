"""Who is answered, how soon, and how often: never outside our subnets, within two budgets, spread among many.

Answers to one address and answers in all have a rate (`protocol.limits`), so that a question with a forged sender makes this
node no amplifier. Jitter keeps the answers of many from colliding at the asker.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol import limits
from protocol.lan_admission import Refusal
from protocol.lan_events import Chance
from protocol.lan_schedule import Job, Schedule, Task
from protocol.peers import Address
from protocol.ratelimit import Bucket, KeyedBuckets
from protocol.subnets import Subnets

NEWCOMERS_AT_ONCE = 8


class Answers:
    """Puts answers into the schedule; `refuse(reason, ip, now)` counts those that are not given."""

    def __init__(
        self,
        schedule: Schedule,
        refuse: Callable[[Refusal, str, float], None],
        subnets: Subnets,
        chance: Chance,
        now: float,
    ) -> None:
        self._schedule, self._refuse, self._subnets, self._chance = schedule, refuse, subnets, chance
        self._all = Bucket(limits.ANSWERS_RATE, limits.ANSWERS_BURST, now)
        self._each = KeyedBuckets(limits.ANSWER_RATE, limits.ANSWER_BURST, limits.SOURCES)

    def answer(self, address: Address, nonce: bytes, room: int, peers: int, now: float) -> None:
        """Answer a question with at most `room` bytes, spread by the number of `peers` (0: at once)."""
        if not self._subnets.near(address.ip):
            return self._refuse(Refusal.OFF_LINK, address.ip, now)
        if not self._each.take(address.ip, now) or not self._all.take(now):
            return self._refuse(Refusal.ANSWER_RATE, address.ip, now)
        spread = _spread(peers)
        delay = self._chance.uniform(0.0, spread) if spread else 0.0
        self._schedule.add(now + delay, Task(Job.ANSWER, address.ip, address.port, address.iface, nonce, room))
        return None

    def greet(self, address: Address, peers: int, now: float) -> None:
        """A newcomer announced itself without asking: tell it who we are, once; many newcomers are told together."""
        if self._schedule.greetings >= NEWCOMERS_AT_ONCE:
            self._schedule.sooner(Job.ANNOUNCE, now + self._chance.uniform(0.0, 0.02))
        elif self._subnets.near(address.ip) and self._all.take(now):
            at = now + self._chance.uniform(0.005, 0.02 + _spread(peers))
            self._schedule.add(at, Task(Job.ANSWER, address.ip, address.port, address.iface, greeting=True))


def _spread(peers: int) -> float:
    """Seconds over which answers are spread, so that they do not collide at the asker."""
    return 0.1 if peers > 100 else 0.02 if peers > 10 else 0.0
