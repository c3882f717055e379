"""A plan that decides nothing: exactly what a lock says, from wherever those bytes can be had (SECURITY 3.5)."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.errors import NotFoundError
from protocol.install.abilities import Abilities, abilities_of
from protocol.install.model import Generation, Installed
from protocol.install.planned import Asked, InstallPlan, Planned, Question, Step
from protocol.install.universe import Candidate, Location, Universe
from protocol.query import Trust
from protocol.refs import Ref


def locked_plan(
    target: Ref, lock: Sequence[Installed], universe: Universe, installed: Generation, now: float
) -> InstallPlan:
    """What bringing `target` to the state of `lock` would do. The lock was reviewed, so only commands are asked about.

    Raises NotFoundError `plan.not_locked` when the target is not in the lock.
    """
    whole = Generation(0, now, "", items=tuple(lock))
    roots = [one for one in whole.find(target.kind, target.id) if target.version in ("", one.version)]
    if not roots:
        raise NotFoundError("plan.not_locked", ref=str(target))
    root = next((one for one in roots if one.requested), roots[-1])
    items = tuple(_row(one, one is root, universe, installed) for one in whole.closure([root]))
    questions = [
        Question(Asked.RUN, item.release, item.may.commands)
        for item in items
        if item.may.commands and item.step is not Step.KEPT
    ]
    return InstallPlan(str(target), installed.number, items, (), (), tuple(sorted(questions)), (), now)


def _row(one: Installed, is_root: bool, universe: Universe, installed: Generation) -> Planned:
    before = installed.find(one.kind, one.id)
    same = next((item for item in before if item.release == one.release and item.digest == one.digest), None)
    found = [other for other in universe.releases(one.kind, one.id) if one.digest and other.digest == one.digest]
    said = next((other for other in found if other.release == one.release), found[0] if found else None)
    trust = Trust(one.trust) if one.trust in set(Trust) else Trust.UNVERIFIED
    return Planned(
        kind=one.kind,
        id=one.id,
        version=one.version,
        name=said.item.name if said else one.id,
        principal=one.principal,
        trust=trust,
        reasons=said.reasons if said else (),
        digest=one.digest,
        size=one.size,
        files=one.files,
        key=one.key,
        locations=_locations(one, found),
        step=Step.KEPT if same else Step.REPLACED if before else Step.ADDED,
        was=same.release if same else before[-1].release if before else "",
        requested=is_root or (same is not None and same.requested),
        needs=one.needs,
        why=(str(one.ref),),
        may=abilities_of(said.item, offline=said.offline) if said else Abilities(),
        routes=one.routes,
        least_trust=trust,
        first_seen=one.first_seen,
    )


def _locations(one: Installed, found: Sequence[Candidate]) -> tuple[Location, ...]:
    """Places the index knows for the same bytes, then those the lock remembers."""
    seen = [place for candidate in found for place in candidate.locations]
    kept = [Location(origin.kind, origin.url, one.principal, origin.commit) for origin in one.sources]
    return tuple(dict.fromkeys([*seen, *kept]))
