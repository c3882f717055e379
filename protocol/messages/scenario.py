"""Messages about scenarios."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "scenario.unknown": Message(
        "there is no scenario {name}; there are {known}",
        "没有名为 {name} 的场景拓扑；可用：{known}",
        "See what they are: ooder scenario list",
        "查看说明：ooder scenario list",
    ),
    "scenario.not_here": Message(
        "the scenarios are not installed with this program",
        "此程序未附带场景拓扑",
        "Run it from a checkout of the project.",
        "请在项目源码目录中运行。",
    ),
}
