"""The resolver's view of the universe: which choices a decision has, in which order, and what each choice needs.

Implements the hooks of resolvelib. Decisions that took part in the last conflict are settled first, then those with a single
choice left (SECURITY 3.4). Nothing here is tried for longer than the clock allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from resolvelib import AbstractProvider

from protocol.errors import ConflictError
from protocol.install.catalogue import Catalogue
from protocol.install.offers import offers_for
from protocol.install.questions import (
    Absent,
    Choice,
    Key,
    Need,
    Offer,
    capability_fits,
    item_key,
    key_of,
)
from protocol.install.universe import Candidate
from protocol.items import Dependency
from protocol.refs import Kind
from protocol.versions import ANY


class Questions(AbstractProvider[Need, Choice, Key]):
    """One question to the resolver. `fixed` decisions are taken already: they can be used and not be changed."""

    def __init__(self, catalogue: Catalogue, fixed: Mapping[Key, Choice], check: Callable[[], None]) -> None:
        self.catalogue = catalogue
        self.fixed = fixed
        self.check = check
        self.asked_by: dict[Key, Candidate | None] = {}
        self._needs: dict[int, tuple[Need, ...]] = {}
        self._absent: dict[Key, Absent] = {}
        self._fits: dict[Need, frozenset[object]] = {}

    # --- Hooks ---------------------------------------------------------------------------------------------------
    def identify(self, requirement_or_candidate: Need | Choice) -> Key:
        one = requirement_or_candidate
        return one.key if isinstance(one, Need) else key_of(one)

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Key],
        resolutions: Mapping[Key, Choice],
        candidates: Mapping[Key, Iterator[Choice]],
        information: Mapping[Key, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> Iterable[Key]:
        open_ = list(identifiers)
        if backtrack_causes:
            involved = {cause.requirement.key for cause in backtrack_causes}
            involved |= {key_of(cause.parent) for cause in backtrack_causes if cause.parent is not None}
            if hot := [key for key in open_ if key in involved]:
                return hot
        single = [key for key in open_ if len(list(islice(candidates[key], 2))) < 2]
        return single or open_

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Choice],
        candidates: Mapping[Key, Iterator[Choice]],
        information: Mapping[Key, Iterator[Any]],
        backtrack_causes: Sequence[Any],
    ) -> tuple[bool, int, Key]:
        return bool(identifier[2]), sum(1 for _ in candidates[identifier]), identifier

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[Need]],
        incompatibilities: Mapping[Key, Iterator[Choice]],
    ) -> Sequence[Choice]:
        self.check()
        barred = frozenset(id(one) for one in incompatibilities[identifier])
        return self.fitting(identifier, list(requirements[identifier]), barred)

    def is_satisfied_by(self, requirement: Need, candidate: Choice) -> bool:
        fits = self._fits.get(requirement)
        if fits is None:
            fits = self._fits[requirement] = self._fitting_choices(requirement)
        return (candidate.skill, candidate.owner) in fits if isinstance(candidate, Offer) else candidate in fits

    def get_dependencies(self, candidate: Choice) -> Sequence[Need]:
        if self.fixed.get(key_of(candidate)) is candidate:
            return ()
        found = self._needs.get(id(candidate))
        if found is None:
            found = self._needs[id(candidate)] = tuple(self.needs_of(candidate))
            by = candidate if isinstance(candidate, Candidate) else None
            for need in found:
                self.asked_by.setdefault(need.key, need.requester or by)
        return found

    # --- Steps ---------------------------------------------------------------------------------------------------
    def fitting(self, key: Key, needs: Sequence[Need], barred: frozenset[int]) -> Sequence[Choice]:
        """The choices that satisfy all `needs`, in the order in which they are tried; `barred` are ids of objects."""
        fixed = self.fixed.get(key)
        if fixed is not None:
            fits = id(fixed) not in barred and all(self.is_satisfied_by(need, fixed) for need in needs)
            return [fixed] if fits else []
        if not needs:
            absent = self._absent.setdefault(key, Absent(key))
            return [] if id(absent) in barred else [absent]
        found: Sequence[Choice] = offers_for(self.catalogue, needs[0]) if key[2] else self.matching(needs[0])
        if len(needs) > 1:
            found = [one for one in found if all(self.is_satisfied_by(need, one) for need in needs[1:])]
        return [one for one in found if id(one) not in barred] if barred else found

    def needs_of(self, choice: Choice) -> Iterator[Need]:
        """What is required of others, directly. Optional needs are asked for later, one by one."""
        if isinstance(choice, Absent):
            return
        if isinstance(choice, Candidate):
            for dependency in choice.item.requires:
                if dependency.required and not is_ignored(dependency):
                    yield self.catalogue.need(dependency, choice)
            return
        need = choice.need
        capability, contract = need.dependency.id, choice.contract
        yield Need(
            item_key(Kind.SKILL, choice.skill),
            Dependency(Kind.SKILL, choice.skill, purpose=str(need.dependency.ref)),
            ANY,
            choice.owner,
            provides=(capability, need.constraint, contract.item.version if contract else ""),
            requester=need.requester,
        )
        if contract is not None:
            yield Need(
                item_key(Kind.CAPABILITY, capability),
                need.dependency,
                need.constraint,
                contract.principal,
                requester=need.requester,
            )

    def _fitting_choices(self, need: Need) -> frozenset[object]:
        """What satisfies a need: candidates, or (skill, owner) of offers."""
        if need.key[2]:
            return frozenset((one.skill, one.owner) for one in offers_for(self.catalogue, need))
        return frozenset(self.matching(need))

    def matching(self, need: Need) -> tuple[Candidate, ...]:
        if need.blocker or not need.owner:
            return ()
        kind, item_id, _ = need.key
        found = self.catalogue.matching(kind, item_id, need.owner, need.constraint)
        if need.provides is None:
            return found
        return tuple(one for one in found if capability_fits(one, *need.provides))


def is_ignored(dependency: Dependency) -> bool:
    """Whether a dependency is nothing that this node installs: parts of the platform, and agents."""
    return dependency.platform or dependency.kind is Kind.AGENT


def too_hard(ref: str, seconds: float) -> ConflictError:
    """The answer when time or rounds are used up."""
    return ConflictError("plan.too_hard", ref=ref, seconds=int(seconds) if seconds == int(seconds) else seconds)
