"""Deliverer of `https:` and `http:` locations: package files from registries, forges and addresses a person named.

A location may carry the digest of the package file, as in `https://host/x.skill#sha256=HEX`. The way out is that of the source the
location was heard from: its keys, its private hosts. An address that only stood in somebody's answer reaches public places alone.
What a killed process brought of a file is gone on with (`node.io.partials`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from node.install.stage import Stage
from node.install.unpack import PackedFile, Unpacked
from node.io.partials import Held
from protocol import limits
from protocol.errors import OoderError
from protocol.http.exchange import Downloaded, HttpBounds, HttpRequest, host_of
from protocol.install.model import Origin
from protocol.install.target import ARCHIVES, is_package_name
from protocol.install.universe import Location
from sources.ports import Http

SHA256 = re.compile(r"sha256=([0-9a-f]{64})")
_NAMED = re.compile(r"filename=\"?([A-Za-z0-9._-]{1,120})\"?")
NAMED = "url"
"""The source of locations that a person named (`node.install.package.open_file`)."""


Copies = Callable[[Location], Sequence[str]]


class HttpDeliverer:
    """`way` gives the way out for a location."""

    near = False

    def __init__(
        self,
        way: Callable[[Location], Http],
        copies: Copies = lambda location: (),
        hold: Callable[[str], Held | None] = lambda what: None,
    ) -> None:
        """`copies` are further addresses of the same file; only one whose digest is known is asked for there. `hold` gives the
        folder of what was broken off."""
        self._way, self._copies, self._hold = way, copies, hold

    async def bring(self, location: Location, stage: Stage) -> tuple[Unpacked, Origin]:
        url, _, fragment = location.url.partition("#")
        promised = SHA256.fullmatch(fragment)
        request = HttpRequest(url, types=(), most=limits.PACKAGE_BYTES, keep=False)
        sha256 = promised[1] if promised else ""
        held = await asyncio.to_thread(self._hold, sha256 or url)
        path = held.path / "package" if held else stage.spare()
        try:
            done = await self._download(location, request, path, sha256, going_on=held is not None)
            try:
                unpacked = await asyncio.to_thread(_unpack, path, done, url, stage)
            finally:
                if held is not None:
                    await asyncio.to_thread(held.clear)
        finally:
            if held is not None:
                held.close()
        return unpacked, Origin(location.source, url, sha256=done.sha256)

    async def _download(
        self, location: Location, request: HttpRequest, path: Path, sha256: str, *, going_on: bool
    ) -> Downloaded:
        way = self._way(location)
        try:
            return await way.download(request, path, sha256, going_on=going_on)
        except OoderError as first:
            for copy in self._copies(location) if sha256 else ():
                try:
                    return await way.download(replace(request, url=copy), path, sha256, going_on=going_on)
                except OoderError:
                    continue  # the first failure is the one worth telling
            raise first from None


def _unpack(path: Path, done: Downloaded, url: str, stage: Stage) -> Unpacked:
    try:
        with path.open("rb") as stream:
            name = file_name(done, url, stream.read(2))
            stream.seek(0)
            if name.lower().endswith(ARCHIVES):
                return stage.archive(stream, name)
            return stage.files([PackedFile(name, False, stream.read(limits.MANIFEST_BYTES + 1))])
    finally:
        path.unlink(missing_ok=True)


def file_name(done: Downloaded, url: str, head: bytes) -> str:
    """What the file is called: by its server, else by its address, else by how it begins."""
    said = _NAMED.search(done.heads.get("content-disposition", "")[:300])
    for place in (said[1] if said else "", urlsplit(url).path, urlsplit(done.url).path):
        name = PurePosixPath(unquote(place)).name
        if is_package_name(name):
            return name
    return "package.tar.gz" if head == b"\x1f\x8b" else "package.skill"


def way_of(location: Location, settings: Mapping[str, object]) -> HttpBounds:
    """The bounds for a location: as its source says (`bounds_for` of its settings); for an address that a person named to be
    installed, wherever that is; else public places only."""
    url = location.url.partition("#")[0]
    if location.source == NAMED:
        return HttpBounds(hosts=frozenset({host_of(url)}))
    bounds_for: Callable[[str], HttpBounds] | None = getattr(settings.get(location.source), "bounds_for", None)
    return bounds_for(url) if bounds_for else HttpBounds()


def copies_of(location: Location, settings: Mapping[str, object]) -> Sequence[str]:
    """Mirrors of a location, as its source's settings name them."""
    of: Callable[[str], Sequence[str]] | None = getattr(settings.get(location.source), "copies_of", None)
    return of(location.url.partition("#")[0]) if of else ()
