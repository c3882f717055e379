"""What the beacon is going to say, and when: jobs in a bounded queue, two of them (announce, ask all) as standing dates."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

from protocol import limits
from protocol.lan_text import Message


class Job(StrEnum):
    ANNOUNCE = "announce"
    REQUEST = "request"
    ANSWER = "answer"
    GOODBYE = "goodbye"
    MESSAGE = "message"


@dataclass(slots=True)
class Task:
    """One datagram to be written when it is due. `ip` "" means everybody; `room` bounds an answer in bytes."""

    kind: Job
    ip: str = ""
    port: int = 0
    iface: str = ""
    nonce: bytes = b""
    room: int = limits.DATAGRAM_SENT
    probe: bool = False
    known: bool = False
    greeting: bool = False
    message: Message | None = None
    dropped: bool = field(default=False, compare=False)


class Schedule:
    """Tasks by time. `len` counts waiting tasks, not the standing dates."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Task]] = []
        self._dates: dict[Job, float] = {}
        self._greetings: dict[tuple[str, int], Task] = {}
        self._order = count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def greetings(self) -> int:
        """Newcomers that wait for their greeting."""
        return len(self._greetings)

    def add(self, at: float, task: Task) -> bool:
        """Queue a task; False when the queue is full."""
        if len(self._heap) >= limits.OUTBOX:
            return False
        if task.greeting:
            self._greetings[task.ip, task.port] = task
        heapq.heappush(self._heap, (at, next(self._order), task))
        return True

    def sooner(self, kind: Job, at: float) -> None:
        """The standing date of `kind` is `at`, or earlier if it was."""
        self._dates[kind] = min(at, self._dates.get(kind, at))

    def later(self, kind: Job, at: float) -> None:
        """The standing date of `kind` is `at`."""
        self._dates[kind] = at

    def date(self, kind: Job) -> float:
        """The standing date of `kind`; infinity when there is none."""
        return self._dates.get(kind, float("inf"))

    def drop_greeting(self, ip: str, port: int) -> None:
        """That newcomer is being answered in another way."""
        task = self._greetings.pop((ip, port), None)
        if task is not None:
            task.dropped = True

    def clear(self) -> None:
        """Nothing is going to be said."""
        self._heap.clear()
        self._dates.clear()
        self._greetings.clear()

    def next_at(self) -> float:
        """When the next thing is due, in loop seconds."""
        first = self._heap[0][0] if self._heap else float("inf")
        return min(first, *self._dates.values()) if self._dates else first

    def due(self, now: float) -> list[Task]:
        """Take out what is due."""
        tasks = []
        for kind, at in list(self._dates.items()):
            if at <= now:
                del self._dates[kind]
                tasks.append(Task(kind))
        while self._heap and self._heap[0][0] <= now:
            task = heapq.heappop(self._heap)[2]
            if task.greeting:
                self._greetings.pop((task.ip, task.port), None)
            if not task.dropped:
                tasks.append(task)
        return tasks
