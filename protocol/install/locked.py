"""A plan that decides nothing: exactly what a lock says, from wherever those bytes can be had (SECURITY 3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocol.errors import ConflictError, NotFoundError
from protocol.install.abilities import Abilities, abilities_of
from protocol.install.model import Generation, Installed
from protocol.install.plan import with_least_trust
from protocol.install.planned import Asked, InstallPlan, Planned, Question, Step
from protocol.install.universe import Candidate, Location, Universe
from protocol.query import Trust
from protocol.refs import Ref

_GONE = ("revoked", "withdrawn")


def locked_plan(
    target: Ref,
    lock: Sequence[Installed],
    universe: Universe,
    installed: Generation,
    now: float,
    free_trust: Trust = Trust.OFFICIAL,
) -> InstallPlan:
    """What bringing `target` to the state of `lock` would do.

    A lock says which bytes, never how far to trust them: trust is what `universe` (this node's own judgement) says of the same
    release with the same digest, else `unverified`. Below `free_trust` it is asked about.
    Raises NotFoundError `plan.not_locked` when the target is not in the lock, ConflictError `plan.blocked` for a release that is
    revoked or withdrawn here.
    """
    whole = Generation(0, now, "", items=tuple(lock))
    roots = [one for one in whole.find(target.kind, target.id) if target.version in ("", one.version)]
    if not roots:
        raise NotFoundError("plan.not_locked", ref=str(target))
    root = next((one for one in roots if one.requested), roots[-1])
    items = tuple(_row(one, one is root, universe, installed) for one in whole.closure([root]))
    questions = [question for item in items for question in _questions(item, free_trust)]
    return InstallPlan(
        str(target), installed.number, with_least_trust(items), (), (), tuple(sorted(questions)), (), now
    )


def _questions(item: Planned, free_trust: Trust) -> Iterator[Question]:
    if item.step is Step.KEPT:
        return
    if item.trust.rank < free_trust.rank:
        if item.trust is Trust.UNVERIFIED and item.digest:
            yield Question(Asked.EXPLICIT_DIGEST, item.release, trust=item.trust, digest=item.digest)
        else:
            yield Question(Asked.TRUST, item.release, item.reasons, trust=item.trust)
    if item.may.commands:
        yield Question(Asked.RUN, item.release, item.may.commands)


def _row(one: Installed, is_root: bool, universe: Universe, installed: Generation) -> Planned:
    before = installed.find(one.kind, one.id)
    same = next((item for item in before if item.release == one.release and item.digest == one.digest), None)
    known = universe.releases(one.kind, one.id)
    gone = next((other for other in known if other.release == one.release and other.blocked in _GONE), None)
    if gone is not None and same is None:
        raise ConflictError("plan.blocked", needs=str(one.ref), causes=[f"{one.release}: {gone.blocked}"])
    found = [other for other in known if one.digest and other.digest == one.digest]
    said = next((other for other in found if other.release == one.release), found[0] if found else None)
    judged = said is not None and said.release == one.release and said.blocked != "frozen"
    trust = _kept_trust(same) if same else said.trust if said and judged else Trust.UNVERIFIED
    return Planned(
        kind=one.kind,
        id=one.id,
        version=one.version,
        name=said.item.name if said else one.id,
        principal=one.principal,
        trust=trust,
        reasons=said.reasons if said and judged else (),
        digest=one.digest,
        size=one.size,
        files=one.files,
        key=said.key if said and judged else same.key if same else "",
        locations=_locations(one, found),
        step=Step.KEPT if same else Step.REPLACED if before else Step.ADDED,
        was=same.release if same else before[-1].release if before else "",
        requested=is_root or (same is not None and same.requested),
        needs=one.needs,
        why=(str(one.ref),),
        may=abilities_of(said.item, offline=said.offline) if said else Abilities(),
        routes=one.routes,
        least_trust=trust,
        first_seen=one.first_seen if same else said.first_seen if said else 0.0,
    )


def _kept_trust(same: Installed) -> Trust:
    return Trust(same.trust) if same.trust in set(Trust) else Trust.UNVERIFIED


def _locations(one: Installed, found: Sequence[Candidate]) -> tuple[Location, ...]:
    """Places the index knows for the same bytes, then those the lock remembers."""
    seen = [place for candidate in found for place in candidate.locations]
    kept = [Location(origin.kind, origin.url, one.principal, origin.commit) for origin in one.sources]
    return tuple(dict.fromkeys([*seen, *kept]))
