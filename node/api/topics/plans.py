"""Plans and installs: what it would do, then doing it, watched and cancelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from node.api import faults, install_schemas, schemas
from node.api.installs import Made, job_body
from node.api.route import Asked, Call, Route, Told
from node.install.engine import Engine
from node.install.plan_body import plan_body
from node.install.planning import PlanOptions
from node.install.queue import Queue, describe, enqueue, waiting_for
from protocol import limits
from protocol.errors import UnavailableError
from protocol.refs import parse_ref


class Choices(Asked):
    """What is wanted, and how: the options of `ooder install`."""

    target: str = Field(
        max_length=1_024,
        description="scene:ID, skill:ID[@VERSION], or an absolute path",
        json_schema_extra={"pattern": schemas.TARGET},
    )
    providers: dict[str, str] = Field(
        default={}, max_length=200, description="capability -> skill that shall provide it"
    )
    owners: dict[str, str] = Field(default={}, max_length=200, description="ref -> principal whose item is meant")
    digests: tuple[str, ...] = Field(default=(), max_length=200, description="tree digests that are agreed to")
    optional: bool = Field(default=True, description="with optional dependencies")
    pre_releases: bool = False
    upgrade: bool = Field(default=False, description="newer releases of what is installed, as `ooder update`")
    frozen: bool = Field(default=False, description="exactly what is installed; nothing is resolved")

    def options(self) -> PlanOptions:
        """As planning takes them."""
        return PlanOptions(
            {name.removeprefix("cap:"): skill.removeprefix("skill:") for name, skill in self.providers.items()},
            dict(self.owners),
            frozenset(self.digests),
            self.optional,
            self.pre_releases,
            self.upgrade,
            self.frozen,
        )


class Later(Asked):
    """What shall be installed when a source has it."""

    target: schemas.AnyRef
    providers: dict[str, str] = Field(
        default={}, max_length=200, description="capability -> skill that shall provide it"
    )


class Bundle(Asked):
    """A bundle that `ooder export` wrote."""

    path: str = Field(min_length=2, max_length=1_024, pattern=r"^/[^\x00-\x1f\x7f]+$")
    keys: tuple[str, ...] = Field(default=(), max_length=20, description="signers whose key was compared")


class Agreement(Asked):
    """Carry out a plan. `agreed` are the numbers of its questions, from 0; all must be in it."""

    plan: str = Field(max_length=100, description="the id of the plan")
    agreed: tuple[int, ...] = Field(default=(), max_length=limits.PLAN_QUESTIONS)
    queue: bool = Field(default=False, description="when it cannot be had now, install it when a source is back")


class JobName(Asked):
    """An install."""

    id: str = Field(max_length=20)


class Target(Asked):
    """What waits."""

    target: str = Field(min_length=1, max_length=1_024)


class Installs(Told):
    """Installs that are remembered, newest first."""

    installs: list[install_schemas.Install]


class WaitingRow(Told):
    """One install that waits for a source."""

    target: str
    at: float = schemas.Wall
    tries: int
    code: str
    reason: str
    plan: str
    agreed: int


class Waiting(Told):
    """Installs that wait for a source, oldest first."""

    waiting: list[WaitingRow]


def made_body(made: Made, language: str) -> dict[str, Any]:
    """A plan as JSON, with the id by which it is carried out."""
    return {"id": made.id, "at": made.plan.made_at, **plan_body(made.plan, language)}


async def make(call: Call) -> dict[str, Any]:
    """What installing would do; nothing is changed."""
    desk, wish = call.desk, call.body
    options = wish.options()
    if not wish.target.startswith("/"):
        parse_ref(wish.target)
    plan = await desk.plan(lambda: Engine(desk.service).plan(wish.target, options, Path("/")))
    return made_body(desk.installs.keep(plan, options), call.language)


async def make_from_bundle(call: Call) -> dict[str, Any]:
    """What importing a bundle would do."""
    desk, wish = call.desk, call.body
    plan, more = await desk.plan(lambda: Engine(desk.service).plan_import(Path(wish.path), wish.keys))
    return made_body(desk.installs.keep(plan, PlanOptions(), more=more), call.language)


async def start(call: Call) -> dict[str, Any]:
    """Carry out a plan that was shown."""
    wish: Agreement = call.body
    job = call.desk.installs.start(wish.plan, wish.agreed, call.language, queue=wish.queue, key=call.said.key)
    return job_body(job, call.language)


async def list_installs(call: Call) -> dict[str, Any]:
    """Installs that run or ran."""
    return {"installs": [job_body(job, call.language) for job in call.desk.installs.all()]}


async def show(call: Call) -> dict[str, Any]:
    """How far an install is."""
    return job_body(call.desk.installs.get(call.params.id), call.language)


async def cancel(call: Call) -> dict[str, Any]:
    """Stop an install; the old state then holds."""
    return job_body(call.desk.installs.cancel(call.params.id), call.language)


async def list_waiting(call: Call) -> dict[str, Any]:
    """What waits for a source, since when, and why."""
    queue = Queue(call.desk.service.paths)
    return {"waiting": [describe(one) for one in await call.desk.read(queue.entries)]}


async def let_wait(call: Call) -> dict[str, Any]:
    """Install it by itself when a source has it; what its plan then asks is asked again."""
    desk, wish = call.desk, call.body
    parse_ref(wish.target)
    reason = UnavailableError("plan.waits_for_source", ref=wish.target)
    choices = Choices(target=wish.target, providers=wish.providers)
    entry = waiting_for(wish.target, choices.options(), reason, desk.service.now())
    return describe(await desk.read(lambda: enqueue(Engine(desk.service), entry, None)))


async def drop(call: Call) -> dict[str, Any]:
    """Do not install it any more."""
    target = call.params.target
    await call.desk.read(lambda: Queue(call.desk.service.paths).drop(target))
    return {"done": "queue.dropped", "params": {"ref": target}}


ROUTES = (
    Route(
        method="POST",
        path="/api/v1/plans",
        name="make_plan",
        summary="What installing would do: items, trust, permissions, questions",
        handler=make,
        body=Choices,
        answer=install_schemas.Plan,
        errors=faults.PLANNING,
    ),
    Route(
        method="POST",
        path="/api/v1/plans/bundle",
        name="make_bundle_plan",
        summary="What importing a bundle would do",
        handler=make_from_bundle,
        body=Bundle,
        answer=install_schemas.Plan,
        errors=(*faults.PLANNING, *faults.BUNDLES),
    ),
    Route(
        method="POST",
        path="/api/v1/installs",
        name="start_install",
        summary="Carry out a plan with what was agreed to",
        handler=start,
        body=Agreement,
        answer=install_schemas.Install,
        status=202,
        errors=("plan.unknown", "install.too_many_jobs"),
    ),
    Route(
        method="GET",
        path="/api/v1/installs",
        name="list_installs",
        summary="Installs of this start of the node",
        handler=list_installs,
        answer=Installs,
    ),
    Route(
        method="GET",
        path="/api/v1/installs/{id}",
        name="show_install",
        summary="Progress of an install: six steps, bytes, and what came of it",
        handler=show,
        params=JobName,
        answer=install_schemas.Install,
        errors=("install.unknown",),
    ),
    Route(
        method="DELETE",
        path="/api/v1/installs/{id}",
        name="cancel_install",
        summary="Stop an install",
        handler=cancel,
        params=JobName,
        answer=install_schemas.Install,
        errors=("install.unknown",),
    ),
    Route(
        method="GET",
        path="/api/v1/waiting",
        name="list_waiting",
        summary="Installs that wait for a source",
        handler=list_waiting,
        answer=Waiting,
        errors=("queue.damaged",),
    ),
    Route(
        method="POST",
        path="/api/v1/waiting",
        name="let_wait",
        summary="Install something when a source has it",
        handler=let_wait,
        body=Later,
        answer=WaitingRow,
        status=201,
        errors=("ref.malformed", "ref.bad_id", "queue.full", "queue.damaged"),
    ),
    Route(
        method="DELETE",
        path="/api/v1/waiting",
        name="drop_waiting",
        summary="Give up an install that waits",
        handler=drop,
        params=Target,
        answer=schemas.Done,
        errors=("queue.not_waiting", "queue.damaged"),
    ),
)
