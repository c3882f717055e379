"""Answers kept for who asks the same next, by their ETag: what is shown changes seldom and is asked often."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from protocol import limits


class Answers:
    """Bounded by `limits.CENTER_ANSWER_BYTES`; the least recently used go first. For one thread."""

    def __init__(self, most: int = limits.CENTER_ANSWER_BYTES) -> None:
        self._most = most
        self._bytes = 0
        self._held: OrderedDict[str, tuple[bytes, Mapping[str, str]]] = OrderedDict()

    def get(self, tag: str) -> tuple[bytes, Mapping[str, str]] | None:
        """Body and headers, if they are here."""
        found = self._held.get(tag)
        if found is not None:
            self._held.move_to_end(tag)
        return found

    def put(self, tag: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Keep an answer, unless it alone is an eighth of everything."""
        if len(body) > self._most // 8 or tag in self._held:
            return
        self._held[tag] = body, headers
        self._bytes += len(body)
        while self._bytes > self._most:
            _, (gone, _) = self._held.popitem(last=False)
            self._bytes -= len(gone)
