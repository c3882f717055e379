"""Peers as people and programs see them: a light, how long ago, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.lan import Known, Lan
from node.policy import read_decisions
from protocol.errors import NotFoundError, UsageError
from protocol.peers import Peer, PeerState

LIGHTS = {PeerState.FRESH: "online", PeerState.SUSPECT: "slow", PeerState.GONE: "offline"}


def describe_peers(lan: Lan) -> list[dict[str, Any]]:
    """Every peer heard since the start, then those only remembered; online ones first."""
    paired = frozenset(read_decisions(lan.paths.trust).known_keys)
    found = {row: _heard(lan, known, paired) for row, known in lan.known.items()}
    for saved in lan.remembered():
        key = str(saved.get("key"))
        if key not in found and key:
            found[key] = _remembered(saved, key in paired)
    for key in paired - found.keys():
        found[key] = _remembered({"key": key, "agent_id": f"node-{key[:26].lower()}"}, paired=True)
    order = {"online": 0, "slow": 1, "offline": 2}
    return sorted(found.values(), key=lambda row: (order[row["light"]], row["name"], row["agent_id"]))


def _heard(lan: Lan, known: Known, paired: frozenset[str]) -> dict[str, Any]:
    peer = known.peer
    beacon = lan.provider.beacon if lan.provider else None
    current = beacon.peers.get(peer.row) if beacon else None
    peer = current or peer
    return {
        "agent_id": peer.agent_id,
        "name": peer.name or peer.device_name or peer.agent_id,
        "key": peer.key,
        "light": LIGHTS[peer.state],
        "state": str(peer.state),
        "paired": peer.key in paired,
        "signed": bool(peer.key),
        "proven": peer.proven,
        "addresses": [each.ip for each in peer.addresses],
        "port": peer.tcp_port,
        "seen_at": known.at,
        "offers": peer.count,
        "dialect": str(peer.dialect),
        "why": _why(lan, peer),
    }


def _remembered(saved: Mapping[str, Any], paired: bool) -> dict[str, Any]:
    return {
        "agent_id": str(saved.get("agent_id") or ""),
        "name": str(saved.get("name") or saved.get("agent_id") or ""),
        "key": str(saved.get("key") or ""),
        "light": "offline",
        "state": "gone",
        "paired": paired,
        "signed": True,
        "proven": False,
        "addresses": [str(saved["ip"])] if saved.get("ip") else [],
        "port": 0,
        "seen_at": float(saved.get("at") or 0.0),
        "offers": 0,
        "dialect": "",
        "why": ["not_heard"],
    }


def _why(lan: Lan, peer: Peer) -> list[str]:
    """Codes of `peer.why.*`: everything that is not as it should be."""
    found = [peer.reason] if peer.reason else []
    if not peer.key:
        found.append("unsigned")
    elif not peer.proven and peer.state is PeerState.FRESH:
        found.append("unproven")
    if any(event.key == peer.key for _, event in lan.clones):
        found.append("clone")
    found += [f"handover:{one.capability}" for (key, _), one in lan.between.handed.items() if key == peer.key]
    provider = lan.provider
    for catalogues in provider.catalogues if provider else ():
        if peer.key in catalogues.problems:
            found.append(catalogues.problems[peer.key].code)
    beacon = provider.beacon if provider else None
    refused = beacon.refusals.get(peer.addresses[0].ip) if beacon and peer.addresses else None
    if refused is not None and refused[0] not in ("duplicate", "own_echo"):
        found.append(f"refused:{refused[0]}")
    return found


def choose(rows: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The one row that `name` means: agent id, fingerprint, beginning of either, or name. Raises NotFoundError `peer.unknown`,
    UsageError `peer.ambiguous`."""
    wanted = name.strip().removeprefix("agent:").removeprefix("key:").casefold()
    exact = [row for row in rows if wanted in (row["name"].casefold(), row["agent_id"], row["key"].casefold())]
    found = exact or [
        row
        for row in rows
        if len(wanted) >= 4 and (row["agent_id"].startswith(wanted) or row["key"].casefold().startswith(wanted))
    ]
    if not found:
        raise NotFoundError("peer.unknown", name=name[:100])
    if len(found) > 1:
        raise UsageError("peer.ambiguous", name=name[:100], found=[row["agent_id"] for row in found])
    return found[0]
