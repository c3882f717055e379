"""One look at one forge: what is configured first, then owners, then searches; each repository by itself, unchanged ones for nothing.

It guarantees: a repository that fails costs only itself and stays as it was known; a spent allowance ends the look, and the rest
waits for the next one; repositories found by lists leave `reserve` requests of the allowance to those a person named, and go through
git alone by then, or wait; no new repository is begun after `seconds`. It leaves to others: addresses and answers (`protocol.forge`), pacing and retries (the HTTP port).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from protocol import limits
from protocol.errors import OoderError
from protocol.forge.answers import Repo
from protocol.forge.dialects import Sort, Wanted
from protocol.query import Query
from sources.base import Emit
from sources.forge_client import ForgeClient
from sources.forge_look import Hosted, origin_of
from sources.forge_repository import RepositoryLook, Tools, is_unchanged, recall, tell_failure
from sources.forge_settings import RepositoryConfig, ServerSettings

LIMITS: Final = frozenset({"forge.rate_limited", "http.rate_limited", "http.resting"})
"""Errors after which nothing else need be asked of a forge now."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Outcome:
    """How a look at one forge went: lists and repositories that worked, those left for the next look (`is_low`: to save the
    allowance), what ended it early, what failed."""

    good: int = 0
    waiting: int = 0
    is_low: bool = False
    ended: OoderError | None = None
    errors: list[OoderError] = field(default_factory=list)


class ServerLook:
    """One look. Make a new one for the next."""

    def __init__(self, client: ForgeClient, settings: ServerSettings, tools: Tools, emit: Emit) -> None:
        self.outcome = Outcome()
        self._client, self._settings, self._tools, self._emit = client, settings, tools, emit
        self._gate = asyncio.Semaphore(tools.config.parallel)
        self._until = tools.context.clock.loop() + tools.config.seconds
        self._seen: set[str] = set()

    async def run(self, query: Query) -> Outcome:
        """Look; what went wrong is in the outcome."""
        config = self._tools.config
        self._client.skipped = 0
        await self._all(self._configured, self._settings.repositories)
        forge = self._client.forge
        for owner in self._settings.owners:
            owned = await self._list(self._client.owned(owner, config.pages))
            await self._all(self._found, [Hosted(forge, repo, repo.name) for repo in owned])
        found = []
        for wanted in self._searches(query):
            found += await self._list(self._client.search(wanted, config.sort, config.pages))
        if config.sort is Sort.STARS:
            found.sort(key=lambda repo: (-repo.stars, repo.name))
        await self._all(self._found, [Hosted(forge, repo, repo.name, named=False) for repo in found[: config.most]])
        return self.outcome

    def _searches(self, query: Query) -> list[Wanted]:
        if query.text.strip():
            return [Wanted(text=query.text.strip()[: limits.QUERY_CHARS])]
        topics = [Wanted(topic=topic) for topic in self._settings.topics]
        return topics + [Wanted(text=words) for words in self._settings.words]

    async def _list(self, rows: AsyncIterator[Repo]) -> list[Repo]:
        """What a list names and nothing named before, as far as it goes."""
        found: list[Repo] = []
        if self._is_over():
            return found
        try:
            async for repo in rows:
                if repo.ids not in self._seen:
                    self._seen.add(repo.ids)
                    found.append(repo)
            self.outcome.good += 1
        except OoderError as error:
            self._note(error)
        return found

    async def _all(self, act: Callable[[_T], Awaitable[None]], subjects: Iterable[_T]) -> None:
        async def one(subject: _T) -> None:
            async with self._gate:
                if self._is_over():
                    self.outcome.waiting += 1
                else:
                    await act(subject)

        async with asyncio.TaskGroup() as group:
            for subject in subjects:
                group.create_task(one(subject))

    def _is_over(self) -> bool:
        return self.outcome.ended is not None or self._tools.context.clock.loop() > self._until

    def _note(self, error: OoderError) -> bool:
        """Keep an error; whether it is about the whole forge."""
        self.outcome.errors.append(error)
        if error.code in LIMITS:
            self.outcome.ended = error
        return error.code in LIMITS

    # --- One repository ---------------------------------------------------------------------------------------------
    async def _configured(self, wanted: RepositoryConfig) -> None:
        origin = origin_of(self._client.forge, wanted.name, wanted.ref)
        try:
            repo = await self._client.repository(wanted.name)
            self._seen.add(repo.ids)
            hosted = Hosted(self._client.forge, repo, wanted.name, wanted.ref, wanted.ids)
            await self._look(hosted, spare=False)
        except OoderError as error:
            if self._note(error):
                self.outcome.waiting += 1
            else:
                tell_failure(origin, error, self._tools, self._emit)

    async def _found(self, hosted: Hosted) -> None:
        try:
            await self._look(hosted, spare=True)
        except OoderError as error:
            if self._note(error):
                self.outcome.waiting += 1
            else:
                tell_failure(hosted.origin, error, self._tools, self._emit)

    async def _look(self, hosted: Hosted, *, spare: bool) -> None:
        """Look; with `spare` only while the allowance is more than `reserve`, else through git."""
        hosted, memory = recall(hosted, self._tools)
        left = self._client.allowance
        is_low = left is not None and left.left <= self._tools.config.reserve
        by_git = is_low and spare and not is_unchanged(hosted, memory)
        look = RepositoryLook(hosted, memory, self._client, self._tools, self._emit, by_git=by_git)
        try:
            await look.run()
            self.outcome.good += 1
        except OoderError:
            if not by_git:
                raise
            self.outcome.waiting += 1
            self.outcome.is_low = True
