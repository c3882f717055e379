"""Settings of the forge sources: what to look at on the public forge, and on others of the same or another kind."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from protocol import limits
from protocol.errors import DataError, OoderError, UsageError
from protocol.forge.dialects import DIALECTS, Forge, Sort, check_name, check_owner
from protocol.git_rules import check_ref, clean
from protocol.http.exchange import HttpBounds, read_target

TOPICS = ("ooder-skill", "ooder-scene", "agent-skills")


def _named(value: Any) -> Any:
    """`owner/name` alone is a repository too."""
    return {"name": value} if isinstance(value, str) else value


class RepositoryConfig(BaseModel):
    """One repository; `owner/name` alone will do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="owner/name")
    ref: str = Field(default="", description="branch, tag or commit; empty follows the default branch")
    ids: str = Field(
        default="",
        pattern=r"^([0-9]{1,19}/[0-9]{1,19})?$",
        description="numeric owner/repository ids it must have; empty remembers the first ones seen",
    )


class ServerSettings(BaseModel):
    """What to look at on one forge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repositories: tuple[Annotated[RepositoryConfig, BeforeValidator(_named)], ...] = Field(
        default=(), max_length=limits.FORGE_PLACES, description="repositories to look into first: owner/name"
    )
    owners: tuple[str, ...] = Field(
        default=(), max_length=limits.FORGE_PLACES, description="owners whose repositories to look into, next"
    )
    topics: tuple[str, ...] = Field(
        default=TOPICS,
        max_length=limits.FORGE_SEARCHES,
        description="topics to search for, last; empty searches for none",
    )
    words: tuple[str, ...] = Field(
        default=(), max_length=limits.FORGE_SEARCHES, description="words to search for in names and descriptions"
    )
    keys: tuple[str, ...] = Field(
        default=(), max_length=limits.HTTP_KEYS, description="env:NAME or file:PATH (0600) of keys, tried in order"
    )
    timeout_s: float = Field(default=30.0, gt=0, le=300, description="seconds one answer may take, retries included")
    rate: float = Field(
        default=12.0, gt=0, le=10_000, description="requests per second at most; GitHub wants fewer than 15"
    )
    networks: tuple[str, ...] = Field(default=(), description="private networks it may be in, as 10.0.0.0/8")
    ca_file: str = Field(default="", description="certificates of a company's own authority (PEM)")
    proxy: str = Field(default="", description="http://host:port to go through")

    @model_validator(mode="after")
    def _places_hold(self) -> Self:
        try:
            for repository in self.repositories:
                check_name(repository.name)
                if repository.ref:
                    check_ref(repository.ref)
            for owner in self.owners:
                check_owner(owner)
        except OoderError as error:
            raise ValueError(f"{error.text()}. {error.next_step()}") from error
        names = [repository.name.lower() for repository in self.repositories]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is configured twice")
        return self


class ServerConfig(ServerSettings):
    """A forge beside the public one."""

    api: str = Field(description="address of its API: https://HOST/api/v3, /api/v5, /api/v1 or /api/v4")
    kind: Literal["", "github", "gitee", "gitea", "gitlab"] = Field(
        default="", description="gitea stands for Forgejo too; empty: as the source is called"
    )
    web: str = Field(
        default="", description="address of its pages, where git finds repositories; empty: the host of `api`"
    )

    @model_validator(mode="after")
    def _address_holds(self) -> Self:
        for url in filter(None, (self.api, self.web)):
            try:
                read_target(url)
            except DataError as error:
                bad = UsageError("forge.bad_server", url=clean(url, 100), reason=error.text())
                raise ValueError(f"{bad.text()}. {bad.next_step()}") from error
        return self


class Config(ServerSettings):
    """Base of the sections `sources.github` and `sources.gitee`."""

    kind: ClassVar[str] = "github"

    public: bool = Field(default=True, description="ask the public forge; false leaves only `servers`")
    servers: tuple[ServerConfig, ...] = Field(
        default=(), max_length=limits.FORGE_SERVERS, description="further forges: Enterprise, Gitea, Forgejo, GitLab"
    )
    sort: Sort = Field(default=Sort.STARS, description="which search results come first: stars or updated")
    pages: int = Field(default=1, ge=1, le=limits.FORGE_PAGES, description="pages of 100 results for each search")
    most: int = Field(
        default=30,
        ge=1,
        le=limits.FORGE_FOUND,
        description="repositories looked into of what searches find on each forge",
    )
    every: float = Field(
        default=900.0, ge=0, le=86_400, description="seconds before the forge is asked again while the node runs"
    )
    blobs: int = Field(
        default=6,
        ge=0,
        le=1_000,
        description="files of one repository read by the API; with more the git mirror is used",
    )
    reserve: int = Field(
        default=10, ge=0, le=1_000, description="requests of an allowance that searches leave for the rest"
    )
    parallel: int = Field(default=3, ge=1, le=16, description="repositories looked at together")
    seconds: float = Field(
        default=90.0, gt=0, le=3_600, description="seconds one look may take; the rest is for the next one"
    )

    def places(self) -> list[tuple[Forge, ServerSettings]]:
        """Every forge to ask. The public one only if there is anything to ask it for."""
        found: list[tuple[Forge, ServerSettings]] = []
        if self.public:
            found.append((DIALECTS[self.kind].at(), self))
        for server in self.servers:
            found.append((DIALECTS[server.kind or self.kind].at(server.api, server.web), server))
        return found


def bounds_of(forge: Forge, settings: ServerSettings) -> HttpBounds:
    """The way out to one forge."""
    target = read_target(forge.api)
    return HttpBounds(
        hosts=frozenset({f"{target.host}:{target.port}"}),
        networks=settings.networks,
        keys=settings.keys,
        key_origins=frozenset({target.origin}),
        key_style=forge.dialect.key_style,
        key_head=forge.dialect.key_head,
        proxy=settings.proxy,
        ca_file=settings.ca_file,
        rate=settings.rate,
        burst=4 * settings.rate,
        parallel=6,
        total_s=settings.timeout_s,
    )
