"""The supervisor: parallel searches, deadlines, lights, backoff, and nobody hurts anybody."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from node.supervisor import Finished, Heard, Light, SearchEvent, SourceState, Started, Supervisor
from protocol.errors import UnavailableError
from protocol.items import Reading, Survey
from protocol.query import Query
from protocol.refs import Kind
from sources.base import Emit
from tests.fakes.virtual_time import LoopClock, run_virtual


class Scripted:
    """A provider that does what the test says."""

    name = "scripted"
    priority = 1
    kinds = frozenset(Kind)
    pushes = True
    delivers = False

    def __init__(
        self,
        search: Callable[[Emit], Awaitable[None]] | None = None,
        run: Callable[[Emit], Awaitable[None]] | None = None,
    ) -> None:
        self._search, self._run = search, run

    async def search(self, query: Query, emit: Emit) -> None:
        if self._search:
            await self._search(emit)

    async def run(self, emit: Emit) -> None:
        if self._run:
            await self._run(emit)


def reading(place: str) -> Reading:
    return Reading("scripted", "o", place, 1.0)


def supervise(**providers: Scripted) -> tuple[Supervisor, list[SearchEvent], list[SourceState]]:
    states: list[SourceState] = []
    heard: list[SearchEvent] = []
    supervisor = Supervisor(providers, LoopClock(), lambda report: None, states.append, deadline=10, slow_after=2)
    return supervisor, heard, states


def last_states(events: list[SearchEvent]) -> dict[str, SourceState]:
    return {event.source: event.state for event in events if isinstance(event, Finished)}


def test_a_hanging_a_failing_and_a_broken_source_do_not_hold_the_good_one() -> None:
    async def good(emit: Emit) -> None:
        emit(reading("a"))

    async def hang(emit: Emit) -> None:
        emit(reading("b"))
        await asyncio.sleep(1e9)

    async def refuse(emit: Emit) -> None:
        raise UnavailableError("source.timed_out", source="x", seconds=1)

    async def broken(emit: Emit) -> None:
        raise ZeroDivisionError("boom")

    async def story() -> None:
        supervisor, heard, _ = supervise(
            good=Scripted(good), hang=Scripted(hang), refuse=Scripted(refuse), broken=Scripted(broken)
        )
        when: dict[str, float] = {}

        def tell(event: SearchEvent) -> None:
            heard.append(event)
            if isinstance(event, Finished):
                when[event.source] = asyncio.get_running_loop().time()

        await supervisor.search(Query(), ["good", "hang", "refuse", "broken", "good", "nobody"], tell)
        states = last_states(heard)
        assert states["good"].light is Light.ONLINE and states["good"].places == 1
        assert (states["hang"].light, states["hang"].code, states["hang"].places) == (
            Light.OFFLINE,
            "source.timed_out",
            1,
        )
        assert states["refuse"].light is Light.OFFLINE
        assert states["broken"].code == "source.failed" and "boom" in states["broken"].reason
        assert when["good"] == 0 and when["hang"] == 10
        assert [event.source for event in heard if isinstance(event, Started)].count("good") == 1
        assert sum(isinstance(event, Heard) for event in heard) == 2

    run_virtual(story())


def test_a_late_answer_turns_the_light_yellow() -> None:
    async def late(emit: Emit) -> None:
        await asyncio.sleep(3)

    async def story() -> None:
        supervisor, heard, states = supervise(late=Scripted(late))
        await supervisor.search(Query(), ["late"], heard.append)
        assert last_states(heard)["late"].light is Light.SLOW
        assert [state.light for state in states] == [Light.SLOW]

    run_virtual(story())


def test_a_dying_listener_is_restarted_with_growing_pauses_and_obeys_retry_after() -> None:
    starts: list[float] = []

    async def dies(emit: Emit) -> None:
        starts.append(asyncio.get_running_loop().time())
        raise UnavailableError("source.timed_out", source="x", seconds=1, retry_after=7 if len(starts) == 4 else 0)

    async def story() -> None:
        supervisor, _, states = supervise(dies=Scripted(run=dies))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await supervisor.run()
        assert starts == [0, 1, 3, 7, 15]
        assert states[-1].next_retry > states[-1].last_attempt

    run_virtual(story())


def test_cancelling_a_search_cancels_its_sources() -> None:
    ended: list[str] = []

    async def wait(emit: Emit) -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append("x")

    async def story() -> None:
        supervisor, heard, _ = supervise(a=Scripted(wait), b=Scripted(wait))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await supervisor.search(Query(), ["a", "b"], heard.append)
        assert ended == ["x", "x"]

    run_virtual(story())


def test_a_listener_that_looked_at_everything_again_is_back() -> None:
    """Lost and found between two scans: the light follows."""
    seen: list[Light] = []

    async def story() -> None:
        lives = 0

        async def listen(emit: Emit) -> None:
            nonlocal lives
            lives += 1
            if lives == 1:
                raise UnavailableError("source.timed_out", source="x", seconds=1)
            emit(Survey("x", "o", 5.0, frozenset({"a"})))
            await asyncio.sleep(3_600)

        supervisor = Supervisor(
            {"x": Scripted(run=listen)}, LoopClock(), lambda report: None, lambda state: seen.append(state.light)
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                await supervisor.run()

    run_virtual(story())
    assert seen == [Light.OFFLINE, Light.ONLINE]


def test_a_listener_that_ends_in_an_error_when_it_is_told_to_end_is_not_started_again() -> None:
    async def stubborn(emit: Emit) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RuntimeError("not running") from None

    async def main() -> None:
        task = asyncio.ensure_future(supervise(a=Scripted(run=stubborn))[0].run())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task], timeout=5.0)
        assert task.done()

    run_virtual(main())
