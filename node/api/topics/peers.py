"""Other nodes that this one sees, pairing with them, and what this node shares with them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from node import policy
from node.api import faults, schemas
from node.api.pairings import pairing_body
from node.api.route import Asked, Call, Route, Told
from node.offering import share
from node.peer_list import choose
from node.service_list import describe_services
from node.sharing import EVERYONE, read_shares, stop_share
from protocol import limits
from protocol.errors import NotFoundError
from protocol.refs import parse_ref


class Peers(Told):
    """Peers as their source describes them; empty while no source listens for peers."""

    peers: list[dict[str, Any]]


class Service(Told):
    """A service that mDNS heard, as claimed."""

    name: str
    type: str
    kind: str
    ref: str = Field(description="the item it became; empty when it names nobody")
    addresses: list[str]
    port: int
    capabilities: int
    scenes: int
    why: list[str] = Field(description="codes why it is not fresh: no_answer when its port does not answer")
    properties: dict[str, str]


class Services(Told):
    """Services of the local network."""

    services: list[Service]


class Device(Asked):
    """A device: its name, agent id, fingerprint, or the beginning of one of the latter."""

    name: str = Field(max_length=limits.NAME_CHARS)


class Whom(Asked):
    """With whom to pair; whoever pairs at the same time when empty."""

    name: str = Field(default="", max_length=limits.NAME_CHARS)


class Verdict(Asked):
    """Whether both screens show the same code."""

    yes: bool


class Pairing(Told):
    """How pairing goes. `code` is to be compared with the other screen."""

    state: str = Field(description="idle, looking, compare, agreed, paired or failed")
    code: str
    peer: dict[str, Any] | None
    error: schemas.Error | None


class Shares(Told):
    """Everything that is shared now."""

    shares: list[dict[str, Any]]


class Sharing(Asked):
    """Share an item."""

    ref: schemas.AnyRef
    audience: str = Field(
        default=EVERYONE,
        max_length=80,
        description="everyone, paired or group:NAME",
        json_schema_extra={"pattern": r"^(everyone|paired|group:[A-Za-z0-9_.-]{1,64})$"},
    )
    may: Literal["see", "install"] = "install"
    duration: str = Field(
        default="",
        max_length=20,
        description="30m, 12h, 7d; empty: until stopped",
        json_schema_extra={"pattern": r"^([1-9][0-9]{0,5}[mhd])?$"},
    )


class Name(Asked):
    """A ref in the path."""

    ref: schemas.AnyRef


async def list_peers(call: Call) -> dict[str, Any]:
    """Every peer that is or was seen."""
    return {"peers": await call.desk.read(call.desk.peers)}


async def list_services(call: Call) -> dict[str, Any]:
    """What mDNS heard."""
    return {"services": describe_services(call.desk.service.ports.lan)}


async def show_pairing(call: Call) -> dict[str, Any]:
    """How pairing goes."""
    return pairing_body(call.desk.pairings, call.language)


async def pair(call: Call) -> dict[str, Any]:
    """Pair with the device that pairs at the same time."""
    await call.desk.pairings.start(call.body.name, call.language)
    return pairing_body(call.desk.pairings, call.language)


async def confirm(call: Call) -> dict[str, Any]:
    """Say whether both screens show the same code."""
    if call.desk.pairings.state != "compare":
        raise NotFoundError("pair.not_now")
    await call.desk.ask("peers.confirm", {"yes": call.body.yes}, call.language)
    return pairing_body(call.desk.pairings, call.language)


async def unpair(call: Call) -> dict[str, Any]:
    """Forget that a device is yours."""
    desk, name = call.desk, call.params.name
    row = choose(await desk.read(desk.peers), name)
    await desk.decide(lambda: policy.forget_key(desk.service.paths, str(row["key"])))
    return {"done": "peers.unpaired", "params": {"name": str(row["name"])}}


async def list_shares(call: Call) -> dict[str, Any]:
    """What is shared with whom, until when."""
    service = call.desk.service
    found = await call.desk.read(lambda: read_shares(service.paths))
    return {"shares": [one.describe() for one in found if one.holds(service.now())]}


async def add_share(call: Call) -> dict[str, Any]:
    """Share an item; nothing is shared that was not named so."""
    wish: Sharing = call.body
    ref, service = parse_ref(wish.ref), call.desk.service
    done = await call.desk.read(lambda: share(service, ref, wish.audience, wish.may, wish.duration))
    return {"done": "share.added", "params": {"ref": str(done.ref), "who": done.audience}}


async def remove_share(call: Call) -> dict[str, Any]:
    """Share it no more."""
    ref, service = parse_ref(call.params.ref), call.desk.service
    await call.desk.read(lambda: stop_share(service.paths, ref, service.now()))
    return {"done": "share.stopped", "params": {"ref": str(ref.any_version)}}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/peers",
        name="list_peers",
        summary="Other nodes that this one sees",
        handler=list_peers,
        answer=Peers,
        tagged=True,
    ),
    Route(
        method="GET",
        path="/api/v1/services",
        name="list_services",
        summary="Services of the local network that mDNS heard",
        handler=list_services,
        answer=Services,
        tagged=True,
    ),
    Route(
        method="GET",
        path="/api/v1/pairing",
        name="show_pairing",
        summary="How pairing with another device goes",
        handler=show_pairing,
        answer=Pairing,
    ),
    Route(
        method="POST",
        path="/api/v1/pairing",
        name="start_pairing",
        summary="Pair with the device that pairs at the same time",
        handler=pair,
        body=Whom,
        answer=Pairing,
        status=202,
        errors=("pair.failed",),
    ),
    Route(
        method="POST",
        path="/api/v1/pairing/confirm",
        name="confirm_pairing",
        summary="Say whether both screens show the same code",
        handler=confirm,
        body=Verdict,
        answer=Pairing,
        errors=("pair.not_now", "node.not_running"),
    ),
    Route(
        method="DELETE",
        path="/api/v1/peers/{name}",
        name="unpair",
        summary="Forget that a device is yours",
        handler=unpair,
        params=Device,
        answer=schemas.Done,
        errors=("peer.unknown", "peer.ambiguous"),
    ),
    Route(
        method="GET",
        path="/api/v1/shares",
        name="list_shares",
        summary="What this node shares, with whom and until when",
        handler=list_shares,
        answer=Shares,
        errors=("share.damaged",),
    ),
    Route(
        method="POST",
        path="/api/v1/shares",
        name="add_share",
        summary="Share an item with other devices",
        handler=add_share,
        body=Sharing,
        answer=schemas.Done,
        status=201,
        errors=(
            *faults.NAME,
            "item.unknown",
            "share.bad_audience",
            "share.bad_time",
            "share.not_yours",
            "share.damaged",
        ),
    ),
    Route(
        method="DELETE",
        path="/api/v1/shares/{ref}",
        name="stop_share",
        summary="Share an item no more",
        handler=remove_share,
        params=Name,
        answer=schemas.Done,
        errors=(*faults.NAME, "share.not_shared", "share.damaged"),
    ),
)
