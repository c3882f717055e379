"""Versions and version constraints: every dialect that real manifests use, as one comparable form.

Order is that of semantic versioning with any number of parts: 3.0 equals 3.0.0, a pre-release comes before its release, build
metadata does not count. Text that is no version sorts below all versions, so any set of versions has one order.

Constraints: `>=1.0.0`, `>1 <=2`, `1.2.3` (equality after normalisation), `=`, `==`, `!=`, `^` and `~` as in npm (WIRE section 4, 25),
`1.x`, `!=1.x`, `1.2.*`, `1.0 - 2.0`, blanks or commas for "and", `||` for "or", Maven `[1.0,2.0)`, `v1.2`. `*`, `latest` and an empty text
allow every version, also one that cannot be compared. A pre-release is allowed only where the constraint names a pre-release of
the same numbers (npm's rule), or everything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from protocol import limits
from protocol.errors import DataError

_VERSION: Final = re.compile(
    r"[vV=]?\s*([0-9]+(?:\.[0-9]+)*)(?:-([0-9A-Za-z.-]+)|[._]?([A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]*)?"
)
_RELEASE_WORDS: Final = frozenset({"release", "final", "ga"})
_ANY: Final = frozenset({"", "*", "x", "X", "any", "latest", "latest.release", "latest.integration"})
_BLANKS_AFTER: Final = re.compile(r"([<>=!^~]+)\s+")
_TOKEN: Final = re.compile(r"(>=|=>|<=|=<|==|!=|~>|>|<|=|\^|~)?[vV]?(.+)")
_WILD: Final = re.compile(r"([0-9]+(?:\.[0-9]+)*)(?:\.[xX*])+|[xX*](?:\.[xX*])*")
_MAVEN: Final = re.compile(r"([\[(])\s*([^,\[\]()]*?)\s*(?:(,)\s*([^,\[\]()]*?)\s*)?([\])])")
_WORD: Final = re.compile(r"[A-Za-z][\w.-]*")
_SPELLINGS: Final = {"=>": ">=", "=<": "<=", "==": "=", "~>": "~", "": "="}

Key = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, str], ...]]
"""What versions are compared by: (is a version, numbers without zeros at the end, is a release, pre-release parts)."""

_COMPARE: Final[dict[str, Callable[[Key, Key], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}


@lru_cache(maxsize=16_384)
def compare_key(version: str) -> Key:
    """A key that orders any texts; equal keys mean equal versions.

    >>> sorted(["1.10", "v1.9.9", "1.10-rc.1", "soon"], key=compare_key)
    ['soon', 'v1.9.9', '1.10-rc.1', '1.10']
    """
    text = version.strip()[: limits.VERSION_CHARS]
    found = _VERSION.fullmatch(text)
    if found is None:
        return 0, (), 0, ((1, 0, text),)
    suffix = found[2] or found[3] or ""
    if suffix.lower() in _RELEASE_WORDS:
        suffix = ""
    parts = (
        tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in suffix.split("."))
        if suffix
        else ()
    )
    return 1, _trimmed([int(number) for number in found[1].split(".")]), 0 if suffix else 1, parts


def is_version(text: str) -> bool:
    """Whether `text` has numbers to compare by."""
    return compare_key(text)[0] == 1


def _trimmed(numbers: list[int]) -> tuple[int, ...]:
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One `>=1.2.0`. `key` is that of the version beside the sign."""

    sign: str
    version: str
    key: Key

    def __str__(self) -> str:
        return f"{self.sign}{self.version}"


@dataclass(frozen=True, slots=True)
class Constraint:
    """Any of `alternatives`, each of which is all of its comparisons. No comparison at all allows everything."""

    alternatives: tuple[tuple[Comparison, ...], ...]

    def __str__(self) -> str:
        """The canonical text; parsing it gives the same constraint."""
        return " || ".join(" ".join(map(str, each)) or "*" for each in self.alternatives)

    @property
    def any(self) -> bool:
        """Whether every version is allowed."""
        return () in self.alternatives

    def allows(self, version: str) -> bool:
        """Whether `version` satisfies it. A text that is no version satisfies only equality with itself, or everything."""
        key = compare_key(version)
        return any(_allows(each, key) for each in self.alternatives)


ANY: Final = Constraint(((),))


def _allows(comparisons: tuple[Comparison, ...], key: Key) -> bool:
    if not comparisons:
        return True
    if key[0] == 0:
        return all(each.sign == "=" and each.key == key for each in comparisons)
    if not key[2] and not any(each.key[1] == key[1] and not each.key[2] for each in comparisons):
        return False
    return all(each.key[0] == 1 and _COMPARE[each.sign](key, each.key) for each in comparisons)


@lru_cache(maxsize=4_096)
def parse_constraint(text: str) -> Constraint:
    """Read a constraint of any dialect. Raises DataError `version.malformed`.

    >>> str(parse_constraint("^1.2")), str(parse_constraint("[1.0,2.0)"))
    ('>=1.2.0 <2.0.0', '>=1.0.0 <2.0.0')
    """
    if len(text) > limits.CONSTRAINT_CHARS:
        raise _malformed(text)
    parts = text.split("||")
    alternatives: list[tuple[Comparison, ...]] = []
    for part in parts:
        word = part.strip()
        if word.startswith(("[", "(")):
            alternatives += _maven(word, text)
        else:
            alternatives += _conjunction(word, text)
    if len(alternatives) > limits.CONSTRAINT_PARTS or any(len(each) > limits.CONSTRAINT_PARTS for each in alternatives):
        raise _malformed(text)
    return ANY if () in alternatives else Constraint(tuple(dict.fromkeys(alternatives)))


@lru_cache(maxsize=4_096)
def is_constraint(text: str) -> bool:
    """Whether `parse_constraint` can read `text`."""
    try:
        parse_constraint(text)
    except DataError:
        return False
    return True


def _malformed(text: str) -> DataError:
    return DataError("version.malformed", text=text[:80])


def _conjunction(part: str, whole: str) -> list[tuple[Comparison, ...]]:
    """Everything between two `||`: one alternative, or two for every `!=` of a range, which has room below and above."""
    if part in _ANY:
        return [()]
    low, dash, high = part.partition(" - ")
    if dash:
        part = f">={low.strip()} <={high.strip()}"
    found: list[list[Comparison]] = [[]]
    for token in _BLANKS_AFTER.sub(r"\1", part.replace(",", " ")).split():
        found = [[*before, *more] for before in found for more in _comparisons(token, whole)]
        if len(found) > limits.CONSTRAINT_PARTS:
            raise _malformed(whole)
    return [tuple(dict.fromkeys(each)) for each in found]


def _comparisons(token: str, whole: str) -> list[list[Comparison]]:
    """One token, which may stand for a range; two lists where it stands for all but a range."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise _malformed(whole)
    sign, version = _SPELLINGS.get(found[1] or "", found[1] or "="), found[2]
    if wild := _WILD.fullmatch(version):
        numbers = [int(number) for number in wild[1].split(".")] if wild[1] else []
        if sign == "!=":
            if not numbers:
                raise _malformed(whole)
            return [[_comparison("<", wild[1])], [_comparison(">=", _above(numbers))]]
        return [_wildcard(sign, numbers)]
    if compare_key(version)[0] == 0:
        if version in _ANY:
            return [[]]
        if sign == "=" and _WORD.fullmatch(word := token.removeprefix(found[1] or "")):
            return [[Comparison("=", word, compare_key(word))]]
        raise _malformed(whole)
    if sign not in ("^", "~"):
        return [[_comparison(sign, version)]]
    match = _VERSION.fullmatch(version)
    numbers = [int(number) for number in match[1].split(".")] if match else []
    upper = _above_caret(numbers) if sign == "^" else _above(numbers[:2])
    return [[_comparison(">=", version), _comparison("<", upper)]]


def _comparison(sign: str, version: str) -> Comparison:
    """With the version in canonical spelling: three numbers at least, no `v`, no build metadata."""
    key = compare_key(version)
    numbers = ".".join(str(number) for number in (*key[1], 0, 0, 0)[: max(len(key[1]), 3)])
    suffix = ".".join(str(part[1]) if part[0] == 0 else part[2] for part in key[3])
    return Comparison(sign, f"{numbers}-{suffix}" if suffix else numbers, key)


def _above(numbers: list[int]) -> str:
    """The first version after all that begin with `numbers`."""
    return ".".join(map(str, [*numbers[:-1], numbers[-1] + 1]))


def _above_caret(numbers: list[int]) -> str:
    """The first version that changes the leftmost number that is not zero."""
    lead = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
    return _above(numbers[: min(lead, 2) + 1])


def _wildcard(sign: str, numbers: list[int]) -> list[Comparison]:
    if not numbers:
        return []
    low, high = ".".join(map(str, numbers)), _above(numbers)
    if sign in (">=", "<"):
        return [_comparison(sign, low)]
    if sign in (">", "<="):
        return [_comparison(">=" if sign == ">" else "<", high)]
    upper = _above_caret(numbers) if sign == "^" else _above(numbers[:2]) if sign == "~" else high
    return [_comparison(">=", low), _comparison("<", upper)]


def _maven(part: str, whole: str) -> list[tuple[Comparison, ...]]:
    """`[1.0,2.0)`, `[1.5]`, `(,2.0]`, and several of them with commas between, of which any may hold."""
    found: list[tuple[Comparison, ...]] = []
    at = 0
    while at < len(part):
        match = _MAVEN.match(part, at)
        if match is None:
            raise _malformed(whole)
        opening, low, comma, high, closing = match.groups()
        if any(version and not is_version(version) for version in (low, high)) or not (comma or low):
            raise _malformed(whole)
        if not comma:
            found.append((_comparison("=", low),))
        else:
            comparisons = [_comparison(">=" if opening == "[" else ">", low)] if low else []
            comparisons += [_comparison("<=" if closing == "]" else "<", high)] if high else []
            found.append(tuple(comparisons))
        rest = part[match.end() :].lstrip()
        if rest and not rest.startswith(","):
            raise _malformed(whole)
        at = len(part) - len(rest.removeprefix(",").lstrip())
    return found
