"""Messages of the area `index`."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "item.malformed": Message("{field} is {reason}", "{field} 有误：{reason}"),
    "query.too_long": Message(
        "the question is too long: at most {chars} characters and {words} words",
        "查询过长：最多 {chars} 个字符、{words} 个词",
        "Ask for fewer words.",
        "请减少查询词。",
    ),
    "index.rebuilt": Message(
        "the index {path} was damaged and has been moved to {aside}; a new one was started",
        "索引 {path} 已损坏，已移至 {aside}，并新建了索引",
        "Fill it again: ooder scan",
        "重新填充：ooder scan",
    ),
    "index.too_new": Message(
        "the index {path} was written by a newer version of this program (schema {found}, known here {known})",
        "索引 {path} 由更新版本的程序写入（模式 {found}，本程序支持 {known}）",
        "Update ooder, or move the file away and run: ooder scan",
        "请升级 ooder，或移走该文件后运行：ooder scan",
    ),
    "index.read_only": Message(
        "the index {path} cannot be written: {reason}",
        "无法写入索引 {path}：{reason}",
        "Check who owns the folder, or choose another one with OODER_HOME.",
        "请检查目录权限，或用 OODER_HOME 指定其他目录。",
    ),
    "index.full": Message(
        "no room on the disk for the index {path}",
        "磁盘空间不足，无法写入索引 {path}",
        "Make room; nothing was half written.",
        "请腾出空间；没有写入不完整的数据。",
    ),
    "index.busy": Message(
        "another process has held the index {path} for too long",
        "另一个进程占用索引 {path} 的时间过长",
        "Try again, or see what is running: ooder status",
        "请重试，或查看正在运行的进程：ooder status",
    ),
    "index.refused": Message(
        "a report of a source cannot be kept: {reason}",
        "来源的一条报告无法保存：{reason}",
        "The others are kept. Tell whoever makes that source.",
        "其余报告不受影响。请告知该来源的开发者。",
    ),
    "index.failed": Message(
        "the index {path} did not answer: {reason}",
        "索引 {path} 出错：{reason}",
        "Check the disk: ooder doctor",
        "请检查磁盘：ooder doctor",
    ),
}
