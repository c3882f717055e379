"""Datagrams of the local network: the `OODE` frame, the text in it, and our signed extension behind it (WIRE 3.1, 3.2).

```
offset 0  4  "OODE"        4  1  type        5  2  payload length n, big-endian, below 2^15
       7  n  payload: a text message, or a bare id
     7+n  2  "X1"          9+n  2  record length m       11+n  m  signed record of an `Extension`, then zero padding
```
A Java neighbour reads n bytes and ignores the rest; a whole datagram never exceeds 1,024 bytes, its buffer. The extension
carries a digest of the payload, so the signature covers the text as well. When both do not fit, the lists of the text are
shortened from their ends, then free text is cut at a character, and in the end the payload is the bare id.

Reading accepts frames, raw text, JSON and the other dialects (`protocol.dialects`). It never raises: what cannot be read is a
`Junk` reason, to be counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from protocol import limits
from protocol.dialects import Dialect, Foreign, read_foreign
from protocol.lan_extension import Extension, Flag, Seal, encode_extension
from protocol.lan_text import (
    KEYWORDS,
    AgentAnnounce,
    CapHandover,
    CapShare,
    CapSync,
    CapSyncRequest,
    DiscoveryRequest,
    DiscoveryResponse,
    Heartbeat,
    Message,
    SceneCreate,
    decode_field,
    decode_text,
    encode_text,
    read_time,
)

MAGIC = b"OODE"
EXTENSION_MARK = b"X1"
HEAD_BYTES = 7
EXTENSION_HEAD_BYTES = 4


_LISTS = ("capabilities", "scenes", "required_caps", "invite_list")


class FrameType(IntEnum):
    """The type byte. Java knows 1-3 and ignores the others."""

    AGENT_ANNOUNCE = 1
    CAP_SHARE = 2
    SCENE_CREATE = 3
    CAP_HANDOVER = 4
    CAP_SYNC = 5
    DISCOVERY_REQUEST = 6
    DISCOVERY_RESPONSE = 7
    HEARTBEAT = 8


TYPE_OF: dict[type[Message], FrameType] = {
    AgentAnnounce: FrameType.AGENT_ANNOUNCE,
    CapShare: FrameType.CAP_SHARE,
    SceneCreate: FrameType.SCENE_CREATE,
    CapHandover: FrameType.CAP_HANDOVER,
    CapSync: FrameType.CAP_SYNC,
    CapSyncRequest: FrameType.CAP_SYNC,
    DiscoveryRequest: FrameType.DISCOVERY_REQUEST,
    DiscoveryResponse: FrameType.DISCOVERY_RESPONSE,
    Heartbeat: FrameType.HEARTBEAT,
}
_BARE: dict[int, Callable[[str], Message]] = {
    FrameType.AGENT_ANNOUNCE: AgentAnnounce,
    FrameType.CAP_SHARE: lambda cap_id: CapShare("", cap_id=cap_id),
    FrameType.SCENE_CREATE: lambda scene_id: SceneCreate("", scene_id=scene_id),
    FrameType.DISCOVERY_REQUEST: DiscoveryRequest,
    FrameType.DISCOVERY_RESPONSE: DiscoveryResponse,
    FrameType.HEARTBEAT: Heartbeat,
}


class Junk(StrEnum):
    """Why a datagram could not be read."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    SHORT_FRAME = "short_frame"
    NEGATIVE_LENGTH = "negative_length"
    LENGTH_BEYOND_END = "length_beyond_end"
    UNKNOWN_TYPE = "unknown_type"
    NOT_TEXT = "not_text"
    UNKNOWN_FORM = "unknown_form"


@dataclass(frozen=True, slots=True)
class Heard:
    """One datagram that could be read. `record` is the unverified extension ("" bytes when there is none)."""

    message: Message | Foreign
    dialect: Dialect
    record: bytes = b""
    text: bytes = b""


def text_digest(kind: int, payload: bytes) -> bytes:
    """What binds a frame to its extension."""
    return hashlib.sha256(bytes((kind,)) + payload).digest()[:16]


def encode_frame(kind: FrameType, payload: bytes, record: bytes = b"", pad_to: int = 0) -> bytes:
    """One datagram. With zeros up to `pad_to` bytes, so that an answer need not be longer than its question."""
    data = MAGIC + bytes((kind,)) + len(payload).to_bytes(2, "big") + payload
    if record:
        data += EXTENSION_MARK + len(record).to_bytes(2, "big") + record
    return data.ljust(pad_to, b"\0")


def compose(
    message: Message, extension: Extension | None, seal: Seal, limit: int = limits.DATAGRAM_SENT, pad_to: int = 0
) -> bytes | None:
    """The datagram for `message` in at most `limit` bytes, signed when there is an `extension`; None when even the bare id
    does not fit."""
    kind, room = TYPE_OF[type(message)], limit - HEAD_BYTES
    if extension is None:
        payload = next((text for text, _ in _shorter(message) if len(text) <= room), None)
        return None if payload is None else encode_frame(kind, payload, pad_to=min(pad_to, limit))
    draft = encode_extension(replace(extension, text=bytes(16), flags=extension.flags | Flag.LISTS_CUT))
    room -= EXTENSION_HEAD_BYTES + seal.overhead + len(draft)
    for payload, cut in _shorter(message):
        if len(payload) <= room:
            flags = extension.flags | (Flag.LISTS_CUT if cut else 0)
            final = replace(extension, text=text_digest(kind, payload), flags=flags)
            return encode_frame(kind, payload, seal.sign(encode_extension(final)), min(pad_to, limit))
    return None


def _shorter(message: Message) -> Iterator[tuple[bytes, bool]]:
    """The message as text, then ever shorter: lists by their ends, free text at a character, at last the bare id."""
    lists = {name: getattr(message, name) for name in _LISTS if getattr(message, name, ())}
    shown = {name: entries[: limits.LIST_ENTRIES] for name, entries in lists.items()}
    message = _with(message, shown)
    yield encode_text(message).encode(), shown != lists
    while any(shown.values()):
        longest = max(shown, key=lambda name: len(shown[name]))
        count = len(shown[longest])
        shown[longest] = shown[longest][: count * 7 // 8 if count > 8 else count - 1]
        message = _with(message, shown)
        yield encode_text(message).encode(), True
    for name in ("device_name", "scene_name", "reason", "query", "user_id"):
        while text := getattr(message, name, ""):
            message = _with(message, {name: text[: len(text) // 2]})
            yield encode_text(message).encode(), True
    if message.agent_id:
        yield message.agent_id.encode(), True


def _with(message: Message, changes: Mapping[str, object]) -> Message:
    return replace(message, **changes)  # type: ignore[arg-type]


def decode(data: bytes) -> Heard | Junk:
    """Read one datagram in any of the dialects. Never raises; costs at most one pass over the bytes."""
    if not data:
        return Junk.EMPTY
    if len(data) > limits.DATAGRAM_READ:
        return Junk.TOO_LONG
    if data.startswith(MAGIC) and not data.startswith(b"OODER_"):  # dialects B, C, D and G begin with our magic
        return _decode_frame(data)
    text = _as_text(data)
    if text is None:
        return Junk.NOT_TEXT
    if text.startswith("{"):
        message = _decode_json(text)
        return Heard(message, Dialect.JSON) if message else Junk.UNKNOWN_FORM
    spoken = _decode_words(text)
    if spoken is None:
        return Junk.UNKNOWN_FORM
    return Heard(spoken, spoken.dialect if isinstance(spoken, Foreign) else Dialect.TEXT)


def _decode_words(text: str) -> Message | Foreign | None:
    """Ours when the body has our separators; a colon-separated HEARTBEAT is that of dialect E."""
    if text.startswith("HEARTBEAT:") and ";" not in text and text.count(":") > 1:
        return read_foreign(text)
    return decode_text(text) or read_foreign(text)


def _decode_frame(data: bytes) -> Heard | Junk:
    if len(data) < HEAD_BYTES:
        return Junk.SHORT_FRAME
    length = int.from_bytes(data[5:HEAD_BYTES], "big", signed=True)
    if length < 0:
        return Junk.NEGATIVE_LENGTH
    end = HEAD_BYTES + length
    if end > len(data):
        return Junk.LENGTH_BEYOND_END
    if not FrameType.AGENT_ANNOUNCE <= data[4] <= FrameType.HEARTBEAT:
        return Junk.UNKNOWN_TYPE
    payload = data[HEAD_BYTES:end]
    text = _as_text(payload)
    if text is None:
        return Junk.NOT_TEXT
    message = _decode_payload(data[4], text)
    if message is None:
        return Junk.UNKNOWN_FORM
    return Heard(message, Dialect.FRAME, _cut_record(data, end), text_digest(data[4], payload))


def _decode_payload(kind: int, text: str) -> Message | None:
    """A text message when it starts with a known keyword and a colon, else a bare id of the type's kind."""
    if text.partition(":")[0] in KEYWORDS and ":" in text:
        return decode_text(text)
    build, bare = _BARE.get(kind), decode_field(text.strip())
    return build(bare) if build is not None and bare else None


def peek_record(data: bytes) -> bytes:
    """The record of the extension, before anything else is read; b"" when there is none. Never raises."""
    length = int.from_bytes(data[5:HEAD_BYTES], "big", signed=True)
    return _cut_record(data, HEAD_BYTES + length) if data.startswith(MAGIC) and length >= 0 else b""


def _cut_record(data: bytes, at: int) -> bytes:
    head = at + EXTENSION_HEAD_BYTES
    if data[at : at + 2] != EXTENSION_MARK:
        return b""
    length = int.from_bytes(data[at + 2 : head], "big")
    return data[head : head + length] if head + length <= len(data) else b""


def _as_text(data: bytes) -> str | None:
    """UTF-8, else the charset of a Chinese Windows (Java writes its platform charset), else None."""
    for charset in ("utf-8", "gb18030"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return None


def _decode_json(text: str) -> Message | None:
    """The JSON heartbeat of the later documents, and the same keys for the other messages."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    agent_id = said.get("agentId") if isinstance(said, dict) else None
    if not isinstance(agent_id, str) or not decode_field(agent_id):
        return None

    def word(key: str) -> str:
        value = said.get(key)
        return decode_field(value) if isinstance(value, str) else ""

    def words(key: str) -> tuple[str, ...]:
        value = said.get(key)
        if isinstance(value, dict):
            value = [f"{cap}={state}" for cap, state in list(value.items())[: limits.LIST_ENTRIES]]
        found = value[: limits.LIST_ENTRIES] if isinstance(value, list) else []
        return tuple(decode_field(entry) for entry in found if isinstance(entry, str) and entry)

    kind, stamp = word("type"), read_time(str(said.get("timestamp", "")))
    if kind == "HEARTBEAT":
        return Heartbeat(word("agentId"), word("status") or "online", words("capabilities"), stamp)
    if kind == "DISCOVERY_REQUEST":
        return DiscoveryRequest(word("agentId"), nonce=word("nonce"), timestamp=stamp)
    if kind not in {"", "AGENT_ANNOUNCE", "DISCOVERY_RESPONSE"}:
        return None
    status = word("status") or "online"
    lists = words("capabilities"), words("scenes")
    return AgentAnnounce(word("agentId"), word("userId"), word("deviceName"), *lists, status, stamp)
