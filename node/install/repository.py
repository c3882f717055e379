"""Installing straight from a git repository: one look at it, without remembering it, on top of the index.

Everything the repository offers can be chosen for what the named item needs; it is judged like anything that was scanned, and
what the index knows against a release (frozen, revoked, withdrawn) still holds.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from node.install.fetch import GitDeliverer
from node.install.package import PackagePlan
from node.install.store import Store
from node.install.universe import IndexUniverse
from node.places import BY_NAME
from node.service import Service
from protocol import limits
from protocol.errors import DataError, NotFoundError, OoderError, UnavailableError
from protocol.git_rules import parse_url
from protocol.install.target import RepositoryTarget
from protocol.install.universe import Location
from protocol.items import Reading, Report, Sighting, Standing
from protocol.manifests.collection import item_folder
from protocol.query import Query
from protocol.refs import Kind
from sources import git_repository
from sources.ports import Context, Git, GitBounds

_ORDER = {Kind.SCENE: 0, Kind.SKILL: 1}


@dataclass(slots=True)
class _Heard:
    """What one look said. A place of which nothing is known is read whole."""

    readings: list[Reading] = field(default_factory=list)

    def __call__(self, event: Report) -> None:
        if isinstance(event, Reading):
            self.readings.append(event)

    def count(self, source: str, origin: str) -> int:
        return len(self.known(source, origin))

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Ports:
    """The node's ports, with nothing known of any place."""

    context: Context
    below: git_repository.Ports

    def git(self, bounds: GitBounds) -> Git:
        return self.below.git(bounds)


def open_repository(target: RepositoryTarget, service: Service) -> PackagePlan:
    """Look at a repository and find the item that is meant. Blocking; needs no running event loop.

    Raises UsageError `git.scheme_refused`, UnavailableError `install.needs_network`, NotFoundError `install.nothing_there`,
    DataError `install.which_item`, what its manifest is refused for, and what looking and fetching raise.
    """
    if service.config.settings.offline and target.url.scheme != "file":
        raise UnavailableError("install.needs_network", target=str(target))
    return asyncio.run(_open(target, service))


async def _open(target: RepositoryTarget, service: Service) -> PackagePlan:
    heard = _Heard()
    ports = service.ports
    lone = _Ports(replace(ports.context, places=heard), ports)
    source = git_repository.make(_config(service, target), lone)
    await source.search(Query(), heard)
    main = choose(target, heard.readings)
    # A named place speaks for itself, wherever in the repository it lies.
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Store(Path(scratch)).stage() as stage:
        done, _ = await GitDeliverer(lambda: source).bring(Location(main.source, main.location, main.principal), stage)
    main = replace(main, digest=done.digest, size=done.size, files=len(done.files), standing=Standing.MAIN)
    own = [main, *(one for one in _sightings(heard.readings) if one.place != main.place)]
    return PackagePlan(main.item.ref, main.principal, IndexUniverse(service, own))


def _config(service: Service, target: RepositoryTarget) -> git_repository.Config:
    """The settings of git repositories, for this one alone."""
    config = service.config.sources.get(git_repository.Provider.name)
    config = config if isinstance(config, git_repository.Config) else git_repository.Config()
    allow = tuple(dict.fromkeys((*config.allow, *(name for name in BY_NAME if name == target.url.scheme))))
    wanted = git_repository.RepositoryConfig(url=str(target.url), ref=target.ref)
    parse_url(str(target.url), allow)
    return config.model_copy(update={"repositories": (wanted,), "allow": allow})


def choose(target: RepositoryTarget, readings: Sequence[Reading]) -> Sighting:
    """The item at `target.path`, the only one below it otherwise. Raises as `open_repository`."""
    found = [one for one in _sightings(readings) if one.item.kind in _ORDER]
    here = sorted(
        (one for one in found if target.path in (item_folder(one.place), one.place)),
        key=lambda one: (_ORDER[one.item.kind], one.place),
    )
    if here:
        return here[0]
    _refuse_unreadable(target, readings)
    below = [one for one in found if not target.path or one.place.startswith(f"{target.path}/")]
    main = [one for one in below if one.standing is Standing.MAIN] or below
    if len({item_folder(one.place) for one in main}) == 1:
        return min(main, key=lambda one: (_ORDER[one.item.kind], one.place))
    if not main:
        raise NotFoundError("install.nothing_there", url=str(target.url), path=target.path or "/")
    named = [f"{item_folder(one.place)} ({one.item.ref.any_version})" for one in main]
    causes = sorted(dict.fromkeys(named))[: limits.PLAN_CAUSES]
    raise DataError("install.which_item", url=str(target.url), count=len(main), causes=causes)


def _sightings(readings: Sequence[Reading]) -> list[Sighting]:
    """What was seen with its files; rows of an index only say where to look."""
    return [one for reading in readings for one in reading.sightings if one.standing is not Standing.LISTING]


def _refuse_unreadable(target: RepositoryTarget, readings: Sequence[Reading]) -> None:
    for reading in readings:
        fatal: list[OoderError] = [
            DataError(one.code, place=reading.place, line=one.line, **one.params)
            for one in reading.problems
            if one.fatal
        ]
        if fatal and target.path and target.path in (item_folder(reading.place), reading.place):
            raise fatal[0]
