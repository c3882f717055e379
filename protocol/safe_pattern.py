"""Which regular expressions of strangers are matched at all: short ones that cannot take exponential time.

A repetition may hold another one only when each turn of the outer one begins with a character that the inner ones cannot match,
as in `^[a-z]+(-[a-z]+)*$`; then there is one way to read any text. Everything doubtful is refused with the reason.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from protocol import limits
from protocol.errors import DataError

UNBOUNDED: Final = 3  # repetitions without end in one pattern; the time grows with this power of the text
TEXT_CHARS: Final = 1_000  # of a text that is matched
_MANY: Final = 16  # a repetition up to this often is no repetition without end
_ALL: Final = frozenset(map(chr, range(128))) | {"other"}


def check_pattern(pattern: str, place: str) -> str:
    """Return `pattern` if it may be used. Raises DataError `contract.bad_schema`."""
    if len(pattern) > limits.PATTERN_CHARS:
        raise _bad(place, f"pattern longer than {limits.PATTERN_CHARS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = re._parser.parse(pattern)  # type: ignore[attr-defined]
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise _bad(place, f"pattern: {error}"[:120]) from None
    if _count(tree, place) > UNBOUNDED:
        raise _bad(place, f"pattern with more than {UNBOUNDED} repetitions without end")
    return pattern


def _count(tree: Any, place: str) -> int:
    """Repetitions without end in a parsed pattern; raises for what is refused."""
    found = 0
    for name, value in tree:
        word = str(name)
        if word in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            _, most, body = value
            inner = _count(body, place)
            if int(most) > _MANY:
                if (inner or _branches(body)) and not _is_separated(body):
                    raise _bad(place, "pattern with repetitions inside repetitions")
                found += 1
            elif inner and int(most) > 1:
                raise _bad(place, "pattern with repetitions inside repetitions")
            found += inner if inner and int(most) <= 1 else 0
        elif word == "SUBPATTERN":
            found += _count(value[3], place)
        elif word == "BRANCH":
            found += max((_count(branch, place) for branch in value[1]), default=0)
        elif word == "ATOMIC_GROUP":
            found += _count(value, place)
        elif word in ("GROUPREF", "GROUPREF_EXISTS", "ASSERT", "ASSERT_NOT"):
            raise _bad(place, "pattern that looks around or back")
    return found


def _branches(tree: Any) -> bool:
    return any(str(name) == "BRANCH" or (str(name) == "SUBPATTERN" and _branches(value[3])) for name, value in tree)


def _is_separated(tree: Any) -> bool:
    """Whether each turn begins with a character that nothing repeated inside can match, and nothing branches."""
    parts = _flat(tree)
    if not parts or _branches(tree):
        return False
    first = _characters(*parts[0])
    if first is None:
        return False
    for name, value in parts[1:]:
        if str(name).endswith("REPEAT"):
            inner = _flat(value[2])
            sets = [_characters(*one) for one in inner]
            if any(one is None or one & first for one in sets):
                return False
    return True


def _flat(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for name, value in tree:
        found += _flat(value[3]) if str(name) == "SUBPATTERN" else [(name, value)]
    return found


def _characters(name: Any, value: Any) -> frozenset[str] | None:
    """The characters one part can match (everything beyond ASCII counts as one), None for parts that are no single character."""
    word = str(name)
    if word == "LITERAL":
        return frozenset({chr(value) if value < 128 else "other"})
    if word == "NOT_LITERAL":
        return _ALL - {chr(value)} if value < 128 else _ALL
    if word == "ANY":
        return _ALL
    if word != "IN":
        return None
    found: set[str] = set()
    negated = False
    for kind, what in value:
        if str(kind) == "NEGATE":
            negated = True
        elif str(kind) == "LITERAL":
            found.add(chr(what) if what < 128 else "other")
        elif str(kind) == "RANGE":
            found |= {chr(one) for one in range(what[0], min(what[1], 127) + 1)}
            found |= {"other"} if what[1] > 127 else set()
        else:
            return _ALL  # classes such as \\w: taken for everything
    return (_ALL - found) | {"other"} if negated else frozenset(found)


def _bad(place: str, reason: str) -> DataError:
    return DataError("contract.bad_schema", place=place, reason=reason)
