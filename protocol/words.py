"""Words of Chinese and English, and how to ask for them: text in, the text of a full-text index and its queries out.

An index that cuts words at spaces and punctuation (SQLite's `unicode61`) would take a Chinese sentence for one word. So every
CJK code point stands alone here, and, in a second text, every pair of neighbours is a word too: one character is asked for by
itself, a Chinese word of more as a phrase of its pairs. A pair is much rarer than its characters, which makes the answer quick; no
dictionary, nothing to miss (ECOSYSTEM 2.1).

Guarantees: what a person types is never part of the query language (each word is quoted); full-width letters, case and
compatibility forms do not matter; the work is bounded by `QUERY_CHARS` and `QUERY_TERMS`.

>>> spaced("ＰＤＦ日报"), pairs("ＰＤＦ日报表")
('pdf 日 报', '日报 报表')
>>> read_words("日报表 extr*").match
'"日报 报表" "extr"*'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from unicodedata import is_normalized, normalize

from protocol import limits
from protocol.errors import UsageError

_HAN = "[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
_CJK = re.compile(_HAN)
_CJK_RUN = re.compile(f"{_HAN}+")
_CJK_TEXT = re.compile(rf"{_HAN}(?:\s*{_HAN})+")
_BETWEEN = " \ue000 "
"""Parts pairs that are no neighbours; `fold` lets no private character through, so no question contains it."""
_WIDE = tuple(zip("，：；（）！？", ",:;()!?", strict=True))
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ue000-\uf8ff\ufeff]")
_LATIN_END = re.compile(rf"[0-9a-z]{{{limits.PREFIX_CHARS},}}\Z")
_STARS = re.compile(r"\*+")


@dataclass(frozen=True, slots=True)
class Words:
    """A question in the forms an index can answer.

    `match` is an FTS5 expression in which every word must occur ("" = no condition); `globs` are GLOB patterns that the
    folded id must match; `terms` are the folded words without stars; `whole` is the folded text, to recognise an id or name.
    `nothing` says that there was text, but no word in it, so nothing can be found.
    """

    match: str = ""
    globs: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    whole: str = ""
    nothing: bool = False


def fold(text: str) -> str:
    """`text` as it is compared: compatibility forms joined (NFKC), lower case, invisible and private characters as blanks."""
    if not text.isascii() and not is_normalized("NFKC", text):
        for wide, narrow in _WIDE:  # all that most Chinese texts need, at a tenth of the price
            text = text.replace(wide, narrow)
        text = normalize("NFKC", text)
    folded = text.lower()
    return folded if folded.isprintable() and folded.isascii() else _NO_TEXT.sub(" ", folded)


def spaced(text: str) -> str:
    """Folded text in which every CJK character is a word of its own: what goes into a full-text index."""
    return spaced_folded(fold(text))


def spaced_folded(folded: str) -> str:
    """`spaced` of a text that is folded already."""
    return folded if folded.isascii() else " ".join(_CJK_RUN.sub(_apart, folded).split())


def pairs(text: str) -> str:
    """Every two neighbouring CJK characters of a text, also across blanks and line ends: its second text in a full-text index."""
    return pairs_folded(fold(text))


def pairs_folded(folded: str) -> str:
    """`pairs` of a text that is folded already."""
    if folded.isascii():
        return ""
    return _BETWEEN.join(_paired(run) for run in _CJK_TEXT.findall(folded))


def _apart(found: re.Match[str]) -> str:
    return f" {' '.join(found[0])} "


def _paired(run: str) -> str:
    if not run.isalpha():
        run = "".join(run.split())
    return " ".join(map(str.__add__, run, run[1:]))


def read_words(text: str) -> Words:
    """Read what a person typed: words, all of which must occur, and `*` for any characters.

    A star at the end of a word asks for its beginning; the last word may always be unfinished once it has `PREFIX_CHARS`
    Latin characters. A star elsewhere is matched against ids (`*report*`, `daily-*-v2`); between Chinese characters it only
    separates. Raises UsageError `query.too_long`.
    """
    if len(text) > limits.QUERY_CHARS:
        raise UsageError("query.too_long", chars=limits.QUERY_CHARS, words=limits.QUERY_TERMS)
    whole = " ".join(fold(text).split())
    words = whole.split()
    if len(words) > limits.QUERY_TERMS:
        raise UsageError("query.too_long", chars=limits.QUERY_CHARS, words=limits.QUERY_TERMS)
    phrases: list[str] = []
    globs: list[str] = []
    for at, word in enumerate(words):
        _read_word(word, phrases, globs, unfinished=at == len(words) - 1)
    terms = tuple(part for word in words for part in word.split("*") if _is_word(part))
    stars_only = bool(words) and all(not word.strip("*") for word in words)
    nothing = bool(words) and not phrases and not globs and not stars_only
    return Words(" ".join(phrases), tuple(globs), terms, whole.strip("*"), nothing)


def _read_word(word: str, phrases: list[str], globs: list[str], *, unfinished: bool) -> None:
    word = _STARS.sub("*", word)
    body = word.rstrip("*")
    if "*" not in body:
        if _is_word(body):
            asked = word.endswith("*") or (unfinished and _LATIN_END.search(body) is not None)
            phrases.append(_phrase(body, prefix=asked))
        return
    parts = [part for part in body.split("*") if _is_word(part)]
    if all(_CJK.fullmatch(part[0]) and _CJK.fullmatch(part[-1]) for part in parts):
        phrases.extend(_phrase(part, prefix=False) for part in parts)
    else:
        globs.append(word.replace("[", "[[]").replace("?", "[?]"))


def _phrase(word: str, *, prefix: bool) -> str:
    if len(word) > 1 and _CJK_RUN.fullmatch(word):
        return f'"{pairs_folded(word)}"'
    quoted = '"' + spaced_folded(word).replace('"', '""') + '"'
    return quoted + "*" if prefix and word[-1].isalnum() and not _CJK.match(word[-1]) else quoted


def _is_word(text: str) -> bool:
    return any(char.isalnum() for char in text)
