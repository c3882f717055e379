"""Reading what changed in one commit, whoever brings its files: the part that git and the forges share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.errors import DataError, NotFoundError
from protocol.git_rules import clean
from protocol.items import Progress
from sources.base import Emit
from sources.git_reading import Contents, Look

Fetch = Callable[[Sequence[str]], Awaitable[Contents]]
"""Object ids in, contents out: all that are not here yet in as few questions as possible."""

_CHUNK_FILES: Final = 32  # manifests read before others get their turn


async def read_changed(look: Look, known: Mapping[str, str], fetch: Fetch, emit: Emit, title: str) -> set[str]:
    """Read what is new or different from the signatures `known`, then what that pulls in; the places of all manifests that stand."""
    # A place known from before but no manifest by name was pulled in by an index, which may not have changed.
    places = {*look.manifests(), *(place for place in known if place in look.tree.files)}
    todo = [place for place in sorted(places) if known.get(place) != look.signature(place)]
    while todo:
        included = await _read(look, todo, fetch, emit, title)
        todo = sorted(included - places)
        places |= included
    return places


async def _read(look: Look, todo: Sequence[str], fetch: Fetch, emit: Emit, title: str) -> set[str]:
    contents = await fetch(look.wanted(todo))
    included: set[str] = set()
    for done, place in enumerate(todo, start=1):
        reading, includes = look.reading(place, contents)
        emit(reading)
        included.update(includes)
        if done % _CHUNK_FILES == 0 or done == len(todo):
            emit(Progress(look.source, done, len(todo), title))
            await asyncio.sleep(0)
    return included


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file of an item: path relative to the item's folder."""

    path: str
    executable: bool
    data: bytes


async def deliver(look: Look, path: str, fetch: Fetch) -> list[Delivered]:
    """The files of the item at `path` (a folder, "" for all, or one file).

    Raises DataError `git.too_large`, `git.too_many_files`, NotFoundError `git.not_in_commit`, and what `fetch` raises.
    """
    tree, url = look.tree, str(look.repository.url)
    inside = (path,) if path in tree.files else look.below(path)
    if not inside:
        raise NotFoundError("git.not_in_commit", path=clean(path, 200), commit=tree.commit, url=url)
    if len(inside) > limits.ITEM_FILES:
        raise DataError("git.too_many_files", limit=limits.ITEM_FILES)
    contents = await fetch([tree.files[file].oid for file in inside])
    start = len(path.rpartition("/")[0] if path in tree.files else path)
    found = []
    for file in inside:
        data = contents.get(tree.files[file].oid)
        if not isinstance(data, bytes):
            raise DataError("git.too_large", url=url, limit=limits.ITEM_FILE_BYTES // limits.MIB)
        found.append(Delivered(file[start:].lstrip("/"), tree.files[file].executable, data))
    return found
