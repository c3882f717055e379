"""The shapes of what the API answers about plans, installs and what is installed."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from node.api.route import Told
from node.api.schemas import Error, Reason, Wall
from protocol.query import Trust
from protocol.refs import Kind


class PlannedSetting(Told):
    """A setting that an item wants."""

    name: str
    required: bool
    secret: bool
    description: str


class PlannedPlace(Told):
    """Where bytes can be had."""

    source: str
    url: str


class PlannedItem(Told):
    """One item of a plan: what it is, who stands behind it, what it may do."""

    ref: str
    kind: Kind
    version: str
    principal: str
    trust: Trust
    reasons: list[Reason]
    digest: str
    size: int
    files: int
    step: str = Field(description="added, kept, upgraded, downgraded or replaced")
    was: str
    why: list[str]
    needs: list[str]
    newer: list[str]
    locations: list[PlannedPlace]
    permissions: list[str]
    commands: list[str]
    addresses: list[str]
    endpoints: list[str]
    settings: list[PlannedSetting]


class Alternative(Told):
    """Another skill that could provide the same."""

    release: str
    trust: Trust
    offline: bool
    rating: float


class Match(Told):
    """Which skill answers a capability."""

    capability: str
    by: str
    release: str
    decided_by: str
    alternatives: list[Alternative]


class Question(Told):
    """What has to be agreed to."""

    asked: str
    release: str
    message: str
    digest: str


class LeftOut(Told):
    """A dependency that is not part of the plan."""

    needs: str
    by: str
    constraint: str
    reason: str


class Plan(Told):
    """What an install will do, before it does it. `base` is the generation it was made on."""

    id: str
    at: float = Wall
    target: str
    base: int
    size: int = Field(description="bytes to bring, as far as known")
    items: list[PlannedItem]
    removed: list[str]
    matches: list[Match]
    questions: list[Question]
    left: list[LeftOut]


class InstallStep(Told):
    """The newest about one of the six steps."""

    step: str = Field(description="download, verify, dependencies, initialise, activate or cache")
    state: str = Field(description="started, progressed, completed, failed or deferred")
    ref: str
    done: int
    total: int
    size: int = Field(description="bytes brought")
    note: str
    seconds: float = Field(description="since the step began")


class Changed(Told):
    """An item that was changed."""

    ref: str
    step: str


class PassedOver(Told):
    """A skill that could not be reached and was passed over."""

    skill: str
    code: str


class CallAnswer(Told):
    """What a skill answered. `alone`: no node runs, so it was started for this call only."""

    capability: str
    skill: str
    connector: str
    body: Any
    took_ms: float
    passed_over: list[PassedOver]
    alone: bool = False


class Install(Told):
    """An install and how far it is. `late`: its commit has begun and will be completed. `inactive`: scene -> why it does not run."""

    id: str
    plan: str
    target: str
    state: str = Field(description="running, completed, failed or cancelled")
    asked_at: float = Wall
    ended_at: float = Wall
    late: bool
    queued: bool = Field(description="waits for a source now")
    steps: list[InstallStep]
    generation: int
    changed: list[Changed]
    inactive: dict[str, Error]
    pending: dict[str, Error] = Field(description="ref -> why it will not answer as it is")
    answer: CallAnswer | None
    error: Error | None


class AgentSkill(Told):
    """A skill behind a capability of a scene agent."""

    model_config = ConfigDict(extra="allow")

    skill: str
    state: str
    fault: Error | None = None


class AgentCapability(Told):
    """A capability of a scene agent."""

    capability: str
    strategy: str
    skills: list[AgentSkill]


class Agent(Told):
    """The runtime of an installed scene."""

    scene: str
    version: str
    state: str = Field(description="INITIALIZING, PENDING_ACTIVATION, ACTIVE, SUSPENDED, STOPPED or DESTROYED")
    reason: Error | None
    generation: int
    capabilities: list[AgentCapability]
    calls_running: int = 0
    calls_waiting: int = 0
    wanted: str = ""
    node_running: bool = True


class InstalledRoute(Told):
    """Who answers a capability of an installed scene."""

    capability: str
    skills: list[str]
    strategy: str


class InstalledFrom(Told):
    """Where its bytes came from."""

    kind: str
    url: str
    commit: str
    sha256: str


class Installed(Told):
    """One installed item; scenes with their agent."""

    kind: Kind
    id: str
    version: str
    name: str
    principal: str
    digest: str
    size: int
    files: int
    trust: Trust
    key: str
    sources: list[InstalledFrom]
    needs: list[str]
    requested: bool
    first_seen: float = Wall
    routes: list[InstalledRoute]
    required_by: list[str]
    agent: Agent | None
    status: str = Field(description="active, or what is said of the release today: deprecated, withdrawn, revoked")
