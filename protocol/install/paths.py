"""Names inside packages: which ones may become files on any disk (SECURITY 3.3).

An allow-list in effect: a name that two file systems, two archive tools or two people could read differently is refused.
"""

from __future__ import annotations

import unicodedata

from protocol import limits
from protocol.errors import DataError

_FORBIDDEN = frozenset('\\:*?"<>|')
_DEVICES = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        "conin$",
        "conout$",
        *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"),
    }
)
_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def shown(name: str) -> str:
    """A member name as it may be shown: ASCII, bounded, everything else escaped.

    >>> shown("a\\nb")
    'a\\\\nb'
    """
    return ascii(name[: limits.NAME_CHARS])[1:-1]


def check_member(name: str) -> tuple[str, ...]:
    """The parts of a member's name, a single leading "./" and a trailing "/" taken off; () for the root itself.

    Raises DataError with one of the codes `unpack.absolute`, `traversal`, `name_empty`, `bad_character`, `not_nfc`,
    `reserved_name`, `trailing_dot`, `git_name`, `name_too_long`, `too_deep`.
    """
    if name in (".", "./"):
        return ()
    if name.startswith("/"):
        raise DataError("unpack.absolute", member=shown(name))
    parts = tuple(name.removeprefix("./").removesuffix("/").split("/"))
    if len(parts) > limits.FOLDER_DEPTH + 1:
        raise DataError("unpack.too_deep", member=shown(name), limit=limits.FOLDER_DEPTH)
    for part in parts:
        _check_part(part, name)
    return parts


def _check_part(part: str, name: str) -> None:
    member = shown(name)
    if not part:
        raise DataError("unpack.name_empty", member=member)
    if part in (".", ".."):
        raise DataError("unpack.traversal", member=member)
    if part.isascii() and part.replace("-", "").replace("_", "").replace(".", "").isalnum():
        plain = True
    else:
        plain = False
        for char in part:
            if char in _FORBIDDEN or unicodedata.category(char) in _CATEGORIES:
                raise DataError("unpack.bad_character", member=member, character=f"U+{ord(char):04X}")
        if not unicodedata.is_normalized("NFC", part):
            raise DataError("unpack.not_nfc", member=member)
    if len(part.encode()) > limits.PATH_PART_BYTES:
        raise DataError("unpack.name_too_long", member=member, limit=limits.PATH_PART_BYTES)
    if part[-1] in ". ":
        raise DataError("unpack.trailing_dot", member=member)
    folded = part.lower() if plain else folded_part(part)
    if folded.partition(".")[0].rstrip() in _DEVICES:
        raise DataError("unpack.reserved_name", member=member, part=shown(part))
    if folded == ".git" or folded.startswith("git~"):
        raise DataError("unpack.git_name", member=member, part=shown(part))


def folded_part(part: str) -> str:
    """The form under which two names are the same file on some disk: NFKC and case folding, to a fixed point."""
    once = unicodedata.normalize("NFKC", part).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


class Names:
    """The names a package has used so far, so that no two of them can be one file, and no file can be a folder."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[str, bool]] = {}  # folded path -> path as first seen, whether it is a folder

    def add(self, parts: tuple[str, ...], *, folder: bool) -> None:
        """Take a name. Naming the same folder again is fine. Raises DataError `unpack.collision`."""
        path = folded = ""
        for depth, part in enumerate(parts, 1):
            path = f"{path}/{part}" if path else part
            folded = f"{folded}/{folded_part(part)}" if folded else folded_part(part)
            is_folder = folder or depth < len(parts)
            old = self._used.get(folded)
            if old is None:
                self._used[folded] = (path, is_folder)
            elif not is_folder or old != (path, True):
                raise DataError("unpack.collision", member=shown("/".join(parts)), other=shown(old[0]))
