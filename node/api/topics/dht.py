"""The DHT: how this node stands in it, whom it knows, and the way a question takes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node import dht_view
from node.api import schemas
from node.api.route import Asked, Call, Route, Told
from protocol.refs import parse_ref


class Wanted(Asked):
    """What to look for."""

    ref: schemas.AnyRef


class Contact(Told):
    """A node of the routing table. `id`: 40 hex digits."""

    id: str
    ip: str
    port: int


class Standing(Told):
    """How this node stands in the DHT. Without `running` the rest is empty: it is off, or has not joined yet."""

    enabled: bool
    running: bool
    joined: bool
    problem: str = Field(default="", description="the code of what went wrong last, such as dht.state_damaged")
    own: str = Field(description="where this node is on the ring, 40 hex digits")
    nodes_estimated: int
    buckets: list[int]
    counts: dict[str, int]
    contacts: list[Contact]


class Step(Told):
    """A node answered or was silent, or (`event` "ended") a lookup is over."""

    event: str
    id: str = ""
    ip: str = ""
    port: int = 0
    path: int = 0
    hops: int
    ok: bool = True
    ms: float
    contacts: int = 0
    records: int = 0
    asked: int = 0
    answered: int = 0


class Trace(Told):
    """The way a question took."""

    ref: str
    own: str
    target: str = Field(description="where its records are, 40 hex digits")
    steps: list[Step]


async def show(call: Call) -> dict[str, Any]:
    """How this node stands in the DHT."""
    service = call.desk.service
    enabled = dht_view.SOURCE in service.config.sources and service.config.enabled.get(dht_view.SOURCE, True)
    live = service.ports.dht.running if enabled else None
    if live is None or not live.joined:
        empty: dict[str, Any] = {"own": "", "nodes_estimated": 0, "buckets": [], "counts": {}, "contacts": []}
        return {"enabled": enabled, "running": False, "joined": False, **empty}
    said = dht_view.standing(live)
    return {
        "enabled": True,
        "running": True,
        "joined": live.joined,
        "problem": live.problem,
        "own": dht_view.own_id(live),
        "nodes_estimated": said["nodes_estimated"],
        "buckets": said["buckets"],
        "counts": said["counts"],
        "contacts": dht_view.contacts(live),
    }


async def trace(call: Call) -> dict[str, Any]:
    """Look for something and tell every question."""
    ref = parse_ref(call.body.ref).any_version
    async with dht_view.joined(call.desk.service) as live:
        steps = await dht_view.trace(live, ref)
        return {"ref": str(ref), "own": dht_view.own_id(live), "target": dht_view.target_of(ref), "steps": steps}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/dht",
        name="show_dht",
        summary="How this node stands in the DHT, and whom it knows",
        handler=show,
        answer=Standing,
    ),
    Route(
        method="POST",
        path="/api/v1/dht/trace",
        name="trace_dht",
        summary="Look for something in the DHT and tell every question",
        handler=trace,
        body=Wanted,
        answer=Trace,
        errors=("source.disabled", "ref.malformed", "ref.bad_id", "dht.no_bootstrap", "dht.unreachable"),
    ),
)
