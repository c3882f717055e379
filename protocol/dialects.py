"""The other tongues of the local network (WIRE 3.1 B-G and 3.3): what existing nodes really say, brought to one form.

None of them is signed and most cannot hear each other. Reading is tolerant and never raises; the only writer is the answer
to dialect B, the one that works in the field today.

>>> read_foreign("OODER_PEER_DISCOVERY|node-7|9000|1767225600000").id
'node-7'
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

from protocol import limits
from protocol.lan_text import decode_field, read_time


class Dialect(StrEnum):
    """Which tongue a datagram was in; the letters are those of WIRE 3.1."""

    FRAME = "frame"  # A, with our extension or without
    TEXT = "text"  # the documented raw text
    JSON = "json"
    SKILL_QUERY = "B"
    PEER = "C"
    CORE = "D"
    NEXUS = "E"
    SUPER_AGENT = "F"
    SKILL_BROADCAST = "G"
    SKILL_073 = "skill-0.7.3"


@dataclass(frozen=True, slots=True)
class Foreign:
    """One message of a foreign dialect. `asks` means that the sender expects an answer; `port` 0 means not said."""

    dialect: Dialect
    keyword: str
    id: str = ""
    name: str = ""
    port: int = 0
    asks: bool = False
    fields: tuple[str, ...] = ()
    timestamp: int = 0


_COLON_WORDS = {
    "OODER_SKILL_DISCOVER": Dialect.SKILL_QUERY,
    "OODER_SKILL_RESPONSE": Dialect.SKILL_QUERY,
    "OODER_DISCOVERY": Dialect.CORE,
    "DISCOVERY": Dialect.NEXUS,
    "HEARTBEAT": Dialect.NEXUS,
    "SUPER_AGENT_DISCOVERY": Dialect.SUPER_AGENT,
    "SUPER_AGENT_HEARTBEAT": Dialect.SUPER_AGENT,
    "SUPER_AGENT_RESPONSE": Dialect.SUPER_AGENT,
    "SUPER_AGENT_HEARTBEAT_ACK": Dialect.SUPER_AGENT,
}
_WORDS_073 = frozenset(
    {
        "SKILL_REGISTER",
        "SKILL_REGISTER_ACK",
        "SKILL_UNREGISTER",
        "SKILL_DISCOVER",
        "SKILL_DISCOVER_RESPONSE",
        "SKILL_HEARTBEAT",
    }
)


def read_foreign(text: str) -> Foreign | None:
    """Read one message of dialects B-G or v0.7.3; None when it is none of them."""
    if text.startswith("OODER_SKILL_DISCOVERY"):
        return Foreign(Dialect.SKILL_BROADCAST, "OODER_SKILL_DISCOVERY", asks=True) if len(text) == 21 else None
    if text.startswith("OODER_PEER_DISCOVERY|"):
        parts = [*text.split("|")[1:4], "", "", ""]
        identity = decode_field(parts[0])
        return Foreign(
            Dialect.PEER, "OODER_PEER_DISCOVERY", identity, port=_port(parts[1]), timestamp=read_time(parts[2])
        )
    keyword, colon, body = text.partition(":")
    if not colon:
        return None
    if keyword in _WORDS_073:
        fields = tuple(decode_field(part) for part in body.split(";")[: limits.LIST_ENTRIES])
        return Foreign(Dialect.SKILL_073, keyword, fields[0], fields=fields, asks=keyword == "SKILL_DISCOVER")
    dialect = _COLON_WORDS.get(keyword)
    return None if dialect is None else _read_colon(dialect, keyword, body)


def _read_colon(dialect: Dialect, keyword: str, body: str) -> Foreign | None:
    if keyword == "OODER_SKILL_RESPONSE":
        return _read_skill_response(body)
    if keyword in {"OODER_SKILL_DISCOVER", "OODER_DISCOVERY"}:
        host, _, tail = body.rpartition(":")  # the host may be IPv6, and is never believed
        asks = keyword == "OODER_SKILL_DISCOVER"
        return Foreign(dialect, keyword, port=_port(tail), asks=asks, fields=(decode_field(host),))
    parts = [decode_field(part) for part in body.split(":")[:4]] + ["", "", ""]
    if not parts[0]:
        return None
    port = _port(parts[2]) if keyword == "SUPER_AGENT_RESPONSE" else 0
    asks = keyword == "SUPER_AGENT_DISCOVERY"
    return Foreign(
        dialect, keyword, parts[0], parts[1], port=port, asks=asks, timestamp=0 if port else read_time(parts[2])
    )


def _read_skill_response(body: str) -> Foreign:
    """`{"skillId":..,"name":..,"version":..,"sceneId":..,"capabilities":[]}` (B), or anything at all (G)."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Foreign(Dialect.SKILL_BROADCAST, "OODER_SKILL_RESPONSE", fields=(decode_field(body),))

    def text(key: str) -> str:
        value = said.get(key)
        return decode_field(value) if isinstance(value, str) else ""

    listed = said.get("capabilities")
    capabilities = listed[: limits.LIST_ENTRIES] if isinstance(listed, list) else []
    fields = (text("version"), text("sceneId"), *(decode_field(cap) for cap in capabilities if isinstance(cap, str)))
    return Foreign(Dialect.SKILL_QUERY, "OODER_SKILL_RESPONSE", text("skillId"), text("name"), fields=fields)


def write_skill_response(skill_id: str, name: str, version: str, scene_id: str, capabilities: tuple[str, ...]) -> bytes:
    """The answer to dialect B, to be sent to the datagram's source host at the port the question named."""
    said = {
        "skillId": skill_id,
        "name": name,
        "version": version,
        "sceneId": scene_id,
        "capabilities": list(capabilities),
    }
    return b"OODER_SKILL_RESPONSE:" + json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _port(text: str) -> int:
    text = text.strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if number < 65536 else 0
