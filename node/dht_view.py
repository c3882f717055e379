"""The DHT as people look at it: how this node stands in it, whom it knows, and the way a question takes - for the command line and the API."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from node.dht_steps import follow
from node.service import Service
from protocol.dht.events import Answered, Asked, Ended, Event
from protocol.dht.record import name_key
from protocol.errors import UsageError
from protocol.refs import Ref

if TYPE_CHECKING:
    from node.dht import LiveNode
    from sources.dht_kademlia import Config

SOURCE = "dht_kademlia"


def joined(service: Service) -> AbstractAsyncContextManager[LiveNode]:
    """The node that runs here, or a client that joins for as long as the block lasts. Raises UsageError `source.disabled`,
    UnavailableError `dht.no_bootstrap`, `dht.unreachable`."""
    config: Config | Any = service.config.sources.get(SOURCE)
    if config is None or not service.config.enabled.get(SOURCE, True):
        raise UsageError("source.disabled", name=SOURCE)
    return service.ports.dht.session(config, serve=False)


def standing(live: LiveNode) -> dict[str, Any]:
    """Contacts, size of the network and what was counted."""
    machine = live.machine
    return {
        "joined": live.joined,
        "contacts": len(machine.table),
        "buckets": machine.table.sizes(),
        "nodes_estimated": machine.table.estimate(),
        "soft_timeout_ms": round(machine.soft * 1000, 1),
        "counts": dict(machine.counts),
    }


def own_id(live: LiveNode) -> str:
    """Where this node is on the ring, 40 hex digits."""
    return f"{live.machine.own.id:040x}"


def contacts(live: LiveNode) -> list[dict[str, Any]]:
    """The routing table, nearest first."""
    machine = live.machine
    rows = sorted(machine.table, key=lambda entry: entry.contact.id ^ machine.own.id)
    return [{"id": f"{one.contact.id:040x}", "ip": one.contact.ip, "port": one.contact.port} for one in rows]


async def trace(live: LiveNode, ref: Ref) -> list[dict[str, Any]]:
    """Look for `ref` carefully; every question with its path, hops, node and time (see `trace_rows`)."""
    events: list[Event] = []
    await follow(live, ref, events.append)
    return trace_rows(events)


def target_of(ref: Ref) -> str:
    """Where on the ring the records of `ref` are, 40 hex digits."""
    return name_key(ref).hex()


def trace_rows(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The events of lookups as rows: one for each node that was asked, and one at the end. Times in milliseconds."""
    asked: dict[tuple[int, Any], Asked] = {}
    rows: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Asked):
            asked[event.lookup, event.contact] = event
        elif isinstance(event, Answered):
            question = asked.get((event.lookup, event.contact))
            rows.append(
                {
                    "event": "answered",
                    "id": f"{event.contact.id:040x}",
                    "ip": event.contact.ip,
                    "port": event.contact.port,
                    "path": question.path if question else 0,
                    "hops": question.hops if question else 0,
                    "ok": event.ok,
                    "ms": event.seconds * 1000,
                    "contacts": event.contacts,
                    "records": event.records,
                }
            )
        elif isinstance(event, Ended):
            rows.append(
                {
                    "event": "ended",
                    "asked": event.asked,
                    "answered": event.answered,
                    "hops": event.hops,
                    "ms": event.seconds * 1000,
                }
            )
    return rows
