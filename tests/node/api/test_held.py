"""Answers that are kept for a moment: how long, for which state, and how many."""

from __future__ import annotations

import pytest

from node.api.held import Answered, HeldAnswers
from protocol import limits


def test_an_answer_holds_for_its_time_and_its_state() -> None:
    held = HeldAnswers()
    held.put("q", Answered(10.0, (1,), b"bytes", "tag"))
    assert held.get("q", (1,), 9.9) == (10.0, (1,), b"bytes", "tag")
    assert held.get("q", (1,), 10.0) is None
    assert held.get("q", (2,), 9.9) is None
    assert held.get("other", (1,), 9.9) is None


def test_who_was_not_asked_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "API_ANSWERS_BYTES", 10)
    held = HeldAnswers()
    for name in "ab":
        held.put(name, Answered(10.0, (), b"1234", ""))
    held.put("b", Answered(10.0, (), b"12345", ""))  # in place of the first b
    assert held.get("a", (), 1.0)
    held.put("c", Answered(10.0, (), b"123456", ""))
    assert [name for name in "abc" if held.get(name, (), 1.0)] == ["a", "c"]
