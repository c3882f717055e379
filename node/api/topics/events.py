"""What happened, and what happens: the numbered event log as a list, a stream and a WebSocket."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from node.api import schemas
from node.api.route import Access, Answer, Asked, Call, Route, Told
from protocol import limits


class Since(Asked):
    """The last event that is known. Streams also obey `Last-Event-ID`; without either they begin with a snapshot."""

    since: int | None = Field(default=None, ge=0, le=2**62)
    limit: int = Field(
        default=limits.PAGE_ROWS, ge=1, le=limits.PAGE_ROWS, description="of the list; streams have none"
    )


class Events(Told):
    """Events after `since`, oldest first. `gap`: some in between are no longer kept. `last`: the newest number there is."""

    events: list[schemas.Event]
    gap: bool
    last: int


async def list_events(call: Call) -> dict[str, Any]:
    """Events after a number."""
    service = call.desk.service
    asked: Since = call.params
    return await call.desk.read(lambda: service.events(asked.since or 0, asked.limit))


async def listen(call: Call) -> None:
    """Served by node.api.streams."""


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/events",
        name="events",
        summary="Events since a number; with Accept: text/event-stream a stream that goes on",
        handler=list_events,
        params=Since,
        answer=Events,
        access=Access.STREAM,
        kind=Answer.EVENTS,
        errors=("api.busy",),
    ),
    Route(
        method="GET",
        path="/api/v1/ws",
        name="events_socket",
        summary="The same stream as a WebSocket, one JSON text per event",
        handler=listen,
        params=Since,
        answer=schemas.Event,
        access=Access.STREAM,
        kind=Answer.SOCKET,
        errors=("api.busy",),
    ),
)
