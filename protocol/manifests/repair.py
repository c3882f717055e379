"""Repair of the damage that real manifests have (FORMATS 2): only after strict reading failed, every step named.

The steps, in the order that works: strip a byte order mark, decode with replacement, turn UTF-8 that was read as GBK back, split
lines that swallowed the next one, close quotes that lost their end. After each step the document is read strictly again; the
first that succeeds wins, so nothing is repaired that need not be. Limits are never repaired: a bomb stays a bomb.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from protocol import limits
from protocol.errors import DataError
from protocol.manifests.yaml_text import Tree

REPAIRABLE: Final = frozenset({"manifest.syntax", "manifest.encoding", "manifest.control_character"})
_BOM: Final = "\ufeff"
_LOST: Final = "\ufffd"
_FOREIGN: Final = re.compile(r"[^\x00-\x7f]+")
_CJK: Final = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
_CJK_PER_LOST: Final = 3
_KEY: Final = r"""(?:- )?["']?[A-Za-z_][\w.-]*["']?:"""
_SWALLOWED: Final = re.compile(rf"^(\s*(?:- )*[\w.-]+:[ ].*?\S)( {{2,}}|\t+)({_KEY}(?: .*)?)$")
_OPEN_QUOTE: Final = re.compile(r"""^(\s*(?:- )*(?:[\w.-]+:[ ]+)?)(["'])((?:(?!\2).)*)$""")
_SENTENCE: Final = re.compile(r"""^([A-Za-z-]+: )(?!["'|>\[{&*!])(.*:[ ].*)$""", re.MULTILINE)
_NEXT_KEY: Final = re.compile(rf"^\s*(?:{_KEY}(?:\s|$)|- |$|\.\.\.|#)")

Parse = Callable[[bytes], Tree]


def repair(data: bytes, parse: Parse, *, prose: bool = False) -> tuple[Tree, tuple[str, ...]] | None:
    """The tree after the fewest repairs, and their names; None if nothing helps or the document is refused for its cost.

    `prose`: the frontmatter of a SKILL.md, where people write sentences with a colon and forget the quotes.
    """
    if len(data) > limits.MANIFEST_BYTES:
        return None
    text = data.decode("utf-8", "replace")
    steps: list[str] = []
    if not _is_text(text, data):
        steps.append("decode")
    if text.startswith(_BOM):
        text = text.lstrip(_BOM)
        steps.insert(0, "bom")
    for name, step in (*_STEPS, ("colons", _quote_sentences)) if prose else _STEPS:
        changed = step(text)
        if changed == text and name:
            continue
        text = changed
        if name:
            steps.append(name)
        try:
            return parse(text.encode("utf-8")), tuple(steps)
        except DataError as error:
            if error.code not in REPAIRABLE:
                return None
    return None


def _is_text(text: str, data: bytes) -> bool:
    return text.count(_LOST) == data.count(_LOST.encode())


def _as_is(text: str) -> str:
    return text


def _from_gbk(text: str) -> str:
    """UTF-8 that was read as GBK and written again, run by run, where that gives clearly more Chinese than losses."""
    return _FOREIGN.sub(_run_from_gbk, text)


def _run_from_gbk(match: re.Match[str]) -> str:
    run = match[0]
    try:
        back = run.encode("gb18030").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return run
    return back if len(_CJK.findall(back)) > _CJK_PER_LOST * back.count(_LOST) else run


def _split_lines(text: str) -> str:
    """A line that swallowed the next: `a: text   b: text`. The blanks between are the indentation of the lost line."""
    lines: list[str] = []
    for line in text.split("\n"):
        rest = line
        for _ in range(8):
            found = _SWALLOWED.match(rest)
            if found is None or "#" in found[1] or (found[1].count('"') % 2 and found[3].count('"') % 2):
                break
            lines.append(_closed(found[1]))
            rest = found[2] + found[3]
        lines.append(rest)
    return "\n".join(lines)


def _closed(line: str) -> str:
    found = _OPEN_QUOTE.match(line)
    return line + found[2] if found else line


def _close_quotes(text: str) -> str:
    """A quote that is open at the end of a line while the next line begins a key."""
    lines = text.split("\n")
    for at, line in enumerate(lines[:-1]):
        found = _OPEN_QUOTE.match(line)
        if found and found[3].strip() and _NEXT_KEY.match(lines[at + 1]):
            lines[at] = line + found[2]
    return "\n".join(lines)


def _quote_sentences(text: str) -> str:
    """`description: Use when: asked` at the outermost level, put into quotes."""
    return _SENTENCE.sub(lambda found: found[1] + "'" + found[2].rstrip().replace("'", "''") + "'", text)


_STEPS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("", _as_is),
    ("gbk", _from_gbk),
    ("newlines", _split_lines),
    ("quotes", _close_quotes),
)
