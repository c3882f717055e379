"""Whose name is it: the principal that a bare dependency name means (SECURITY 2.1, 2.3 R8).

In this order: what the user chose or pinned; the principal of the one who asks, if it has the name at all; what is installed;
the single most trusted principal. Two at the same level with different bytes are a question for the user, never a matter of
versions. A principal that has the name is never passed over because another one has a better fitting version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocol.install.questions import Choices
from protocol.install.universe import Candidate, newest_first
from protocol.refs import Kind, Ref
from protocol.trust import TrustPolicy, matches, owner_of

AMBIGUOUS = "ambiguous"
FOREIGN = "foreign"  # the name is owned by somebody who has no release of it


def owner_for(
    name: tuple[Kind, str],
    requester: str,
    releases: Sequence[Candidate],
    choices: Choices,
    trust: TrustPolicy,
    installed: Mapping[tuple[Kind, str], tuple[tuple[str, str], ...]],
) -> tuple[str, str]:
    """(principal, "") or ("", why there is none). `requester` is a principal, "" when the user asks."""
    ref = Ref(*name)
    there = {one.principal for one in releases}
    if not there:
        return "", ""
    pinned = choices.owners.get(str(ref)) or owner_of(ref, trust)
    if pinned:
        owners = sorted(one for one in there if matches(one, pinned))
        return (owners[0], "") if owners else ("", FOREIGN)
    if requester in there:
        return requester, ""
    kept = [principal for _, principal in installed.get(name, ()) if principal in there]
    if kept:
        return kept[0], ""
    return _most_trusted(releases)


def _most_trusted(releases: Sequence[Candidate]) -> tuple[str, str]:
    usable = [one for one in releases if not one.blocked] or list(releases)
    best = max(one.trust.rank for one in usable)
    rivals: dict[str, list[Candidate]] = {}
    for one in usable:
        if one.trust.rank == best:
            rivals.setdefault(one.principal, []).append(one)
    owners = sorted(rivals)
    if len(owners) > 1:
        newest = {newest_first(rivals[owner])[0].digest for owner in owners}
        if len(newest) > 1 or newest == {""}:
            return "", AMBIGUOUS
    return owners[0], ""
