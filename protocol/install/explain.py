"""Why nothing fits: the last contradiction of a resolution as an error with a chain people can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocol import limits
from protocol.errors import ConflictError, NotFoundError, OoderError, PolicyError, UsageError
from protocol.install.catalogue import Catalogue
from protocol.install.offers import declared_constraint, offers_for
from protocol.install.ownership import AMBIGUOUS, FOREIGN
from protocol.install.questions import Choice, Key, Need, allows
from protocol.install.universe import Candidate
from protocol.refs import Kind, Ref

_NOT_SEEN = {"listing": "plan.only_listed", "copy": "plan.only_copies"}

AskedBy = Mapping[Key, Candidate | None]


def explain(
    catalogue: Catalogue, target: Ref, causes: Sequence[tuple[Need, Choice | None]], asked_by: AskedBy
) -> OoderError:
    """The error for requirements that cannot all hold. One bad name is named as such, whoever asks for it."""
    needs = [need for need, _ in causes]
    chains = sorted({_chain(need, asked_by) for need in needs})[: limits.PLAN_CAUSES]
    for need in needs:
        single = _single(catalogue, target, need, [one for one in needs if one.key == need.key], asked_by)
        if single is not None:
            return single
    return ConflictError("plan.conflict", ref=str(target), causes=chains)


def _single(catalogue: Catalogue, target: Ref, need: Need, same: list[Need], asked_by: AskedBy) -> OoderError | None:
    """The error that one need is by itself, whatever the others are."""
    ref, kind = str(need.dependency.ref), need.key[0]
    chains = sorted({_chain(one, asked_by) for one in same})[: limits.PLAN_CAUSES]
    if need.key[2]:
        return _unprovided(catalogue, need, chains) if not offers_for(catalogue, need) else None
    releases = catalogue.releases(kind, need.key[1])
    if not releases:
        if need.requester is None:
            return NotFoundError("plan.unknown_target", ref=str(target), id=target.id)
        return ConflictError("plan.missing_dependency", needs=ref, causes=chains)
    if need.blocker == AMBIGUOUS:
        owners = sorted({f"{one.principal} ({one.trust}, {one.item.version})" for one in releases})
        return ConflictError("plan.ambiguous", needs=ref, causes=owners)
    versions = _versions(releases)
    if need.blocker == FOREIGN:
        return ConflictError("plan.unsatisfiable", needs=ref, causes=[*chains, "owner pinned"], versions=versions)
    own = [one for one in releases if one.principal == need.owner]
    fitting = [
        one for one in own if allows(need.constraint, one.item.version, pre_releases=catalogue.rules.pre_releases)
    ]
    if not fitting:
        return ConflictError("plan.unsatisfiable", needs=ref, causes=chains, versions=_versions(own))
    usable = [one for one in fitting if catalogue.usable(one)]
    if usable:
        return None
    frozen = [one for one in fitting if one.blocked == "frozen"]
    if frozen:
        return PolicyError("plan.frozen", needs=str(frozen[0].ref), causes=list(frozen[0].digests) or chains)
    if any(not one.blocked for one in fitting):
        return ConflictError("plan.too_large", ref=str(fitting[0].ref), limit=limits.RESOLVE_NEEDS, what="dependencies")
    code = _NOT_SEEN.get(fitting[0].blocked, "") if len({one.blocked for one in fitting}) == 1 else ""
    if code:
        return ConflictError(code, needs=ref, versions=_versions(fitting), causes=chains)
    reasons = sorted({f"{one.item.version}: {one.blocked}" for one in fitting})
    return ConflictError("plan.blocked", needs=ref, causes=reasons[: limits.PLAN_CAUSES])


def _unprovided(catalogue: Catalogue, need: Need, chains: list[str]) -> OoderError:
    capability = need.dependency.id
    ref = str(need.dependency.ref)
    chosen = catalogue.choices.providers.get(capability)
    if chosen:
        known = catalogue.releases(Kind.SKILL, chosen)
        provides = any(one.offers(capability) is not None for one in known)
        reason = "unknown" if not known else "no release can be used" if provides else "it does not provide it"
        return UsageError("plan.bad_choice", needs=ref, skill=f"skill:{chosen}", reason=reason)
    principal = need.requester.principal if need.requester else ""
    providers = catalogue.universe.providers(capability)
    frozen = [
        one
        for skill in providers
        for one in catalogue.releases(Kind.SKILL, skill)
        if one.blocked == "frozen" and one.offers(capability) is not None and _declared_fits(need, one)
    ]
    if frozen:
        return PolicyError("plan.frozen", needs=str(frozen[0].ref), causes=list(frozen[0].digests) or chains)
    unclear = [s for s in providers if catalogue.owner(Kind.SKILL, s, principal)[1] == AMBIGUOUS]
    if unclear:
        owners = sorted({f"{one.principal} ({one.trust})" for one in catalogue.releases(Kind.SKILL, unclear[0])})
        return ConflictError("plan.ambiguous", needs=f"skill:{unclear[0]}", causes=owners)
    return ConflictError("plan.unprovided_capability", needs=ref, causes=chains)


def _declared_fits(need: Need, one: Candidate) -> bool:
    constraint = declared_constraint(need, one.item.id)
    return constraint is not None and constraint.allows(one.item.version)


def _chain(need: Need, asked_by: AskedBy) -> str:
    """`scene:a 1.0 -> skill:b 2.0 -> skill:c >=3`: how the target comes to need something, in no language."""
    walk: list[str] = []
    at = need.requester
    seen: set[Key] = set()
    while at is not None:
        key: Key = (at.item.kind, at.item.id, "")
        if key in seen:
            break
        seen.add(key)
        walk.append(f"{at.ref.any_version} {at.item.version}".strip())
        at = asked_by.get(key)
    wanted = f"{need.dependency.ref} {need.dependency.constraint}".strip()
    if need.provides is not None:
        wanted = f"{wanted} (cap:{need.provides[0]})"
    return " -> ".join([*reversed(walk), wanted])


def _versions(releases: Sequence[Candidate]) -> str:
    shown = [one.item.version or "(none)" for one in releases[: limits.PLAN_CAUSES]]
    return ", ".join(dict.fromkeys(shown)) or "none"
