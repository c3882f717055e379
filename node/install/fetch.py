"""Fetching: bytes of a planned item from any location whose tree digest matches, the next location on any failure.

It guarantees: nothing is handed on whose digest is not the planned one; where the plan had none, the first bytes decide and are
pinned by the commit; a location that fails, lies or is out of reach costs only itself. It leaves to others: which locations there
are (plan), what is allowed to be installed (consent), committing (store).

A *deliverer* brings bytes of one kind of location (`file:` from this disk, `git+` from a mirror; peers and registries add theirs).
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import unquote, urlsplit

from node.install.stage import Stage
from node.install.unpack import PackedFile, Unpacked
from node.io.files import SKIPPED_FILES, SKIPPED_FOLDERS
from protocol import limits
from protocol.errors import DataError, IntegrityError, OoderError, UnavailableError
from protocol.install.model import Origin
from protocol.install.planned import Planned
from protocol.install.target import ARCHIVES
from protocol.install.universe import Location


class Deliverer(Protocol):
    """Brings bytes of one kind of location. `near` says whether it works with no network."""

    near: bool

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        """Stage the files of `location`. Raises OoderErrors only."""


@runtime_checkable
class Gatherer(Deliverer, Protocol):
    """A deliverer that fetches one tree from several locations at once. The digest is in the locations."""

    async def gather(self, locations: Sequence[Location], stage: Stage) -> tuple[Unpacked, Origin]:
        """As `bring`; what one location does not give, another one does."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A staged tree and where it came from. `tried` are the locations that did not do, with their errors; `ignored` names what a
    local folder held and a tree cannot."""

    digest: str
    size: int
    files: int
    origin: Origin
    tried: tuple[tuple[Location, OoderError], ...] = ()
    ignored: tuple[str, ...] = ()


class Fetcher:
    """Chooses the deliverer by the scheme of a location. `has` tells whether the store holds a digest already."""

    def __init__(
        self, deliverers: Mapping[str, Deliverer], has: Callable[[str], bool], *, offline: bool = False
    ) -> None:
        self._deliverers = deliverers
        self._has = has
        self._offline = offline

    def is_near(self, item: Planned) -> bool:
        """Whether the bytes can be had without a network."""
        near = (self._deliverers.get(_scheme(one)) for one in item.locations)
        return (bool(item.digest) and self._has(item.digest)) or any(one is not None and one.near for one in near)

    async def fetch(self, item: Planned, stage: Stage) -> Brought:
        """Stage the bytes of `item`.

        Raises IntegrityError `install.wrong_digest` when some location answered but with other bytes, else UnavailableError
        `install.no_location` with what each location said.
        """
        tried: list[tuple[Location, OoderError]] = []
        gathered: set[Location] = set()
        for location in item.locations:
            deliverer = self._deliverers.get(_scheme(location))
            if deliverer is None or (self._offline and not deliverer.near) or location in gathered:
                continue
            try:
                if isinstance(deliverer, Gatherer):
                    alike = [
                        one for one in item.locations if _scheme(one) == _scheme(location) and _same(one, location)
                    ]
                    gathered.update(alike)
                    done, origin = await deliverer.gather(alike, stage)
                else:
                    done, origin = await deliverer.bring(location, stage)
            except OoderError as error:
                tried.append((location, error))
                continue
            except OSError as error:  # of a connection or a disk, that the deliverer did not expect
                reason = error.strerror or type(error).__name__
                tried.append((location, UnavailableError("install.place_failed", url=location.url, reason=reason)))
                continue
            if item.digest and done.digest != item.digest:
                wrong = IntegrityError("install.wrong_digest", ref=str(item.ref), wanted=item.digest, found=done.digest)
                tried.append((location, wrong))
                continue
            return Brought(done.digest, done.size, len(done.files), origin, tuple(tried), done.ignored)
        raise _failure(item, tried)


def _failure(item: Planned, tried: list[tuple[Location, OoderError]]) -> OoderError:
    for _, error in tried:
        if isinstance(error, IntegrityError):
            return error
    if len(tried) == 1:
        return tried[0][1]
    causes = [f"{location.url}: {error.text()}" for location, error in tried]
    return UnavailableError("install.no_location", ref=str(item.ref), causes=causes[: limits.PLAN_CAUSES])


def _same(one: Location, other: Location) -> bool:
    """Whether two locations of peers name the same tree."""
    return one.url.rpartition("/")[2] == other.url.rpartition("/")[2]


def _scheme(location: Location) -> str:
    scheme = location.url.partition(":")[0]
    return "git" if scheme.startswith("git+") else scheme


class DiskDeliverer:
    """`file:` locations: a folder, a single manifest file, or a package file on this disk."""

    near = True

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        path = Path(unquote(urlsplit(location.url).path))
        return await asyncio.to_thread(self._bring, path, location, stage)

    def _bring(self, path: Path, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        if not path.exists():
            raise UnavailableError("install.place_gone", path=str(path))
        try:
            if path.is_dir():
                return stage.folder(path, skip=SKIPPED_FOLDERS | SKIPPED_FILES), Origin(location.source, location.url)
            with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
                status = os.fstat(stream.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise DataError("unpack.special", member=path.name, what=stat.filemode(status.st_mode)[0])
                if path.name.lower().endswith(ARCHIVES):
                    if status.st_size > limits.PACKAGE_BYTES:
                        raise DataError("unpack.too_large", limit=limits.PACKAGE_BYTES)
                    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                    return stage.archive(stream, path.name), Origin(location.source, location.url, sha256=sha256)
                data = stream.read(limits.ITEM_FILE_BYTES + 1)
        except OSError as error:
            raise DataError("unpack.unreadable", member=str(path), reason=error.strerror or "?") from error
        return stage.files([PackedFile(path.name, False, data)]), Origin(location.source, location.url)


class FetchesTrees(Protocol):
    """What is asked of the git source."""

    async def fetch_tree(self, location: str) -> Sequence[DeliveredFile]:
        """The files of the item at a location."""


class DeliveredFile(Protocol):
    """One file that a source delivers."""

    @property
    def path(self) -> str: ...
    @property
    def executable(self) -> bool: ...
    @property
    def data(self) -> bytes: ...


class GitDeliverer:
    """`git+...` locations, through the local mirror."""

    near = False

    def __init__(self, make: Callable[[], FetchesTrees]) -> None:
        self._make = make
        self._source: FetchesTrees | None = None

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        self._source = self._source or self._make()
        return await _staged(self._source, location, stage)


class HostedDeliverer:
    """`git+...` locations: through the local mirror, and through the API of the forge that found them where git cannot reach, as for
    private repositories whose key only the forge source has."""

    near = False

    def __init__(self, git: Deliverer, source_of: Callable[[str], FetchesTrees | None]) -> None:
        self._git = git
        self._source_of = source_of

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        try:
            return await self._git.bring(location, stage)
        except OoderError as error:
            source = self._source_of(location.source)
            if source is None:
                raise
            unreached = error
        try:
            return await _staged(source, location, stage)
        except OoderError as error:
            raise error from unreached


async def _staged(source: FetchesTrees, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
    delivered = await source.fetch_tree(location.url)
    files = [PackedFile(one.path, one.executable, one.data) for one in delivered]
    done = await asyncio.to_thread(stage.files, files)
    return done, Origin(location.source, location.url, location.commit)
