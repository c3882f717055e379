"""Making a plan: from a target, a universe and the installed set to everything an install will do, for a person to read.

What it guarantees: nothing in the plan is withdrawn, revoked or frozen; every widening against the installed set, every step
down in trust and every command that would be run is a question; two plans that would do the same have the same digest. What it
leaves to others: choosing releases (`resolve`), bringing and checking bytes, asking the person, committing (`apply`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from protocol.errors import ConflictError, UsageError
from protocol.freshness import DAY
from protocol.install.abilities import abilities_of
from protocol.install.consents import Facts, questions_of
from protocol.install.model import Generation, Installed, Route
from protocol.install.offers import best_release, offers_for
from protocol.install.planned import Alternative, InstallPlan, Left, Match, Planned, Step
from protocol.install.questions import Choices, ResolveRules
from protocol.install.resolve import Clock, Edge, Solution, resolve
from protocol.install.universe import Candidate, Location, Universe
from protocol.query import Trust
from protocol.refs import Kind, Ref
from protocol.versions import compare_key

COOLDOWN: float = DAY
"""Seconds after this node first saw a release before it replaces an installed one by itself (SECURITY T17)."""


@dataclass(frozen=True, slots=True)
class PlanPolicy:
    """What holds for a plan. Releases of at least `free_trust` are installed without a question about trust. `sources` is
    the order in which locations are preferred; `known` are names trusted more than strangers', by trust rank."""

    rules: ResolveRules = field(default_factory=ResolveRules)
    free_trust: Trust = Trust.OFFICIAL
    sources: tuple[str, ...] = ()
    known: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    cooldown: float = COOLDOWN


def make_plan(
    target: Ref,
    universe: Universe,
    installed: Generation,
    policy: PlanPolicy,
    choices: Choices,
    now: float,
    clock: Clock,
) -> InstallPlan:
    """What installing `target` would do at wall time `now`. Raises UsageError `plan.cannot_install` and what `resolve` raises."""
    if target.kind not in (Kind.SCENE, Kind.SKILL):
        raise UsageError("plan.cannot_install", ref=str(target))
    rules = _rules(target, universe, installed, policy, now)
    solution = resolve(target, universe, rules, choices, clock)
    planned = _planned(solution, installed, policy)
    removed = _removed(installed, planned)
    facts = Facts(
        {one.release: one for one in solution.picks},
        solution.edges,
        installed,
        policy.free_trust,
        policy.known,
        choices,
    )
    return InstallPlan(
        target=str(target),
        base=installed.number,
        items=planned,
        matches=_matches(solution),
        removed=removed,
        questions=questions_of(planned, facts),
        left=tuple(Left(one.by, one.needs, one.constraint, one.reason) for one in solution.skipped),
        made_at=now,
    )


def _rules(target: Ref, universe: Universe, installed: Generation, policy: PlanPolicy, now: float) -> ResolveRules:
    """The rules of the policy with what is installed, and what is too new to replace it."""
    kept: dict[tuple[Kind, str], list[tuple[str, str]]] = {}
    for item in installed.items:
        kept.setdefault((item.kind, item.id), []).append((item.version, item.principal))
    cooling = dict(policy.rules.cooling)
    for (kind, item_id), releases in kept.items():
        if not policy.rules.upgrade and (kind, item_id) != (target.kind, target.id):
            continue
        for one in universe.releases(kind, item_id):
            young = one.first_seen > now - policy.cooldown
            known = (one.item.version, one.principal) in releases
            if young and not known and one.trust is not Trust.OFFICIAL:
                cooling[one.release] = one.first_seen + policy.cooldown
    frozen = MappingProxyType({name: tuple(found) for name, found in kept.items()})
    base = policy.rules
    return ResolveRules(
        base.trust,
        base.strategy,
        base.optional,
        base.pre_releases,
        base.upgrade,
        frozen,
        MappingProxyType(cooling),
        base.seconds,
    )


def _planned(solution: Solution, installed: Generation, policy: PlanPolicy) -> tuple[Planned, ...]:
    by_parent: dict[str, list[Edge]] = {}
    first_edge: dict[str, Edge] = {}
    for edge in solution.edges:
        by_parent.setdefault(edge.parent.release if edge.parent else "", []).append(edge)
        first_edge.setdefault(edge.child.release, edge)
    rows = [
        _row(one, by_parent.get(one.release, []), first_edge, solution, installed, policy) for one in solution.picks
    ]
    return with_least_trust(_needed_first(rows))


def _needed_first(rows: list[Planned]) -> tuple[Planned, ...]:
    """What is needed before who needs it; inside a circle, in the order in which it is met."""
    known = {item.release: item for item in rows}
    done: dict[str, Planned] = {}
    opened: set[str] = set()
    for row in rows:
        stack = [(row, iter(row.needs))]
        if row.release in opened:
            continue
        opened.add(row.release)
        while stack:
            item, needs = stack[-1]
            fresh = next((name for name in needs if name not in opened), None)
            if fresh is None:
                done[item.release] = item
                stack.pop()
            else:
                opened.add(fresh)
                stack.append((known[fresh], iter(known[fresh].needs)))
    return tuple(done.values())


def _row(
    one: Candidate,
    edges: list[Edge],
    first_edge: Mapping[str, Edge],
    solution: Solution,
    installed: Generation,
    policy: PlanPolicy,
) -> Planned:
    before = installed.find(one.item.kind, one.item.id)
    same = next((item for item in before if item.release == one.release), None)
    needs = tuple(sorted({edge.child.release for edge in edges if edge.child is not one}))
    routes = _routes(one, edges, solution)
    step, was = _step(one, before, same)
    if same is not None and (same.needs, same.routes) != (needs, routes):
        step = Step.REROUTED
    elif same is not None and first_edge[one.release].parent is None and not same.requested:
        step = Step.REQUESTED
    if same is not None and one.digest and same.digest and one.digest != same.digest:
        raise ConflictError("install.equivocation", release=one.release, causes=[same.digest, one.digest])
    return Planned(
        kind=one.item.kind,
        id=one.item.id,
        version=one.item.version,
        name=one.item.name,
        principal=one.principal,
        trust=one.trust,
        reasons=one.reasons,
        digest=one.digest or (same.digest if same else ""),
        size=one.size or (same.size if same else 0),
        files=one.files or (same.files if same else 0),
        key=one.key,
        locations=_ordered(one.locations, policy.sources),
        step=step,
        was=was,
        requested=first_edge[one.release].parent is None or (same is not None and same.requested),
        needs=needs,
        why=_why(one, first_edge),
        may=abilities_of(one.item, offline=one.offline),
        routes=routes,
        newer=_newer(one, solution),
        first_seen=one.first_seen,
        form=str(one.item.facts.get("form", "")) if isinstance(one.item.facts.get("form"), str) else "",
    )


def _step(one: Candidate, before: tuple[Installed, ...], same: Installed | None) -> tuple[Step, str]:
    if same is not None:
        return Step.KEPT, same.release
    if not before:
        return Step.ADDED, ""
    old = before[-1]
    new_key, old_key = compare_key(one.item.version), compare_key(old.version)
    if old.principal != one.principal or new_key == old_key:
        return Step.REPLACED, old.release
    return (Step.UPGRADED if new_key > old_key else Step.DOWNGRADED), old.release


def _why(one: Candidate, first_edge: Mapping[str, Edge]) -> tuple[str, ...]:
    """From the target down to it."""
    walk = [str(one.ref)]
    at = first_edge[one.release].parent
    while at is not None and len(walk) <= len(first_edge):
        walk.append(str(at.ref))
        at = first_edge[at.release].parent
    return tuple(reversed(walk))


def _routes(one: Candidate, edges: list[Edge], solution: Solution) -> tuple[Route, ...]:
    """For a scene: each capability with the chosen skill first, then whoever else in the plan provides it."""
    if one.item.kind is not Kind.SCENE:
        return ()
    found = []
    for edge in edges:
        if edge.offer is None or edge.child.item.kind is not Kind.SKILL:
            continue
        capability = edge.dependency.id
        direct = {other.child.release for other in edges}
        others = [
            pick.release
            for pick in solution.picks
            if pick.offers(capability) is not None and pick is not edge.child and pick.release in direct
        ]
        found.append(Route(capability, (edge.child.release, *sorted(others))))
    return tuple(sorted(found))


def _newer(one: Candidate, solution: Solution) -> tuple[str, ...]:
    """Newer releases of the same principal that were not taken."""
    key = compare_key(one.item.version)
    found = [
        other.item.version
        for other in solution.catalogue.releases(one.item.kind, one.item.id)
        if other.principal == one.principal and compare_key(other.item.version) > key
    ]
    return tuple(found[:8])


def _matches(solution: Solution) -> tuple[Match, ...]:
    found = {}
    picked = {one.item.id: one for one in solution.picks if one.item.kind is Kind.SKILL}
    for offer in solution.offers.values():
        need = offer.need
        all_offers = offers_for(solution.catalogue, need)
        others = [one for one in all_offers if one.skill != offer.skill]
        alternatives = []
        for other in others:
            best = best_release(solution.catalogue, other.skill, other.owner, need, other.contract)
            if best is not None:
                alternatives.append(
                    Alternative(best.release, best.trust, best.offline, best.rating, len(best.locations))
                )
        by = need.requester.release if need.requester else ""
        contract = next(
            (
                edge.child.release
                for edge in solution.edges
                if edge.offer is offer and edge.child.item.kind is Kind.CAPABILITY
            ),
            "",
        )
        decided = offer.decided_by if others or offer.decided_by in ("choice", "declared") else "only"
        found[(by, need.dependency.id)] = Match(
            need.dependency.id, by, picked[offer.skill].release, decided, contract, tuple(alternatives)
        )
    return tuple(found[name] for name in sorted(found))


def _removed(installed: Generation, planned: tuple[Planned, ...]) -> tuple[str, ...]:
    """Releases that nobody needs any more once the plan is committed."""
    new = {item.release: item for item in planned}
    wanted = {(item.kind, item.id) for item in planned if item.requested}
    known = {item.release: item for item in installed.items}
    roots = [i.release for i in installed.items if i.requested and (i.kind, i.id) not in wanted]
    waiting = [*roots, *(item.release for item in planned if item.requested)]
    reached: set[str] = set()
    while waiting:
        release = waiting.pop()
        if release in reached:
            continue
        reached.add(release)
        item = new.get(release) or known.get(release)
        waiting.extend(item.needs if item else ())
    return tuple(sorted(set(known) - reached))


def _ordered(locations: tuple[Location, ...], sources: tuple[str, ...]) -> tuple[Location, ...]:
    """Nearest first: this disk, then the sources of the scope in their order, then all others."""
    order = {name: at for at, name in enumerate(dict.fromkeys(("local_fs", *sources)))}
    return tuple(sorted(dict.fromkeys(locations), key=lambda one: (order.get(one.source, len(order)), one)))


def with_least_trust(items: tuple[Planned, ...]) -> tuple[Planned, ...]:
    """Scene trust is the least of its closure (SECURITY 2.2); the same for every item, cycles included."""
    known = {item.release: item for item in items}
    found = []
    for item in items:
        seen: set[str] = set()
        waiting = [item.release]
        while waiting:
            release = waiting.pop()
            if release not in seen:
                seen.add(release)
                waiting.extend(known[release].needs)
        found.append(replace(item, least_trust=min((known[one].trust for one in seen), key=lambda t: t.rank)))
    return tuple(found)
