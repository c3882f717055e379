"""The agent of one installed scene: it starts what the scene needs, routes calls, and ends everything again.

What it guarantees: a request reaches a skill only when the contract lets it pass, an answer reaches the caller only when the
contract lets it pass; a skill that cannot be reached is passed over for the next of its route; after `stop` no process of
the scene is left. What it leaves to others: choosing and installing skills, remembering states (node/scene/agents.py).
A skill that was reached and failed is not asked behind the caller's back a second time: the call may have had an effect.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from node.scene.connectors.base import Ask, Runner
from node.scene.members import Cast, Machine, Member, cast_of, taking_over
from protocol import limits
from protocol.contract import validate_request, validate_response
from protocol.errors import ConflictError, DataError, NotFoundError, OoderError, UnavailableError, UsageError
from protocol.install.model import Generation, Installed, Route
from protocol.items import Json
from protocol.scene import states
from protocol.scene.admission import Admission, Verdict
from protocol.scene.routing import order
from protocol.scene.states import State, after

_NEXT = frozenset({"scene.skill_unreachable", "scene.skill_unwell", "scene.skill_gave_up", "scene.address_refused"})
"""Faults after which the next skill of a route is asked: the request did not arrive."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What a skill answered. `passed_over` are skills asked before it that could not be reached, with the code why."""

    capability: str
    skill: str
    how: str
    body: Json
    seconds: float
    passed_over: tuple[tuple[str, str], ...] = ()

    def describe(self) -> dict[str, object]:
        return {
            "capability": self.capability,
            "skill": self.skill,
            "connector": self.how,
            "body": self.body,
            "took_ms": round(self.seconds * 1000, 3),
            "passed_over": [{"skill": skill, "code": code} for skill, code in self.passed_over],
        }


class SceneAgent:
    """Made for one scene of one generation; a new generation gets a new agent."""

    def __init__(self, machine: Machine, generation: Generation, scene: Installed) -> None:
        self._machine = machine
        self.generation, self.scene = generation, scene
        self.state = State.INITIALIZING
        self.fault: OoderError | None = None
        self._cast = Cast({}, {}, {}, frozenset())
        self._admission = Admission()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turns: dict[str, int] = {}

    # --- Its life ---------------------------------------------------------------------------------------------------
    async def activate(
        self, tasks: asyncio.TaskGroup, only: str = "", running: Mapping[str, Runner] | None = None
    ) -> State:
        """Start everything (`only`: what one capability needs; `running`: taken over where it would do the same). ACTIVE, or PENDING_ACTIVATION with `fault` as the reason."""
        if self.state is not State.INITIALIZING:
            self._move(states.STARTED)
        try:
            self._cast = await asyncio.to_thread(cast_of, self._machine, self.generation, self.scene, only)
            self.fault = self._missing(only)
        except OoderError as error:
            self.fault = error
        if self.fault is not None:
            self._move(states.POSTPONED)
            return self.state
        self._cast = taking_over(self._cast, running or {})
        async with asyncio.TaskGroup() as group:
            for runner in self._cast.runners.values():
                if runner not in (running or {}).values():
                    group.create_task(runner.start(tasks))
        self._move(states.ACTIVATED)
        return self.state

    def suspend(self) -> None:
        """Refuse calls, keep everything running."""
        self._move(states.PAUSED)

    def resume(self) -> None:
        """Take calls again."""
        self._move(states.RESUMED)

    async def stop(self) -> None:
        """End everything it started. Stopping what is stopped is fine."""
        if self.state not in (State.STOPPED, State.DESTROYED):
            self._move(states.STOPPED)
        await self._end_runners()

    async def hand_over(self, to: SceneAgent) -> None:
        """Stop, but leave running what `to` has taken over."""
        taken = list(to.runners.values())
        if self.state not in (State.STOPPED, State.DESTROYED):
            self._move(states.STOPPED)
        await self._end_runners(taken)

    async def destroy(self) -> None:
        """Stop, for good."""
        if self.state is not State.DESTROYED:
            self._move(states.DEACTIVATED)
        await self._end_runners()

    # --- Calls ------------------------------------------------------------------------------------------------------
    async def call(self, capability: str, request: Json, seconds: float = 0.0) -> CallAnswer:
        """Ask a capability. `seconds` 0: the contract's time, else `limits.CALL_SECONDS`.

        Raises UsageError `scene.contract_request`; DataError `scene.contract_response`, `scene.skill_failed`, ...;
        NotFoundError `scene.no_route`; ConflictError `scene.not_active`, `scene.busy`; UnavailableError `scene.timeout`,
        `scene.all_failed`, ...
        """
        try:
            return await self._call(capability, request, seconds)
        except OoderError as error:
            error.params.setdefault("scene", self._name)  # what a program did is told where to look for it
            raise

    async def _call(self, capability: str, request: Json, seconds: float) -> CallAnswer:
        self._check_active()
        route = self._route(capability)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        seconds = seconds or self._seconds(route) or limits.CALL_SECONDS
        async with self._place(begun + seconds):
            turn = self._turns[capability] = self._turns.get(capability, -1) + 1
            passed: list[tuple[str, str]] = []
            for member in self._in_order(route, turn):
                try:
                    body = await self._ask(member, request, begun + seconds - loop.time())
                except OoderError as error:
                    if error.code not in _NEXT and member.runner is not None:
                        raise
                    passed.append((member.release, error.code))
                    last = error
                else:
                    how = member.runner.how if member.runner else ""
                    return CallAnswer(capability, member.release, how, body, loop.time() - begun, tuple(passed))
        if len(passed) == 1:
            raise last
        causes = [f"{release}: {code}" for release, code in passed]
        raise UnavailableError("scene.all_failed", capability=f"cap:{capability}", scene=self._name, causes=causes)

    async def _ask(self, member: Member, request: Json, seconds: float) -> Json:
        contract, runner = member.contract, member.runner
        if runner is None:
            raise member.fault or NotFoundError("scene.no_route", scene=self._name, capability=contract.capability)
        capability = f"cap:{contract.capability}"
        try:
            validate_request(contract, request)
        except DataError as error:
            raise UsageError("scene.contract_request", capability=capability, causes=[_where(error)]) from error
        if seconds <= 0:
            raise UnavailableError("scene.timeout", skill=member.release, seconds=0)
        ask = Ask(contract.capability, contract.path, contract.method, request, seconds)
        body = await runner.call(ask)
        # A document's answer is the same for every capability: the text itself, for whoever can follow it.
        if runner.how != "document":
            try:
                validate_response(contract, body)
            except DataError as error:
                params = {"skill": member.release, "scene": self._name, "capability": capability}
                raise DataError("scene.contract_response", **params, causes=[_where(error)]) from error
        return body

    def _in_order(self, route: Route, turn: int) -> list[Member]:
        known = {name: self._cast.members[route.capability, name] for name in route.skills}
        runners = {name: member.runner for name, member in known.items()}
        well = {name: runner is not None and runner.well for name, runner in runners.items()}
        load = {name: runner.load for name, runner in runners.items() if runner is not None}
        return [known[name] for name in order(route, well, load, turn, self._machine.chance)]

    @asynccontextmanager
    async def _place(self, until: float) -> AsyncIterator[None]:
        """One of the places for running calls, waited for if need be."""
        loop = asyncio.get_running_loop()
        verdict = self._admission.arrive()
        if verdict is Verdict.REFUSE:
            raise ConflictError("scene.busy", scene=self._name, waiting=self._admission.waiting)
        if verdict is Verdict.WAIT:
            turn = loop.create_future()
            self._waiting.append(turn)
            try:
                async with asyncio.timeout_at(until):
                    await turn
            except BaseException as error:
                if turn.done() and not turn.cancelled():
                    self._leave()  # the place was given in the same moment
                else:
                    self._waiting.remove(turn)
                    self._admission.give_up()
                if isinstance(error, TimeoutError):
                    raise UnavailableError("scene.timeout", skill=self._name, seconds=limits.CALL_SECONDS) from None
                raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._admission.leave() and self._waiting:
            self._admission.take()
            self._waiting.popleft().set_result(None)

    # --- How it stands ----------------------------------------------------------------------------------------------
    @property
    def routes(self) -> Mapping[str, Route]:
        """Capability -> route, as it is used now."""
        return self._cast.routes

    def problem(self) -> OoderError | None:
        """Why a capability that the scene needs is answered by nobody now; None: all is well."""
        if self.fault is not None:
            return self.fault
        for capability in sorted(self._cast.required & self._cast.routes.keys()):
            members = [self._cast.members[capability, name] for name in self._cast.routes[capability].skills]
            runners = [member.runner for member in members if member.runner is not None]
            if not any(runner.well for runner in runners):
                return next((runner.fault for runner in runners if runner.fault), None)
        return None

    @property
    def runners(self) -> Mapping[str, Runner]:
        """Release -> runner."""
        return self._cast.runners

    def describe(self, language: str = "en") -> dict[str, object]:
        """Everything about it, as JSON."""
        fault = self.fault.body(language) if self.fault else None
        return {
            "scene": self._name,
            "version": self.scene.version,
            "state": self.state.value,
            "reason": fault,
            "generation": self.generation.number,
            "calls_running": self._admission.running,
            "calls_waiting": self._admission.waiting,
            "capabilities": [self._describe(route, language) for route in self._cast.routes.values()],
        }

    def _describe(self, route: Route, language: str) -> dict[str, object]:
        rows = []
        for release in route.skills:
            member = self._cast.members.get((route.capability, release))
            runner = member.runner if member else None
            fault = (runner.fault if runner else None) or (member.fault if member else None)
            row: dict[str, object] = {"skill": release, **(runner.describe() if runner else {"state": "unusable"})}
            rows.append(row | ({"fault": fault.body(language)} if fault else {}))
        return {"capability": route.capability, "strategy": route.strategy, "skills": rows}

    # --- Inside -----------------------------------------------------------------------------------------------------
    @property
    def _name(self) -> str:
        return str(self.scene.ref.any_version)

    def _move(self, event: str) -> None:
        self.state = after(self.state, event)

    async def _end_runners(self, but: Sequence[Runner] = ()) -> None:
        async with asyncio.TaskGroup() as group:
            for runner in self._cast.runners.values():
                if runner not in but:
                    group.create_task(runner.stop())

    def _check_active(self) -> None:
        if self.state is not State.ACTIVE:
            if self.state is State.PENDING_ACTIVATION and self.fault is not None:
                raise self.fault
            reason = self.fault.text() if self.fault else "-"
            raise ConflictError("scene.not_active", scene=self._name, state=self.state.value, reason=reason)

    def _route(self, capability: str) -> Route:
        route = self._cast.routes.get(capability)
        if route is None or not route.skills:
            known = sorted(self._cast.routes) or [route.capability for route in self.scene.routes]
            raise NotFoundError("scene.no_route", scene=self._name, capability=f"cap:{capability}", known=known)
        return route

    def _seconds(self, route: Route) -> float:
        return max(self._cast.members[route.capability, name].contract.timeout / 1000 for name in route.skills)

    def _missing(self, only: str) -> OoderError | None:
        """Why a capability the scene cannot do without has nobody, None when all have somebody."""
        for capability in sorted({only} if only else self._cast.required):
            route = self._cast.routes.get(capability)
            members = [self._cast.members[capability, name] for name in route.skills] if route else []
            if not any(member.runner for member in members):
                faults = [member.fault for member in members if member.fault]
                known = sorted(self._cast.routes)
                return next(iter(faults), None) or NotFoundError(
                    "scene.no_route", scene=self._name, capability=f"cap:{capability}", known=known
                )
        return None


def _where(error: OoderError) -> str:
    """Place and reason of what does not fit a contract."""
    return f"{error.params.get('place')}: {error.params.get('reason')}"
