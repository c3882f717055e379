"""Who provides a capability: the skills that could, in the order in which a scene should try them.

The user's choice stands alone. Else the skills that the one who needs the capability declares itself, in its own order; then
what is installed already; then the scope's strategy decides, and what is not verified comes last under every strategy.
"""

from __future__ import annotations

from protocol.install.catalogue import Catalogue
from protocol.install.questions import Need, Offer, capability_fits, constraint_of
from protocol.install.universe import Candidate
from protocol.query import Strategy, Trust
from protocol.refs import Kind
from protocol.versions import Constraint, compare_key
from protocol.versions import Key as VersionKey

Merit = tuple[bool | int | float | VersionKey, ...]


def offers_for(catalogue: Catalogue, need: Need) -> tuple[Offer, ...]:
    """Every way to satisfy a capability need, in the order in which they are tried; ranked once for one catalogue."""
    asked = (need.key, need.requester.release if need.requester else "", need.dependency.constraint)
    found = catalogue.offered.get(asked)
    if found is None:
        found = catalogue.offered[asked] = _ranked(catalogue, need)
    return found


def _ranked(catalogue: Catalogue, need: Need) -> tuple[Offer, ...]:
    capability, requester = need.dependency.id, need.requester
    principal = requester.principal if requester else ""
    contract = contract_for(catalogue, need)
    declared = _declared(requester)
    chosen = catalogue.choices.providers.get(capability)
    skills = [chosen] if chosen else catalogue.universe.providers(capability)
    ranked: list[tuple[tuple[int, int], Merit, str, Offer]] = []
    for skill in skills:
        owner, _ = catalogue.owner(Kind.SKILL, skill, principal)
        best = best_release(catalogue, skill, owner, need, contract) if owner else None
        if best is None:
            continue
        place, decided_by = _place(catalogue, skill, declared, chosen)
        offer = Offer(need, skill, owner, decided_by, contract)
        ranked.append((place, merit(best, catalogue.rules.strategy), skill, offer))
    ranked.sort(key=lambda one: one[2])
    ranked.sort(key=lambda one: one[1], reverse=True)
    ranked.sort(key=lambda one: one[0])
    return tuple(one[3] for one in ranked)


def best_release(
    catalogue: Catalogue, skill: str, owner: str, need: Need, contract: Candidate | None
) -> Candidate | None:
    """The release of a skill that would be tried first for the capability."""
    constraint = declared_constraint(need, skill)
    version = contract.item.version if contract else ""
    for one in catalogue.matching(Kind.SKILL, skill, owner, constraint):
        if capability_fits(one, need.dependency.id, need.constraint, version):
            return one
    return None


def contract_for(catalogue: Catalogue, need: Need) -> Candidate | None:
    """The contract a capability is held to: of whoever the name belongs to, newest that is allowed."""
    capability = need.dependency.id
    owner, _ = catalogue.owner(Kind.CAPABILITY, capability, need.requester.principal if need.requester else "")
    for one in catalogue.releases(Kind.CAPABILITY, capability):
        fits = need.constraint is not None and need.constraint.allows(one.item.version)
        if one.principal == owner and fits and catalogue.usable(one):
            return one
    return None


def declared_constraint(need: Need, skill: str) -> Constraint | None:
    """What the one who needs the capability says about versions of a skill it declares itself."""
    requires = need.requester.item.requires if need.requester else ()
    said = [d.constraint for d in requires if d.kind is Kind.SKILL and d.id == skill]
    return constraint_of(said[0]) if said else constraint_of("")


def merit(candidate: Candidate, strategy: Strategy) -> Merit:
    """What makes one provider better than another under a strategy; compared place by place, higher first."""
    verified = candidate.trust is not Trust.UNVERIFIED
    trust, offline = candidate.trust.rank, candidate.offline
    liked, used = candidate.rating, candidate.downloads
    here = any(one.source == "local_fs" for one in candidate.locations)
    version = compare_key(candidate.item.version)
    match strategy:
        case Strategy.SPEED:
            return verified, here, offline, trust, liked, version
        case Strategy.COVERAGE:
            return verified, len(candidate.locations), trust, offline, liked, version
        case Strategy.TRUST:
            return verified, trust, offline, liked, version
        case Strategy.RICHNESS:
            return verified, liked, used, trust, offline, version


def _declared(requester: Candidate | None) -> dict[str, int]:
    requires = requester.item.requires if requester else ()
    skills = [one for one in requires if one.kind is Kind.SKILL and not one.platform]
    return {one.id: at for at, one in enumerate(sorted(skills, key=lambda one: not one.required))}


def _place(
    catalogue: Catalogue, skill: str, declared: dict[str, int], chosen: str | None
) -> tuple[tuple[int, int], str]:
    if chosen:
        return (0, 0), "choice"
    if skill in declared:
        return (0, declared[skill]), "declared"
    if catalogue.rules.installed.get((Kind.SKILL, skill)):
        return (1, 0), "installed"
    return (2, 0), "strategy"
