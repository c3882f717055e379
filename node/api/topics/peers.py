"""Other nodes that this one sees."""

from __future__ import annotations

from typing import Any

from node.api.route import Call, Route, Told


class Peers(Told):
    """Peers as their source describes them; empty while no source listens for peers."""

    peers: list[dict[str, Any]]


async def list_peers(call: Call) -> dict[str, Any]:
    """Every peer that is or was seen."""
    return {"peers": await call.desk.read(call.desk.peers)}


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
)
