"""Messages of the area `folder`: what was met while looking through folders."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "source.folder_missing": Message(
        "the folder {path} does not exist",
        "文件夹 {path} 不存在",
        "Create it, or take it out of sources.local_fs.folders.",
        "请创建该文件夹，或将其从 sources.local_fs.folders 中移除。",
    ),
    "folder.unreadable": Message(
        "cannot be read: {reason}; what was known of it is kept as stale",
        "无法读取：{reason}；已知内容保留并标为陈旧",
        "Check that it exists and that you may read it: ls -ld PATH",
        "请检查它是否存在以及您是否有读取权限：ls -ld 路径",
    ),
    "folder.special_file": Message(
        "is a pipe, socket or device, not a file; left out", "是管道、套接字或设备而非普通文件；已忽略"
    ),
    "folder.bad_name": Message(
        "the file name is not UTF-8; left out", "文件名不是 UTF-8 编码；已忽略", "Rename it.", "请重命名。"
    ),
    "folder.too_deep": Message(
        "lies more than {limit} folders deep; left out",
        "层级超过 {limit} 层；已忽略",
        "Name the deeper folder itself in the configuration.",
        "请在配置中直接列出更深的文件夹。",
    ),
    "folder.too_many_entries": Message(
        "the folder holds more than {limit} entries; the rest was not looked at",
        "文件夹条目超过 {limit} 个；其余未查看",
        "Name smaller folders in the configuration.",
        "请在配置中列出更小的文件夹。",
    ),
    "folder.link_leaves": Message(
        "is a link out of the folder; not followed",
        "是指向文件夹之外的链接；未跟随",
        "Name the folder it points to in the configuration, if you want it looked at.",
        "如需查看，请在配置中列出其指向的文件夹。",
    ),
    "folder.link_loops": Message("is a link back to a folder above it; not followed", "是指回上级文件夹的链接；未跟随"),
    "folder.too_large": Message("is larger than {limit} bytes; not read", "大于 {limit} 字节；未读取"),
    "folder.no_digest": Message(
        "its folder gets no digest: {reason}",
        "其文件夹没有摘要：{reason}",
        "It is listed, but cannot be installed from here.",
        "它会被列出，但无法从此处安装。",
    ),
    "folder.not_whole": Message("some of its files could not be seen or named", "其中有些文件无法查看或命名"),
    "folder.too_many_files": Message(
        "an item's folder may hold at most {limit} files", "条目文件夹最多可包含 {limit} 个文件"
    ),
    "folder.too_many_bytes": Message(
        "an item's folder may hold at most {limit} bytes", "条目文件夹最多可包含 {limit} 字节"
    ),
    "folder.cache_damaged": Message(
        "this record of the cache cannot be used: {reason}",
        "该缓存记录无法使用：{reason}",
        "It is written again by the next scan of where it came from.",
        "下次扫描其来源时会重新写入。",
    ),
}
