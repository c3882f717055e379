"""Looking at a registry that signs nothing: the guide's lists, page by page, read tolerantly (WIRE 3.6).

One bad row of a thousand is one problem and 999 items. A list that breaks off ends the look: what was read stays, nothing is
forgotten. What no hash names is unverified; over plain http everything is (SECURITY T18).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from protocol import limits
from protocol.errors import DataError, OoderError
from protocol.http.json_body import Broken, Value
from protocol.items import Channel, Problem, Progress, Reading, Sighting, Standing, Survey
from protocol.query import Query
from protocol.refs import Kind
from protocol.skill_center import places
from protocol.skill_center.reading import Page, RowRead, read_page, read_row, read_versions
from sources.base import Emit
from sources.center_registry import ROOT, SOURCE, Registry, ask_json
from sources.ports import Context, Http

_KINDS = (Kind.SKILL, Kind.SCENE, Kind.CAPABILITY, Kind.AGENT)
_PROBLEMS = 500
_NO_LIST = frozenset({"http.not_found", "http.refused", "registry.bad_answer"})
"""How a registry says that it has no list of a kind."""


@dataclass(slots=True)
class _Found:
    """What one look has gathered."""

    places: set[str]
    problems: list[Problem]


class RowsLook:
    """Looks at one registry."""

    def __init__(self, registry: Registry, http: Http, context: Context) -> None:
        self._registry, self._http, self._context = registry, http, context

    async def look(self, base: str, emit: Emit) -> None:
        """Read every list. Raises the first failure when no list could be read, or the one that cut a list short."""
        at, found = self._context.clock.wall(), _Found(set(), [])
        known = self._context.places.known(SOURCE, self._registry.origin)
        missing: list[OoderError] = []
        for kind in _KINDS:
            try:
                async for page in self._pages(self._registry.url(places.list_path(kind), base)):
                    await self._take(page, kind, known, found, at, emit)
            except OoderError as error:
                if error.code not in _NO_LIST:
                    raise
                missing.append(error)
        if len(missing) == len(_KINDS):
            raise missing[0]
        if not self._registry.target.is_protected:
            found.problems.append(Problem("registry.not_signed", ROOT, fatal=False))
        emit(Reading(SOURCE, self._registry.origin, ROOT, at, (), tuple(found.problems[:_PROBLEMS]), "rows"))
        emit(Survey(SOURCE, self._registry.origin, at, frozenset({*found.places, ROOT})))

    async def search(self, query: Query, emit: Emit) -> None:
        """Ask the registry itself, for what is too large or too new to be known; nothing is forgotten by it."""
        at, found = self._context.clock.wall(), _Found(set(), [])
        for url, body in self._questions(query):
            answer, whole = await ask_json(self._http, url, keep=not body, body=body)
            await self._take(read_page(answer, whole.heads), Kind.SKILL, {}, found, at, emit)

    def _questions(self, query: Query) -> list[tuple[str, bytes]]:
        skills, url = places.list_path(Kind.SKILL), self._registry.url
        asked = []
        if query.text:
            body = json.dumps({"query": query.text}, ensure_ascii=False).encode("utf-8", "replace")
            asked.append((url(f"{skills}/search"), body))
        if query.category:
            parts = [quote(part, safe="") for part in query.category.split("/")[:2]]
            asked.append((url(f"{skills}/category/{'/'.join(parts)}"), b""))
        if query.capability:
            asked.append((url(f"{skills}/capability/{quote(query.capability, safe='')}"), b""))
        return asked

    async def tagged(self, tags: tuple[str, ...], emit: Emit) -> None:
        """Skills that carry all these tags, as the registry knows them."""
        body = json.dumps({"tags": tags}, ensure_ascii=False).encode("utf-8", "replace")
        found = _Found(set(), [])
        url = self._registry.url(f"{places.list_path(Kind.SKILL)}/tags/search")
        answer, whole = await ask_json(self._http, url, keep=False, body=body)
        await self._take(read_page(answer, whole.heads), Kind.SKILL, {}, found, self._context.clock.wall(), emit)

    async def of_scene(self, scene: str, emit: Emit) -> None:
        """Skills made for a scene."""
        found = _Found(set(), [])
        url = self._registry.url(f"{places.list_path(Kind.SKILL)}/scene/{quote(scene, safe='')}")
        answer, whole = await ask_json(self._http, url)
        await self._take(read_page(answer, whole.heads), Kind.SKILL, {}, found, self._context.clock.wall(), emit)

    async def versions(self, item_id: str) -> tuple[str, ...]:
        """Every version of a skill, as the registry orders them."""
        url = self._registry.url(f"{places.item_path(Kind.SKILL, quote(item_id, safe=''))}/versions")
        answer, _ = await ask_json(self._http, url)
        return read_versions(answer)

    # --- Pages --------------------------------------------------------------------------------------------------------
    async def _pages(self, url: str) -> AsyncIterator[Page]:
        """Page by page: by `Link` where there is one, else by offset, until a page is short, empty or the one before."""
        address, offset, before = f"{url}?limit={limits.REGISTRY_PAGE}&offset=0", 0, ""
        for _ in range(limits.REGISTRY_PAGES):
            body, answer = await ask_json(self._http, address)
            page = read_page(body, answer.heads)
            mark = hashlib.sha256(answer.body).hexdigest()
            if mark == before:
                return  # it does not know offsets
            yield page
            before, offset = mark, offset + len(page.rows)
            if page.next:
                address = self._own(self._registry.url(page.next, url))
            elif not page.rows or self._is_last(page, offset):
                return
            else:
                address = f"{url}?limit={limits.REGISTRY_PAGE}&offset={offset}"
        raise DataError("registry.too_many", limit=limits.REGISTRY_PAGES * limits.REGISTRY_PAGE)

    def _is_last(self, page: Page, offset: int) -> bool:
        """Whether a page without `Link` ends its list: the total is reached, or it is not of the size that was asked for."""
        if page.total >= 0:
            return page.total <= offset
        return len(page.rows) != limits.REGISTRY_PAGE

    def _own(self, url: str) -> str:
        """A next page lies where the first one does. Raises DataError `registry.bad_answer`."""
        if not self._registry.speaks_at(url):
            raise DataError("registry.bad_answer", reason="the next page is somebody else's")
        return url

    async def _take(
        self, page: Page, kind: Kind, known: Mapping[str, str], found: _Found, at: float, emit: Emit
    ) -> None:
        for number, row in enumerate(page.rows, start=1):
            label = f"{places.PLURALS[kind]} row {len(found.places) + len(found.problems) + 1}"
            try:
                read = read_row(row, kind, label)
            except DataError as error:
                params = {key: value for key, value in error.params.items() if isinstance(value, str | int)}
                found.problems.append(Problem(error.code, ROOT, 0, params))
                continue
            reading = self._reading(read, row, at)
            if reading.place not in found.places and known.get(reading.place) != reading.signature:
                emit(reading)
            found.places.add(reading.place)
            if number % 100 == 0:
                await asyncio.sleep(0)
        emit(Progress(SOURCE, len(found.places), max(page.total, 0), self._registry.name))
        await self._context.room()

    def _reading(self, read: RowRead, row: Value, at: float) -> Reading:
        registry, item = self._registry, replace(read.item, raw={})
        path = read.download or places.download_path(
            item.kind, quote(item.id), quote(item.version or "latest", safe="")
        )
        evidence = registry.evidence(item.id, proven=False)
        if not (read.checksum or read.digest) and evidence.channel is Channel.ORIGIN:
            evidence = replace(evidence, channel=Channel.PLAIN)
        named = f"#sha256={read.checksum}" if read.checksum else ""
        sighting = Sighting(
            item,
            SOURCE,
            registry.origin,
            str(item.ref),
            f"{registry.url(path.partition('#')[0])}{named}",
            registry.principal(item.id),
            evidence,
            at,
            digest=read.digest,
            standing=Standing.LISTING if item.kind is Kind.AGENT else Standing.MAIN,
            status=read.status,
            signals=read.signals or {},
        )
        text = json.dumps(row, sort_keys=True, default=_spoken)
        mark = hashlib.sha256(f"{evidence.channel} {text}".encode("utf-8", "replace")).hexdigest()[:32]
        return Reading(SOURCE, registry.origin, str(item.ref), at, (sighting,), read.remarks, mark)


def _spoken(value: object) -> str:
    return f"{value.key} twice" if isinstance(value, Broken) else ""
