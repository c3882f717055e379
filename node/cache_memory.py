"""Reading the cache tree back: what this node once heard, with the times and evidence of then.

The cache has no authority of its own (SECURITY T11). Each sighting keeps its recorded source, origin, principal, evidence and
times and is marked as relayed by the cache; what another user could have written here becomes hearsay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from node.cache_state import read_state
from node.cache_tree import PROVENANCE, STATE
from node.io.files import read_files, walk
from protocol import limits
from protocol.cache_documents import PLACES
from protocol.errors import DataError
from protocol.items import Channel, Problem, Reading, Sighting
from protocol.provenance import decode_provenance
from sources.folders import Content, FoundFile

_CHUNK = 256


def read_cache(cache: Path, wanted: Collection[tuple[str, str]] | None = None) -> Iterator[Reading]:
    """Everything the tree remembers (of the `wanted` (source, origin) pairs), under its own source, origin and place, sorted.

    A record that cannot be used is a `Reading` of `local_fs` with a problem. Blocks; needs memory for all of it.
    """
    confirmed = read_state(cache / STATE).origins
    look = walk(cache, only=frozenset(place.folder for place in PLACES.values()))
    files = [file for file in look.files if file.path.count("/") == 2 and file.path.endswith("/" + PROVENANCE)]
    found: dict[tuple[str, str, str], list[Sighting]] = {}
    for file, content in _contents(cache, files):
        try:
            sightings = decode_provenance(content.data, confirmed) if not content.problem else ()
        except DataError as error:
            content = replace(content, problem=_damaged(file, error.text()))
            sightings = ()
        if content.problem:
            yield Reading("local_fs", cache.as_uri(), file.path, 0.0, problems=(content.problem,))
        for sighting in sightings:
            if wanted is None or (sighting.source, sighting.origin) in wanted:
                key = (sighting.source, sighting.origin, sighting.place)
                found.setdefault(key, []).append(sighting if file.own else _as_hearsay(sighting))
    for source, origin, place in sorted(found):
        group = found.pop((source, origin, place))
        yield Reading(source, origin, place, max(sighting.seen_at for sighting in group), tuple(group))


class CacheMemory:
    """The port `sources.local_fs.Memory` over the cache tree."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    async def origins(self) -> Sequence[tuple[str, str]]:
        return list((await asyncio.to_thread(read_state, self._cache / STATE)).origins)

    async def readings(self, origins: Sequence[tuple[str, str]]) -> Sequence[Reading]:
        return await asyncio.to_thread(lambda: list(read_cache(self._cache, frozenset(origins))))


def _contents(cache: Path, files: Sequence[FoundFile]) -> Iterator[tuple[FoundFile, Content]]:
    for start in range(0, len(files), _CHUNK):
        chunk = files[start : start + _CHUNK]
        contents = read_files(cache, [file.path for file in chunk], limits.PROVENANCE_BYTES)
        yield from zip(chunk, contents, strict=True)


def _as_hearsay(sighting: Sighting) -> Sighting:
    return replace(sighting, evidence=replace(sighting.evidence, channel=Channel.HEARSAY))


def _damaged(file: FoundFile, reason: str) -> Problem:
    return Problem("folder.cache_damaged", file.path, 0, {"reason": reason})
