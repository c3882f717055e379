"""From a target to one release of everything it needs: required things together, then optional ones as far as they fit.

What it guarantees: every required dependency of everything chosen is satisfied by something chosen, nothing is chosen that
nobody needs, withdrawn, revoked and frozen releases are never chosen, pre-releases only when asked for; the same universe
gives the same answer; the answer, or `plan.too_hard`, comes within the time the rules give. What it leaves to others: consent
(the plan), bytes (the store). Optional dependencies never change or block what is required; cycles are fine.

Example: a scene needs `skill:a >=1`, `skill:b`; `skill:b 1.0` needs `skill:a <2`. Chosen are `b 1.0` and the newest `a 1.x`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from resolvelib import BaseReporter
from resolvelib.resolvers import Resolution, ResolutionImpossible, ResolutionTooDeep

from protocol import limits
from protocol.errors import ConflictError, OoderError, PolicyError
from protocol.install.catalogue import Catalogue
from protocol.install.explain import explain
from protocol.install.provider import Questions, is_ignored, too_hard
from protocol.install.questions import Choice, Choices, Key, Need, Offer, ResolveRules, key_of
from protocol.install.search import search
from protocol.install.universe import Candidate, Universe
from protocol.items import Dependency
from protocol.refs import Kind, Ref

Clock = Callable[[], float]
"""Seconds that only move forward; injected."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """`parent` (None: the user) needs `child`; `offer` says that it does so to get a capability."""

    parent: Candidate | None
    child: Candidate
    dependency: Dependency
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A dependency that is not part of the plan: `reason` is `platform`, `agent`, or the code of the error it would be."""

    by: str
    needs: str
    constraint: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """`picks` in the order of their distance from the target, which is the first; `edges` say who needs whom."""

    picks: tuple[Candidate, ...]
    edges: tuple[Edge, ...]
    offers: Mapping[Key, Offer]
    skipped: tuple[Skipped, ...]
    catalogue: Catalogue


def resolve(
    target: Ref,
    universe: Universe,
    rules: ResolveRules,
    choices: Choices,
    clock: Clock,
) -> Solution:
    """Choose one release of the target and of everything it needs.

    Raises ConflictError `plan.conflict`, `plan.too_hard`, `plan.too_large`, `plan.ambiguous`, `plan.unsatisfiable`,
    `plan.missing_dependency`, `plan.unprovided_capability`, `plan.blocked`, PolicyError `plan.frozen`, `plan.cooling`,
    UsageError `plan.bad_choice`, NotFoundError `plan.unknown_target`.
    """
    catalogue = Catalogue(universe, rules, choices)
    deadline = clock() + rules.seconds
    root = catalogue.need(Dependency(target.kind, target.id, f"={target.version}" if target.version else ""), None)
    taken = _ask(catalogue, root, {}, target, clock, deadline)
    skipped: list[Skipped] = []
    if rules.optional:
        taken = _with_optional(catalogue, root, taken, target, clock, deadline, skipped)
    return _solution(catalogue, root, taken, skipped)


class _InCirclesError(Exception):
    """The resolver meets conflict after conflict: the search that learns from them goes on."""


class _Watch(BaseReporter[Need, Choice, Key]):
    """Ends a resolution that grows too large, or goes in circles."""

    def __init__(self, target: Ref) -> None:
        self._target = target
        self._conflicts = 0

    def resolving_conflicts(self, causes: Any) -> None:
        self._conflicts += 1
        if self._conflicts > limits.RESOLVE_CONFLICTS:
            raise _InCirclesError

    def ending_round(self, index: int, state: Any) -> None:
        if sum(1 for key in state.mapping if not key[2]) > limits.RESOLVE_PACKAGES:
            raise _too_large(self._target)


def _ask(
    catalogue: Catalogue, need: Need, fixed: Mapping[Key, Choice], target: Ref, clock: Clock, deadline: float
) -> dict[Key, Choice]:
    """Everything that `need` takes beside what is fixed. Where only the wait of new releases is in the way, that is the error."""
    try:
        return _choose(catalogue, need, fixed, target, clock, deadline)
    except ConflictError as error:
        if not catalogue.rules.cooling or clock() > deadline:
            raise
        try:
            later = _choose(catalogue.without_wait(), need, fixed, target, clock, deadline)
        except OoderError:
            raise error from None  # at odds anyway
        raise _waits(catalogue, target, later) from None


def _choose(
    catalogue: Catalogue, need: Need, fixed: Mapping[Key, Choice], target: Ref, clock: Clock, deadline: float
) -> dict[Key, Choice]:

    def check() -> None:
        if clock() > deadline:
            raise too_hard(str(target), catalogue.rules.seconds)

    questions = Questions(catalogue, fixed, check)
    resolution: Resolution[Need, Choice, Key] = Resolution(questions, _Watch(target))
    try:
        reached = _reach(questions, need, resolution.resolve([need], limits.RESOLVE_ROUNDS).mapping)
        told = None
    except ResolutionImpossible as error:
        reached, told = None, [(one.requirement, one.parent) for one in error.causes]
    except (ResolutionTooDeep, _InCirclesError):
        reached = told = None
    if (
        reached is None
    ):  # in circles the resolver leaps over solutions and loses needs now and then: what it says is looked at again
        mapping, asked = search(questions, need)
        reached = _reach(questions, need, mapping)
        if reached is None:
            raise explain(catalogue, target, told or asked, questions.asked_by)
    if sum(1 for key in reached if not key[2]) + sum(1 for key in fixed if not key[2]) > limits.RESOLVE_PACKAGES:
        raise _too_large(target)
    return reached


def _reach(questions: Questions, root: Need, mapping: Mapping[Key, Choice]) -> dict[Key, Choice] | None:
    """The choices that are really needed, nearest first; None where one of their needs is not met."""
    found: dict[Key, Choice] = {}
    waiting = deque([root])
    while waiting:
        need = waiting.popleft()
        choice = questions.fixed.get(need.key) or mapping.get(need.key)
        if choice is None or not questions.is_satisfied_by(need, choice):
            return None
        if need.key not in found and need.key not in questions.fixed:
            found[need.key] = choice
            waiting.extend(questions.get_dependencies(choice))
    return found


def _with_optional(
    catalogue: Catalogue,
    root: Need,
    taken: dict[Key, Choice],
    target: Ref,
    clock: Clock,
    deadline: float,
    skipped: list[Skipped],
) -> dict[Key, Choice]:
    """`taken` and every optional dependency that fits beside it, nearest first; the others are told in `skipped`."""
    taken = dict(taken)
    waiting = deque(one for one in taken.values() if isinstance(one, Candidate))
    while waiting:
        parent = waiting.popleft()
        for dependency in parent.item.requires:
            if dependency.required or is_ignored(dependency):
                continue
            need = catalogue.need(dependency, parent)
            try:
                new = _ask(catalogue, need, taken, target, clock, min(deadline, clock() + limits.OPTIONAL_SECONDS))
            except OoderError as error:
                skipped.append(Skipped(str(parent.ref), str(dependency.ref), dependency.constraint, error.code))
                continue
            taken.update(new)
            waiting.extend(one for one in new.values() if isinstance(one, Candidate))
    return taken


def _solution(catalogue: Catalogue, root: Need, taken: Mapping[Key, Choice], skipped: list[Skipped]) -> Solution:
    """What was chosen as a graph of releases, walked from the target."""
    first = taken[root.key]
    assert isinstance(first, Candidate)
    edges = [Edge(None, first, root.dependency)]
    picks: dict[Key, Candidate] = {root.key: first}
    offers: dict[Key, Offer] = {}
    waiting = deque([first])
    while waiting:
        parent = waiting.popleft()
        for dependency in parent.item.requires:
            if is_ignored(dependency):
                reason = "platform" if dependency.platform else "agent"
                skipped.append(Skipped(str(parent.ref), str(dependency.ref), dependency.constraint, reason))
                continue
            for edge in _edges(catalogue, parent, dependency, taken):
                edges.append(edge)
                if edge.offer:
                    offers[edge.offer.key] = edge.offer
                key = key_of(edge.child)
                if key not in picks:
                    picks[key] = edge.child
                    waiting.append(edge.child)
    return Solution(tuple(picks.values()), tuple(edges), offers, tuple(skipped), catalogue)


def _edges(
    catalogue: Catalogue, parent: Candidate, dependency: Dependency, taken: Mapping[Key, Choice]
) -> Iterable[Edge]:
    need = catalogue.need(dependency, parent)
    choice = taken.get(need.key)
    if isinstance(choice, Offer):
        skill = taken[(Kind.SKILL, choice.skill, "")]
        assert isinstance(skill, Candidate)
        yield Edge(parent, skill, dependency, choice)
        contract = taken.get((Kind.CAPABILITY, dependency.id, "")) if choice.contract else None
        if isinstance(contract, Candidate):
            yield Edge(parent, contract, dependency, choice)
    elif isinstance(choice, Candidate) and choice in Questions(catalogue, {}, lambda: None).matching(need):
        yield Edge(parent, choice, dependency)


def _waits(catalogue: Catalogue, target: Ref, later: Mapping[Key, Choice]) -> OoderError:
    """What is waited for longest, and the words that take it now."""
    cooling = catalogue.rules.cooling
    young = [one for one in later.values() if isinstance(one, Candidate) and one.release in cooling]
    last = max(young, key=lambda one: cooling[one.release])
    until = datetime.fromtimestamp(cooling[last.release], UTC).strftime("%Y-%m-%d %H:%M UTC")
    first = next(
        (one for one in later.values() if isinstance(one, Candidate) and one.ref.any_version == target.any_version),
        None,
    )
    again = str(first.ref) if first else str(target)
    return PolicyError("plan.cooling", ref=str(target), needs=str(last.ref), until=until, again=again)


def _too_large(target: Ref) -> ConflictError:
    return ConflictError("plan.too_large", ref=str(target), limit=limits.RESOLVE_PACKAGES, what="items")
