"""What a node publishes over mDNS/DNS-SD, and how what others publish is read (guide 3.2, ECOSYSTEM 1.8). Pure.

A TXT record is a hint of whom to ask: lists are cut so that it stays below 400 bytes, the full ones are on the peer plane. The
key in it is a claim that the peer has to prove there. An instance name is for people; who an agent is says `agentId`, so a
renamed service is the same agent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol import limits
from protocol.identity import FINGERPRINT_CHARS
from protocol.lan_text import decode_field
from protocol.refs import Kind

SERVICE: Final = "_ooder._tcp.local."
SKILL_SERVICE: Final = "_ooder-skill._tcp.local."
PORT: Final = 48889
_FORBIDDEN = tuple(ipaddress.ip_network(each) for each in ("169.254.169.254/32", "fd00:ec2::254/128"))


@dataclass(frozen=True, slots=True)
class Txt:
    """The content of a TXT record. `count` and `catalogue` (hex) describe the catalogue, `key` is a fingerprint."""

    agent_id: str
    name: str = ""
    capabilities: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    user_id: str = ""
    status: str = ""
    kind: str = "Agent"
    catalogue: str = ""
    count: int = 0
    key: str = ""
    path: str = "/api/v1"


def instance_label(agent_id: str) -> str:
    """The guide's instance name, at most 63 bytes, cut at a character.

    >>> instance_label("node-7")
    'Ooder Agent-node-7'
    """
    return cut_bytes(f"Ooder Agent-{agent_id}".replace(".", "-"), limits.DNS_LABEL)


def subtypes(*offered: tuple[Kind, Sequence[str]]) -> tuple[str, ...]:
    """The kinds a node can be browsed by (RFC 6763 7.1): `_agent` always, others when it offers some.

    >>> subtypes((Kind.SCENE, ("onboarding",)), (Kind.CAPABILITY, ()))
    ('_agent', '_scene')
    """
    return (f"_{Kind.AGENT}", *(f"_{kind}" for kind, ids in offered if ids))


def cut_bytes(text: str, most: int) -> str:
    """The longest beginning of `text` that has at most `most` bytes in UTF-8."""
    return text.encode()[:most].decode(errors="ignore")


def encode_txt(txt: Txt) -> dict[str, bytes]:
    """Key -> value in the order to be published, below `limits.TXT_BYTES` in all: lists lose entries from their ends."""
    fixed = {
        "txtvers": "1",
        "agentId": txt.agent_id,
        "v": "1",
        "path": txt.path,
        "kind": txt.kind,
        "cat": txt.catalogue[:16],
        "n": str(txt.count) if txt.count else "",
        "pk": txt.key[:FINGERPRINT_CHARS],
        "status": txt.status,
        "userId": cut_bytes(txt.user_id, 32),
        "name": cut_bytes(txt.name, 63),
    }
    pairs = {key: value.encode() for key, value in fixed.items() if value}
    room = limits.TXT_BYTES - sum(len(key) + len(value) + 2 for key, value in pairs.items())
    for key, entries in (("capabilities", txt.capabilities), ("scenes", txt.scenes)):
        value = _join(
            entries, min(limits.TXT_STRING, max(0, room if key == "scenes" else room * 2 // 3)) - len(key) - 2
        )
        if value:
            pairs[key] = value
            room -= len(key) + len(value) + 2
    return pairs


def _join(entries: Iterable[str], most: int) -> bytes:
    value = b""
    for entry in entries:
        longer = value + (b"," if value else b"") + entry.replace(",", " ").encode()
        if len(longer) > most:
            break
        value = longer
    return value


def decode_txt(pairs: Mapping[bytes, bytes | None]) -> Txt | None:
    """Read a TXT record of anybody; None when it names no agent or skill. Never raises. Keys count without regard to case."""
    said: dict[str, str] = {}
    for key, value in list(pairs.items())[: limits.LIST_ENTRIES]:
        name = key[: limits.TXT_STRING].decode("ascii", "ignore").lower()
        said.setdefault(name, decode_field((value or b"")[: limits.TXT_STRING].decode("utf-8", "replace").strip()))
    agent_id = said.get("agentid") or said.get("id") or said.get("skillid") or ""
    if not agent_id:
        return None
    count = said.get("n", "")
    return Txt(
        agent_id=agent_id,
        name=said.get("name") or said.get("devicename", ""),
        capabilities=_listed(said, "capabilities"),
        scenes=_listed(said, "scenes"),
        user_id=said.get("userid", ""),
        status=said.get("status", ""),
        kind=said.get("kind", "Agent"),
        catalogue=said.get("cat", ""),
        count=int(count) if count.isascii() and count.isdigit() and len(count) < 10 else 0,
        key=said.get("pk", ""),
        path=said.get("path", ""),
    )


def _listed(said: Mapping[str, str], key: str) -> tuple[str, ...]:
    """A list, with the strings it was spilled into: `capabilities`, `capabilities.1`, ..."""
    parts = [said.get(key, ""), *(said.get(f"{key}.{number}", "") for number in range(1, 8))]
    entries = (entry.strip() for part in parts for entry in part.split(","))
    return tuple(dict.fromkeys(entry for entry in entries if entry))[: limits.LIST_ENTRIES]


def plausible_addresses(addresses: Iterable[str], connected: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Of the addresses a service claims, those that can be a neighbour's: inside a directly connected subnet, and not this
    host's loopback, a metadata service, a group or a broadcast. `connected` are our own (address, prefix length)."""
    ours = [ipaddress.ip_interface(f"{ip}/{prefix}") for ip, prefix in connected]
    kept = []
    for text in list(addresses)[: limits.PEER_ADDRESSES * 2]:
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        if address.is_multicast or address.is_unspecified or any(address in net for net in _FORBIDDEN):
            continue
        near = [each for each in ours if each.version == address.version and address in each.network]
        if not near or (address.is_loopback and not all(each.ip.is_loopback for each in ours)):
            continue
        if any(each.network.num_addresses > 2 and address == each.network.broadcast_address for each in near):
            continue
        kept.append(text)
    return tuple(kept[: limits.PEER_ADDRESSES])
