"""From a generation to the skills of one scene: who can answer which capability, how, and why not."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from random import SystemRandom

from node.install.revocations import read_revoked
from node.paths import Paths
from node.scene.connectors.base import Runner, Told, told_nobody
from node.scene.connectors.document import DocumentRunner
from node.scene.connectors.http import HttpRunner
from node.scene.connectors.process import Place, ProcessRunner, Program
from node.scene.contracts import contract_of, is_safe_path
from node.scene.reading import find_capability, read_item
from node.scene.settings import environment_of, read_settings, settings_path
from node.scene.views import Trees, remove_view
from protocol.contract import Contract
from protocol.errors import DataError, NotFoundError, OoderError, PolicyError
from protocol.install.model import Generation, Installed, Route
from protocol.items import Item
from protocol.refs import Kind
from protocol.scene.connector import Connector, Document, Http, Nothing, Process, connector_of, implements, may_run
from protocol.scene.routing import Chance
from protocol.scene.supervision import Policy

_COUNTED = count(1)


@dataclass(frozen=True, slots=True)
class Machine:
    """What scene agents need of this computer. `program` may change how long things are waited for (tests); `told` hears events."""

    paths: Paths
    trees: Trees
    chance: Chance = field(default_factory=SystemRandom)
    policy: Policy = field(default_factory=Policy)
    program: Callable[[Program], Program] = lambda program: program
    told: Told = told_nobody


@dataclass(frozen=True, slots=True)
class Member:
    """One skill of a route: how it is asked, or why it cannot be."""

    release: str
    contract: Contract
    runner: Runner | None
    fault: OoderError | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """Everything of one scene: routes, members by (capability, release), runners by release, capabilities it cannot do without."""

    routes: Mapping[str, Route]
    members: Mapping[tuple[str, str], Member]
    runners: Mapping[str, Runner]
    required: frozenset[str]


def cast_of(machine: Machine, generation: Generation, scene: Installed, only: str = "") -> Cast:
    """Read everything a scene needs to run (`only`: just for this capability). Blocking; starts nothing.

    A skill that cannot be used is a member with a fault. Raises DataError `scene.no_manifest` for the scene itself.
    """
    items = generation.closure([scene])
    known = {item.release: item for item in items}
    definition = read_item(machine.trees, scene) if scene.digest else None
    wanted = _required(definition)
    reader = _Reader(machine, generation, scene, items)
    routes = {route.capability: route for route in scene.routes} or reader.guess(definition)
    if only:
        routes = {name: route for name, route in routes.items() if name == only}
    members = {
        (capability, release): reader.member(capability, known[release])
        for capability, route in routes.items()
        for release in route.skills
        if release in known
    }
    return Cast(routes, members, reader.runners, frozenset(wanted) if definition else frozenset(routes))


class _Reader:
    """Makes members; a skill that answers for several capabilities is started once."""

    def __init__(
        self, machine: Machine, generation: Generation, scene: Installed, items: tuple[Installed, ...]
    ) -> None:
        self._machine, self._generation, self._scene, self._items = machine, generation, scene, items
        self._revoked = read_revoked(machine.paths)
        self._read: dict[str, Item] = {}
        self.runners: dict[str, Runner] = {}

    def item(self, installed: Installed) -> Item:
        if installed.release not in self._read:
            self._read[installed.release] = read_item(self._machine.trees, installed)
        return self._read[installed.release]

    def guess(self, definition: Item | None) -> dict[str, Route]:
        """Routes of a scene that was committed without any: every skill that says it provides a needed capability."""
        found: dict[str, Route] = {}
        needs = [one.id for one in definition.requires if one.kind is Kind.CAPABILITY] if definition else []
        for capability in needs:
            skills = tuple(one.release for one in self._items if self._provides(one, capability))
            found[capability] = Route(capability, skills)
        return found

    def _provides(self, installed: Installed, capability: str) -> bool:
        if installed.kind is not Kind.SKILL:
            return False
        try:
            return implements(self.item(installed), capability)
        except OoderError:
            return False  # named as a fault where the skill is asked for by a route

    def member(self, capability: str, installed: Installed) -> Member:
        try:
            skill = self.item(installed)
            defined = find_capability(self._items, capability) or find_capability(self._generation.items, capability)
            contract = contract_of(capability, self.item(defined) if defined else None, skill)
        except OoderError as error:
            return Member(installed.release, contract_without_schema(capability), None, error)
        try:
            return Member(installed.release, contract, self._runner(installed, skill, contract))
        except OoderError as error:
            return Member(installed.release, contract, None, error)

    def _runner(self, installed: Installed, skill: Item, contract: Contract) -> Runner:
        if self._revoked.get(installed.release) == installed.digest:
            raise PolicyError("scene.revoked", skill=installed.release)
        spec = connector_of(skill, contract.capability)
        name, capability = str(installed.ref), f"cap:{contract.capability}"
        if isinstance(spec, Nothing):
            raise DataError(
                spec.code, skill=name, capability=capability, detail=spec.detail, scene=str(self._scene.ref)
            )
        if not is_safe_path(contract.path) and not isinstance(spec, Document):
            raise DataError("scene.no_contract", skill=name, capability=capability)
        if installed.release not in self.runners:
            self.runners[installed.release] = self._make(installed, skill, spec)
        return self.runners[installed.release]

    def _make(self, installed: Installed, skill: Item, spec: Connector) -> Runner:
        machine, name = self._machine, str(installed.ref)
        if isinstance(spec, Document):
            tree, files = machine.trees.tree(installed.digest), machine.trees.list_files(installed.digest)
            return DocumentRunner(name, tree, files)
        path = settings_path(machine.paths, installed.id)
        values = read_settings(machine.paths, installed.id)
        if isinstance(spec, Http):
            return HttpRunner(name, spec, values.get("baseUrl", ""), path)
        assert isinstance(spec, Process)
        if not may_run(self._generation, installed, spec):
            command = " ".join(spec.command)
            raise PolicyError("scene.no_consent", skill=name, command=command, scene=str(self._scene.ref.any_version))
        place = place_of(machine.paths, self._scene.id, installed)
        settings = environment_of(skill, values, path)
        program = Program(name, installed.digest, spec, settings, place, machine.policy, machine.told)
        return ProcessRunner(machine.program(program), machine.trees)


def remove_dead_views(paths: Paths) -> None:
    """Remove the views of nodes that were killed. Blocking."""
    for view in (paths.run / "views").glob("*/*"):
        pid = view.name.rsplit("-", 2)[-2]
        if not (pid.isdecimal() and Path("/proc", pid).exists()):
            with suppress(OSError):  # tried again at the next start
                remove_view(view)


def taking_over(cast: Cast, running: Mapping[str, Runner]) -> Cast:
    """The same cast, with runners that run already in the place of new ones that would do the same."""
    kept = {name: old for name, old in running.items() if name in cast.runners and cast.runners[name].key == old.key}
    members = {
        place: replace(member, runner=kept[member.release]) if member.runner and member.release in kept else member
        for place, member in cast.members.items()
    }
    return replace(cast, members=members, runners={**cast.runners, **kept})


def contract_without_schema(capability: str) -> Contract:
    """Stands for a contract that could not be read; nobody is asked under it."""
    return Contract(capability, "", "", "", "", {}, {})


def place_of(paths: Paths, scene_id: str, skill: Installed) -> Place:
    """Where the program of a skill in a scene lives on the disk. Data survives updates; every view is used once."""
    view = f"{skill.id}-{os.getpid()}-{next(_COUNTED)}"
    return Place(
        home=paths.home,
        data=paths.data / scene_id / skill.id,
        view=paths.run / "views" / scene_id / view,
        log=paths.logs / scene_id / f"{skill.id}.log",
    )


def _required(definition: Item | None) -> list[str]:
    if definition is None:
        return []
    return [one.id for one in definition.requires if one.kind is Kind.CAPABILITY and one.required and not one.platform]


def find_scene(generation: Generation, scene_id: str) -> Installed:
    """The installed scene of that id. Raises NotFoundError `scene.not_installed`."""
    found = generation.find(Kind.SCENE, scene_id)
    if not found:
        raise NotFoundError("scene.not_installed", scene=f"scene:{scene_id}")
    return found[0]
