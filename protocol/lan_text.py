"""The text messages of the local network: strictly positional fields (WIRE 3.2), read tolerantly and written exactly.

`KEYWORD:field;field;list,list;...` in UTF-8. Characters that would split a message are percent-encoded, and only those are
decoded. Missing trailing fields are empty, surplus ones are ignored; one field more than documented holds our own
`key=value&key=value`. Times are milliseconds since 1970, 0 when absent or unreadable.

>>> encode_text(CapShare("node-7", "lin", "daily-report", "group:team", ("read",), 0, 1767225600000))
'CAP_SHARE:node-7;lin;daily-report;group%3Ateam;read;0;1767225600000'
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, fields

from protocol import limits

_MUST_ENCODE = frozenset("%;,:|\r\n&=")
_DECODES = {f"%{ord(char):02X}": char for char in _MUST_ENCODE}


@dataclass(frozen=True, slots=True)
class AgentAnnounce:
    """An agent says that it is here and what it offers."""

    agent_id: str
    user_id: str = ""
    device_name: str = ""
    capabilities: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()
    status: str = "online"
    timestamp: int = 0
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DiscoveryResponse(AgentAnnounce):
    """The same, said to one who asked; never answered."""


@dataclass(frozen=True, slots=True)
class CapShare:
    """An agent shares one capability with `share_scope` until `expire_time` (0 = never)."""

    agent_id: str
    user_id: str = ""
    cap_id: str = ""
    share_scope: str = ""
    permissions: tuple[str, ...] = ()
    expire_time: int = 0
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class SceneCreate:
    """An agent opens a scene and says what it requires and who is invited."""

    agent_id: str
    user_id: str = ""
    scene_id: str = ""
    scene_name: str = ""
    required_caps: tuple[str, ...] = ()
    invite_list: tuple[str, ...] = ()
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class CapHandover:
    """One device hands a capability to another. Acted on only after consent."""

    agent_id: str
    to_agent_id: str = ""
    cap_id: str = ""
    reason: str = ""
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class CapSyncRequest:
    """One device asks another for its capabilities; `sync_type` is `full` in the documents."""

    agent_id: str
    to_agent_id: str = ""
    sync_type: str = ""
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class CapSync:
    """The answer to a `CapSyncRequest`; the documents name it and leave the form open, so this form is ours."""

    agent_id: str
    to_agent_id: str = ""
    sync_type: str = ""
    capabilities: tuple[str, ...] = ()
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """Who is there? `type` and `query` narrow the question; `nonce` (hex) is echoed in the answer."""

    agent_id: str
    type: str = ""
    query: str = ""
    scope: str = ""
    nonce: str = ""
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life. `capabilities` are written `id=state`."""

    agent_id: str
    status: str = "online"
    capabilities: tuple[str, ...] = ()
    timestamp: int = 0


Message = (
    AgentAnnounce
    | DiscoveryResponse
    | CapShare
    | SceneCreate
    | CapHandover
    | CapSyncRequest
    | CapSync
    | DiscoveryRequest
    | Heartbeat
)

KEYWORDS: dict[str, type[Message]] = {
    "AGENT_ANNOUNCE": AgentAnnounce,
    "CAP_SHARE": CapShare,
    "SCENE_CREATE": SceneCreate,
    "CAP_HANDOVER": CapHandover,
    "CAP_SYNC_REQUEST": CapSyncRequest,
    "CAP_SYNC": CapSync,
    "DISCOVERY_REQUEST": DiscoveryRequest,
    "DISCOVERY_RESPONSE": DiscoveryResponse,
    "HEARTBEAT": Heartbeat,
}
_KEYWORD_OF = {cls: keyword for keyword, cls in KEYWORDS.items()}
_LISTS = frozenset({"capabilities", "scenes", "permissions", "required_caps", "invite_list"})
_NUMBERS = frozenset({"timestamp", "expire_time"})
_SHAPES = {cls: tuple(field.name for field in fields(cls)) for cls in KEYWORDS.values()}
_MAX_TIME = 1 << 53


def encode_field(text: str) -> str:
    """Percent-encode what would split a message, and control characters."""
    if not any(char in _MUST_ENCODE or char < " " for char in text):
        return text
    return "".join(f"%{ord(char):02X}" if char in _MUST_ENCODE or char < " " else char for char in text)


def decode_field(text: str) -> str:
    """Undo `encode_field`; other percent signs stay as they are. Control and direction-changing characters are removed."""
    if "%" in text:
        parts = text.split("%")
        text = parts[0] + "".join(_DECODES.get("%" + part[:2].upper(), "%" + part[:2]) + part[2:] for part in parts[1:])
    if text.isascii() and text.isprintable():
        return text[: limits.TEXT_FIELD_CHARS]
    kept = (char for char in text if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    return "".join(kept)[: limits.TEXT_FIELD_CHARS]


def encode_text(message: Message) -> str:
    """Write a message; the twin of `decode_text`."""
    parts = []
    for name in _SHAPES[type(message)]:
        value = getattr(message, name)
        if name == "extra":
            if value:
                parts.append("&".join(f"{encode_field(key)}={encode_field(text)}" for key, text in value))
        elif isinstance(value, tuple):
            parts.append(",".join(encode_field(entry) for entry in value))
        else:
            parts.append(encode_field(str(value)))
    return f"{_KEYWORD_OF[type(message)]}:{';'.join(parts)}"


def decode_text(text: str) -> Message | None:
    """Read a message; None when `text` is not one of them. Never raises."""
    keyword, colon, body = text.partition(":")
    cls = KEYWORDS.get(keyword)
    if cls is None or not colon:
        return None
    parts = body.split(";")
    values = {name: _read(name, part) for name, part in zip(_SHAPES[cls], parts, strict=False)}
    return cls(**values) if values.get("agent_id") else None  # type: ignore[arg-type]


def _read(name: str, part: str) -> object:
    if name == "extra":
        pairs = (pair.partition("=") for pair in part.split("&")[: limits.LIST_ENTRIES] if pair)
        return tuple((decode_field(key), decode_field(value)) for key, _, value in pairs)
    if name in _LISTS:
        entries = (decode_field(entry.strip()) for entry in part.split(",")[: limits.LIST_ENTRIES])
        return tuple(entry for entry in entries if entry)
    if name in _NUMBERS:
        return read_time(part.strip())
    return decode_field(part.strip())


def read_nonce(text: str) -> bytes:
    """The bytes of a nonce, at most 16; empty when it is no hexadecimal text."""
    try:
        return bytes.fromhex(text)[:16]
    except ValueError:
        return b""


def read_time(text: str) -> int:
    """Milliseconds since 1970, or 0 when `text` is no such number."""
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        return 0
    number = int(text)
    return number if number < _MAX_TIME else 0
