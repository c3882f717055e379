"""The universe under the rules of one resolution: which releases of a name may be chosen, whose they are, in which order."""

from __future__ import annotations

from dataclasses import replace

from protocol import limits
from protocol.install.ownership import owner_for
from protocol.install.questions import Choices, Key, Need, Offer, ResolveRules, allows, constraint_of, item_key
from protocol.install.universe import Candidate, Universe, newest_first
from protocol.items import Dependency
from protocol.refs import Kind
from protocol.versions import Constraint


class Catalogue:
    """The universe under the rules of one resolution, remembered by name. Shared by all questions of one plan."""

    def __init__(self, universe: Universe, rules: ResolveRules, choices: Choices) -> None:
        self.universe = universe
        self.rules = rules
        self.choices = choices
        self._releases: dict[tuple[Kind, str], list[Candidate]] = {}
        self._owners: dict[tuple[Kind, str, str], tuple[str, str]] = {}
        self._matches: dict[tuple[Kind, str, str, Constraint | None], tuple[Candidate, ...]] = {}
        self.offered: dict[tuple[Key, str, str], tuple[Offer, ...]] = {}
        """What `offers_for` found already."""

    def without_wait(self) -> Catalogue:
        """The same releases, none of them too new."""
        found = Catalogue(self.universe, replace(self.rules, cooling={}), self.choices)
        found._releases, found._owners = self._releases, self._owners
        return found

    def releases(self, kind: Kind, item_id: str) -> list[Candidate]:
        """Everything of one name, newest first."""
        name = (kind, item_id)
        found = self._releases.get(name)
        if found is None:
            found = self._releases[name] = newest_first(self.universe.releases(kind, item_id))
        return found

    def owner(self, kind: Kind, item_id: str, requester: str) -> tuple[str, str]:
        """The principal a name means to `requester`, or why there is none."""
        asked = (kind, item_id, requester)
        found = self._owners.get(asked)
        if found is None:
            found = self._owners[asked] = owner_for(
                (kind, item_id),
                requester,
                self.releases(kind, item_id),
                self.choices,
                self.rules.trust,
                self.rules.installed,
            )
        return found

    def usable(self, candidate: Candidate) -> bool:
        """Whether a release may be chosen at all."""
        if candidate.blocked == "frozen" and candidate.digest and candidate.digest in self.choices.digests:
            return True
        return not candidate.blocked and len(candidate.item.requires) <= limits.RESOLVE_NEEDS

    def matching(self, kind: Kind, item_id: str, owner: str, constraint: Constraint | None) -> tuple[Candidate, ...]:
        """The releases of one principal that fit, in the order in which they are tried."""
        asked = (kind, item_id, owner, constraint)
        found = self._matches.get(asked)
        if found is None:
            rules = self.rules
            fitting = [
                one
                for one in self.releases(kind, item_id)
                if one.principal == owner
                and self.usable(one)
                and allows(constraint, one.item.version, pre_releases=rules.pre_releases)
                and (one.release not in rules.cooling or _is_exact(constraint))
            ]
            kept = rules.installed.get((kind, item_id), ()) if not rules.upgrade else ()
            fitting.sort(key=lambda one: ((one.item.version, one.principal) not in kept, one.deprecated))
            found = self._matches[asked] = tuple(fitting)
        return found

    def need(self, dependency: Dependency, requester: Candidate | None) -> Need:
        """The requirement that a dependency of `requester` (None: the user) stands for."""
        constraint = constraint_of(dependency.constraint)
        if dependency.kind is Kind.CAPABILITY:
            by = str(requester.ref.any_version) if requester else "you"
            return Need((Kind.CAPABILITY, dependency.id, by), dependency, constraint, requester=requester)
        principal = requester.principal if requester else ""
        owner, blocker = self.owner(dependency.kind, dependency.id, principal)
        return Need(item_key(dependency.kind, dependency.id), dependency, constraint, owner, blocker, None, requester)


def _is_exact(constraint: Constraint | None) -> bool:
    return constraint is not None and all(len(each) == 1 and each[0].sign == "=" for each in constraint.alternatives)
