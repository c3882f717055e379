"""What must not run any more, as registries say it, and for whom each of them may speak (SECURITY T27). Pure.

The list of a registry ends what that registry itself said; the list of one that a person made official ends the same bytes, and
everything of the same key, wherever they are from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from protocol.skill_center.revocations import Revocation


@dataclass(frozen=True, slots=True)
class Revoked:
    """`everywhere` and, for each owner (`registry:<host>`), `own`: what (`sha256:...` or `key:...`) -> why."""

    everywhere: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    own: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.own)

    def reason(self, principal: str, digest: str, key: str) -> str | None:
        """Why something of `principal` with this tree digest and signing key must not be used; None when it may."""
        names = (digest, f"key:{key}" if key else "")
        lists = [self.everywhere, *(listed for owner, listed in self.own.items() if principal.startswith(f"{owner}/"))]
        return next((listed[name] for listed in lists for name in names if name and name in listed), None)


NOTHING = Revoked()
"""No list was ever read."""


def revoked_by(lists: Mapping[str, Iterable[Revocation]], official: Iterable[str]) -> Revoked:
    """What the lists of these owners amount to; `official` are the patterns of the trust policy."""
    everywhere: dict[str, str] = {}
    own: dict[str, Mapping[str, str]] = {}
    patterns = tuple(official)
    for owner in sorted(lists):
        said = {one.what: one.reason for one in lists[owner]}
        if any(_means(pattern, owner) for pattern in patterns):
            everywhere |= said
        elif said:
            own[owner] = said
    return Revoked(everywhere, own)


def _means(pattern: str, owner: str) -> bool:
    """Whether a pattern of the trust policy makes everything of an owner official."""
    return pattern in (owner, f"{owner}/*") or (
        len(pattern) > 1 and pattern.endswith("*") and f"{owner}/".startswith(pattern[:-1])
    )
