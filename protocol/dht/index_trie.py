"""The index: where a record goes under a word, and how a reader walks to all of them (docs/protocol/dht.md 6).

Under each (kind, word) there is a tree of keys with four children per node. A record goes to the shallowest node on its own
way down (2 bits of its hash per level) that is not full. Nothing is split or moved: a full node says MORE, and the reader then
looks at its children. A popular word so spreads over as many nodes as it needs, and one that few use is one key.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from protocol import limits
from protocol.dht.messages import FULL, STORED, Place
from protocol.dht.record import SignedPointer, index_key, path_of
from protocol.refs import Kind

FIGURES = "0123"


@dataclass(slots=True)
class Descent:
    """Where one record stands on its way into the index of one word. `settled` when it has its place, or there is none."""

    signed: SignedPointer
    word: str
    depth: int = 0
    settled: bool = False

    @property
    def key(self) -> bytes:
        return index_key(self.signed.pointer.ref.kind, self.word, path_of(self.signed.ident, self.depth))

    @property
    def place(self) -> Place:
        return Place(self.word, self.depth)

    def told(self, statuses: list[int]) -> bool:
        """What the nodes around the key said. True when it has to go one level down: more than one in nine refused for
        want of room, so that a reader of few holders might miss it."""
        if 8 * statuses.count(FULL) > statuses.count(STORED) and self.depth < limits.DHT_DEPTH:
            self.depth += 1
            return True
        self.settled = True
        return False


@dataclass(slots=True)
class Walk:
    """A reader's way through the index of one word: breadth first, bounded."""

    kind: Kind
    word: str
    most: int = limits.DHT_VISITS
    visited: int = 0
    _waiting: deque[str] = field(default_factory=lambda: deque([""]))

    def next_path(self) -> str | None:
        """The next node to look at, or None."""
        if not self._waiting or self.visited >= self.most:
            return None
        self.visited += 1
        return self._waiting.popleft()

    def key(self, path: str) -> bytes:
        """Its key."""
        return index_key(self.kind, self.word, path)

    def overflowed(self, path: str) -> None:
        """Somebody says there is more below."""
        if len(path) < limits.DHT_DEPTH:
            self._waiting.extend(path + figure for figure in FIGURES)
