"""Trust: who owns a name, as this user decided."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node import policy
from node.api import schemas
from node.api.route import Asked, Call, Route, Told
from protocol.refs import parse_ref


class Name(Asked):
    """A ref in the path."""

    ref: schemas.AnyRef


class Owner(Asked):
    """Who owns the name."""

    principal: str = Field(min_length=1, max_length=1_024, pattern=r"^[^\x00-\x1f\x7f]+$")


class Decisions(Told):
    """Everything this user decided about trust."""

    pins: dict[str, str] = Field(description="ref -> principal")
    known_keys: list[str]
    official: list[str]


async def show(call: Call) -> dict[str, Any]:
    """Pins, keys, and who is official."""
    service = call.desk.service
    found = await call.desk.read(lambda: policy.read_decisions(service.paths.trust))
    official = list(service.config.settings.trust.official)
    return {"pins": dict(found.pins), "known_keys": list(found.known_keys), "official": official}


async def pin(call: Call) -> dict[str, Any]:
    """Say who owns a name; what others say under it is shown as a conflict."""
    name = parse_ref(call.params.ref).any_version
    principal = call.body.principal
    await call.desk.decide(lambda: policy.pin(call.desk.service.paths, name, principal))
    return {"done": "trust.pinned", "params": {"ref": str(name), "principal": principal}}


async def unpin(call: Call) -> dict[str, Any]:
    """Forget who owns a name."""
    name = parse_ref(call.params.ref).any_version
    await call.desk.decide(lambda: policy.unpin(call.desk.service.paths, name))
    return {"done": "trust.unpinned", "params": {"ref": str(name)}}


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/trust",
        name="show_trust",
        summary="Pinned names, known keys, and who is official",
        handler=show,
        answer=Decisions,
        tagged=True,
    ),
    Route(
        method="PUT",
        path="/api/v1/trust/{ref}",
        name="pin_name",
        summary="Say who owns a name",
        handler=pin,
        params=Name,
        body=Owner,
        answer=schemas.Done,
        errors=("ref.malformed", "ref.bad_id"),
    ),
    Route(
        method="DELETE",
        path="/api/v1/trust/{ref}",
        name="unpin_name",
        summary="Forget who owns a name",
        handler=unpin,
        params=Name,
        answer=schemas.Done,
        errors=("ref.malformed", "ref.bad_id", "trust.not_pinned"),
    ),
)
