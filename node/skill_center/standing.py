"""What a release counts as now: what its publisher said last, unless the registry revoked its tree or its publisher's key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from node.skill_center.tables import Kept
from protocol.items import Status
from protocol.skill_center.release import SignedRelease, open_release
from protocol.versions import compare_key

GONE = frozenset({Status.WITHDRAWN, Status.REVOKED})
"""Not listed and not delivered any more."""

_ORDER = {Status.ACTIVE: 3, Status.DEPRECATED: 2, Status.WITHDRAWN: 1, Status.REVOKED: 0}

Revoked = Mapping[str, str]
"""Tree digest or `key:FINGERPRINT` -> reason."""


def judged(kept: Kept, revoked: Revoked, now: float) -> SignedRelease:
    """The release with the status that counts; record and signature stay its publisher's."""
    signed = open_release(kept.record, now)
    reason = revoked.get(signed.release.digest, revoked.get(f"key:{signed.key}"))
    if reason is None or signed.release.status is Status.REVOKED:
        return signed
    return replace(signed, release=signed.release.with_status(Status.REVOKED, reason))


def main_version(found: Sequence[Kept], revoked: Revoked, now: float) -> tuple[Kept, SignedRelease] | None:
    """The release that stands for an item: the highest of those that are active, else deprecated, else whatever is left."""
    all_of_them = [(kept, judged(kept, revoked, now)) for kept in found]
    return max(
        all_of_them, key=lambda one: (_ORDER[one[1].release.status], compare_key(one[0].ref.version)), default=None
    )
