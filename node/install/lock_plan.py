"""`--frozen`: a plan that is the lock and nothing else. No resolution: exactly the locked digests, from wherever they can be had."""

from __future__ import annotations

from protocol.errors import NotFoundError
from protocol.install.abilities import Abilities
from protocol.install.model import Generation, Installed
from protocol.install.planned import InstallPlan, Planned, Step
from protocol.install.universe import Location
from protocol.query import Trust
from protocol.refs import Ref


def plan_from_lock(current: Generation, target: Ref) -> InstallPlan:
    """The installed release of `target` with everything it needs, as locked. Raises NotFoundError `install.no_lock`."""
    roots = [item for item in current.find(target.kind, target.id) if target.version in ("", item.version)]
    if not roots:
        raise NotFoundError("install.no_lock", ref=str(target))
    items = tuple(_planned(item) for item in current.closure(roots))
    return InstallPlan(str(target), current.number, items, (), (), (), ())


def _planned(item: Installed) -> Planned:
    return Planned(
        item.kind,
        item.id,
        item.version,
        "",
        item.principal,
        Trust(item.trust),
        (),
        item.digest,
        item.size,
        item.files,
        item.key,
        tuple(Location(origin.kind, origin.url, item.principal, origin.commit) for origin in item.sources),
        Step.KEPT,
        item.release,
        item.requested,
        item.needs,
        (str(item.ref),),
        Abilities(),
        item.routes,
        first_seen=item.first_seen,
    )
