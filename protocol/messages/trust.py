"""Messages of the area `trust`: why a claim has its level, and what is wrong with keys and signed records."""

from __future__ import annotations

from protocol.messages.message import Message

REASONS: dict[str, Message] = {
    "trust.reason.own_files": Message("read from files that belong to you", "读取自属于你的文件"),
    "trust.reason.foreign_files": Message(
        "read from files that another user can change",
        "读取自其他用户可以修改的文件",
        "Make the folder yours alone: chmod go-w FOLDER",
        "使该文件夹仅归你所有：chmod go-w FOLDER",
    ),
    "trust.reason.origin": Message(
        "fetched by this node over a protected connection from the place that owns the name",
        "由本节点通过受保护的连接从拥有该名称的来源获取",
    ),
    "trust.reason.official_origin": Message(
        "official, origin only: fetched from an origin on your list of officials, not signed",
        "官方（仅凭来源）：获取自你的官方名单中的来源，未签名",
    ),
    "trust.reason.plain": Message(
        "fetched over a connection that anybody on the way can change", "通过途中任何人都可篡改的连接获取"
    ),
    "trust.reason.hearsay": Message(
        "said by somebody who does not own the name, without a signature", "由不拥有该名称者转述，且没有签名"
    ),
    "trust.reason.signed_official": Message("signed by an official key", "由官方密钥签名"),
    "trust.reason.signed_namespace": Message(
        "signed by a key that is proved for this namespace", "由已证明属于该命名空间的密钥签名"
    ),
    "trust.reason.signed_known": Message(
        "signed by a key you know (paired device, own key or pinned on first install)",
        "由你认识的密钥签名（已配对设备、自己的密钥或首次安装时固定）",
    ),
    "trust.reason.signed_unknown": Message(
        "signed, but by a key you do not know",
        "有签名，但密钥未知",
        "Compare the fingerprint with its owner, then: ooder trust pin REF key:FINGERPRINT",
        "与密钥所有者核对指纹后执行：ooder trust pin REF key:FINGERPRINT",
    ),
    "trust.reason.signed_other_name": Message(
        "signed, but the key has no right to speak for this name", "有签名，但该密钥无权代表此名称"
    ),
    "trust.reason.signature_expired": Message(
        "the signed record ended more than 30 days ago", "签名记录已过期超过 30 天"
    ),
    "trust.reason.repaired": Message(
        "the manifest had to be repaired before it could be read: one level less", "清单经修复后才能读取：降低一级"
    ),
    "trust.reason.relayed": Message("remembered, not heard first hand just now", "来自记忆，并非刚刚直接获得"),
    "trust.reason.key_revoked": Message(
        "the key is revoked: nothing it said counts any more", "该密钥已被吊销：其所有声明均不再有效"
    ),
    "trust.reason.below_floor": Message(
        "older than what this node already relied on: ignored as a possible rollback",
        "比本节点已信赖的版本更旧：视为可能的回滚而忽略",
    ),
}

MESSAGES: dict[str, Message] = {**REASONS}
