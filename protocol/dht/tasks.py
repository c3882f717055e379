"""Straight-line code over events, without a loop of its own: coroutines that the machine itself wakes, and a heap of timers.

async def find(node):                   # pure: nothing here knows sockets or time
    answer = await node.ask(...)        # a `Later`
start(find(node))
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Later(Generic[T]):
    """A value that is not there yet. Set once; a second `set` is ignored."""

    __slots__ = ("_wake", "done", "value")

    def __init__(self) -> None:
        self.done = False
        self.value: T | None = None
        self._wake: list[Callable[[T], None]] = []

    def set(self, value: T) -> None:
        """The value is here."""
        if self.done:
            return
        self.done, self.value = True, value
        wake, self._wake = self._wake, []
        for each in wake:
            each(value)

    def when(self, call: Callable[[T], None]) -> None:
        """Call with the value, now or as soon as it is there."""
        if self.done:
            call(self.value)  # type: ignore[arg-type]
        else:
            self._wake.append(call)

    def __await__(self) -> Generator[Later[Any], None, T]:
        if not self.done:
            yield self
        return self.value  # type: ignore[return-value]


def start(work: Coroutine[Later[Any], None, T]) -> Later[T]:
    """Run `work` until it waits; it goes on by itself when what it waits for is there. Returns its result to come."""
    result: Later[T] = Later()

    def step(_: object = None) -> None:
        try:
            waits_for = work.send(None)
        except StopIteration as end:
            result.set(end.value)
            return
        waits_for.when(step)

    step()
    return result


async def together(works: Iterable[Coroutine[Later[Any], None, T]], most: int = 1_000_000) -> list[T]:
    """All results in order, at most `most` running at once."""
    waiting = list(works)
    results: list[T | None] = [None] * len(waiting)
    done: Later[bool] = Later()
    running = left = 0
    left = len(waiting)
    at = 0

    def finished(number: int, value: T) -> None:
        nonlocal running, left
        results[number] = value
        running -= 1
        left -= 1
        more()

    def more() -> None:
        nonlocal running, at
        while at < len(waiting) and running < most:
            number, at = at, at + 1
            running += 1
            start(waiting[number]).when(lambda value, number=number: finished(number, value))  # type: ignore[misc]
        if not left:
            done.set(True)

    more()
    await done
    return results  # type: ignore[return-value]


async def pool(
    next_one: Callable[[], T | None], work: Callable[[T], Coroutine[Later[Any], None, None]], most: int
) -> None:
    """Work on everything `next_one` gives, at most `most` at once, until it gives None and all work is done; work may make more."""
    done: Later[bool] = Later()
    running, filling = 0, False

    def finished(_: None) -> None:
        nonlocal running
        running -= 1
        fill()

    def fill() -> None:
        nonlocal running, filling
        if filling:
            return  # what ended at once is followed by the loop below, not by a call deeper down
        filling = True
        while running < most and (one := next_one()) is not None:
            running += 1
            start(work(one)).when(finished)
        filling = False
        if not running:
            done.set(True)

    fill()
    await done


class Timer:
    """Something due at a loop time, unless it is cancelled."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Never mind."""
        self.call = None


class Timers:
    """What is due when."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._number = 0

    def at(self, due: float, call: Callable[[], None]) -> Timer:
        """Call at loop time `due`."""
        timer = Timer(due, call)
        self._number += 1
        heapq.heappush(self._heap, (due, self._number, timer))
        return timer

    def next(self) -> float:
        """When something is due next; infinity when nothing is."""
        while self._heap and self._heap[0][2].call is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def fire(self, now: float) -> None:
        """Call what is due."""
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            call, timer.call = timer.call, None
            if call is not None:
                call()
