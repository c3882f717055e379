"""A lookup in the DHT as it happens, for the picture that draws it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from node import dht_view
from node.api import schemas
from node.api.problems import encode
from node.api.route import Access, Answer, Asked, Call, Route, Told
from node.api.streams import listening
from node.dht_steps import Tracer, follow
from protocol import limits
from protocol.dht.events import Event
from protocol.refs import Ref, parse_ref

if TYPE_CHECKING:
    from node.dht import LiveNode


class What(Asked):
    """What to look for."""

    ref: schemas.AnyRef


class Steps(Told):
    """Every step of one lookup, in order (docs/protocol/dht.md, section 9)."""

    ref: str
    events: list[dict[str, Any]]


async def events(call: Call) -> web.StreamResponse:
    """Look carefully for one ref and say what happens: as a stream while it happens, or whole at the end."""
    ref = parse_ref(call.params.ref).any_version
    with listening(call.desk.hub):
        async with dht_view.joined(call.desk.service) as live:
            if "text/event-stream" in call.request.headers.get("Accept", ""):
                return await _stream(call.request, live, ref)
            tracer, found = Tracer(), list[dict[str, Any]]()
            await follow(live, ref, lambda event: found.append(tracer.body(event)))
            body = encode({"ref": str(ref), "events": found})
            return web.Response(body=body, content_type="application/json", charset="utf-8")


async def _stream(request: web.Request, live: LiveNode, ref: Ref) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    await response.prepare(request)
    waiting: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(limits.DHT_EVENTS)

    tracer = Tracer()

    def put(event: Event) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # a reader that takes nothing loses the end, and the node nothing
            waiting.put_nowait(tracer.body(event))

    async def look() -> None:
        await follow(live, ref, put)
        await waiting.put(None)

    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(look())
            try:
                while (body := await waiting.get()) is not None:
                    async with asyncio.timeout(limits.API_STALLED_SECONDS):
                        await response.write(b"event: %s\ndata: %s\n\n" % (body["event"].encode(), encode(body)))
            finally:
                looking.cancel()
    return response


ROUTES = (
    Route(
        method="GET",
        path="/api/v1/dht/events",
        name="dht_events",
        summary="Look for a ref in the DHT and tell every step; with Accept: text/event-stream as it happens",
        handler=events,
        params=What,
        answer=Steps,
        access=Access.STREAM,
        kind=Answer.RAW,
        errors=("api.busy", "ref.malformed", "ref.bad_id", "source.disabled", "dht.no_bootstrap", "dht.unreachable"),
    ),
)
