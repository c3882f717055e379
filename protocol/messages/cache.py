"""Messages of the area `cache`: the tree of files below the home."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "cache.full": Message(
        "no space left for the cache in {path}",
        "缓存目录 {path} 没有剩余空间",
        "Free some space, or: ooder cache clear",
        "请释放空间，或运行：ooder cache clear",
    ),
    "cache.unwritable": Message(
        "the cache in {path} cannot be written: {reason}",
        "无法写入缓存目录 {path}：{reason}",
        "Check its owner and permissions; searching works without it.",
        "请检查其所有者与权限；没有它仍可搜索。",
    ),
}
