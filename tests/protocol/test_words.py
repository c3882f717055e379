"""Chinese words of any length and English words are found, and nobody can type their way into the query language."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import UsageError
from protocol.words import fold, pairs, read_words, spaced

TEXTS = {
    1: "daily-report 日报汇总 自动生成日报",
    2: "knowledge-base 企业知识库 RAG 检索增强",
    3: "pdf-extract 提取文档 extract text from PDF",
    4: "onboarding 新员工入职流程",
    5: "ｆｕｌｌ－ｗｉｄｔｈ ＰＤＦ",
    6: "合同，审批PDF流\n程 v2版",
}


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(text, pairs, tokenize='unicode61')")
    rows = [(n, spaced(text), pairs(text)) for n, text in TEXTS.items()]
    db.executemany("INSERT INTO t(rowid, text, pairs) VALUES (?, ?, ?)", rows)
    yield db
    db.close()


def found(db: sqlite3.Connection, text: str) -> set[int]:
    return {n for (n,) in db.execute("SELECT rowid FROM t WHERE t MATCH ?", (read_words(text).match,))}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("日报", {1}),
        ("报", {1}),
        ("日报汇", {1}),
        ("报日", set()),
        ("入职", {4}),
        ("知识库 RAG", {2}),
        ("知识库 PDF", set()),
        ("extr*", {3}),
        ("daily-rep*", {1}),
        ("daily-*", {1}),
        ("dail", {1}),
        ("*日报*", {1}),
        ("日*汇", {1}),
        ("ＰＤＦ", {3, 5, 6}),
        ("full-width", {5}),
        ("pdf", {3, 5, 6}),
        ("同审", set()),
        ("审批pdf流", {6}),
        ("批流", set()),
        ("流程", {4, 6}),
        ("2版", set()),
        ("v2版", {6}),
        ("EXTRACT text", {3}),
    ],
)
def test_what_must_be_found(table: sqlite3.Connection, text: str, wanted: set[int]) -> None:
    assert found(table, text) == wanted


@settings(max_examples=300)
@given(st.text(max_size=40) | st.text('"*()-^:{}+ ANDORNT日a', max_size=20))
def test_every_text_is_a_valid_question(table: sqlite3.Connection, text: str) -> None:
    try:
        words = read_words(text)
    except UsageError as error:
        assert error.code == "query.too_long"
        return
    if words.match:
        table.execute("SELECT rowid FROM t WHERE t MATCH ?", (words.match,)).fetchall()
    for glob in words.globs:
        table.execute("SELECT 1 WHERE 'a' GLOB ?", (glob,)).fetchall()


@settings(max_examples=200)
@given(st.text(st.sampled_from("日报汇总知识库入职流程"), min_size=1, max_size=8), st.data())
def test_any_piece_of_a_chinese_text_finds_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    piece = text[start : data.draw(st.integers(start + 1, len(text)))]
    assert read_words(piece).match.strip('"') in (spaced(text) if len(piece) == 1 else pairs(text))


def test_stars_inside_ask_for_ids() -> None:
    assert read_words("*report*").globs == ("*report*",)
    assert read_words("a[b?*c").globs == ("a[[]b[?]*c",)
    assert read_words("daily-rep*").globs == ()


def test_the_last_word_may_be_unfinished_but_not_a_letter_or_two() -> None:
    assert read_words("pdf ext").match == '"pdf" "ext"*'
    assert read_words("pdf ex").match == '"pdf" "ex"'
    assert read_words("pdf ex*").match == '"pdf" "ex"*'


def test_text_without_a_word_finds_nothing_and_stars_alone_everything() -> None:
    assert read_words("!!! ---").nothing
    assert not read_words("*").nothing
    assert not read_words("  ").nothing
    assert read_words("*").match == ""


def test_length_is_bounded() -> None:
    for text in ("a" * 257, "a " * 13):
        with pytest.raises(UsageError):
            read_words(text)


def test_invisible_and_private_characters_are_blanks() -> None:
    assert fold("a\u202eb\ue000c\x00d") == "a b c d"
    assert spaced("ab") == "ab"
