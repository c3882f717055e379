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
    "output.unwritable": Message(
        "the answer cannot be written: {reason}",
        "无法输出结果：{reason}",
        "Free the disk, or let the answer go elsewhere.",
        "请释放磁盘空间，或把输出写到别处。",
    ),
    "config.unreadable": Message(
        "cannot read {path}: {reason}",
        "无法读取 {path}：{reason}",
        "Mend the file, or choose another home: OODER_HOME=/some/folder",
        "请修复该文件，或换一个目录：OODER_HOME=/some/folder",
    ),
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
    "trust.not_pinned": Message("{ref} is not pinned", "{ref} 没有被固定"),
    "source.bad_place": Message(
        "'{place}' is neither a folder nor the URL of a repository",
        "“{place}”既不是文件夹也不是仓库网址",
        "Give an existing folder, or a URL like https://host/owner/repository.git",
        "请给出已存在的文件夹，或形如 https://host/owner/repository.git 的网址",
    ),
    "source.no_such_place": Message(
        "'{place}' was not added by the command line",
        "“{place}”不是通过命令行添加的",
        "Places of your own stand in {file}; the list: ooder sources",
        "你自己的位置写在 {file}；列表：ooder sources",
    ),
}
