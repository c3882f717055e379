"""Messages of the area `git`."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {}
