"""What was asked for over the API and takes its time: started, watched, cancelled; of one kind, one after the other.

What it guarantees: a job that was cancelled before its turn is never begun; one that is over stays as it is; the oldest that are over
are forgotten. What it leaves to others: the work itself (`work`), and what is known of it meanwhile (`node.api.installs`,
`node.api.scans`).
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from node.service import Service
from protocol.errors import NotFoundError, OoderError


class Stage(StrEnum):
    """Where a job stands; one that waits for another counts as running."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, kw_only=True)
class Job:
    """One piece of work; only its `Jobs` changes it. Times are in wall seconds."""

    id: str
    asked_at: float
    stage: Stage = Stage.RUNNING
    ended_at: float = 0.0
    error: OoderError | None = None
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.stage is not Stage.RUNNING


J = TypeVar("J", bound=Job)


class Jobs(ABC, Generic[J]):
    """Owns every job of one kind. All methods are for the event loop's thread. `most` are remembered; `unknown` is the code for others."""

    def __init__(self, service: Service, most: int, unknown: str) -> None:
        self._service, self._most, self._unknown = service, most, unknown
        self._kept: OrderedDict[str, J] = OrderedDict()
        self._queue: deque[J] = deque()
        self._wake = asyncio.Event()
        self._last = 0

    def get(self, number: str) -> J:
        """A job by its id. Raises NotFoundError."""
        found = self._kept.get(number)
        if found is None:
            raise NotFoundError(self._unknown, id=number[:40])
        return found

    def all(self) -> list[J]:
        """Every job that is remembered, newest first."""
        return list(reversed(self._kept.values()))

    def cancel(self, number: str) -> J:
        """Stop a job; one that is over stays as it is."""
        job = self.get(number)
        job.cancel.set()
        return job

    async def run(self) -> None:
        """Do the work until cancelled."""
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            job = self._queue.popleft()
            try:
                if job.cancel.is_set():
                    job.stage = Stage.CANCELLED
                else:
                    await self._race(job)
                job.ended_at = self._service.now()
                await self.told(job)
            finally:
                job.ended.set()

    @abstractmethod
    async def work(self, job: J) -> None:
        """Do one job and say how it ended in its `stage`. Cancelled with it."""

    async def told(self, job: J) -> None:
        """Hear that a job is over."""

    def _alive(self) -> list[J]:
        return [job for job in self._kept.values() if not job.over]

    def _next_id(self) -> str:
        self._last += 1
        return str(self._last)

    def _begin(self, job: J) -> list[str]:
        """Put a job in the row; the ids of those that are forgotten for it."""
        self._kept[job.id] = job
        gone = [one.id for one in self._kept.values() if one.over][: max(0, len(self._kept) - self._most)]
        for number in gone:
            del self._kept[number]
        self._queue.append(job)
        self._wake.set()
        return gone

    async def _race(self, job: J) -> None:
        """Work until done or cancelled."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self.work(job))
            watch = group.create_task(job.cancel.wait())
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            watch.cancel()
            if not work.done():
                work.cancel()
                job.stage = Stage.CANCELLED
