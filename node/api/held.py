"""Answers that are kept for a moment, so that the same question costs nothing while nothing changed."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from protocol import limits

Mark = tuple[object, ...]
"""What an answer depends on: it holds while this stays the same."""


class Answered(NamedTuple):
    """The bytes of an answer and its ETag, good until `until` (loop seconds)."""

    until: float
    mark: Mark
    data: bytes
    tag: str


class HeldAnswers:
    """At most `limits.API_ANSWERS_HELD` answers of `limits.API_ANSWERS_BYTES` together; who was not asked for longest goes first."""

    def __init__(self) -> None:
        self._held: OrderedDict[object, Answered] = OrderedDict()
        self._bytes = 0

    def get(self, key: object, mark: Mark, now: float) -> Answered | None:
        """What was answered before, if it still holds."""
        found = self._held.get(key)
        if found is None or found.until <= now or found.mark != mark:
            return None
        self._held.move_to_end(key)
        return found

    def put(self, key: object, answer: Answered) -> None:
        """Keep an answer."""
        self._drop(self._held.pop(key, None))
        self._held[key] = answer
        self._bytes += len(answer.data)
        while len(self._held) > limits.API_ANSWERS_HELD or self._bytes > limits.API_ANSWERS_BYTES:
            self._drop(self._held.popitem(last=False)[1])

    def _drop(self, answer: Answered | None) -> None:
        self._bytes -= len(answer.data) if answer else 0
