"""Reading the header lines that steer a client: Retry-After, rate limits, types, links (RFC 9110, 9111, 8288). Pure.

Header names are lower case. Everything is hostile: what cannot be read counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite

Heads = Mapping[str, str]

_LINK = re.compile(r"<([^<>\s]{1,2048})>((?:\s{0,8};[^,<>]{0,256}){0,8})")
_NEXT = re.compile(r";\s{0,8}rel\s{0,8}=\s{0,8}(?:\"next\"|next)(?:\s|;|$)", re.IGNORECASE)


def number(text: str) -> float | None:
    """A number that is not negative, as a header says it."""
    text = text.strip()
    if not text or len(text) > 20:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) and value >= 0 else None


def date(text: str) -> float | None:
    """Wall seconds of an HTTP date."""
    try:
        found = parsedate_to_datetime(text[:64])
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after(heads: Heads, wall: float) -> float | None:
    """Seconds a host asks to be left alone, None when it does not say. A date is read against the host's own clock."""
    said = heads.get("retry-after", "")
    if (seconds := number(said)) is not None:
        return seconds
    until = date(said) if said else None
    if until is None:
        return None
    return max(0.0, until - (date(heads.get("date", "")) or wall))


def quota_pause(heads: Heads, wall: float) -> float:
    """Seconds until an empty quota is full again; 0.0 while some of it is left. Understands `X-RateLimit-*` of GitHub, Gitee and
    GitLab (reset as wall seconds or as seconds from now) and `RateLimit-*` of the IETF draft."""
    for start in ("x-ratelimit-", "ratelimit-"):
        remaining = number(heads.get(f"{start}remaining", ""))
        reset = number(heads.get(f"{start}reset", ""))
        if remaining is None or remaining >= 1 or reset is None:
            continue
        now = date(heads.get("date", "")) or wall
        return max(0.0, reset - now) if reset > 1_000_000_000 else reset
    return 0.0


def media_type(heads: Heads) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return heads.get("content-type", "").partition(";")[0].strip().lower()[:100]


def next_link(heads: Heads) -> str:
    """The target of `Link: <...>; rel="next"`, as written; "" when there is none."""
    for found in _LINK.finditer(heads.get("link", "")[:8_192]):
        if _NEXT.search(found[2]):
            return found[1]
    return ""


def max_age(heads: Heads) -> float | None:
    """Seconds an answer may be used without asking; 0.0 for `no-cache`, None when it may not be kept (`no-store`)."""
    words = [word.strip().lower() for word in heads.get("cache-control", "")[:512].split(",")]
    if "no-store" in words:
        return None
    if "no-cache" in words:
        return 0.0
    said = next((word.partition("=")[2] for word in words if word.startswith("max-age=")), "")
    return number(said.strip('"')) or 0.0
