"""Messages of the area `digest`: trees that cannot have a digest."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "digest.bad_path": Message(
        "'{path}' cannot be a path inside a tree: it must be relative, without '..', control characters or backslashes",
        "“{path}”不能作为目录树内的路径：必须是相对路径，且不含“..”、控制字符或反斜杠",
        "Rename the file.",
        "请重命名该文件。",
    ),
    "digest.duplicate_path": Message(
        "the path '{path}' occurs twice in one tree", "路径“{path}”在同一目录树中出现了两次"
    ),
    "digest.bad_file": Message("'{path}' has no usable size or SHA-256", "“{path}”没有可用的大小或 SHA-256 值"),
    "digest.empty_tree": Message("a tree without files has no digest", "没有文件的目录树没有摘要"),
}
