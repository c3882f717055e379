"""The one facade that the command line, the API and the web page share: the same powers, the same answers.

Reading methods block for as long as SQLite does (asynchronous callers use a thread); `scan` is asynchronous. Opening a service
asks no source and opens no socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from node.aggregator import Aggregator, storage_failure
from node.app import NodePorts, ask_at_once, make_providers, shared_pointers
from node.bodies import row_body
from node.cache_parts import Cleared, parts_of, remove_parts
from node.cache_tree import CacheRow, write_cache
from node.config import Config
from node.detail import detail_of
from node.events import Event
from node.file_lock import FileLock, holder
from node.index import Index, Page, Row, Rules, Told
from node.io.clock import SystemClock
from node.paths import Paths
from node.policy import policy_of, read_decisions
from node.scopes import sources_of
from node.source_states import read_states, save_states, state_change
from node.supervisor import Heard, Light, SearchEvent, SourceState, Supervisor
from protocol import limits
from protocol.errors import NotFoundError, StorageError
from protocol.items import Json
from protocol.merge import GONE, Entry
from protocol.query import Query, Scope
from protocol.refs import Kind, Ref
from protocol.relations import Node, relate
from protocol.trust import admit

LOCAL = frozenset({"local_fs"})
"""Sources that need no network, and so are asked offline too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of rows and what must be said with it."""

    page: Page
    now: float
    offline: bool
    newest: float

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.page.rows

    @property
    def total_text(self) -> str:
        """The number of matches, with a plus where it is a lower bound."""
        return f"{self.page.total}+" if self.page.more else str(self.page.total)

    def body(self) -> dict[str, object]:
        """The answer as JSON."""
        return {
            "items": [row_body(row) for row in self.rows],
            "total": self.page.total,
            "total_is_lower_bound": self.page.more,
            "took_ms": round(self.page.took_ms, 3),
            "offline": self.offline,
            "newest": self.newest,
        }


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """How a scan ended: one state per source asked, what there is now, how much changed and was written to the cache tree."""

    states: tuple[SourceState, ...]
    counts: Mapping[str, int]
    changes: int
    written: int


class Service:
    """One home, opened. Close it when done."""

    def __init__(self, paths: Paths, config: Config) -> None:
        self.paths = paths
        self.config = config
        paths.ensure()
        self._clock = SystemClock()
        self._revoked: set[str] = set()
        self.index = Index(paths.index, self._clock.wall)
        last_wall = self.index.last_wall()
        self._clock.raise_floor(last_wall)
        if not last_wall and paths.cache_state.exists():
            self._recall()

    def _recall(self) -> None:
        """Fill an index that was lost from the cache tree: everything with the times and evidence of then."""
        from node.cache_memory import read_cache

        with suppress(StorageError):  # an index that cannot be written says so itself when it is asked
            self.index.apply(list(read_cache(self.paths.cache)), self.rules, self.now())

    def close(self) -> None:
        """Give the index file back."""
        self.index.close()

    def use(self, config: Config) -> None:
        """Go on with other settings."""
        self.config = config
        self.__dict__.pop("rules", None)

    def now(self) -> float:
        """Wall time that never runs backwards."""
        return self._clock.wall()

    @cached_property
    def rules(self) -> Rules:
        """By what claims are judged."""
        decisions = read_decisions(self.paths.trust)
        return Rules(policy_of(self.config.settings, decisions, self.paths.revocations))

    @cached_property
    def ports(self) -> NodePorts:
        """What sources need of the world."""
        settings = self.config.settings
        ports = NodePorts(self.paths, self.index, self._clock, settings.name)
        ports.lan.friends = frozenset(key for keys in settings.groups.values() for key in keys)
        ports.dht_offers = lambda: shared_pointers(self)
        ports.revoked_anew = self._judge_anew
        return ports

    def _judge_anew(self, what: Set[str]) -> None:
        """A registry revoked something (digests, keys): what comes is judged by it at once, what is there as soon as a scan ends."""
        self.__dict__.pop("rules", None)
        self._revoked |= what

    # --- Asking ----------------------------------------------------------------------------------------------------
    def search(self, query: Query) -> Answer:
        """Answer from the index. Raises UsageError `query.too_long`."""
        now = self.now()
        return Answer(self.index.search(query, now), now, self.is_offline(), self.newest())

    def detail(self, ref: Ref, language: str = "en") -> dict[str, Json]:
        """One item in full. Raises NotFoundError `item.unknown`."""
        found = self.entry(ref.kind, ref.id)
        if found is None:
            raise self._missing(ref)
        return detail_of(found, self, self.now(), language)

    def _missing(self, ref: Ref) -> NotFoundError:
        """Nothing is known of a name, or what was known was taken back."""
        said = [admit(one, self.rules.policy, self.now()) for one in self.index.sightings(ref.kind, ref.id)]
        gone = next((one for one in said if one.status in GONE), None)
        if gone is None:
            return NotFoundError("item.unknown", ref=str(ref), id=ref.id)
        return NotFoundError("item.gone", ref=str(ref), status=gone.status.value, principal=gone.sighting.principal)

    def entry(self, kind: Kind, item_id: str) -> Entry | None:
        """The merged entry of one name."""
        return self.index.entry(kind, item_id, self.rules, self.now())

    def knows(self, kind: Kind, item_id: str) -> bool:
        """Whether anything is known under that name."""
        return self.entry(kind, item_id) is not None

    def providers(self, capability: str) -> Sequence[Entry]:
        """Skills and agents that say they provide a capability, most trusted first."""
        rows = self.index.providers(capability, self.now())[: limits.COMPARED]
        entries = (self.entry(row.ref.kind, row.ref.id) for row in rows)
        return [entry for entry in entries if entry is not None]

    def needed_by(self, kind: Kind, item_id: str) -> Sequence[Ref]:
        """Items that name this one as a dependency."""
        page = self.index.search(Query(capability=item_id, limit=limits.COMPARED), self.now())
        offers = {row.ref for row in self.index.providers(item_id, self.now())}
        return [row.ref for row in page.rows if row.ref not in offers and row.ref != Ref(kind, item_id)]

    def counts(self) -> Mapping[str, int]:
        """The figures of the summary line."""
        found = self.index.counts()
        plural = {Kind.SCENE: "scenes", Kind.CAPABILITY: "capabilities", Kind.SKILL: "skills", Kind.AGENT: "agents"}
        by_kind = {plural[kind]: found.kinds.get(kind, 0) for kind in Kind}
        return {**by_kind, "conflicts": found.conflicted, "problems": found.problems}

    def counts_by_source(self) -> Mapping[str, int]:
        """Items seen by each source."""
        return self.index.counts().sources

    def problems(self, limit: int = limits.PAGE_ROWS) -> list[Told]:
        """What could not be read, and remarks on what could."""
        return self.index.problems(limit=limit)

    def findings(self, limit: int = limits.PAGE_ROWS, language: str = "en") -> list[dict[str, object]]:
        """What does not fit together: unknown and unsatisfiable dependencies, cycles, capabilities nobody provides."""
        shown = self.index.everything(self.rules, self.now())
        nodes = [Node.of(entry.item, (other.version for other in entry.others)) for entry, _ in shown]
        return [
            {
                "code": one.code,
                "ref": str(one.ref),
                "message": one.text(language).text,
                "next_step": one.text(language).next_step,
                "params": dict(one.params),
            }
            for one in relate(nodes).findings[:limit]
        ]

    def events(self, since: int, limit: int) -> dict[str, Any]:
        """What changed since event `since`."""
        found = self.index.events_since(since, limit)
        return {"events": [asdict(event) for event in found.events], "gap": found.gap, "last": found.last}

    def last_event(self) -> int:
        """The number of the newest event."""
        return self.index.events_since(2**62, 1).last

    def never_scanned(self) -> bool:
        """Whether nothing was ever looked at."""
        return not self.index.was_told()

    # --- Sources ---------------------------------------------------------------------------------------------------
    def scope_sources(self, scope: Scope | None = None) -> tuple[str, ...]:
        """The sources a scan of the scope asks."""
        names = sources_of(self.config, scope)
        return tuple(name for name in names if name in LOCAL) if self.config.settings.offline else names

    def states(self) -> list[SourceState]:
        """Every source with its last known light."""
        saved = read_states(self.paths.states)
        found = []
        for name in self.config.source_names():
            state = saved.get(name, SourceState(name))
            off = not self.config.enabled.get(name, True)
            found.append(replace(state, light=Light.DISABLED, code="") if off else state)
        return found

    def places_of(self, name: str) -> list[str]:
        """What a source looks at, as far as the settings and earlier looks tell."""
        return [info.origin for info in self.index.origins() if info.source == name]

    def is_offline(self) -> bool:
        """Whether answers come from the cache only: by setting, or because the last scan reached nothing beyond this disk."""
        if self.config.settings.offline:
            return True
        asked = [
            state for state in read_states(self.paths.states).values() if state.name not in LOCAL and state.last_attempt
        ]
        return bool(asked) and all(state.light is Light.OFFLINE for state in asked)

    def newest(self) -> float:
        """When anything was last confirmed (wall seconds), 0 = never."""
        return self.index.newest()

    # --- Acting ----------------------------------------------------------------------------------------------------
    async def scan(
        self, tell: Callable[[SearchEvent], None], names: Sequence[str], *, wished: bool = True
    ) -> ScanOutcome:
        """Ask the sources, take in what they say as it comes, write the cache tree. One scan at a time per home.

        What somebody `wished` is asked at once, also of sources that are else asked less often than there are scans.
        Raises StorageError when the home cannot be written; a source's failure is its state in the outcome.
        """
        async with FileLock(self.paths.scan_lock).waiting():
            providers = make_providers(self.config, tuple(names), self.ports)
            if wished:
                ask_at_once(providers.values())
            aggregator = Aggregator(self.index, lambda: self.rules, self._clock)
            self.ports.waiting.add(aggregator)
            settings = self.config.settings.scan
            supervisor = Supervisor(
                providers,
                self._clock,
                aggregator.tell,
                lambda state: aggregator.note(state_change(state)),
                deadline=settings.deadline,
                slow_after=settings.slow_after,
            )
            saved = read_states(self.paths.states)
            supervisor.states |= {name: saved[name] for name in providers if name in saved}
            before = self.last_event()

            def hear(event: SearchEvent) -> None:
                if isinstance(event, Heard):
                    aggregator.tell(event.report)
                tell(event)

            try:
                async with asyncio.TaskGroup() as group:
                    writer = group.create_task(aggregator.run())
                    await supervisor.search(Query(), list(providers), hear)
                    await aggregator.settle()
                    writer.cancel()
            except BaseExceptionGroup as group:
                raise (storage_failure(group) or group) from None
            if self._revoked:
                what, self._revoked = self._revoked, set()
                await asyncio.to_thread(self.index.merge_again, self.rules, self.now(), what)
            save_states(self.paths.states, supervisor.states)
            changes = [event for event in self._events_after(before) if event.type.startswith("item.")]
            written = await asyncio.to_thread(self.write_cache) if changes or not self.paths.cache_state.exists() else 0
        return ScanOutcome(tuple(supervisor.states.values()), self.counts(), len(changes), written)

    def _events_after(self, number: int) -> Iterator[Event]:
        while batch := self.index.events_since(number).events:
            yield from batch
            number = batch[-1].n

    def write_cache(self) -> int:
        """Bring the cache tree up to date; returns how many items were written. Raises StorageError."""
        now = self.now()
        rows = (CacheRow(entry, sightings) for entry, sightings in self.index.everything(self.rules, now))
        confirmed = {(info.source, info.origin): info.surveyed_at for info in self.index.origins()}
        return write_cache(self.paths.cache, rows, confirmed, now).written

    def remerge(self) -> int:
        """Judge and merge everything anew after the user changed what is trusted."""
        self.__dict__.pop("rules", None)
        return self.index.merge_again(self.rules, self.now())

    # --- The home --------------------------------------------------------------------------------------------------
    def cache_info(self) -> list[dict[str, Json]]:
        """Parts of the cache with files and bytes."""
        return parts_of(self.paths)

    def clear_cache(self) -> Cleared:
        """Remove what this node wrote into the cache, the mirrors and the index.

        Files that somebody else put into the cache tree stay, and so do settings, pins and installed scenes. Raises StorageError.
        """
        with FileLock(self.paths.scan_lock).held():
            self.close()
            cleared = remove_parts(self.paths)
            self.close()  # somebody may have opened the old file in between
        return cleared

    def running_node(self) -> int | None:
        """The process id of the node that serves this home, if one does."""
        return holder(self.paths.node_lock)
