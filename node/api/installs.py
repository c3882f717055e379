"""Installs that were asked for over the API: planned, agreed to, carried out, watched, cancelled; one after the other.

What it guarantees: only a plan that was shown can be carried out, and only with the questions that were agreed to; a cancelled
install leaves the old state, and one whose commit has begun is completed. What it leaves to others: everything about installing
itself (`node.install`), which is the same for the command line.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.api.jobs import Job, Jobs, Stage
from node.api.problems import defect
from node.install.engine import Engine
from node.install.fetch import Deliverer
from node.install.installer import Outcome
from node.install.planning import PlanOptions
from node.install.queue import enqueue, is_waiting_matter, waiting_for
from node.install.replacing import Replacement, replace_skill
from node.install.steps import Stage as Step
from node.install.steps import StepEvent
from node.scene.agent import CallAnswer
from node.scene.node_agents import agents_of
from node.service import Service
from protocol import limits
from protocol.errors import NotFoundError, OoderError, UnavailableError, UsageError
from protocol.install.plan_json import plan_digest
from protocol.install.planned import InstallPlan, Question

log = logging.getLogger("ooder.api")


@dataclass(frozen=True, slots=True)
class Made:
    """A plan that was shown. `swap` is set when it replaces a skill, `more` brings bytes beside the usual deliverers."""

    id: str
    plan: InstallPlan
    options: PlanOptions
    swap: Replacement | None = None
    more: Mapping[str, Deliverer] | None = None


@dataclass(slots=True, kw_only=True)
class Install(Job):
    """One install. `queue`: when it cannot be had now, let it wait for a source."""

    made: Made
    agreed: tuple[Question, ...]
    queue: bool
    language: str
    steps: dict[Step, StepEvent] = field(default_factory=dict)
    outcome: Outcome | None = None
    answer: CallAnswer | None = None
    queued: bool = False
    noted_at: float = 0.0

    @property
    def is_late(self) -> bool:
        """Whether its commit has begun, which nothing stops."""
        return Step.DEPENDENCIES in self.steps


class Installs(Jobs[Install]):
    """Every plan and install of the API; `read` runs what blocks on another thread."""

    def __init__(self, service: Service, read: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        super().__init__(service, limits.INSTALLS_KEPT, "install.unknown")
        self._read = read
        self._plans: OrderedDict[str, Made] = OrderedDict()
        self._keys: dict[str, str] = {}
        self.results: Counter[str] = Counter()
        """How installs ended."""

    # --- Plans -----------------------------------------------------------------------------------------------------
    def keep(
        self,
        plan: InstallPlan,
        options: PlanOptions,
        swap: Replacement | None = None,
        more: Mapping[str, Deliverer] | None = None,
    ) -> Made:
        """Remember a plan; the same plan has the same id."""
        made = Made(plan_digest(plan), plan, options, swap, more)
        self._plans[made.id] = made
        self._plans.move_to_end(made.id)
        while len(self._plans) > limits.PLANS_KEPT:
            self._plans.popitem(last=False)
        return made

    def plan(self, plan_id: str) -> Made:
        """A plan by its id. Raises NotFoundError `plan.unknown`."""
        found = self._plans.get(plan_id)
        if found is None:
            raise NotFoundError("plan.unknown", id=plan_id[:80])
        return found

    # --- Installs ----------------------------------------------------------------------------------------------------
    def start(
        self, plan_id: str, agreed: Sequence[int], language: str, *, queue: bool = False, key: str = ""
    ) -> Install:
        """Carry out a plan, or join the install that does already; `agreed` are numbers of its questions, from 0, and `key` is
        the caller's own: the same key is the same install.

        Raises NotFoundError `plan.unknown`, UsageError `api.bad_request`, UnavailableError `install.too_many_jobs`.
        """
        again = self._keys.get(key, "")
        if key and again in self._kept and self._kept[again].made.id == plan_id:
            return self._kept[again]
        made = self.plan(plan_id)
        questions = made.plan.questions
        if any(number >= len(questions) for number in agreed):
            raise UsageError("api.bad_request", name="agreed", reason=f"the plan asks {len(questions)} questions")
        alive = self._alive()
        for job in alive:
            if job.made.id == plan_id and not job.cancel.is_set():
                return job
        if len(alive) > limits.INSTALLS_WAITING:
            raise UnavailableError("install.too_many_jobs", count=len(alive), retry_after=5)
        yes = tuple(questions[number] for number in sorted(set(agreed)))
        job = Install(
            id=self._next_id(),
            asked_at=self._service.now(),
            made=made,
            agreed=yes,
            queue=queue,
            language=language,
        )
        gone = self._begin(job)
        if key:
            self._keys[key] = job.id
        self._keys = {name: number for name, number in self._keys.items() if number not in gone}
        return job

    def cancel(self, number: str) -> Install:
        """Stop an install; the old state then holds. One whose commit has begun, or that is over, goes on as it is."""
        job = self.get(number)
        if not job.is_late:
            job.cancel.set()
        return job

    async def told(self, job: Install) -> None:
        self.results[job.stage.value] += 1

    async def work(self, job: Install) -> None:
        made = job.made
        agents = await self._read(lambda: agents_of(self._service.paths, job.language))
        engine = Engine(self._service, agents)

        def tell(event: StepEvent) -> None:
            self._take(job, engine, event)

        try:
            if made.swap is not None:
                job.outcome, job.answer = await replace_skill(
                    engine, made.swap, made.plan, job.agreed, tell, job.language
                )
            else:
                job.outcome = await engine.install(made.plan, job.agreed, tell, made.more)
        except OoderError as error:
            job.error = error
            await self._let_wait(job, engine, error)
        except Exception as error:  # one install may not take the node down
            log.exception("install %s failed", job.id)
            job.error = defect(error)
        job.stage = Stage.FAILED if job.error else Stage.COMPLETED

    async def _let_wait(self, job: Install, engine: Engine, error: OoderError) -> None:
        made = job.made
        if not job.queue or made.swap or made.more or not is_waiting_matter(error):
            return
        entry = waiting_for(made.plan.target, made.options, error, self._service.now())
        try:
            await self._read(lambda: enqueue(engine, entry, made.plan))
            job.queued = True
        except OoderError as problem:
            job.error = problem

    def _take(self, job: Install, engine: Engine, event: StepEvent) -> None:
        job.steps[event.step] = event
        now = asyncio.get_running_loop().time()
        if event.state == "progressed" and now - job.noted_at >= limits.INSTALL_EVENT_SECONDS:
            job.noted_at = now
            figures = {"done": event.done, "total": event.total, "size": event.size}
            engine.log("install.progressed", event.ref, job=job.id, step=event.step.value, **figures)


def job_body(job: Install, language: str) -> dict[str, Any]:
    """An install as JSON."""
    outcome = job.outcome
    return {
        "id": job.id,
        "plan": job.made.id,
        "target": job.made.plan.target,
        "state": job.stage.value,
        "asked_at": job.asked_at,
        "ended_at": job.ended_at,
        "late": job.is_late,
        "queued": job.queued,
        "steps": [
            {
                "step": one.step.value,
                "state": one.state,
                "ref": one.ref,
                "done": one.done,
                "total": one.total,
                "size": one.size,
                "note": one.note,
                "seconds": round(one.seconds, 3),
            }
            for one in job.steps.values()
        ],
        "generation": outcome.generation.number if outcome else 0,
        "changed": [{"ref": str(item.ref), "step": item.step.value} for item in outcome.changed] if outcome else [],
        "inactive": {ref: error.body(language) for ref, error in outcome.inactive.items()} if outcome else {},
        "pending": {ref: error.body(language) for ref, error in outcome.pending.items()} if outcome else {},
        "answer": job.answer.describe() if job.answer else None,
        "error": job.error.body(language) if job.error else None,
    }
