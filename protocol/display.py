"""Text from strangers, made safe to show on a terminal, in a log line and in an API `display` field (SECURITY 5.3, T16).

Data is kept as it came; only what people see passes here. Nothing invisible survives: every character without a shape of its own
becomes a visible escape, so a name cannot hide, reorder or repaint what stands around it. Chinese, Japanese, Korean, Arabic and
Indic text and emoji stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MARKS: Final = 2  # combining marks kept on one character
_ZWNJ, _ZWJ, _TEXT_STYLE, _EMOJI_STYLE, _KEYCAP = "\u200c", "\u200d", "\ufe0e", "\ufe0f", "\u20e3"
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u2800\u180b\u180c\u180d\u180f")
_JOINING: Final = re.compile(
    "[\u0600-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc"  # Arabic
    "\u0700-\u074f\u07c0-\u07ff\u1800-\u18af"  # Syriac, N'Ko, Mongolian
    "\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff]"  # Indic, Tibetan, Myanmar, Khmer
)
_PICTURE: Final = re.compile(
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934\u2935\u2b05-\u2b55\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff]"
)


def display(text: str, limit: int) -> str:
    """`text` as it may be shown: NFC, hidden characters as `\\uXXXX`, at most 2 combining marks each, at most `limit` characters.

    >>> display("safe\\u202egnp.exe", 40)
    'safe\\\\u202egnp.exe'
    """
    cut = text[: max(limit, 0) * 4]  # NFC never needs more than this many characters for one
    if not cut.isascii():
        cut = unicodedata.normalize("NFC", cut)
    shown = cut if cut.isprintable() and cut.isascii() else _escaped(cut, limit)
    return shown if len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"[: max(limit, 0)]


def is_deceptive(text: str) -> bool:
    """Whether `text` contains something that `display` would have to escape (a newline or tab alone does not count)."""
    if text.isascii() and text.isprintable():
        return False
    return any(_is_hidden(text, at) and char not in "\n\t\r" for at, char in enumerate(text))


def _escaped(text: str, limit: int) -> str:
    shown: list[str] = []
    marks = 0
    for at, char in enumerate(text):
        if len(shown) > limit:
            break
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if marks > MARKS and not _is_hidden(text, at):
                continue
        else:
            marks = 0
        shown.append(_escape(char) if _is_hidden(text, at) else char)
    return "".join(shown)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_hidden(text: str, at: int) -> bool:
    char = text[at]
    if char < "\x7f":
        return char < " "
    if char in (_ZWJ, _ZWNJ):
        return not _joins(text, at)
    if char in (_TEXT_STYLE, _EMOJI_STYLE):
        return not (
            at
            and (_PICTURE.match(text[at - 1]) or (text[at - 1] in "0123456789#*" and text[at + 1 : at + 2] == _KEYCAP))
        )
    if "\ufe00" <= char <= "\ufe0d" or "\U000e0100" <= char <= "\U000e01ef" or char in _INVISIBLE_LETTERS:
        return True
    return unicodedata.category(char) in _HIDDEN_CATEGORIES


def _joins(text: str, at: int) -> bool:
    """Whether a joiner at `at` stands where a script or an emoji sequence needs it."""
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if not before or not after:
        return False
    if _JOINING.match(before) and (_JOINING.match(after) or text[at] == _ZWNJ):
        return True
    if text[at] == _ZWNJ or not _PICTURE.match(after):
        return False
    if before == _EMOJI_STYLE:
        before = text[at - 2 : at - 1]
    return bool(_PICTURE.match(before))
