"""Messages of the area `index`."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "item.malformed": Message("{field} is {reason}", "{field} 有误：{reason}"),
}
