"""One forge on the other side of HTTP: asks, reads refusals, counts what is left of the allowance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError
from protocol.forge.answers import (
    Allowance,
    Head,
    Repo,
    Repos,
    read_allowance,
    read_blob,
    read_head,
    read_repo,
    read_repos,
    read_tags,
    read_tree,
)
from protocol.forge.dialects import Forge, Sort, Wanted
from protocol.forge.refusals import STATUSES, read_refusal, refusal_error
from protocol.forge.trees import TreeWalk
from protocol.git_rules import Tree
from protocol.http.exchange import HttpRequest
from protocol.http.json_body import read_body
from sources.ports import Clock, Http

_SMALL = 256 * limits.KIB  # bytes of JSON read without leaving the loop


@dataclass(frozen=True, slots=True)
class Answer:
    """A read answer."""

    value: object
    heads: Mapping[str, str]


class ForgeClient:
    """All methods raise OoderErrors only: those of `sources.ports.Http`, and `forge.*`."""

    def __init__(self, forge: Forge, http: Http, clock: Clock) -> None:
        self.forge = forge
        self.allowance: Allowance | None = None
        """As the last answer said, searches apart; None where a forge does not count."""
        self.calls = 0
        self.skipped = 0
        """Rows of lists that could not be read."""
        self._http = http
        self._clock = clock

    async def repository(self, name: str) -> Repo:
        """One repository; one request, which costs nothing while nothing changed."""
        answer = await self._get(self.forge.repository(name), name)
        return read_repo(answer.value)

    async def head(self, name: str, ref: str) -> Head:
        """The commit of a branch, tag or commit. Raises also DataError `forge.empty`."""
        answer = await self._get(self.forge.commit(name, ref), name)
        if answer.value == []:
            raise DataError("forge.empty", name=name)
        return read_head(answer.value)

    async def tree(self, name: str, commit: str) -> Tree:
        """All that a commit contains, in one request as a rule. Raises also DataError `forge.tree_too_large`."""
        walk = TreeWalk(commit)
        while (ask := walk.next()) is not None:
            url = self.forge.tree(name, ask.oid, folded=ask.folded, page=ask.page)
            answer = await self._get(url, name)
            walk.take(ask, read_tree(answer.value, answer.heads))
        return walk.tree()

    async def blob(self, name: str, oid: str, most: int) -> bytes | int:
        """One file, or its size when that is over `most` bytes."""
        return read_blob((await self._get(self.forge.blob(name, oid), name)).value, oid, most)

    async def tags(self, name: str) -> dict[str, str]:
        """Tag -> commit, at most `limits.FORGE_TAGS`."""
        found: dict[str, str] = {}
        more, page = True, 1
        while more and len(found) < limits.FORGE_TAGS and page <= limits.FORGE_PAGES:
            answer = await self._get(self.forge.tags(name, page), name)
            rows, more = read_tags(answer.value, answer.heads)
            found.update(rows)
            page += 1
        return found

    async def search(self, wanted: Wanted, sort: Sort, pages: int) -> AsyncIterator[Repo]:
        """What a search finds, best first, without doubles."""
        name = wanted.topic or wanted.text
        seen: set[str] = set()
        for page in range(1, pages + 1):
            found = self._page(await self._get(self.forge.search(wanted, sort, page), name))
            for repo in found.rows:
                if repo.ids not in seen:
                    seen.add(repo.ids)
                    yield repo
            if not found.more:
                return

    async def owned(self, owner: str, pages: int) -> AsyncIterator[Repo]:
        """What an owner has, most recently pushed first. Raises NotFoundError `forge.not_found`."""
        sort = 0
        for page in range(1, pages + 1):
            routes = self.forge.owned(owner, page)
            while True:
                try:
                    found = self._page(await self._get(routes[sort], owner))
                    break
                except NotFoundError:  # a user here may be an organisation there
                    sort += 1
                    if page > 1 or sort == len(routes):
                        raise
            for repo in found.rows:
                yield repo
            if not found.more:
                return

    def _page(self, answer: Answer) -> Repos:
        found = read_repos(answer.value, answer.heads)
        self.skipped += found.skipped
        return found

    async def _get(self, url: str, what: str) -> Answer:
        self.calls += 1
        asked = HttpRequest(url, heads=dict(self.forge.dialect.heads), most=limits.FORGE_BODY_BYTES, answers=STATUSES)
        answer = await self._http.ask(asked)
        found = read_allowance(answer.heads)
        if found is not None and found.is_general:
            self.allowance = found
        if answer.status in STATUSES:
            raise self._refusal(answer.status, answer.heads, answer.body, what)
        if len(answer.body) <= _SMALL:
            return Answer(read_body(answer.body), answer.heads)
        return Answer(await asyncio.to_thread(read_body, answer.body), answer.heads)

    def _refusal(self, status: int, heads: Mapping[str, str], body: bytes, what: str) -> OoderError:
        try:
            said: object = read_body(body[: 64 * limits.KIB])
        except DataError:
            said = None
        kind, pause, words = read_refusal(status, heads, said, self._clock.wall())
        return refusal_error(kind, pause, words, what, self.forge.host)
