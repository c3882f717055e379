"""Source `skill_center`: finds scenes, capabilities, skills and agents in configured registries.

Guide 3.4, WIRE 3.6, SECURITY T6; docs/protocol/skill-center.md. A registry that signs is followed change by change, and nothing of
it is believed that its signed head does not bind (`sources.center_proven`); one that signs nothing is read list by list
(`sources.center_rows`), and what no hash names is unverified. A registry speaks for `registry:<host>/<namespace>`: never for a
namespace that the settings give to another one, nor for a name that a registry of higher priority has. Pushes are hints to ask.
Each registry fails alone: the failure stands as a problem of its place ".".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from protocol import limits
from protocol.errors import DataError, OoderError, StorageError
from protocol.http.addresses import read_networks
from protocol.http.exchange import HttpBounds, read_target
from protocol.identity import parse_fingerprint
from protocol.items import Problem, Reading
from protocol.query import Query
from protocol.refs import Kind
from protocol.skill_center import places
from sources.base import Emit
from sources.center_proven import ProvenLook, signs_nothing
from sources.center_push import Listener
from sources.center_registry import ROOT, SOURCE, Registry, bounds_of
from sources.center_rows import RowsLook
from sources.ports import Context, Http, Memory, RevocationLists

KeyName = Annotated[str, StringConstraints(pattern=r"^(env|file):.", max_length=1_024)]


class RegistryConfig(BaseModel):
    """One registry."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(description="address, the part before /api/v1")
    name: str = Field(default="", max_length=limits.NAME_CHARS, description="what people read")
    priority: int = Field(
        default=0, ge=-1000, le=1000, description="higher goes first: names it has are not taken from lower ones"
    )
    official: bool = Field(default=False, description="what it says about its own namespaces counts as official")
    key: str = Field(default="", max_length=200, description="fingerprint of the key it signs with")
    namespaces: tuple[str, ...] = Field(
        default=(), max_length=256, description="namespaces that no other registry speaks for"
    )
    keys: tuple[KeyName, ...] = Field(
        default=(), max_length=limits.HTTP_KEYS, description="keys to sign in with: env:NAME or file:PATH (mode 0600)"
    )
    mirrors: tuple[str, ...] = Field(
        default=(), max_length=8, description="further addresses of the same registry, asked when it does not answer"
    )


class Config(BaseModel):
    """Section `sources.skill_center` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    registries: tuple[RegistryConfig, ...] = Field(
        default=(), max_length=limits.REGISTRIES, description="registries to look into"
    )
    every: float = Field(default=300.0, ge=5, le=86_400, description="seconds between looks while nothing is pushed")
    probe: float = Field(
        default=15.0, ge=1, le=3_600, description="seconds between signs of life where nothing is pushed"
    )
    push: bool = Field(default=True, description="listen for changes while the node runs")
    timeout_s: float = Field(default=60.0, gt=0, le=600, description="seconds one request may take, retries included")
    networks: tuple[str, ...] = Field(
        default=(), max_length=64, description="private networks that packages may be fetched from, as in 10.1.0.0/16"
    )
    proxy: str = Field(default="", description="http://host:port through which registries are asked")
    ca_file: str = Field(default="", description="certificates of a company's own authority (PEM)")

    @model_validator(mode="after")
    def _holds(self) -> Self:
        try:
            read_networks(self.networks)
            origins = [registry.origin for registry in self.parsed()]
            if self.proxy and read_target(self.proxy).scheme != "http":
                raise DataError("http.bad_url", url=self.proxy)
        except OoderError as error:
            raise ValueError(f"{error.text()}. {error.next_step()}") from error
        if twice := {origin for origin in origins if origins.count(origin) > 1}:
            raise ValueError(f"{min(twice)} is configured twice")
        return self

    def parsed(self) -> list[Registry]:
        """The registries, those of high priority first. Raises DataError `http.bad_url`, `key.*`."""
        ordered = sorted(self.registries, key=lambda entry: -entry.priority)
        found = []
        for entry in ordered:
            bases = [_base(url) for url in (entry.url, *entry.mirrors)]
            bounds = bounds_of(bases, self.networks, entry.keys, self.proxy, self.ca_file, self.timeout_s)
            foreign = {name.lower() for other in ordered if other is not entry for name in other.namespaces}
            above = tuple(_base(other.url) for other in ordered if other.priority > entry.priority)
            found.append(
                Registry(
                    bases[0],
                    bounds,
                    entry.name or read_target(bases[0]).host,
                    parse_fingerprint(entry.key) if entry.key else "",
                    entry.official,
                    tuple(bases[1:]),
                    frozenset(foreign - {name.lower() for name in entry.namespaces}),
                    above,
                )
            )
        return found

    @property
    def official(self) -> frozenset[str]:
        """Owners the user declared official here; they belong into the trust policy."""
        pairs = zip(sorted(self.registries, key=lambda entry: -entry.priority), self.parsed(), strict=True)
        return frozenset(f"{registry.owner}/*" for entry, registry in pairs if entry.official)

    def bounds_for(self, url: str) -> HttpBounds:
        """The way out for the address of a package: that of its registry, else to public places and `networks` only."""
        own = next((registry.bounds for registry in self.parsed() if registry.speaks_at(url)), None)
        return own or HttpBounds(networks=self.networks, proxy=self.proxy, ca_file=self.ca_file)

    def copies_of(self, url: str) -> tuple[str, ...]:
        """Where else the same package file may be."""
        return tuple(copy for registry in self.parsed() for copy in registry.copies(url))


def _base(url: str) -> str:
    """An address without what comes after it. Raises DataError `http.bad_url`."""
    target = read_target(url)
    if target.query or target.scheme not in ("http", "https"):
        raise DataError("http.bad_url", url=target.shown)
    return target.url.rstrip("/").removesuffix(places.API).rstrip("/")


class Ports(Protocol):
    """What this source needs of the node."""

    @property
    def context(self) -> Context: ...
    @property
    def memory_of_sources(self) -> Memory: ...
    @property
    def revocations(self) -> RevocationLists: ...
    def http(self, bounds: HttpBounds) -> Http: ...


class Followed:
    """One registry with everything needed to look at it; one look at a time."""

    def __init__(self, registry: Registry, ports: Ports) -> None:
        self.registry = registry
        self.http = ports.http(registry.bounds)
        self.context = ports.context
        self.proven = ProvenLook(registry, self.http, ports.context, ports.memory_of_sources, ports.revocations)
        self.rows = RowsLook(registry, self.http, ports.context)
        self.failed: OoderError | None = None
        self._one = asyncio.Lock()

    async def look(self, emit: Emit, *, full: bool = True) -> None:
        """Look once, at a mirror when the registry does not answer. A failure is kept, told as a problem, and raised."""
        async with self._one:
            try:
                await self._look(emit, full=full)
                self.failed = None
            except OoderError as error:
                self.failed = error
                params = {key: value for key, value in error.params.items() if isinstance(value, str | int)}
                problem = Problem(error.code, ROOT, 0, params)
                emit(Reading(SOURCE, self.registry.origin, ROOT, self.context.clock.wall(), (), (problem,), "!"))
                raise

    async def _look(self, emit: Emit, *, full: bool) -> None:
        """At the registry, else at its mirrors: whoever answers, nothing counts but what the head binds."""
        errors: list[OoderError] = []
        for base in (self.registry.base, *self.registry.mirrors):
            try:
                await self.proven.look(base, emit, full=full)
                return
            except StorageError:
                raise
            except OoderError as error:
                errors.append(error)
        if not signs_nothing(errors[0]) or await self.proven.followed_before():
            raise errors[0]
        await self.rows.look(self.registry.base, emit)


class Provider:
    """Source `skill_center`."""

    name: ClassVar[str] = SOURCE
    priority: ClassVar[int] = 80
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)
    pushes: ClassVar[bool] = True
    delivers: ClassVar[bool] = True

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config = config
        self.registries = [Followed(registry, ports) for registry in config.parsed()]

    @property
    def failed(self) -> Mapping[str, OoderError]:
        """Origins whose last look failed, and why."""
        return {one.registry.origin: one.failed for one in self.registries if one.failed is not None}

    async def run(self, emit: Emit) -> None:
        """Listen to every registry until cancelled. Raises UnavailableError when none of them can be reached any more."""
        if not self._config.push or not self.registries:
            return
        down: dict[str, OoderError] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for one in self.registries:
                    group.create_task(self._listen(one, emit, down))
        except* OoderError as errors:
            raise _first(errors) from None

    async def _listen(self, one: Followed, emit: Emit, down: dict[str, OoderError]) -> None:
        def told(error: OoderError | None) -> None:
            down.pop(one.registry.origin, None)
            if error is not None:
                down[one.registry.origin] = error
                if len(down) == len(self.registries):
                    raise error

        async def look(*, full: bool) -> None:
            await one.look(emit, full=full)

        listener = Listener(one.registry, one.http, one.context, self._config.every, self._config.probe)
        await listener.run(look, one.proven.last_event, told)

    async def search(self, query: Query, emit: Emit) -> None:
        """Look at every registry once, those of high priority first. Raises the first failure if all of them failed."""
        levels: dict[tuple[str, ...], list[Followed]] = {}
        for one in self.registries:
            levels.setdefault(one.registry.above, []).append(one)
        for level in levels.values():
            async with asyncio.TaskGroup() as group:
                for one in level:
                    group.create_task(self._safely(one, emit))
        failed = self.failed
        if failed and len(failed) == len(self.registries):
            raise next(iter(failed.values()))

    async def _safely(self, one: Followed, emit: Emit) -> None:
        try:
            await one.look(emit)
        except OoderError:
            return  # kept in `failed`, and told as a problem of the registry

    def remark(self) -> OoderError | None:
        """Why the light is not green although something answered."""
        return next(iter(self.failed.values()), None)


def _first(group: BaseExceptionGroup[OoderError]) -> OoderError:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, OoderError)
    return found


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)
