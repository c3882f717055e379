"""What is remembered of one repository between two looks, and what is odd about it now (SECURITY T9).

The memory of a repository is the signature of its place `.`, that of its tags the signature of the place `./tags`; both are kept by
the index like every signature. A name that comes to belong to somebody else, a repository that was made anew under its old name,
a rename and a tag that was moved are told as long as they last, and the first ids are never forgotten by themselves: only naming
the new ids in the settings ends the remark.

>>> before = Memory("c" * 40, ids="1/2", first="1/2")
>>> decode_memory(encode_memory(before)) == before
True
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.forge.answers import Repo
from protocol.items import Problem

ROOT: Final = "."
"""The place that stands for the repository itself."""

TAGS: Final = "./tags"
"""The place that stands for its tags; no file of a repository can be called so."""

FAILED: Final = "!"
"""Mark of a memory whose last look failed: the next one that works tells that the trouble is over."""

_FORMAT: Final = "1"
_MOVED_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Memory:
    """`changed` is what the forge said of the last push, `ids` who it was then, `first` who it was at first, `mark` what was shown
    of its counts."""

    commit: str = ""
    changed: str = ""
    branch: str = ""
    ids: str = ""
    first: str = ""
    name: str = ""
    mark: str = ""


def encode_memory(memory: Memory) -> str:
    """As a signature; the twin of `decode_memory`."""
    row = [
        memory.commit, memory.changed, memory.branch, memory.ids, memory.first, memory.name, memory.mark
    ]  # fmt: skip
    return _FORMAT + json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def decode_memory(signature: str) -> Memory:
    """Nothing is remembered of a signature that nobody wrote like this."""
    row = _read(signature)
    if not isinstance(row, list) or len(row) != 7 or not all(isinstance(text, str) for text in row):
        return Memory()
    return Memory(*row)


def failed(signature: str) -> str:
    """The signature after a look that failed: what was known stays known."""
    return signature.removesuffix(FAILED) + FAILED


def mark_of(repo: Repo) -> str:
    """What is worth telling anew of counts and words: figures to two places, so that a star more costs nothing.

    >>> mark_of(Repo("a/b", "2", "1", "a", stars=1234, forks=7))
    '1200 7 '
    """
    return f"{_rounded(repo.stars)} {_rounded(repo.forks)} {'archived' if repo.archived else ''}"


def _rounded(count: int) -> int:
    unit = int("1" + "0" * (len(str(count)) - 2))
    return count // unit * unit


def oddities(repo: Repo, asked: str, first: str, expected: str) -> tuple[Problem, ...]:
    """What is odd about a repository that was asked for as `asked` and had the ids `first`; the settings expect `expected` ("" = any)."""
    found = []
    owner, _, number = (expected or first).partition("/")
    if owner and owner != repo.owner_id:
        params = {"name": repo.name, "old": owner, "new": repo.owner_id, "ids": repo.ids}
        found.append(Problem("forge.owner_changed", ROOT, 0, params, fatal=False))
    elif number and number != repo.repo_id:
        params = {"name": repo.name, "old": number, "new": repo.repo_id, "ids": repo.ids}
        found.append(Problem("forge.repository_replaced", ROOT, 0, params, fatal=False))
    if asked.lower() != repo.name.lower():
        found.append(Problem("forge.renamed", ROOT, 0, {"old": asked, "new": repo.name}, fatal=False))
    if repo.archived:
        found.append(Problem("forge.archived", ROOT, 0, {"name": repo.name}, fatal=False))
    return tuple(found)


def is_taken_over(repo: Repo, first: str, expected: str) -> bool:
    """Whether the name leads to somebody or something else than it did: then nothing that was granted to the name counts for it."""
    known = expected or first
    return bool(known) and known != repo.ids


# --- Tags -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class TagMemory:
    """Tag -> commit (12 digits of it), and the tags that were moved: tag -> (old, new)."""

    tags: Mapping[str, str]
    moved: Mapping[str, tuple[str, str]]


def note_tags(signature: str, tags: Mapping[str, str]) -> tuple[str, tuple[Problem, ...]]:
    """The new signature of the place of tags, and a remark for each tag that is not where it was first seen.

    A tag that went away keeps its place in memory: when it comes back elsewhere, it was moved. The oldest memories go first.
    """
    before = _decode_tags(signature)
    now = {name: commit[:12] for name, commit in tags.items()}
    moved = dict(before.moved)
    for name, commit in now.items():
        old = before.tags.get(name, commit)
        if name in moved:
            old = moved[name][0]
        if old == commit:
            moved.pop(name, None)
        else:
            moved[name] = (old, commit)
    kept = {name: old for name, old in before.tags.items() if name not in now}
    all_tags = dict(list({**kept, **now}.items())[-limits.FORGE_TAGS :])
    moved = dict(list(moved.items())[-_MOVED_KEPT:])
    remarks = tuple(
        Problem("forge.tag_moved", TAGS, 0, {"tag": name, "old": old, "new": new}, fatal=False)
        for name, (old, new) in moved.items()
    )
    row = [all_tags, {name: list(pair) for name, pair in moved.items()}]
    return _FORMAT + json.dumps(row, ensure_ascii=False, separators=(",", ":")), remarks


def _decode_tags(signature: str) -> TagMemory:
    row = _read(signature)
    if not (isinstance(row, list) and len(row) == 2 and all(isinstance(one, dict) for one in row)):
        return TagMemory({}, {})
    tags = {name: commit for name, commit in row[0].items() if isinstance(commit, str)}
    moved = {name: (pair[0], pair[1]) for name, pair in row[1].items() if isinstance(pair, list) and len(pair) == 2}
    return TagMemory(tags, moved)


def _read(signature: str) -> object:
    text = signature.removesuffix(FAILED)
    if not text.startswith(_FORMAT):
        return None
    try:
        return json.loads(text[len(_FORMAT) :])
    except (ValueError, RecursionError):
        return None
