"""A total order over versions as written, for ranking claims. Constraints are another matter (`protocol.versions`).

`v` and build metadata are ignored, missing numbers are zero (3.0 = 3.0.0), a pre-release is before its release, and what is
no version at all is before every version.

>>> version_key("1.10") > version_key("v1.9.0") > version_key("1.9-rc.1") > version_key("latest")
True
"""

from __future__ import annotations

import re
from functools import lru_cache

VersionKey = tuple[int, tuple[int, ...], int, tuple[tuple[int, int, str], ...]]

_FORM = re.compile(r"[vV]?(\d{1,18}(?:\.\d{1,18}){0,15})(?:-?([0-9A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.+-]*)?")
_NONE: VersionKey = (0, (), 0, ())


@lru_cache(maxsize=65_536)
def version_key(text: str) -> VersionKey:
    """A key that sorts versions; equal for versions that mean the same."""
    match = _FORM.fullmatch(text)
    if match is None:
        return _NONE
    numbers = [int(part) for part in match[1].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    if match[2] is None:
        return (1, tuple(numbers), 1, ())
    return (1, tuple(numbers), 0, tuple(_pre_release_part(part) for part in match[2].split(".")))


def same_version(left: str, right: str) -> bool:
    """Whether both name the same release. Texts that are no versions are the same only when equal."""
    if left == right:
        return True
    key = version_key(left)
    return key[0] == 1 and key == version_key(right)


def _pre_release_part(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
