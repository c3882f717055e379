"""Refusals of forges, as each one documents them."""

from __future__ import annotations

from typing import Any

import pytest

from protocol.forge.refusals import Refusal, message_of, read_refusal, refusal_error

NOW = 1_767_225_600.0
PRIMARY = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 900)}
SPENT = {"message": "API rate limit exceeded for 203.0.113.9. (But here's the good news: ...)"}
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}


@pytest.mark.parametrize(
    ("status", "heads", "body", "kind", "pause"),
    [
        (403, PRIMARY, SPENT, Refusal.LIMITED, 900.0),
        (429, PRIMARY, SPENT, Refusal.LIMITED, 900.0),
        (403, {"retry-after": "60"}, SECONDARY, Refusal.LIMITED, 60.0),
        (403, {}, SECONDARY, Refusal.LIMITED, 60.0),
        (403, {"retry-after": "999999"}, SECONDARY, Refusal.LIMITED, 3600.0),
        (403, {"retry-after": "0"}, SECONDARY, Refusal.LIMITED, 1.0),
        (429, {}, None, Refusal.LIMITED, 60.0),
        (403, {}, {"message": "访问过于频繁，请稍后再试"}, Refusal.LIMITED, 60.0),
        (
            429,
            {"ratelimit-remaining": "0", "ratelimit-limit": "9", "ratelimit-reset": str(int(NOW) + 30)},
            None,
            Refusal.LIMITED,
            30.0,
        ),
        (403, {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "9"}, {"message": "no"}, Refusal.REFUSED, 0.0),
        (404, {}, {"message": "404 Project Not Found"}, Refusal.MISSING, 0.0),
        (410, {}, None, Refusal.MISSING, 0.0),
        (409, {}, {"message": "Git Repository is empty."}, Refusal.EMPTY, 0.0),
        (422, {}, {"message": "Validation Failed", "errors": [{"code": "invalid"}]}, Refusal.REFUSED, 0.0),
        (451, {}, {"message": "Repository access blocked"}, Refusal.BLOCKED, 0.0),
    ],
)
def test_what_a_refusal_means(status: int, heads: dict[str, str], body: Any, kind: Refusal, pause: float) -> None:
    found, wait, said = read_refusal(status, heads, body, NOW)
    assert (found, wait) == (kind, pause)
    error = refusal_error(found, wait, said, "acme/skills", "forge.example")
    assert error.text()
    assert error.text("zh")
    assert ("retry_after" in error.params) == (kind is Refusal.LIMITED)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "Not Found", "documentation_url": "https://x"}, "Not Found"),
        ({"error": "404 Not Found"}, "404 Not Found"),
        ({"message": {"base": ["is invalid"]}}, "base: ['is invalid']"),
        ({"error": "invalid_token", "error_description": "Token is expired"}, "Token is expired"),
        ({"message": "a\x1b[31mred\n" + "x" * 900}, None),
        ({"message": 7}, ""),
        (["x"], ""),
        (None, ""),
    ],
)
def test_the_forges_own_words_are_cleaned_and_cut(body: object, text: str | None) -> None:
    said = message_of(body)
    assert said.isprintable()
    assert len(said) <= 200
    assert text is None or said == text
