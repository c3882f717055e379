"""What cannot answer as it is installed, and why: read from what is on the disk, with nothing started (FLOWS 4.3, PENDING_ACTIVATION)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from node.scene.members import Machine, cast_of
from node.scene.reading import read_item
from protocol.errors import DataError, NotFoundError, OoderError
from protocol.install.model import Generation, Installed
from protocol.refs import Kind
from protocol.scene.connector import Nothing, connector_of


def pending_among(machine: Machine, generation: Generation, releases: Iterable[str]) -> Mapping[str, OoderError]:
    """Ref -> why, for the scenes and the skills asked for by themselves among `releases`. Blocking."""
    wanted = frozenset(releases)
    found: dict[str, OoderError] = {}
    for item in generation.items:
        if item.release not in wanted:
            continue
        try:
            fault = _scene(machine, generation, item) if item.kind is Kind.SCENE else _skill(machine, item)
        except OoderError as error:
            fault = error
        if fault is not None:
            found[str(item.ref.any_version)] = fault
    return found


def _scene(machine: Machine, generation: Generation, scene: Installed) -> OoderError | None:
    """Why a capability that the scene cannot do without has nobody."""
    cast = cast_of(machine, generation, scene)
    for capability in sorted(cast.required):
        route = cast.routes.get(capability)
        members = [cast.members[capability, name] for name in route.skills] if route else []
        if not any(member.runner for member in members):
            known = sorted(cast.routes)
            params = {"scene": f"scene:{scene.id}", "capability": f"cap:{capability}"}
            return next((one.fault for one in members if one.fault), None) or NotFoundError(
                "scene.no_route", known=known, **params
            )
    return None


def _skill(machine: Machine, installed: Installed) -> OoderError | None:
    """Why a skill that was asked for by itself answers for none of its capabilities."""
    if installed.kind is not Kind.SKILL or not installed.requested or not installed.digest:
        return None
    skill = read_item(machine.trees, installed)
    ways = [(given.id, connector_of(skill, given.id)) for given in skill.provides]
    nothing = [(capability, way) for capability, way in ways if isinstance(way, Nothing)]
    if not ways or len(nothing) < len(ways):
        return None
    capability, way = nothing[0]
    params = {"skill": str(installed.ref), "capability": f"cap:{capability}", "scene": "SCENE"}
    return DataError(way.code, detail=way.detail, **params)
