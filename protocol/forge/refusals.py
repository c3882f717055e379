"""Why a forge did not answer as hoped: error bodies and rate limits of each platform, as one kind of error each.

Facts: GitHub answers a spent allowance with 403 or 429, `x-ratelimit-remaining: 0` and `x-ratelimit-reset`, and a secondary limit
with 403 or 429 and `retry-after` (or nothing: then a minute is asked for); Gitee with 403 or 429 and a message; GitLab with 429,
`Retry-After` and `RateLimit-Reset`; an empty repository with 409 (GitHub, Gitea) or 404 on its commit (Gitee, GitLab).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from protocol.errors import DataError, NotFoundError, OoderError, UnavailableError
from protocol.forge.answers import read_allowance
from protocol.git_rules import clean
from protocol.http.heads import quota_pause, retry_after

STATUSES: Final = frozenset({403, 404, 409, 410, 422, 429, 451})
"""Statuses whose answers are read here; a key that is not valid (401) is the HTTP port's to change for the next one."""

_LIMIT_WORDS: Final = re.compile(
    r"rate.?limit|too many requests|abuse detection|retry later|访问.{0,4}频繁|请求.{0,4}频繁", re.I
)
_PAUSE: Final = 60.0  # seconds, when a limit does not say how long it lasts
_LONGEST: Final = 3_600.0


class Refusal(StrEnum):
    """What a refusal means for the caller."""

    LIMITED = "limited"
    MISSING = "missing"
    EMPTY = "empty"
    BLOCKED = "blocked"
    REFUSED = "refused"


def read_refusal(status: int, heads: Mapping[str, str], body: object, now: float) -> tuple[Refusal, float, str]:
    """What a refusal means, seconds to wait (0.0: no use), and the forge's own words. `now` is wall seconds."""
    said = message_of(body)
    spent = read_allowance(heads)
    limited = status == 429 or (
        status == 403
        and ((spent is not None and spent.left == 0) or "retry-after" in heads or _LIMIT_WORDS.search(said))
    )
    if limited:
        pause = retry_after(heads, now)
        pause = pause if pause is not None else quota_pause(heads, now) or _PAUSE
        return Refusal.LIMITED, min(max(pause, 1.0), _LONGEST), said
    kind = {
        404: Refusal.MISSING,
        409: Refusal.EMPTY,
        410: Refusal.MISSING,
        451: Refusal.BLOCKED,
    }.get(status, Refusal.REFUSED)
    return kind, 0.0, said


def refusal_error(kind: Refusal, pause: float, said: str, what: str, host: str) -> OoderError:
    """The error for a refusal; `what` is the repository or search that was asked for."""
    shown = said or "?"
    if kind is Refusal.LIMITED:
        return UnavailableError("forge.rate_limited", host=host, retry_after=round(pause), reason=shown)
    if kind is Refusal.MISSING:
        return NotFoundError("forge.not_found", name=what, host=host)
    if kind is Refusal.EMPTY:
        return DataError("forge.empty", name=what)
    if kind is Refusal.BLOCKED:
        return UnavailableError("forge.blocked", name=what, host=host, reason=shown)
    return UnavailableError("forge.refused", name=what, host=host, reason=shown)


def message_of(body: object) -> str:
    """The words of an error body: `message` (all), `error` (Gitea, GitLab), `error_description`; cleaned and cut."""
    if isinstance(body, dict):
        for key in ("message", "error_description", "error"):
            found = body.get(key)
            if isinstance(found, str) and found:
                return clean(found, 200)
            if isinstance(found, dict):  # GitLab: {"message": {"base": ["..."]}}
                return clean("; ".join(f"{name}: {text}" for name, text in list(found.items())[:3]), 200)
    return ""
