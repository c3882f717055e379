"""Messages about settings, the home folder and the sources a configuration names."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "home.unwritable": Message(
        "cannot write {path}: {reason}",
        "无法写入 {path}：{reason}",
        "Free the disk or fix its permissions, or choose another home: OODER_HOME=/some/folder",
        "请释放磁盘空间或修正权限，或换一个目录：OODER_HOME=/some/folder",
    ),
    "config.unreadable": Message("cannot read {path}: {reason}", "无法读取 {path}：{reason}"),
    "config.syntax": Message(
        "{path}, line {line}: {reason}",
        "{path} 第 {line} 行：{reason}",
        "Fix the line, then: ooder config check",
        "修正该行后运行：ooder config check",
    ),
    "config.invalid": Message(
        "{origin}: {key}: {reason}",
        "{origin}：{key}：{reason}",
        "All problems at once: ooder config check",
        "一次列出所有问题：ooder config check",
    ),
    "config.locked": Message(
        "another process is changing the settings", "另一个进程正在修改设置", "Try again in a moment.", "请稍后再试。"
    ),
    "source.unknown": Message("there is no source '{name}'; known: {known}", "没有名为“{name}”的发现源；已知：{known}"),
    "source.disabled": Message(
        "source {name} is switched off",
        "发现源 {name} 已停用",
        "Switch it on: ooder sources enable {name}",
        "启用：ooder sources enable {name}",
    ),
}
