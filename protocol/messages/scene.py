"""Messages of the area `scene`: running scenes, calling capabilities, and the way to the running node."""

from __future__ import annotations

from protocol.messages.message import Message

_STATUS = ("See how it stands: ooder status {scene}", "查看状态：ooder status {scene}")
_LOGS = ("See what it printed: ooder logs {scene}", "查看其输出：ooder logs {scene}")
_LIST = ("See what is installed: ooder installed", "查看已安装的内容：ooder installed")

_SETTINGS = {
    "settings.unknown": Message(
        "skill:{skill} declares no setting {name}; it declares: {known}",
        "skill:{skill} 没有声明设置 {name}；已声明：{known}",
    ),
    "settings.bad_value": Message(
        "the value of {name} for skill:{skill} holds characters that no setting may have",
        "skill:{skill} 的 {name} 的值含有不允许的字符",
        "Keep lines, tabs and printable characters only.",
        "仅保留换行、制表符与可打印字符。",
    ),
    "settings.too_much": Message(
        "the settings of skill:{skill} are more than {limit} bytes", "skill:{skill} 的设置超过 {limit} 字节"
    ),
}

_CALLS = {
    "scene.not_installed": Message(
        "{scene} is not installed",
        "{scene} 尚未安装",
        "Install it: ooder install {scene}",
        "安装：ooder install {scene}",
    ),
    "scene.not_active": Message(
        "{scene} is {state}, so it answers no calls: {reason}",
        "{scene} 处于 {state}，不接受调用：{reason}",
        "Start it: ooder start {scene}",
        "启动：ooder start {scene}",
    ),
    "scene.taken_back": Message(
        "the update of {scene} failed to start {count} times ({reason}), so generation {back_to} is current again",
        "{scene} 的更新启动失败 {count} 次（{reason}），已恢复第 {back_to} 代",
        *_LOGS,
    ),
    "scene.revoked": Message(
        "{skill} was revoked, so it is not run any more; its files stay to be looked at",
        "{skill} 已被撤销，不再运行；其文件保留以供查看",
        "Take another release or another skill: ooder update, ooder replace SCENE CAP --with SKILL",
        "请换一个版本或技能：ooder update，ooder replace SCENE CAP --with SKILL",
    ),
    "scene.bad_transition": Message(
        "a scene that is {state} cannot take '{event}'", "处于 {state} 的场景不能发生“{event}”"
    ),
    "scene.no_route": Message(
        "{scene} has no skill for {capability}; it has: {known}",
        "{scene} 没有可用于 {capability} 的技能；现有：{known}",
        *_STATUS,
    ),
    "scene.no_contract": Message(
        "{capability} says no path, so {skill} cannot be called for it",
        "{capability} 没有声明路径，无法调用 {skill}",
    ),
    "scene.contract_request": Message(
        "the request does not fit the contract of {capability}: {causes}",
        "请求不符合 {capability} 的契约：{causes}",
        "See the contract: ooder show {capability}",
        "查看契约：ooder show {capability}",
    ),
    "scene.contract_response": Message(
        "{skill} answered, but not as the contract of {capability} says: {causes}",
        "{skill} 的应答不符合 {capability} 的契约：{causes}",
        "Take another skill: ooder replace {scene} {capability} --with skill:ID",
        "换用其他技能：ooder replace {scene} {capability} --with skill:ID",
    ),
    "scene.bad_request": Message(
        "the request is no JSON: {reason}",
        "请求不是 JSON：{reason}",
        'Give it as --data \'{{"key": "value"}}\', --data @FILE, or on standard input.',
        '用 --data \'{{"key": "value"}}\'、--data @文件 或标准输入给出。',
    ),
    "scene.request_too_big": Message("the request has more than {limit} bytes", "请求超过 {limit} 字节"),
    "scene.timeout": Message(
        "{skill} did not answer within {seconds} s",
        "{skill} 在 {seconds} 秒内没有应答",
        "Give it more time: --timeout SECONDS",
        "延长时限：--timeout 秒数",
    ),
    "scene.skill_failed": Message(
        "{skill} answered {status}: {reason}",
        "{skill} 应答 {status}：{reason}",
        *_LOGS,
    ),
    "scene.skill_unreachable": Message("{skill} cannot be reached: {reason}", "无法连接 {skill}：{reason}", *_STATUS),
    "scene.skill_exited": Message("{skill} ended by itself ({reason})", "{skill} 自行结束（{reason}）", *_LOGS),
    "scene.skill_unwell": Message(
        "{skill} did not become healthy within {seconds} s", "{skill} 在 {seconds} 秒内未通过健康检查", *_LOGS
    ),
    "scene.skill_gave_up": Message(
        "{skill} ended {count} times and is not started again",
        "{skill} 已结束 {count} 次，不再重新启动",
        "See its log, then: ooder start {scene}",
        "查看日志后：ooder start {scene}",
    ),
    "scene.all_failed": Message(
        "no skill could answer {capability}: {causes}", "没有技能能应答 {capability}：{causes}", *_STATUS
    ),
    "scene.answer_not_json": Message(
        "{skill} answered with something that is no JSON: {reason}", "{skill} 的应答不是 JSON：{reason}", *_LOGS
    ),
    "scene.answer_too_big": Message("{skill} answered with more than {limit} bytes", "{skill} 的应答超过 {limit} 字节"),
    "scene.redirected": Message(
        "{skill} points to another address, which is not followed", "{skill} 指向另一地址，不予跟随"
    ),
    "scene.busy": Message(
        "{scene} has {waiting} calls waiting already",
        "{scene} 已有 {waiting} 个调用在等待",
        "Try again later.",
        "请稍后再试。",
    ),
}

_SKILLS = {
    "scene.nothing_runnable": Message(
        "{skill} declares nothing that could be run for {capability}",
        "{skill} 没有声明可为 {capability} 运行的内容",
        "Take another skill: ooder replace {scene} {capability} --with skill:ID",
        "换用其他技能：ooder replace {scene} {capability} --with skill:ID",
    ),
    "scene.unknown_connector": Message(
        "{skill} wants the connector '{detail}', which this node does not have",
        "{skill} 需要连接器“{detail}”，本节点没有",
    ),
    "scene.bad_connector": Message(
        "the connector of {skill} is not usable: {detail}", "{skill} 的连接器不可用：{detail}"
    ),
    "scene.no_consent": Message(
        "nobody agreed that {skill} may run its program: {command}",
        "尚未同意 {skill} 运行其程序：{command}",
        "Read the plan and agree: ooder install {scene}",
        "阅读方案并同意：ooder install {scene}",
    ),
    "scene.no_program": Message(
        "{skill} needs the program '{program}', which is not here", "{skill} 需要程序“{program}”，本机没有"
    ),
    "scene.no_manifest": Message(
        "the files of {ref} hold no manifest of it",
        "{ref} 的文件中没有其清单",
        "See what differs: ooder verify",
        "查看差异：ooder verify",
    ),
    "scene.address_refused": Message(
        "{skill} wants to reach {host}, which is neither this machine nor a host you configured",
        "{skill} 要连接 {host}，它既非本机，也非你配置的主机",
        "If it is right, write baseUrl into {path}",
        "如确认无误，请在 {path} 中写入 baseUrl",
    ),
    "scene.bad_settings": Message(
        "{path}: {reason}",
        "{path}：{reason}",
        "A mapping of names to values, readable only by you: chmod 600",
        "应为名称到值的映射，且仅本人可读：chmod 600",
    ),
    "scene.missing_setting": Message(
        "{skill} needs the setting {name}", "{skill} 需要设置 {name}", "Write it into {path}", "请写入 {path}"
    ),
    "scene.incompatible": Message(
        "{skill} answers {capability} differently: {causes}",
        "{skill} 对 {capability} 的实现不同：{causes}",
        "See who else provides it: ooder show {capability}",
        "查看还有谁提供它：ooder show {capability}",
    ),
    "scene.no_log": Message("{scene} has printed nothing yet", "{scene} 尚无输出", *_STATUS),
    "scene.not_provided": Message(
        "{skill} does not provide {capability}",
        "{skill} 不提供 {capability}",
        "See who does: ooder show {capability}",
        "查看谁提供：ooder show {capability}",
    ),
    "scene.unconfirmed_stop": Message("{skill} could not be ended completely", "{skill} 未能完全结束", *_LOGS),
}

_NODE = {
    "node.not_running": Message(
        "no node is running for {home}", "{home} 没有节点在运行", "Start it: ooder serve", "启动：ooder serve"
    ),
    "node.control_failed": Message(
        "the running node did not answer as it should: {reason}",
        "正在运行的节点应答异常：{reason}",
        "Stop it and start it again: ooder serve",
        "停止后重新启动：ooder serve",
    ),
    "node.unknown_method": Message(
        "the running node knows no '{method}'",
        "正在运行的节点不认识“{method}”",
        "It may be older than this command: start it again.",
        "它可能比本命令旧：请重新启动。",
    ),
    "node.bad_parameter": Message("'{name}' is missing or not of the right type", "“{name}”缺失或类型不对"),
    "node.foreign_user": Message("only the user who started the node may ask it", "只有启动节点的用户可以访问它"),
}

MESSAGES: dict[str, Message] = {**_SETTINGS, **_CALLS, **_SKILLS, **_NODE}
