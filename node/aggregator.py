"""Aggregator: what sources say becomes what the node shows - reports in, trust door, merge, index, events out.

It guarantees: reports are taken in the order they were told, in batches of one transaction each, on a thread, so the loop stays
free; `settle` returns when everything told before it is in the index, so nobody has to sleep; a disk that fails costs
nothing but time: the batch is kept and tried again, and `settle` says why; a report that no index can keep costs only itself. It leaves to others: judging and merging (protocol),
storing (index), when to look (supervisor). At most `limits.REPORTS_WAITING` reports wait; more are dropped and counted, and
since their places stay unknown, the next scan brings them again.

    async with asyncio.TaskGroup() as group:
        task = group.create_task(aggregator.run())
        await supervisor.search(Query(), sources, tell)      # `Heard` reports go to aggregator.tell
        await aggregator.settle()
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from node.events import Change
from node.index import Index, Rules
from protocol import limits
from protocol.errors import OoderError, StorageError
from protocol.items import Confirmation, Progress, Reading, Report, Survey
from sources.ports import Clock

log = logging.getLogger("ooder.aggregator")

GATHER_SECONDS = 0.02  # reports that arrive together are written together
RETRY_FIRST = 1.0  # seconds until a failed batch is tried again, doubled up to
RETRY_MOST = 60.0


class Aggregator:
    """Owns the way into the index. All methods are for the event loop's thread."""

    def __init__(self, index: Index, rules: Callable[[], Rules], clock: Clock) -> None:
        """`rules` is asked once per batch, so a change of policy counts from the next batch on."""
        self.dropped = 0
        """Reports lost because too many were waiting, or because no index can keep them."""
        self.failure: StorageError | None = None
        """Why the last batch could not be written; None when it could."""
        self._index = index
        self._rules = rules
        self._clock = clock
        self._waiting: deque[Report | Change] = deque()
        self._apart = 0
        """How many of those that wait are written one by one, because one of them cannot be kept."""
        self._told = 0
        self._done = 0
        self._arrived = asyncio.Event()
        self._stepped = asyncio.Event()
        self._changed = asyncio.Event()
        self._changes = 0

    @property
    def is_full(self) -> bool:
        """Whether so much waits that whoever can should go slower."""
        return len(self._waiting) > limits.REPORTS_WAITING // 4

    def tell(self, report: Report) -> None:
        """Take a report (the `Emit` of every source). Never blocks, never raises."""
        if not isinstance(report, Progress):
            self._enqueue(report)

    def note(self, change: Change) -> None:
        """Log something that happened elsewhere (a light, a search), after the reports told before it."""
        self._enqueue(change)

    def _enqueue(self, one: Report | Change) -> None:
        if len(self._waiting) >= limits.REPORTS_WAITING and not isinstance(one, Survey | Confirmation):
            self.dropped += 1
            return
        self._waiting.append(one)
        self._told += 1
        self._arrived.set()

    async def run(self) -> None:
        """Write what is told until cancelled."""
        delay = RETRY_FIRST
        while True:
            await self._arrived.wait()
            if len(self._waiting) < limits.REPORTS_PER_COMMIT:
                await self._clock.sleep(GATHER_SECONDS)
            if await self._write_batch():
                delay = RETRY_FIRST
            else:
                await self._clock.sleep(delay)
                delay = min(2 * delay, RETRY_MOST)

    async def _write_batch(self) -> bool:
        count = 1 if self._apart else min(len(self._waiting), limits.REPORTS_PER_COMMIT)
        batch = [self._waiting[at] for at in range(count)]
        reports = [one for one in batch if isinstance(one, Reading | Survey | Confirmation)]
        notes = [one for one in batch if isinstance(one, Change)]
        try:
            changes = await asyncio.to_thread(self._index.apply, reports, self._rules(), self._clock.wall(), notes)
        except StorageError as error:
            self.failure = error
            self._pulse_stepped()
            return False
        except OoderError as error:
            if count > 1:
                self._apart = count
                return True
            log.error("dropped a report: %s", error)
            self.dropped += 1
            changes = 0
        self._apart = max(0, self._apart - 1)
        self.failure = None
        for _ in range(count):
            self._waiting.popleft()
        self._done += count
        if not self._waiting:
            self._arrived.clear()
        if changes:
            self._changes += 1
            self._changed.set()
            self._changed = asyncio.Event()
        self._pulse_stepped()
        return True

    def _pulse_stepped(self) -> None:
        self._stepped.set()
        self._stepped = asyncio.Event()

    async def settle(self) -> None:
        """Wait until everything told so far is in the index. Raises the StorageError that prevents it."""
        wanted = self._told
        while self._done < wanted:
            await self._stepped.wait()
            if self.failure is not None:
                raise self.failure

    async def changed(self, since: int = -1) -> int:
        """Wait for a batch that logged something after the `since`-th such batch (-1: after now). Returns the number of the newest: who
        gives it back misses none that comes while it is busy."""
        since = self._changes if since < 0 else since
        while self._changes <= since:
            await self._changed.wait()
        return self._changes


def storage_failure(group: BaseExceptionGroup[BaseException]) -> StorageError | None:
    """The disk's failure among what ended a group of tasks, however deep."""
    found = group.subgroup(StorageError)
    while found is not None:
        inner = found.exceptions[0]
        if not isinstance(inner, BaseExceptionGroup):
            return inner
        found = inner
    return None
