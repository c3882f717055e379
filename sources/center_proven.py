"""Following a registry that signs: all its changes, each proved by its publisher, all of them bound by the registry's head.

It guarantees: nothing enters the index before the whole catalogue gives the digest that was signed; sequence and key of the head
are on the disk before anything that came with it is used; a lower sequence, a second head of one number, an expired head or a
catalogue that does not fit change nothing. An unchanged registry costs one request.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from protocol import limits
from protocol.errors import DataError, IntegrityError, NotFoundError, OoderError
from protocol.http.exchange import HttpRequest
from protocol.item_json import decode_item, read_json
from protocol.items import Confirmation, Problem, Progress, Reading, Sighting, Status, Survey
from protocol.refs import parse_ref
from protocol.skill_center import places
from protocol.skill_center.following import Floor, Ledger, decode_memory, encode_memory, judge, signature
from protocol.skill_center.following import Progress as Followed
from protocol.skill_center.head import SignedHead, open_head
from protocol.skill_center.release import open_release, sha256_of
from protocol.skill_center.revocations import open_revocations
from sources.base import Emit
from sources.center_registry import ROOT, SOURCE, Registry
from sources.ports import Context, Http, Memory, RevocationLists

_AT_ONCE = 100  # changes checked or told before others get their turn
_BELOW = " below"
"""Marks what was told as the word of a registry that another one goes before."""
_PAUSES = (0.0, 0.1, 0.5, 2.0)
"""Seconds between looks whether the index has taken in what was told."""
_A = TypeVar("_A")
_B = TypeVar("_B")
_TRIES = 5  # a busy registry may move on while it is read


Row = Sequence[Any]
"""What is kept of a change: place, publisher, sequence and digest of the record, tree and package digest, size and files of the tree,
status, downloads, text of the item."""


@dataclass(frozen=True, slots=True)
class _Page:
    """Changes as they came, the number of the last one, and whether there are `more`."""

    rows: Sequence[object]
    last: int
    more: bool


@dataclass(slots=True)
class Held:
    """Checked changes that wait until all of them are known to be right; packed, as a first look may be of 100,000."""

    pages: list[bytes] = field(default_factory=list)
    count: int = 0

    def add(self, rows: list[Row]) -> None:
        """Keep one page."""
        self.pages.append(zlib.compress(json.dumps(rows).encode(), 1))
        self.count += len(rows)

    def __iter__(self) -> Iterator[Row]:
        for page in self.pages:
            yield from json.loads(zlib.decompress(page))


class ProvenLook:
    """Looks at one registry; remembers between looks how far it is."""

    def __init__(
        self, registry: Registry, http: Http, context: Context, memory: Memory, lists: RevocationLists
    ) -> None:
        self._registry, self._http, self._context = registry, http, context
        self._memory, self._lists = memory, lists
        self._ledger: Ledger | None = None

    @property
    def _name(self) -> str:
        return f"{SOURCE} {self._registry.origin}"

    async def look(self, base: str, emit: Emit, *, full: bool = True) -> None:
        """Take in what changed. `base` is the address asked: the registry's or a mirror's; `full` also confirms everything else.

        Raises NotFoundError `http.not_found` when the registry signs nothing, IntegrityError `registry.*`, `center.*`,
        `record.bad_signature`, DataError `record.*`, `center.bad_change`, and what the port raises.
        """
        floor, followed = decode_memory(await self._memory.load(self._name))
        head, floor = await self._head(base, floor, followed)
        await self._revoked(base, head)
        ledger, shadowed = self._ledger, self._shadowed()
        if ledger is None:
            ledger = await asyncio.to_thread(self._known_ledger)
        whole = len(ledger) == followed.releases and not self._misjudged(shadowed)
        there = await self._there(followed.releases) if whole and full else 0
        whole = whole and (not full or there > 0)
        if not whole or followed.catalogue != head.head.catalogue:
            self._ledger = None  # until it is known to be right
            held, ledger, head = await self._follow(base, head, floor, followed, ledger if whole else None)
            await self._tell(held, shadowed, emit)
            floor, _ = decode_memory(await self._memory.load(self._name))
            followed = Followed(head.head.event, head.head.catalogue, head.head.releases)
            await self._memory.keep(self._name, encode_memory(floor, followed))
            there = 0
        self._ledger = ledger
        if full or not whole:
            self._confirm(ledger, there, emit)

    async def followed_before(self) -> bool:
        """Whether it ever signed something here; then it must go on signing."""
        floor, _ = decode_memory(await self._memory.load(self._name))
        return bool(floor.seq or self._registry.key)

    async def last_event(self) -> int:
        """The number of the last change taken in."""
        return decode_memory(await self._memory.load(self._name))[1].event

    # --- Heads ------------------------------------------------------------------------------------------------------
    async def _head(self, base: str, floor: Floor, followed: Followed) -> tuple[SignedHead, Floor]:
        """The head, believed and kept."""
        found = await self._json(self._registry.url(places.HEAD, base))
        text = found.get("head") if isinstance(found, dict) else None
        if not isinstance(text, str):
            raise NotFoundError("http.not_found", url=self._registry.url(places.HEAD, base))
        signed = open_head(text, self._context.clock.wall(), self._registry.key)
        fresh = judge(floor, signed)
        if fresh != floor:
            await self._memory.keep(self._name, encode_memory(fresh, followed))
        return signed, fresh

    async def _revoked(self, base: str, head: SignedHead) -> None:
        """The list that goes with the head; an older one is a replay."""
        if await self._lists.seq(self._registry.owner) >= head.head.revocations:
            return
        found = await self._json(self._registry.url(places.REVOCATIONS, base))
        text = found.get("list") if isinstance(found, dict) else None
        if not isinstance(text, str) or not text:
            raise IntegrityError("registry.incomplete")
        listed = open_revocations(text, self._context.clock.wall(), head.key)
        if listed.seq < head.head.revocations:
            raise IntegrityError("registry.rolled_back", found=listed.seq, known=head.head.revocations)
        await self._lists.keep(self._registry.owner, listed.seq, listed.entries)

    async def _json(self, url: str) -> object:
        """JSON with numbers as numbers, for what is signed or checked afterwards."""
        answer = await self._http.ask(HttpRequest(url, keep=False))
        try:
            found: object = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise DataError("http.no_json", line=1, reason="not readable") from None
        return found

    # --- Changes ----------------------------------------------------------------------------------------------------
    async def _follow(
        self, base: str, head: SignedHead, floor: Floor, followed: Followed, before: Ledger | None
    ) -> tuple[Held, Ledger, SignedHead]:
        """Everything after what is followed already; from the beginning when that does not fit what is signed."""
        ledger = before or Ledger()
        since = followed.event if before is not None and followed.event <= head.head.event else 0
        held = Held()
        for _ in range(_TRIES):
            if not since:
                ledger, held = Ledger(), Held()
            last = await self._pull(base, since, ledger, held)
            if ledger.catalogue() == head.head.catalogue and len(ledger) == head.head.releases:
                return held, ledger, head
            newer, floor = await self._head(base, floor, followed)
            since = last if newer.head.event > head.head.event else 0
            head = newer
        raise IntegrityError("registry.incomplete")

    async def _pull(self, base: str, since: int, ledger: Ledger, held: Held) -> int:
        """Check changes and hold them, each page while the next one comes; the number of the last one."""
        page: _Page | None = await self._page(base, since)
        while page is not None:
            checking = asyncio.to_thread(_checked, page.rows, since, self._context.clock.wall())
            since = page.last or since
            if page.more:
                checked, page = await _both(checking, self._page(base, since))
            else:
                checked, page = await checking, None
            for one in checked:
                ledger.put(parse_ref(one[0]), one[3], one[2])
            held.add(checked)
            if held.count > limits.REGISTRY_CHANGES:
                raise DataError("center.bad_change", reason=f"more than {limits.REGISTRY_CHANGES}")
        return since

    async def _page(self, base: str, since: int) -> _Page:
        """The next changes, not yet checked."""
        path = f"{places.CHANGES}?since={since}&limit={limits.REGISTRY_PAGE}"
        body = await self._json(self._registry.url(path, base))
        rows = body.get("changes") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(rows, list) or len(rows) > limits.REGISTRY_PAGE:
            raise DataError("center.bad_change", reason="no list of changes")
        last = rows[-1].get("n") if rows and isinstance(rows[-1], dict) else 0
        if type(last) is not int or last <= since:
            return _Page(rows, 0, more=False)
        return _Page(rows, last, more=len(rows) == limits.REGISTRY_PAGE or body.get("more") is True)

    # --- Reports ----------------------------------------------------------------------------------------------------
    async def _tell(self, held: Held, shadowed: frozenset[str], emit: Emit) -> None:
        at = self._context.clock.wall()
        for count, row in enumerate(held, start=1):
            emit(self._reading(row, at, shadowed))
            if count % _AT_ONCE == 0 or count == held.count:
                emit(Progress(SOURCE, count, held.count, self._registry.name))
                await self._context.room()

    def _reading(self, row: Row, at: float, shadowed: frozenset[str]) -> Reading:
        place, key, seq, record, digest, package, size, files, status, downloads, text = row
        ref, registry = parse_ref(place), self._registry
        below = str(ref.any_version) in shadowed
        path = places.download_path(ref.kind, ref.id, ref.version)
        mark = signature(record, seq) + (_BELOW if below else "")
        try:
            item = decode_item(read_json(text))
            if item.ref != ref:
                raise IntegrityError("center.other_item", ref=place)
        except OoderError as error:  # its publisher's fault; the other releases are there
            problem = Problem("registry.bad_row", place, 0, {"reason": error.text()[:200]})
            return Reading(SOURCE, registry.origin, place, at, (), (problem,), mark)
        sighting = Sighting(
            item,
            SOURCE,
            registry.origin,
            place,
            f"{registry.url(path)}#sha256={package}",
            registry.principal(ref.id),
            registry.evidence(ref.id, proven=True, publisher=key, shadowed=below),
            at,
            digest=digest,
            size=size,
            files=files,
            seq=seq,
            status=Status(status),
            signals={"downloads": float(downloads)} if downloads else {},
        )
        return Reading(SOURCE, registry.origin, place, at, (sighting,), (), mark)

    # --- What is known ----------------------------------------------------------------------------------------------
    def _known_ledger(self) -> Ledger:
        return Ledger(self._context.places.known(SOURCE, self._registry.origin))

    async def _there(self, releases: int) -> int:
        """How many places the index has when it has all that was told (ROOT may be one more), else 0: it may have been cleared. What was
        told just now gets a moment to arrive."""
        for pause in _PAUSES:
            await self._context.clock.sleep(pause)
            count = self._context.places.count(SOURCE, self._registry.origin)
            if count in (releases, releases + 1):
                return count
        return 0

    def _confirm(self, ledger: Ledger, there: int, emit: Emit) -> None:
        """Say what stands; in one word when the index has just these places."""
        origin, now = self._registry.origin, self._context.clock.wall()
        if there and there == len(ledger):
            emit(Confirmation(SOURCE, origin, now, there))
        else:
            emit(Survey(SOURCE, origin, now, frozenset(ledger.places())))

    def _shadowed(self) -> frozenset[str]:
        """Names that a registry of higher priority has."""
        known = self._context.places.known
        above = (place for origin in self._registry.above for place in known(SOURCE, origin) if place != ROOT)
        return frozenset(place.partition("@")[0] for place in above)

    def _misjudged(self, shadowed: frozenset[str]) -> bool:
        """Whether another registry has gained or lost names since these were told."""
        if not self._registry.above:
            return False
        known = self._context.places.known(SOURCE, self._registry.origin).items()
        return any(
            mark.endswith(_BELOW) != (place.partition("@")[0] in shadowed) for place, mark in known if place != ROOT
        )


async def _both(first: Coroutine[Any, Any, _A], second: Coroutine[Any, Any, _B]) -> tuple[_A, _B]:
    """Both at once. Raises the first failure."""
    try:
        async with asyncio.TaskGroup() as group:
            one, two = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return one.result(), two.result()


def _checked(rows: Sequence[object], since: int, now: float) -> list[Row]:
    """One page of changes, each proved by its publisher. Raises DataError `center.bad_change`, what `open_release` raises, IntegrityError
    `center.other_item`."""
    found: list[Row] = []
    for row in rows:
        n, record, text = (row.get(name) for name in ("n", "release", "item")) if isinstance(row, dict) else (0, "", "")
        if type(n) is not int or n <= since or not isinstance(record, str) or not isinstance(text, str):
            raise DataError("center.bad_change", reason="number, record or item is missing, or numbers do not grow")
        signed, since = open_release(record, now), n
        release = signed.release
        if sha256_of(text.encode("utf-8", "surrogatepass")) != release.item:
            raise IntegrityError("center.other_item", ref=str(release.ref))
        downloads = row.get("downloads", 0) if isinstance(row, dict) else 0
        counted = downloads if type(downloads) is int and 0 <= downloads < 2**53 else 0
        head = (str(release.ref), signed.key, signed.seq, signed.digest, release.digest, release.package)
        found.append((*head, release.tree_size, release.files, release.status.value, counted, text))
    return found


def signs_nothing(error: OoderError) -> bool:
    """Whether a registry is of the kind that signs nothing, as opposed to one that cannot be asked now."""
    return error.code in ("http.not_found", "http.wrong_type", "http.no_json") or (
        error.code == "http.refused" and error.params.get("status") in (400, 405)
    )
