"""Messages of the area `source`."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {}
