"""What the command line asks the running node about peers, over the control socket."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from node.control import Method
from node.io.peer_client import Point
from node.lan import Lan
from node.pairing import Pairing
from node.peer_list import choose, describe_peers
from node.policy import know_key
from node.service import Service
from protocol.errors import UnavailableError, UsageError
from protocol.peers import Peer
from protocol.refs import Kind, parse_ref

AFTERWARDS = 5.0  # seconds the other side can still learn how it ended


def peer_methods(service: Service) -> Mapping[str, Method]:
    """`peers.list`, `peers.traffic`, `peers.pair`, `peers.confirm`, `peers.sync`, `peers.handover`."""
    lan = service.ports.lan

    async def listed(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        yield {"peers": await asyncio.to_thread(describe_peers, lan)}

    async def traffic(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        yield lan.traffic()

    async def pair(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        if lan.pairing is not None:
            raise UsageError("pair.failed", name="-", reason="pairing is under way already")
        if lan.provider is None or lan.provider.beacon is None:
            raise UnavailableError("pair.failed", name="-", reason="udp_broadcast does not run")
        wanted = str(params.get("name") or "")
        pairing = Pairing(lan.key().public.fingerprint, secrets.token_bytes(32), service.ports.context.clock)
        lan.pairing = pairing
        try:
            point, code = await pairing.find(lambda: _points(service, wanted), service.ports.peers.pair)
            row = choose(await asyncio.to_thread(describe_peers, lan), point.key)
            yield {"peer": dict(row), "code": code}
            await pairing.agree(point, service.ports.peers.pair)
            await asyncio.to_thread(know_key, service.paths, point.key)
            await asyncio.to_thread(service.remerge)
            yield {"peer": dict(row), "paired": True}
        finally:
            asyncio.get_running_loop().call_later(AFTERWARDS, lan.end_pairing, pairing)

    async def confirm(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        if lan.pairing is None:
            raise UsageError("pair.not_now")
        lan.pairing.decide(yes=params.get("yes") is True)
        yield {}

    return {
        **between_methods(lan),
        "peers.list": listed,
        "peers.traffic": traffic,
        "peers.pair": pair,
        "peers.confirm": confirm,
    }


def between_methods(lan: Lan) -> Mapping[str, Method]:
    """`peers.sync`, `peers.handover`: between devices of one person."""

    def reached(name: str) -> Peer:
        row = choose(describe_peers(lan), name)
        known = lan.known.get(row["key"])
        if known is None or row["light"] == "offline":
            raise UnavailableError("peer.unreachable", address=row["name"], reason="silence")
        return known.peer

    async def sync(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        peer = reached(str(params.get("name")))
        yield {"peer": peer.name or peer.agent_id, "capabilities": list(await lan.between.ask(peer))}

    async def handover(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
        peer, ref = reached(str(params.get("name"))), parse_ref(str(params.get("ref")))
        if ref.kind is not Kind.CAPABILITY:
            raise UsageError("share.not_a_capability", ref=str(ref))
        lan.between.hand_over(peer, ref.id, str(params.get("reason") or ""))
        yield {"peer": peer.name or peer.agent_id, "capability": ref.id}

    return {"peers.sync": sync, "peers.handover": handover}


def _points(service: Service, wanted: str) -> list[Point]:
    """Where devices that could pair are: alive, signed, with a peer plane."""
    rows = describe_peers(service.ports.lan)
    if wanted:
        rows = [dict(choose(rows, wanted))]
    return [
        Point(row["agent_id"], row["addresses"][0], row["port"], row["key"])
        for row in rows
        if row["light"] == "online" and row["port"] and row["key"]
    ]
