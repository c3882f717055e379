"""What is kept of an answer, so that the next one can be "not modified": validators, and the form on disk (RFC 9111). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from protocol.errors import DataError
from protocol.http.heads import Heads, max_age

KEPT_HEADS = (
    *("content-type", "etag", "last-modified", "link", "x-total-count", "cache-control", "date", "x-oauth-scopes"),
    *("x-index-seq", "x-catalog-seq", "content-disposition"),
)
MAX_AGE_MOST = 3_600.0
"""An answer is asked about again after this, whatever its origin says; seconds."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer of status 200. `at` is wall seconds, `who` a mark of the key it was asked with ("" = none)."""

    url: str
    who: str
    at: float
    heads: Heads
    body: bytes

    @property
    def validators(self) -> dict[str, str]:
        """What makes the next request conditional."""
        found = {}
        if etag := self.heads.get("etag"):
            found["If-None-Match"] = etag
        if date := self.heads.get("last-modified"):
            found["If-Modified-Since"] = date
        return found

    def is_fresh(self, now: float) -> bool:
        """Whether it may be used without asking. A clock that went back makes nothing fresh."""
        age = now - self.at
        return 0 <= age < min(max_age(self.heads) or 0.0, MAX_AGE_MOST)


def worth_keeping(heads: Heads) -> bool:
    """Whether an answer can be asked about again or used for a while."""
    age = max_age(heads)
    return age is not None and (age > 0 or "etag" in heads or "last-modified" in heads)


def slot(url: str, who: str, accept: str) -> str:
    """The file name of an answer: 64 hex digits."""
    return hashlib.sha256("\n".join((url, who, accept)).encode("utf-8", "surrogatepass")).hexdigest()


def encode(kept: Kept) -> bytes:
    """One line of JSON, then the body; the twin of `decode`."""
    head = {
        "url": kept.url,
        "who": kept.who,
        "at": kept.at,
        "heads": {name: kept.heads[name] for name in KEPT_HEADS if name in kept.heads},
        "sha256": hashlib.sha256(kept.body).hexdigest(),
    }
    return json.dumps(head).encode("ascii") + b"\n" + kept.body


def decode(data: bytes) -> Kept:
    """Raises DataError `http.cache_damaged` for anything this node would not have written."""
    line, newline, body = data.partition(b"\n")
    try:
        head = json.loads(line)
        heads, at = head["heads"], head["at"]
        whole = newline and head["sha256"] == hashlib.sha256(body).hexdigest()
        texts = (head["url"], head["who"], *heads.keys(), *heads.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DataError("http.cache_damaged") from None
    if not whole or type(at) not in (int, float) or not all(isinstance(text, str) for text in texts):
        raise DataError("http.cache_damaged")
    return Kept(head["url"], head["who"], float(at), heads, body)


def refreshed(kept: Kept, heads: Mapping[str, str], at: float) -> Kept:
    """After "not modified": the same body, asked about at `at`."""
    return Kept(kept.url, kept.who, at, {**kept.heads, **{n: heads[n] for n in KEPT_HEADS if n in heads}}, kept.body)
