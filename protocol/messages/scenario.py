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
    "scenario.no_engine": Message(
        "containers cannot be run here: {reason}",
        "此处无法运行容器：{reason}",
        "Start Docker with its compose plugin, or use --driver netns (as root) or --driver loopback.",
        "请启动带 compose 插件的 Docker，或改用 --driver netns（需 root）或 --driver loopback。",
    ),
    "scenario.not_here": Message(
        "the scenarios are not installed with this program",
        "此程序未附带场景拓扑",
        "Run it from a checkout of the project.",
        "请在项目源码目录中运行。",
    ),
}
