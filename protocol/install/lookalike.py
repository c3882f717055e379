"""Names that could be taken for another one (SECURITY T13): one typing slip away, or the same once look-alikes are folded.

>>> sorted(lookalikes("skill-cllaw", {"skill-claw", "skill-cat", "ski11-cllaw"}))
['ski11-cllaw', 'skill-claw']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789-._"
_FOLDED: Final = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "-": None, "_": None, ".": None})
SHORTEST: Final = 5  # characters; shorter names are all near each other


def folded(name: str) -> str:
    """The form in which look-alike characters are the same and separators do not count."""
    return name.lower().translate(_FOLDED).replace("rn", "m").replace("vv", "w")


def folded_names(names: Iterable[str]) -> dict[str, set[str]]:
    """Folded form -> names, to be made once for many questions."""
    found: dict[str, set[str]] = {}
    for name in names:
        found.setdefault(folded(name), set()).add(name)
    return found


def lookalikes(name: str, known: Set[str], folds: Mapping[str, Set[str]] | None = None) -> set[str]:
    """The known names that `name` could be meant to be taken for; never itself. One slip is a letter too many, too few,
    another one, or two exchanged (Damerau-Levenshtein distance 1)."""
    if name in known:
        return set()
    low = name.lower()
    same = folded_names(known) if folds is None else folds
    found = set(same.get(folded(low), ()))
    if len(low) >= SHORTEST:
        found |= _slips(low) & known
    return found - {name}


def _slips(name: str) -> set[str]:
    """Every name one slip away; digits at the end that only count something are no slip."""
    cuts = [(name[:at], name[at:]) for at in range(len(name) + 1)]
    gone = {a + b[1:] for a, b in cuts if b}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    other = {a + letter + b[1:] for a, b in cuts if b for letter in _LETTERS if not (b[0] + letter).isdigit()}
    more = {a + letter + b for a, b in cuts for letter in _LETTERS}
    return gone | swapped | other | more
