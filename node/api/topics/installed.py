"""What is installed: scenes with their agents, the generations and the ways back."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api import faults, schemas
from node.api.install_schemas import Installed, Plan
from node.api.route import Asked, Call, Nothing, Route, Told
from node.api.topics.plans import made_body
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.install.standing import standing_of
from node.install.store import Store
from node.scene.node_agents import agents_of
from node.service import Service
from protocol.errors import OoderError
from protocol.install.codec import item_row
from protocol.install.model import Generation
from protocol.refs import Kind, parse_ref


class Name(Asked):
    """A ref in the path."""

    ref: schemas.AnyRef


class Back(Asked):
    """Which generation; the one before when absent."""

    to: int | None = Field(default=None, ge=0, le=2**31)


class InstalledItems(Told):
    """The current generation."""

    generation: int
    at: float = schemas.Wall
    items: list[Installed]


class GenerationRow(Told):
    """One kept generation."""

    number: int
    at: float = schemas.Wall
    reason: str
    items: int


class Generations(Told):
    """The kept generations, oldest first."""

    current: int
    generations: list[GenerationRow]


class Committed(Told):
    """A change that is done. `inactive`: scene -> why it does not run."""

    generation: int
    reason: str
    removed: list[str]
    inactive: dict[str, schemas.Error]


class Drifted(Told):
    """A tree that is not what its digest says."""

    digest: str
    releases: list[str]
    files: list[str]


class Verified(Told):
    """Every byte against its digest."""

    ok: bool
    generation: int
    trees: int
    files: int
    bytes: int
    drifted: list[Drifted]
    projection: list[str]


class Removed(Told):
    """What nobody needs any more and is gone."""

    generations: list[int]
    trees: list[str]


class Update(Told):
    """What an update would change, or why it cannot be told."""

    ref: str
    plan: Plan | None
    error: schemas.Error | None


class Updates(Told):
    """For everything that was asked for."""

    outdated: list[Update]


async def list_installed(call: Call) -> dict[str, Any]:
    """Everything installed, scenes with how their agents are."""
    service = call.desk.service
    current = await call.desk.read(Store(service.paths.home).current)
    agents = {row["scene"]: row for row in await call.desk.scenes(call.language).rows()}
    return await call.desk.read(lambda: _installed(service, current, agents))


def _installed(service: Service, current: Generation, agents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    rows, said = [], standing_of(service, current.items)
    for item in current.items:
        entry = service.entry(item.kind, item.id) if item.kind is Kind.SCENE else None
        agent = agents.get(str(item.ref.any_version)) if item.kind is Kind.SCENE else None
        rows.append(
            {
                **item_row(item),
                "status": said.get(item.release, "active"),
                "name": entry.item.name if entry else "",
                "agent": agent,
            }
        )
    return {"generation": current.number, "at": current.at, "items": rows}


async def list_generations(call: Call) -> dict[str, Any]:
    """The kept generations."""
    store = Store(call.desk.service.paths.home)

    def look() -> dict[str, Any]:
        rows = [
            {"number": one.number, "at": one.at, "reason": one.reason, "items": len(one.items)}
            for one in store.history()
        ]
        return {"current": store.current().number, "generations": rows}

    return await call.desk.read(look)


async def _engine(call: Call) -> Engine:
    service = call.desk.service
    return Engine(service, await call.desk.read(lambda: agents_of(service.paths, call.language)))


def _committed(call: Call, generation: Generation, inactive: dict[str, OoderError], gone: list[str]) -> dict[str, Any]:
    return {
        "generation": generation.number,
        "reason": generation.reason,
        "removed": gone,
        "inactive": {ref: error.body(call.language) for ref, error in inactive.items()},
    }


async def uninstall(call: Call) -> dict[str, Any]:
    """Give it up; what others need stays, and a rollback brings it back."""
    ref = parse_ref(call.params.ref)
    engine = await _engine(call)
    before = {item.release for item in (await call.desk.read(engine.store.current)).items}
    committed, inactive = await engine.uninstall([str(ref)], lambda event: None)
    gone = sorted(before - {item.release for item in committed.generation.items})
    return _committed(call, committed.generation, inactive, gone)


async def roll_back(call: Call) -> dict[str, Any]:
    """Make an earlier generation the current one again, as a new generation."""
    committed, inactive = await (await _engine(call)).rollback(call.body.to, lambda event: None)
    return _committed(call, committed.generation, inactive, [])


async def verify(call: Call) -> dict[str, object]:
    """Every byte of everything installed against its digest."""
    store = Store(call.desk.service.paths.home)
    return await call.desk.read(lambda: store.verify().body())


async def collect(call: Call) -> dict[str, Any]:
    """Remove generations beyond the kept ones, and the bytes only they stood on."""
    gone = await call.desk.read(Engine(call.desk.service).collect)
    return {"generations": list(gone.generations), "trees": list(gone.trees)}


async def outdated(call: Call) -> dict[str, Any]:
    """What an update would change."""
    desk, options = call.desk, PlanOptions(upgrade=True)
    rows = []
    for ref, found in await desk.plan(lambda: Engine(desk.service).outdated(options)):
        if isinstance(found, OoderError):
            rows.append({"ref": ref, "plan": None, "error": found.body(call.language)})
        else:
            made = desk.installs.keep(found, options)
            rows.append({"ref": ref, "plan": made_body(made, call.language), "error": None})
    return {"outdated": rows}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/installed",
        name="list_installed",
        summary="Everything installed, scenes with their agents",
        handler=list_installed,
        answer=InstalledItems,
        tagged=True,
        errors=("store.damaged",),
    ),
    Route(
        method="GET",
        path="/api/v1/installed/generations",
        name="list_generations",
        summary="The kept generations, oldest first",
        handler=list_generations,
        answer=Generations,
        errors=("store.damaged",),
    ),
    Route(
        method="GET",
        path="/api/v1/installed/outdated",
        name="list_outdated",
        summary="What an update would change",
        handler=outdated,
        answer=Updates,
        errors=("store.damaged",),
    ),
    Route(
        method="POST",
        path="/api/v1/installed/rollback",
        name="roll_back",
        summary="Make an earlier generation the current one again",
        handler=roll_back,
        body=Back,
        answer=Committed,
        errors=faults.CHANGING,
    ),
    Route(
        method="POST",
        path="/api/v1/installed/verify",
        name="verify_installed",
        summary="Every byte of everything installed against its digest",
        handler=verify,
        body=Nothing,
        answer=Verified,
        errors=faults.STORE,
    ),
    Route(
        method="POST",
        path="/api/v1/installed/collect",
        name="collect_garbage",
        summary="Remove generations beyond the kept ones, and the bytes only they stood on",
        handler=collect,
        body=Nothing,
        answer=Removed,
        errors=faults.STORE,
    ),
    Route(
        method="DELETE",
        path="/api/v1/installed/{ref}",
        name="uninstall",
        summary="Give up what was asked for; what others need stays",
        handler=uninstall,
        params=Name,
        answer=Committed,
        errors=("ref.malformed", "ref.bad_id", *faults.CHANGING),
    ),
)
