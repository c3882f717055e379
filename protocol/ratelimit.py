"""Token buckets: one, and one per key with a hard bound on the number of keys (SECURITY 6). Pure; time is passed in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from math import ceil


class Bucket:
    """Lets `rate` per second through on average and `burst` at once.

    >>> bucket = Bucket(rate=1.0, burst=2.0, now=0.0)
    >>> [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0), bucket.take(1.0)]
    [True, True, False, True]
    """

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._level, self._at = rate, burst, burst, now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` tokens if they are there. A clock that steps back adds nothing."""
        level = self.level(now)
        self._at = now
        if level < amount:
            self._level = level
            return False
        self._level = level - amount
        return True

    def level(self, now: float) -> float:
        """How many tokens are there."""
        passed = now - self._at
        level = self._level + passed * self._rate if passed > 0.0 else self._level
        return level if level < self._burst else self._burst


class KeyedBuckets:
    """A bucket per key; at `capacity` keys the least recently used one is forgotten (and so starts full again)."""

    __slots__ = ("_buckets", "_burst", "_capacity", "_rate")

    def __init__(self, rate: float, burst: float, capacity: int) -> None:
        self._rate, self._burst, self._capacity = rate, burst, capacity
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, now: float, amount: float = 1.0) -> bool:
        """Take `amount` tokens from the bucket of `key`."""
        return self._bucket(key, now).take(now, amount)

    def has(self, key: Hashable, now: float) -> bool:
        """Whether a token could be taken; no key is remembered for asking."""
        bucket = self._buckets.get(key)
        return bucket is None or bucket.level(now) >= 1.0

    def left(self, key: Hashable, now: float) -> tuple[int, int]:
        """Whole tokens that are there, and seconds until the bucket is full again; no key is remembered for asking."""
        bucket = self._buckets.get(key)
        level = self._burst if bucket is None else bucket.level(now)
        return int(level), ceil((self._burst - level) / self._rate)

    @property
    def burst(self) -> int:
        """What a full bucket holds."""
        return int(self._burst)

    def _bucket(self, key: Hashable, now: float) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= self._capacity:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = Bucket(self._rate, self._burst, now)
        else:
            self._buckets.move_to_end(key)
        return bucket
