"""Installed scenes at work: their agents, calls, logs, settings, and another skill in the place of one."""

from __future__ import annotations

from typing import Any

from pydantic import Field, JsonValue

from node.api import faults, schemas
from node.api.install_schemas import Agent, CallAnswer, Plan, PlannedSetting
from node.api.route import Asked, Call, Nothing, Route, Told
from node.api.topics.plans import made_body
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.install.replacing import Replacement, plan_replacement
from node.install.store import Store
from node.scene.configuring import configure, installed_skill, settings_body, wanted
from node.scene.scenes import read_ref
from protocol import limits
from protocol.refs import Kind, Ref


class Swap(Asked):
    """Another skill for a capability of this scene."""

    capability: schemas.CapRef
    skill: schemas.SkillRef
    request: JsonValue = Field(default=None, description="what the new skill has to answer; null: its health is enough")


class Request(Asked):
    """A call. `seconds` 0: as long as the contract says."""

    capability: schemas.CapRef
    request: JsonValue = Field(default={})
    seconds: float = Field(default=0.0, ge=0.0, le=limits.CALL_LONGEST_SECONDS)


class Stop(Asked):
    """How to stop."""

    suspend: bool = Field(default=False, description="only refuse calls; its skills go on running")


class SceneName(Asked):
    """An installed scene."""

    ref: schemas.SceneRef


class SkillName(Asked):
    """An installed skill."""

    ref: schemas.SkillRef


class Tail(SceneName):
    """How much of the logs."""

    skill: schemas.SkillRef | None = None
    lines: int = Field(default=200, ge=1, le=10_000)


class Values(Asked):
    """Settings of a skill; null forgets one. Values are kept for this user only and never told."""

    settings: dict[str, str | None] = Field(min_length=1, max_length=100)


class Line(Told):
    """One line that a program printed."""

    skill: str
    text: str


class Logs(Told):
    """The last lines of each program of a scene."""

    scene: str
    lines: list[Line]


class GivenSetting(PlannedSetting):
    """A setting, and whether it has a value."""

    given: bool


class SkillSettings(Told):
    """The settings of an installed skill, without their values."""

    skill: str
    settings: list[GivenSetting]


class Agents(Told):
    """Every scene agent."""

    agents: list[Agent]


async def list_agents(call: Call) -> dict[str, Any]:
    """The runtime of every installed scene."""
    return {"agents": await call.desk.scenes(call.language).rows()}


async def show_agent(call: Call) -> dict[str, Any]:
    """The runtime of one installed scene."""
    return (await call.desk.scenes(call.language).rows(_scene(call)))[0]


async def start(call: Call) -> dict[str, Any]:
    """Start a scene, or resume it; skills that were given up are tried again."""
    return await call.desk.scenes(call.language).start(_scene(call))


async def stop(call: Call) -> dict[str, Any]:
    """Stop a scene and every process of it, until it is started."""
    return await call.desk.scenes(call.language).stop(_scene(call), suspend=call.body.suspend)


async def call_capability(call: Call) -> dict[str, Any]:
    """Call a capability of a scene; request and answer are checked against the contract."""
    wish: Request = call.body
    capability = read_ref(wish.capability, Kind.CAPABILITY)
    return await call.desk.scenes(call.language).call(_scene(call), capability, wish.request, wish.seconds)


async def logs(call: Call) -> dict[str, Any]:
    """What the programs of a scene printed."""
    asked: Tail = call.params
    scene, scenes = _scene(call), call.desk.scenes(call.language)
    skill = read_ref(asked.skill, Kind.SKILL) if asked.skill else None
    found = await call.desk.read(lambda: scenes.logs(scene, skill, asked.lines))
    rows = [{"skill": name, "text": text[:2_000]} for name, lines in found.items() for text in lines]
    return {"scene": str(scene), "lines": rows}


async def plan_swap(call: Call) -> dict[str, Any]:
    """What putting another skill in its place would change. Carry the plan out as any other; the old skill stays unless it answers."""
    wish: Swap = call.body
    capability, skill = read_ref(wish.capability, Kind.CAPABILITY), read_ref(wish.skill, Kind.SKILL)
    swap = Replacement(_scene(call), capability, skill, wish.request)
    desk = call.desk
    plan = await desk.plan(lambda: plan_replacement(Engine(desk.service), swap))
    options = PlanOptions(providers={capability.id: skill.id})
    return made_body(desk.installs.keep(plan, options, swap), call.language)


async def show_settings(call: Call) -> dict[str, Any]:
    """Which settings an installed skill wants, and which are given."""
    paths = call.desk.service.paths
    ref = call.params.ref

    def look() -> dict[str, Any]:
        skill = installed_skill(Store(paths.home), ref)
        return {"skill": skill.id, "settings": settings_body(wanted(paths, skill))}

    return await call.desk.read(look)


async def change_settings(call: Call) -> dict[str, Any]:
    """Give an installed skill its settings and secrets."""
    paths, ref = call.desk.service.paths, call.params.ref
    values: dict[str, str | None] = call.body.settings

    def write() -> None:
        given = {name: value for name, value in values.items() if value is not None}
        configure(paths, installed_skill(Store(paths.home), ref), given, frozenset(values.keys() - given.keys()))

    await call.desk.read(write)
    return await show_settings(call)


def _scene(call: Call) -> Ref:
    return read_ref(call.params.ref, Kind.SCENE)


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/agents",
        name="list_agents",
        summary="The runtime of every installed scene",
        handler=list_agents,
        answer=Agents,
        errors=("store.damaged",),
    ),
    Route(
        method="GET",
        path="/api/v1/agents/{ref}",
        name="show_agent",
        summary="The runtime of one installed scene: capabilities, skills, processes",
        handler=show_agent,
        params=SceneName,
        answer=Agent,
        errors=(*faults.NAME, "scene.not_installed", "store.damaged"),
    ),
    Route(
        method="POST",
        path="/api/v1/installed/{ref}/start",
        name="start_scene",
        summary="Start or resume a scene",
        handler=start,
        params=SceneName,
        body=Nothing,
        answer=Agent,
        errors=(*faults.NAME, "scene.not_installed", "node.not_running", "store.damaged"),
    ),
    Route(
        method="POST",
        path="/api/v1/installed/{ref}/stop",
        name="stop_scene",
        summary="Stop a scene, or only refuse calls",
        handler=stop,
        params=SceneName,
        body=Stop,
        answer=Agent,
        errors=(*faults.NAME, "scene.not_installed", "scene.bad_transition", "store.damaged"),
    ),
    Route(
        method="POST",
        path="/api/v1/installed/{ref}/call",
        name="call_capability",
        summary="Call a capability of an installed scene",
        handler=call_capability,
        params=SceneName,
        body=Request,
        answer=CallAnswer,
        errors=(*faults.NAME, *faults.CALLING),
    ),
    Route(
        method="POST",
        path="/api/v1/installed/{ref}/replace",
        name="plan_replacement",
        summary="Plan another skill for a capability; carried out, it stays only if it answers",
        handler=plan_swap,
        params=SceneName,
        body=Swap,
        answer=Plan,
        errors=(*faults.NAME, "install.not_installed", *faults.PLANNING),
    ),
    Route(
        method="GET",
        path="/api/v1/installed/{ref}/logs",
        name="scene_logs",
        summary="The last lines that the programs of a scene printed",
        handler=logs,
        params=Tail,
        answer=Logs,
        errors=(*faults.NAME, "scene.no_log"),
    ),
    Route(
        method="GET",
        path="/api/v1/installed/{ref}/settings",
        name="skill_settings",
        summary="Which settings an installed skill wants, and which are given",
        handler=show_settings,
        params=SkillName,
        answer=SkillSettings,
        errors=(*faults.NAME, "install.not_installed", "scene.no_manifest", "scene.bad_settings"),
    ),
    Route(
        method="PATCH",
        path="/api/v1/installed/{ref}/settings",
        name="change_skill_settings",
        summary="Give an installed skill its settings and secrets; they are never told again",
        handler=change_settings,
        params=SkillName,
        body=Values,
        answer=SkillSettings,
        errors=(
            *faults.NAME,
            *("settings.unknown", "settings.bad_value", "settings.too_much"),
            *("install.not_installed", "scene.no_manifest", "scene.bad_settings", "home.unwritable"),
        ),
    ),
)
