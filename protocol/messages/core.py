"""Messages about refs, ids, queries and plain usage."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "ref.malformed": Message(
        "'{text}' is not a ref; write kind:id or kind:id@version",
        "“{text}”不是有效的引用；请写成 类型:标识 或 类型:标识@版本",
        "Kinds are scene, cap, skill and agent, for example scene:daily-report.",
        "类型有 scene、cap、skill、agent，例如 scene:daily-report。",
    ),
    "ref.bad_id": Message(
        "'{text}' is not an id: 1 to 128 of A-Z a-z 0-9 . _ - and a letter or digit first",
        "“{text}”不是有效的标识：1 到 128 个 A-Z a-z 0-9 . _ -，并以字母或数字开头",
    ),
    "usage.unknown_command": Message(
        "there is no command '{name}'", "没有命令“{name}”", "Did you mean: {near}", "是否想输入：{near}"
    ),
    "usage.unknown_option": Message(
        "'{command}' has no option {name}", "“{command}”没有选项 {name}", "Did you mean: {near}", "是否想输入：{near}"
    ),
    "usage.missing": Message("{name} is missing", "缺少 {name}", "See: {command} --help", "查看：{command} --help"),
    "usage.too_many": Message(
        "'{command}' does not know what to do with: {extra}",
        "“{command}”不接受多余的参数：{extra}",
        "See: {command} --help",
        "查看：{command} --help",
    ),
    "usage.not_a_choice": Message("{name} must be one of: {choices}", "{name} 只能是：{choices}"),
    "usage.bad_value": Message("{name}: {reason}", "{name}：{reason}"),
    "item.gone": Message(
        "{ref} is {status}, as {principal} says",
        "{ref} 已是 {status} 状态（{principal}）",
        "Do not use it any more; see what is installed: ooder installed",
        "请勿继续使用；查看已安装的内容：ooder installed",
    ),
    "item.unknown": Message(
        "nothing known here is called {ref}",
        "这里没有名为 {ref} 的条目",
        "Try: ooder search {id}",
        "试试：ooder search {id}",
    ),
    "item.several": Message(
        "several kinds are called {id}: {refs}",
        "有多个类型名为 {id}：{refs}",
        "Write the one you mean, for example: ooder show scene:{id}",
        "请写明是哪一个，例如：ooder show scene:{id}",
    ),
    "item.ambiguous": Message(
        "{ref} is claimed by several principals of equal trust: {principals}",
        "{ref} 被多个同等可信的主体声明：{principals}",
        "Choose one: ooder trust pin {ref} PRINCIPAL",
        "选择其一：ooder trust pin {ref} PRINCIPAL",
    ),
    "node.already_running": Message(
        "a node of this home is running already (pid {pid})",
        "该目录已有节点在运行（pid {pid}）",
        "Use it, stop it, or choose another home: OODER_HOME=/some/folder",
        "请直接使用、先停止它，或换一个目录：OODER_HOME=/some/folder",
    ),
    "node.defect": Message(
        "{kind}: {reason}",
        "{kind}：{reason}",
        "This is a defect of ooder; run again with -vv and report what it prints.",
        "这是 ooder 的缺陷；请用 -vv 重新运行并反馈输出。",
    ),
    "version.malformed": Message(
        "'{text}' is not a version constraint that can be compared", "“{text}”不是可以比较的版本约束"
    ),
}
