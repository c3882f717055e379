"""The contract of a discovery source: small enough to implement inside a test.

A third-party source is an entry point of group `ooder.sources` that names a `make(config, context)` like the ones here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, runtime_checkable

from protocol.items import Report
from protocol.query import Query
from protocol.refs import Kind

Emit = Callable[[Report], None]
"""How a source speaks. Never blocks, never raises."""


@runtime_checkable
class Patient(Protocol):
    """A source that asks less often than it is asked, and what it does when a person wants to know now."""

    def ask_at_once(self) -> None:
        """Let the next search ask, however lately the last one did."""


class DiscoveryProvider(Protocol):
    """One source. The supervisor calls `run` once; it may return at once, listen for ever, or fail and be restarted.

    `search` returns when this source has no more to say to this query; a `Query()` without filters means "scan everything".
    Both raise `OoderError`s only; `UnavailableError` turns the light to offline and may carry `retry_after` seconds.
    """

    name: ClassVar[str]
    """File stem = config key = metric label = wire code."""
    priority: ClassVar[int]
    """Guide: UDP 100, mDNS 90, SkillCenter 80, DHT 70, forges and git 60, local 50. Only breaks ties."""
    kinds: ClassVar[frozenset[Kind]]
    pushes: ClassVar[bool]
    delivers: ClassVar[bool]
    """Whether bytes of an item can be fetched through this source."""

    async def run(self, emit: Emit) -> None:
        """Listen or watch until cancelled."""

    async def search(self, query: Query, emit: Emit) -> None:
        """Look once and report."""
