"""Messages about asking registries (SkillCenters)."""

from __future__ import annotations

from protocol.messages.message import Message

_KEEP = "What is known stays as it was and nothing new is taken in. Ask whoever runs the registry."
_KEEP_ZH = "已知内容保持不变，不接受任何新内容。请联系该注册中心的管理者。"

MESSAGES: dict[str, Message] = {
    "registry.rolled_back": Message(
        "the registry shows state {found}, which is older than {known} that was seen before",
        "注册中心展示的状态 {found} 比之前见过的 {known} 更旧",
        _KEEP,
        _KEEP_ZH,
    ),
    "registry.equivocated": Message(
        "the registry signed two different states with the number {seq}",
        "注册中心用同一编号 {seq} 签署了两个不同的状态",
        _KEEP,
        _KEEP_ZH,
    ),
    "registry.incomplete": Message(
        "the registry's releases are not those it signed for", "注册中心给出的发布与其签署的不一致", _KEEP, _KEEP_ZH
    ),
    "registry.bad_answer": Message(
        "the registry's answer holds no list: {reason}",
        "注册中心的回答中没有列表：{reason}",
        "Check the address in sources.skill_center.registries; it is the part before /api/v1.",
        "请检查 sources.skill_center.registries 中的地址，应为 /api/v1 之前的部分。",
    ),
    "registry.bad_row": Message(
        "{place} cannot be used: {reason}",
        "{place} 无法使用：{reason}",
        "The other rows are there.",
        "其他行不受影响。",
    ),
    "registry.unknown_status": Message(
        "the status {status} is not known; it counts as deprecated", "未知状态 {status}，按已弃用处理"
    ),
    "registry.too_many": Message(
        "the registry has more than {limit} rows; the rest was not asked for",
        "注册中心超过 {limit} 行，其余未获取",
        "Use a registry with a signed index, or several smaller ones.",
        "请使用提供签名索引的注册中心，或拆分为多个较小的注册中心。",
    ),
    "registry.not_signed": Message(
        "the registry answers without protection on the way and signs nothing; what it says is unverified",
        "注册中心未加密且未签名，其内容未经验证",
        "Use https, or set the registry's key.",
        "请使用 https，或设置该注册中心的密钥。",
    ),
}
