"""Text from strangers on a terminal: nothing hidden survives, nothing legitimate is touched."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.display import display, is_deceptive

LEGITIMATE = [
    "daily-report", "日报助手（测试）", "ひらがな カタカナ", "한국어", "العربية", "می‌خواهم", "हिन्दी क्‍ष", "ไทย", "Ünïcödé", "👩‍💻 dev", "👨‍👩‍👧‍👦",
    "❤️", "1️⃣", "🇨🇳", "🏳️‍🌈", "👍🏽", "a b", "“quotes” — dash…", "①②",
]  # fmt: skip


@pytest.mark.parametrize("text", LEGITIMATE)
def test_legitimate_text_is_untouched(text: str) -> None:
    assert display(text, 100) == unicodedata.normalize("NFC", text)
    assert not is_deceptive(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\x1b[31m", "a\\u001b[31m"),
        ("a\nlevel=error", "a\\u000alevel=error"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u200db", "a\\u200db"),
        ("日\u200d报", "日\\u200d报"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("x\U000e0041", "x\\U000e0041"),
        ("x\ufe0f", "x\\ufe0f"),
        ("x\ue000", "x\\ue000"),
        ("\ud800", "\\ud800"),
        ("a\u2028b", "a\\u2028b"),
        ("\u3164", "\\u3164"),
        ("\x7f\x9b", "\\u007f\\u009b"),
        ("soft\u00adhyphen", "soft\\u00adhyphen"),
        ("z\u0335\u0336\u0337\u0338", "z\u0335\u0336"),
    ],
)
def test_hidden_characters_become_visible(text: str, shown: str) -> None:
    assert display(text, 100) == shown


@given(st.text(), st.integers(0, 40))
def test_what_is_shown_is_short_and_has_nothing_hidden(text: str, limit: int) -> None:
    shown = display(text, limit)
    assert len(shown) <= limit
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} for char in shown)
    assert "\u202e" not in shown and "\n" not in shown


def test_length_is_cut_with_a_mark() -> None:
    assert display("abcdef", 4) == "abc…" and display("abcd", 4) == "abcd" and display("abc", 0) == ""
    assert len(display("e\u0301" * 100_000, 50)) == 50


def test_combined_attacks_are_noticed_and_line_breaks_are_not() -> None:
    assert is_deceptive("ok\u202e") and not is_deceptive("two\nlines\tof text")
