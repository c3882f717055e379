"""Folders on this disk: those named in the configuration, the skill folders of agents, and this node's own home.

Finds scenes, capabilities and skills in every layout of FORMATS 3.8 and ECOSYSTEM 1.1. Believes files that only this user can
write (`own_files`); says of others that another user could have written them. Guide 3.7.

What this node wrote into its cache itself is not found anew: the memory repeats it with its recorded source, evidence and
times, and only for origins of which the index knows nothing (HOUSE, leak 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Protocol
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from protocol import limits
from protocol.cache_documents import HEADER, PLACES
from protocol.items import Channel, Evidence, Problem, Progress, Reading, Survey
from protocol.manifests import ManifestReading, is_manifest, read_manifest, resolve_includes
from protocol.manifests.collection import sightings_of
from protocol.query import Query
from protocol.refs import Kind
from sources import legacy_layouts
from sources.base import Emit
from sources.folders import Content, Folders, FoundFile, Look
from sources.packages import Package, package_of
from sources.ports import Context

AGENT_FOLDERS = (
    "~/.agents/skills",
    "~/.claude/skills",
    "~/.codex/skills",
    "~/.cursor/skills",
    "~/.trae-cn/skills",
    "~/.qoder/skills",
    "~/.qwen/skills",
    "~/.codebuddy/skills",
    "~/.lingma/skills",
    "~/.iflow/skills",
)
"""Where agents of this user keep their skills (ECOSYSTEM 1.1)."""

_CACHE_FOLDERS = frozenset({place.folder for place in PLACES.values()} | {"discovery"})
_HOME_FOLDERS = frozenset({"skills", "downloads", "activated", "dev"})
_ROOT = "."
_CHUNK_FILES = 64


def _folder(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("no such user") from error


class Config(BaseModel):
    """Section `sources.local_fs` of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folders: tuple[Annotated[Path, AfterValidator(_folder)], ...] = Field(
        default=(), description="folders to look through, besides this node's own"
    )
    agent_folders: bool = Field(default=True, description="also look into the skill folders of this user's agents")


class Memory(Protocol):
    """What this node's cache tree remembers of other sources."""

    async def origins(self) -> Sequence[tuple[str, str]]:
        """Every (source, origin) of which something is remembered."""

    async def readings(self, origins: Sequence[tuple[str, str]]) -> Sequence[Reading]:
        """What is remembered of these, under their own source, origin and place, with the recorded times."""


class Ports(Protocol):
    """What this source needs of the node."""

    @property
    def context(self) -> Context: ...
    @property
    def folders(self) -> Folders: ...
    @property
    def memory(self) -> Memory: ...


@dataclass(frozen=True, slots=True)
class Root:
    """One folder that is looked through, and so one origin. `named`: by the user, who is told when it does not exist."""

    path: Path
    named: bool = False
    only: frozenset[str] = frozenset()

    @property
    def origin(self) -> str:
        return self.path.as_uri()

    def location(self, place: str) -> str:
        """The URI of a path in this root."""
        return f"{self.origin}/{quote(place)}" if place else self.origin


class Provider:
    """Source `local_fs`."""

    name: ClassVar[str] = "local_fs"
    priority: ClassVar[int] = 50
    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.SCENE, Kind.CAPABILITY, Kind.SKILL})
    pushes: ClassVar[bool] = True
    delivers: ClassVar[bool] = True

    def __init__(self, config: Config, ports: Ports) -> None:
        self._config = config
        self._context = ports.context
        self._folders = ports.folders
        self._memory = ports.memory
        self._one_at_a_time = asyncio.Lock()

    async def run(self, emit: Emit) -> None:
        """Look again whenever something below a root (other than the cache, which this node writes itself) changes."""
        roots = [root.path for root in self.roots() if root.path != self._context.home / "cache"]
        async for _ in self._folders.watch(roots):
            await self.search(Query(), emit)

    async def search(self, query: Query, emit: Emit) -> None:
        """Look through every root once; only what changed is read. The query is left to the index."""
        async with self._one_at_a_time:
            roots = self.roots()
            for root in roots:
                friends = [other.path for other in roots if other != root]
                await self._scan(root, friends, emit)
            await self._remember(roots, emit)

    def roots(self) -> list[Root]:
        """Every folder to look through, none twice."""
        home = self._context.home.absolute()
        agents = _agent_folders() if self._config.agent_folders else []
        wanted = [
            *(Root(folder.absolute(), named=True) for folder in self._config.folders),
            Root(home / "cache", only=_CACHE_FOLDERS),
            Root(home, only=_HOME_FOLDERS),
            *(Root(folder) for folder in agents),
        ]
        return list({root.path: root for root in reversed(wanted)}.values())[::-1]

    # --- One root ---------------------------------------------------------------------------------------------------
    async def _scan(self, root: Root, friends: Sequence[Path], emit: Emit) -> None:
        at = self._context.clock.wall()
        look = await self._folders.look(root.path, friends, root.only)
        known = self._context.places.known(self.name, root.origin)
        problems = look.problems
        if not look.exists:
            if not root.named and not known:
                return
            missing = Problem("source.folder_missing", _ROOT, 0, {"path": str(root.path)})
            problems, look = ((missing,), Look(root.path, blind=("",))) if root.named else ((), look)
        if problems or _ROOT in known:
            emit(Reading(self.name, root.origin, _ROOT, at, problems=problems))
        files = self._not_ours(root, look.files)
        places = await self._read_changed(root, files, look.gaps, known, at, emit)
        if problems:
            places.add(_ROOT)
        emit(Survey(self.name, root.origin, at, frozenset(places), look.blind))

    def _not_ours(self, root: Root, files: Sequence[FoundFile]) -> Sequence[FoundFile]:
        """Without the files of this node's home, which has roots of its own, should it lie inside this one."""
        home = self._context.home.absolute()
        if home == root.path or not home.is_relative_to(root.path):
            return files
        prefix = home.relative_to(root.path).as_posix() + "/"
        return [file for file in files if not file.path.startswith(prefix)]

    async def _read_changed(
        self,
        root: Root,
        files: Sequence[FoundFile],
        gaps: Sequence[str],
        known: Mapping[str, str],
        at: float,
        emit: Emit,
    ) -> set[str]:
        """Read what is new or different; the places of all manifests that stand."""
        paths = [file.path for file in files]
        by_path = dict(zip(paths, files, strict=True))
        places = {path for path in paths if path in known or _is_worth_reading(path)}
        todo = [package_of(by_path[path], files, paths, gaps) for path in sorted(places)]
        todo = [package for package in todo if package.signature != known.get(package.place)]
        done, total = 0, len(todo)
        while todo:
            included: set[str] = set()
            for chunk in _chunks(todo):
                async for reading, includes in self._read_chunk(root, chunk, paths, at):
                    emit(reading)
                    included.update(includes)
                done += len(chunk)
                emit(Progress(self.name, done, total, root.path.name))
            todo = [package_of(by_path[path], files, paths, gaps) for path in sorted(included - places)]
            places |= included
            total += len(todo)
        return places

    async def _read_chunk(
        self, root: Root, chunk: Sequence[Package], paths: Sequence[str], at: float
    ) -> AsyncIterator[tuple[Reading, Sequence[str]]]:
        manifests = [package.place for package in chunk]
        contents = await self._folders.read(root.path, manifests, limits.MANIFEST_BYTES)
        hashes = {content.path: content.sha256 for content in contents}
        others = {f.path for package in chunk if not package.too_big() for f in package.files} - hashes.keys()
        for content in await self._folders.hashes(root.path, sorted(others), limits.ITEM_FILE_BYTES):
            hashes[content.path] = content.sha256
        for package, content in zip(chunk, contents, strict=True):
            yield self._reading(root, package, content, hashes, paths, at)
            await asyncio.sleep(0)

    def _reading(
        self,
        root: Root,
        package: Package,
        content: Content,
        hashes: Mapping[str, str],
        paths: Sequence[str],
        at: float,
    ) -> tuple[Reading, Sequence[str]]:
        place = package.place
        if content.problem or content.data.startswith(HEADER.encode()):
            unread = (content.problem,) if content.problem else ()
            return Reading(self.name, root.origin, place, at, (), unread, package.signature), ()
        legacy = legacy_layouts.read(place, content.data)
        manifest = legacy.manifest if legacy else read_manifest(place, content.data)
        includes, refused = resolve_includes(place, manifest.includes, paths) if manifest.includes else ((), ())
        digest, remark = _digest(package, hashes, manifest)
        problems = (*manifest.problems, *refused, *((remark,) if remark else ()))
        sightings = sightings_of(
            manifest,
            source=self.name,
            origin=root.origin,
            place=place,
            location=root.location,
            principal=f"local:{self._folders.user()}",
            evidence=legacy.evidence if legacy else _evidence(package),
            at=(legacy.at if legacy else 0.0) or at,
            expires_at=legacy.expires_at if legacy else 0.0,
            digest=digest,
            manifest_digest=f"sha256:{content.sha256}",
            size=package.size,
            files=len(package.files),
        )
        return Reading(self.name, root.origin, place, at, sightings, problems, package.signature), includes

    # --- The cache --------------------------------------------------------------------------------------------------
    async def _remember(self, roots: Sequence[Root], emit: Emit) -> None:
        """Repeat what the cache remembers of origins the index knows nothing of, and that nobody here can ask now."""
        mine = {(self.name, root.origin) for root in roots}
        unheard = [pair for pair in await self._memory.origins() if pair not in mine and not self._heard(pair)]
        if unheard:
            for reading in await self._memory.readings(unheard):
                if not self._heard((reading.source, reading.origin)):
                    emit(reading)

    def _heard(self, pair: tuple[str, str]) -> bool:
        return bool(self._context.places.known(*pair))


def make(config: Config, ports: Ports) -> Provider:
    """The factory named in the table of sources."""
    return Provider(config, ports)


def _agent_folders() -> list[Path]:
    try:
        return [Path(folder).expanduser() for folder in AGENT_FOLDERS]
    except RuntimeError:  # a user without a home has no agents
        return []


def _is_worth_reading(path: str) -> bool:
    return is_manifest(path) or legacy_layouts.is_legacy(path)


def _evidence(package: Package) -> Evidence:
    return Evidence(Channel.OWN_FILES if package.own else Channel.FOREIGN_FILES)


def _digest(package: Package, hashes: Mapping[str, str], manifest: ManifestReading) -> tuple[str, Problem | None]:
    if not manifest.items:
        return "", None
    too_big = package.too_big()
    return ("", too_big) if too_big else package.digest(hashes)


def _chunks(packages: Sequence[Package]) -> Iterator[Sequence[Package]]:
    """Bounded in number, files and bytes, so that one step of work stays short."""
    chunk: list[Package] = []
    files = size = 0
    for package in packages:
        chunk.append(package)
        files += len(package.files)
        size += package.size
        if len(chunk) >= _CHUNK_FILES or files >= limits.ITEM_FILES or size >= limits.ITEM_BYTES:
            yield chunk
            chunk, files, size = [], 0, 0
    if chunk:
        yield chunk
