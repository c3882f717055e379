"""One look at one repository of a forge: what changed is read by a few requests, or through the git mirror; nothing changed, nothing asked.

It guarantees: what was known stays known when a look fails; a repository whose last push, ids, name and counts are as remembered is
only confirmed; content is what its object id says. It leaves to others: which repositories there are, and when to stop asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError
from protocol.forge.memory import (
    FAILED,
    ROOT,
    TAGS,
    Memory,
    decode_memory,
    encode_memory,
    failed,
    mark_of,
    note_tags,
    oddities,
)
from protocol.git_rules import Tip, Tree
from protocol.items import Problem, Reading, Survey
from sources.base import Emit
from sources.forge_client import ForgeClient
from sources.forge_look import ForgeLook, Hosted
from sources.forge_settings import Config
from sources.git_reading import Contents
from sources.ports import Context, Git
from sources.repository_reading import Fetch, read_changed

_BLOBS_TOGETHER: Final = 4


@dataclass(frozen=True, slots=True)
class Tools:
    """What every look of one source shares."""

    source: str
    config: Config
    context: Context
    git: Git

    def known(self, origin: str) -> Mapping[str, str]:
        return self.context.places.known(self.source, origin)


def recall(hosted: Hosted, tools: Tools) -> tuple[Hosted, Memory]:
    """With the ids it had at first, and what is remembered of the last look."""
    memory = decode_memory(tools.known(hosted.origin).get(ROOT, ""))
    first = hosted.expected if hosted.expected == hosted.repo.ids else memory.first
    return replace(hosted, first=first or hosted.repo.ids), memory


def memory_of(hosted: Hosted, commit: str) -> Memory:
    """What is worth remembering of this look."""
    repo = hosted.repo
    branch = hosted.ref or repo.branch
    mark = mark_of(repo) + ("" if hosted.named else " found")  # more is read of one that somebody names later
    return Memory(commit, repo.changed, branch, repo.ids, hosted.first, repo.name, mark)


def is_unchanged(hosted: Hosted, memory: Memory) -> bool:
    """Whether nothing need be asked: the forge says when it was pushed to, and all of it is as remembered."""
    return bool(memory.commit and hosted.repo.changed) and memory == memory_of(hosted, memory.commit)


def tell_failure(origin: str, error: OoderError, tools: Tools, emit: Emit) -> None:
    """A failed look, as a problem of the repository until it is over."""
    params = {key: value for key, value in error.params.items() if isinstance(value, str | int)}
    signature = failed(tools.known(origin).get(ROOT, ""))
    problem = Problem(error.code, ROOT, 0, params)
    emit(Reading(tools.source, origin, ROOT, tools.context.clock.wall(), (), (problem,), signature))


class RepositoryLook:
    """One look. `hosted` comes from `recall`. With `by_git` nothing but git is asked, which costs no allowance; tags stay as known."""

    def __init__(
        self, hosted: Hosted, memory: Memory, client: ForgeClient, tools: Tools, emit: Emit, *, by_git: bool = False
    ) -> None:
        self._hosted, self._memory, self._by_git = hosted, memory, by_git
        self._client, self._tools, self._emit = client, tools, emit
        self._at = tools.context.clock.wall()
        self._known = tools.known(hosted.origin)

    async def run(self) -> None:
        """Look and tell. Raises OoderErrors; what was told before one stays."""
        hosted, memory = self._hosted, self._memory
        if is_unchanged(hosted, memory):
            if self._known.get(ROOT, "").endswith(FAILED):
                self._tell_root(memory.commit, ())
            self._survey(frozenset(self._known))
            return
        try:
            commit = await self._head()
        except (DataError, NotFoundError) as error:
            if error.code == "forge.empty" or (hosted.repo.empty and error.code == "forge.not_found"):
                self._tell_root("", (Problem("forge.empty", ROOT, 0, {"name": hosted.repo.name}, fatal=False),))
                self._survey(frozenset({ROOT}))
                return
            raise
        if memory == replace(memory_of(hosted, commit), changed=memory.changed):
            places = set(self._known) - {ROOT, TAGS}
            remarks: tuple[Problem, ...] = ()
        else:
            look = ForgeLook(hosted, await self._tree(commit), self._at, self._tools.source)
            places = await read_changed(look, self._known, self._fetcher(commit), self._emit, hosted.title)
            remarks = look.remarks("", False, "")
        tagged = await self._tags()
        self._tell_root(commit, remarks)
        self._survey(frozenset({*places, ROOT, *tagged}))

    def _tell_root(self, commit: str, remarks: tuple[Problem, ...]) -> None:
        hosted = self._hosted
        odd = oddities(hosted.repo, hosted.asked, hosted.first, hosted.expected)
        signature = encode_memory(memory_of(hosted, commit))
        self._emit(Reading(self._tools.source, hosted.origin, ROOT, self._at, (), (*odd, *remarks), signature))

    def _survey(self, places: frozenset[str]) -> None:
        self._emit(Survey(self._tools.source, self._hosted.origin, self._at, places))

    # --- Asking -----------------------------------------------------------------------------------------------------
    async def _head(self) -> str:
        hosted = self._hosted
        if not self._by_git:
            return (await self._client.head(hosted.repo.name, hosted.ref or hosted.repo.branch or "HEAD")).commit
        tip = await self._tools.git.tip(hosted.url, hosted.ref)
        if tip is None:
            raise DataError("forge.empty", name=hosted.repo.name)
        return tip.commit

    async def _tree(self, commit: str) -> Tree:
        if not self._by_git:
            try:
                return await self._client.tree(self._hosted.repo.name, commit)
            except DataError as error:
                if error.code != "forge.tree_too_large":
                    raise
        return await self._tools.git.tree(self._hosted.url, Tip(commit, commit))

    async def _tags(self) -> tuple[str, ...]:
        """Remember where tags are and tell which moved; when they cannot be had, what was known of them stays."""
        kept = (TAGS,) if TAGS in self._known else ()
        if self._by_git:
            return kept
        try:
            tags = await self._client.tags(self._hosted.repo.name)
        except OoderError as error:
            if error.code in ("forge.rate_limited", "http.rate_limited", "http.resting"):
                raise
            return kept
        signature, remarks = note_tags(self._known.get(TAGS, ""), tags)
        if signature != self._known.get(TAGS):
            self._emit(Reading(self._tools.source, self._hosted.origin, TAGS, self._at, (), remarks, signature))
        return (TAGS,)

    def _fetcher(self, commit: str) -> Fetch:
        async def fetch(oids: Sequence[str]) -> Contents:
            if self._by_git or len(oids) > self._tools.config.blobs:
                try:
                    return await self._tools.git.blobs(self._hosted.url, commit, oids, limits.MANIFEST_BYTES)
                except OoderError:
                    if not self._may_ask(len(oids)):
                        raise
            return await fetch_blobs(self._client, self._hosted.repo.name, oids, limits.MANIFEST_BYTES)

        return fetch

    def _may_ask(self, requests: int) -> bool:
        """Whether the API may be asked so often where git could not help."""
        left = self._client.allowance
        return not self._by_git and (left is None or left.left >= requests + self._tools.config.reserve)


async def fetch_blobs(client: ForgeClient, name: str, oids: Sequence[str], most: int) -> Contents:
    """Files by the API, a few at a time; what the forge has not is left out. Raises the first other error."""
    found: dict[str, bytes | int] = {}
    errors: list[OoderError] = []
    gate = asyncio.Semaphore(_BLOBS_TOGETHER)

    async def one(oid: str) -> None:
        async with gate:
            if errors:
                return
            try:
                found[oid] = await client.blob(name, oid, most)
            except NotFoundError:
                return
            except OoderError as error:
                errors.append(error)

    async with asyncio.TaskGroup() as group:
        for oid in dict.fromkeys(oids):
            group.create_task(one(oid))
    if errors:
        raise errors[0]
    return found
