"""Messages about sources as such: their lights, time-outs and failures."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "source.timed_out": Message(
        "{source} did not finish within {seconds} s; what it had found so far is kept",
        "{source} 在 {seconds} 秒内未完成；已发现的内容保留",
        "Give it more time: scan.deadline in the configuration",
        "可增加时限：配置项 scan.deadline",
    ),
    "source.failed": Message(
        "{source} failed: {reason}",
        "{source} 失败：{reason}",
        "This is a defect of the source; run again with -vv and report what it prints.",
        "这是该发现源的缺陷；请用 -vv 重新运行并反馈输出。",
    ),
}
