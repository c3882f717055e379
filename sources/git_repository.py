"""Source `git_repository`: finds scenes, capabilities and skills in configured git repositories.

It follows SECURITY 4 (git safety) and WIRE 3.7. It trusts nothing a repository says: an address and a ref pass the grammar of
`protocol.git_rules`, content is only ever listed and read as bytes, and what it reads speaks for the repository it was fetched
from (`git:<host>/<owner>/<repository>`), pinned to a commit. An unchanged repository costs one question; a changed one is listed
anew, and only files that changed are fetched. Each repository fails alone: the failure stands as a problem of its place ".".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from protocol import limits
from protocol.errors import DataError, OoderError, UnavailableError
from protocol.git_rules import CommitNote, Tip, check_ref, parse_url, read_location
from protocol.items import Confirmation, Problem, Reading, Survey
from protocol.query import Query
from protocol.refs import Kind
from sources.base import Emit
from sources.git_reading import ROOT, SOURCE, Look, Repository, commit_of, root_signature
from sources.ports import Context, Git, GitBounds
from sources.repository_reading import Delivered, deliver, read_changed

_RETRY_FIRST = 30.0  # seconds
_RETRY_MOST = 3_600.0  # seconds


class RepositoryConfig(BaseModel):
    """One repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="https://host/owner/repository, or another scheme that `allow` names")
    ref: str = Field(default="", description="branch, tag or full commit; empty follows the default branch")
    name: str = Field(default="", max_length=limits.NAME_CHARS, description="what people read")
    official: bool = Field(default=False, description="what it says about its own items counts as official")


class Config(BaseModel):
    """Section `sources.git_repository` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repositories: tuple[RepositoryConfig, ...] = Field(
        default=(), max_length=limits.GIT_REPOSITORIES, description="repositories to look into"
    )
    allow: tuple[Literal["https", "ssh", "file", "git", "http"], ...] = Field(
        default=("https",), description="schemes addresses may use; git and http are not protected on the way"
    )
    every: float = Field(default=900.0, ge=10, le=86_400, description="seconds between looks while the node runs")
    parallel: int = Field(default=2, ge=1, le=16, description="repositories looked at together")
    timeout_s: float = Field(default=20.0, gt=0, le=300, description="seconds to wait for an answer")
    transfer_s: float = Field(default=60.0, gt=0, le=3_600, description="seconds one fetch may take")
    max_mib: int = Field(
        default=64, ge=1, le=4_096, description="MiB one fetch may bring; a mirror may hold four times that"
    )
    max_entries: int = Field(
        default=limits.GIT_TREE_ENTRIES, ge=1, le=1_000_000, description="files and folders of one commit"
    )
    ca_file: str = Field(default="", description="certificates of a company's own authority (PEM), for https")

    @model_validator(mode="after")
    def _addresses_hold(self) -> Self:
        try:
            origins = [repository.origin for repository in self.parsed()]
        except OoderError as error:
            raise ValueError(f"{error.text()}. {error.next_step()}") from error
        if twice := {origin for origin in origins if origins.count(origin) > 1}:
            raise ValueError(f"{min(twice)} is configured twice")
        return self

    def parsed(self) -> list[Repository]:
        """The repositories with their addresses read. Raises UsageError `git.bad_url`, `git.scheme_refused`, `git.bad_ref`."""
        return [
            Repository(parse_url(entry.url, self.allow), check_ref(entry.ref) if entry.ref else "", entry.name)
            for entry in self.repositories
        ]

    @property
    def official(self) -> frozenset[str]:
        """Principals the user declared official here; they belong into the trust policy."""
        pairs = zip(self.repositories, self.parsed(), strict=True)
        return frozenset(repository.principal for entry, repository in pairs if entry.official)

    @property
    def bounds(self) -> GitBounds:
        """What the port has to keep to."""
        size = self.max_mib * limits.MIB
        return GitBounds(self.timeout_s, self.transfer_s, size, 4 * size, self.max_entries, self.ca_file)


class Ports(Protocol):
    """What this source needs of the node."""

    @property
    def context(self) -> Context: ...
    def git(self, bounds: GitBounds) -> Git: ...


class Provider:
    """Source `git_repository`."""

    name: ClassVar[str] = SOURCE
    priority: ClassVar[int] = 60
    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.SCENE, Kind.CAPABILITY, Kind.SKILL})
    pushes: ClassVar[bool] = False
    delivers: ClassVar[bool] = True

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config = config
        self._context = ports.context
        self._git = ports.git(config.bounds)
        self._gate = asyncio.Semaphore(config.parallel)
        self._failed: dict[str, OoderError] = {}

    def repositories(self) -> list[Repository]:
        """What is configured, with the owner of repositories on this disk."""
        return [
            Repository(entry.url, entry.ref, entry.name, self._git.local_owner(entry.url))
            for entry in self._config.parsed()
        ]

    @property
    def failed(self) -> Mapping[str, OoderError]:
        """Origins whose last look failed, and why."""
        return self._failed

    async def run(self, emit: Emit) -> None:
        """Look at every repository at its own pace until cancelled; a failing one is asked less and less often."""
        async with asyncio.TaskGroup() as group:
            for repository in self.repositories():
                group.create_task(self._watch(repository, emit))

    async def search(self, query: Query, emit: Emit) -> None:
        """Look at every repository once. The query is left to the index. Raises the first failure if all of them failed."""
        repositories = self.repositories()
        async with asyncio.TaskGroup() as group:
            for repository in repositories:
                group.create_task(self._look_safely(repository, emit))
        errors = [self._failed[repository.origin] for repository in repositories if repository.origin in self._failed]
        if errors and len(errors) == len(repositories):
            raise errors[0]

    async def fetch_tree(self, location: str) -> list[Delivered]:
        """The files of the item at `location` (`git+<url>@<commit>#<folder or file>`), by one batch fetch.

        Raises DataError `git.bad_location`, `git.too_large`, NotFoundError `git.not_in_commit`, and what the port raises.
        """
        url, commit, path = read_location(location, self._config.allow)
        look = Look(Repository(url), await self._git.tree(url, Tip(commit, commit)), 0.0)

        async def fetch(oids: Sequence[str]) -> Mapping[str, bytes | int]:
            return await self._git.blobs(url, commit, oids, limits.ITEM_FILE_BYTES)

        return await deliver(look, path, fetch)

    async def describe(self, location: str) -> CommitNote:
        """Who made the commit a location is pinned to, when and why."""
        url, commit, _ = read_location(location, self._config.allow)
        return await self._git.describe(url, commit)

    # --- One repository ---------------------------------------------------------------------------------------------
    async def _watch(self, repository: Repository, emit: Emit) -> None:
        clock, random = self._context.clock, self._context.random
        await clock.sleep(random.uniform(0, min(5.0, self._config.every)))
        failures = 0
        while True:
            await self._look_safely(repository, emit)
            error = self._failed.get(repository.origin)
            failures = failures + 1 if error else 0
            pause = self._config.every
            if error:
                asked = error.params.get("retry_after")
                retry = float(asked) if isinstance(asked, int | float) else _RETRY_FIRST * 2 ** min(failures - 1, 10)
                pause = min(_RETRY_MOST, retry)
            await clock.sleep(pause * random.uniform(0.9, 1.1))

    async def _look_safely(self, repository: Repository, emit: Emit) -> None:
        """Look once; a failure is kept, and told as a problem of the repository until it is over."""
        async with self._gate:
            try:
                await self._look(repository, emit)
                self._failed.pop(repository.origin, None)
            except OoderError as error:
                self._failed[repository.origin] = error
                self._tell_failure(repository, error, emit)

    def _tell_failure(self, repository: Repository, error: OoderError, emit: Emit) -> None:
        known = self._context.places.known(SOURCE, repository.origin).get(ROOT, "")
        params = {key: value for key, value in error.params.items() if isinstance(value, str | int)}
        problem = Problem(error.code, ROOT, 0, params)
        # The mark "!" makes the next look that works tell that the trouble is over.
        signature = known.removesuffix("!") + "!"
        emit(Reading(SOURCE, repository.origin, ROOT, self._context.clock.wall(), (), (problem,), signature))

    async def _look(self, repository: Repository, emit: Emit) -> None:
        at = self._context.clock.wall()
        known = self._context.places.known(SOURCE, repository.origin)
        tip = await self._tip(repository)
        if tip is None:
            empty = Problem("git.empty", ROOT, 0, {"url": str(repository.url)}, fatal=False)
            emit(Reading(SOURCE, repository.origin, ROOT, at, (), (empty,)))
            emit(Survey(SOURCE, repository.origin, at, frozenset({ROOT})))
            return
        if known.get(ROOT) == root_signature(tip.commit):
            emit(Confirmation(SOURCE, repository.origin, at, len(known)))
            return
        old = commit_of(known.get(ROOT, ""))
        look = Look(repository, await self._git.tree(repository.url, tip), at)

        async def fetch(oids: Sequence[str]) -> Mapping[str, bytes | int]:
            return await self._git.blobs(repository.url, tip.commit, oids, limits.MANIFEST_BYTES)

        places = await read_changed(look, known, fetch, emit, repository.title)
        remarks = look.remarks(old, await self._rewritten(repository, old, tip), tip.ref)
        emit(Reading(SOURCE, repository.origin, ROOT, at, (), remarks, root_signature(tip.commit)))
        emit(Survey(SOURCE, repository.origin, at, frozenset({*places, ROOT})))

    async def _tip(self, repository: Repository) -> Tip | None:
        if len(repository.ref) in (40, 64) and not repository.ref.strip("0123456789abcdef"):
            return Tip(repository.ref, repository.ref)
        return await self._git.tip(repository.url, repository.ref)

    async def _rewritten(self, repository: Repository, old: str, tip: Tip) -> bool | None:
        """Whether `old`, which was seen before, is gone from the history; None when nobody can say."""
        if not old or old == tip.commit:
            return False
        try:
            return await self._git.rewritten(repository.url, old, tip.commit)
        except (UnavailableError, DataError):  # the files are known by now
            return None


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
