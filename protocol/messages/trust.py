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
    "trust.reason.revoked": Message(
        "on the revocation list of a registry: must not run", "在注册中心的吊销列表中：不得运行"
    ),
    "trust.reason.below_floor": Message(
        "older than what this node already relied on: ignored as a possible rollback",
        "比本节点已信赖的版本更旧：视为可能的回滚而忽略",
    ),
}

KEYS: dict[str, Message] = {
    "key.file_damaged": Message(
        "this node's key at {path} cannot be used: {reason}",
        "无法使用本节点的密钥 {path}：{reason}",
        "Bring it back from a backup, or move it away: a new one is made then, and others will see a new node.",
        "请从备份恢复，或将其移走：之后会生成新密钥，他人将视其为新节点。",
    ),
    "key.file_open": Message(
        "this node's key at {path} is open to other users, or not yours",
        "本节点的密钥 {path} 可被其他用户访问，或不属于你",
        "If nobody else could read it: chmod 600 {path}",
        "若无他人读取过：chmod 600 {path}",
    ),
    "key.bad_length": Message(
        "a public key has {expected} bytes, this has {length}", "公钥应为 {expected} 字节，实际为 {length} 字节"
    ),
    "key.bad_seed": Message(
        "a key seed has {expected} bytes, this has {length}", "密钥种子应为 {expected} 字节，实际为 {length} 字节"
    ),
    "key.weak": Message(
        "the public key {key} is weak: anybody could sign for it",
        "公钥 {key} 是弱密钥：任何人都能冒充其签名",
        "Ask the other side to make a new key.",
        "请对方重新生成密钥。",
    ),
    "key.fingerprint_character": Message(
        "'{character}' at position {position} cannot be part of a fingerprint",
        "第 {position} 个字符“{character}”不可能出现在指纹中",
        "Fingerprints use the letters A-Z and the figures 2-7; compare it again.",
        "指纹只使用字母 A-Z 和数字 2-7；请重新核对。",
    ),
    "key.fingerprint_length": Message(
        "a fingerprint has {spoken} characters ({plain} without check characters), this has {length}",
        "指纹应有 {spoken} 个字符（不含校验字符为 {plain} 个），实际为 {length} 个",
        "Compare it again from the start; groups may be missing.",
        "请从头重新核对；可能缺少分组。",
    ),
    "key.fingerprint_check": Message(
        "groups {first} and {second} of the fingerprint ('{text}') have a wrong or swapped character",
        "指纹第 {first} 和第 {second} 组（“{text}”）中有错误或颠倒的字符",
        "Read these two groups again.",
        "请重新读出这两组。",
    ),
}

RECORDS: dict[str, Message] = {
    "record.too_big": Message(
        "the record has {bytes} bytes; {limit} are allowed here", "记录有 {bytes} 字节；此处最多允许 {limit} 字节"
    ),
    "record.malformed": Message("the record cannot be read: {reason}", "无法读取该记录：{reason}"),
    "record.trailing_bytes": Message(
        "{count} more bytes follow the end of the record", "记录结束后还有 {count} 个多余字节"
    ),
    "record.duplicate_key": Message("the record says '{key}' twice", "记录中“{key}”出现了两次"),
    "record.wrong_type": Message(
        "a record of type '{found}' came where '{expected}' was expected", "应为“{expected}”类型的记录，实际为“{found}”"
    ),
    "record.bad_signature": Message(
        "the signature is not one of key {key} over these bytes",
        "签名不是密钥 {key} 对这些字节的签名",
        "The record was changed or forged; it is ignored.",
        "记录被篡改或伪造，已忽略。",
    ),
    "record.expired": Message(
        "the record about {name} ended {seconds} s ago", "关于 {name} 的记录已于 {seconds} 秒前过期"
    ),
    "record.from_the_future": Message(
        "the record about {name} was issued {seconds} s in the future",
        "关于 {name} 的记录签发时间在 {seconds} 秒之后的未来",
        "One of the two clocks is wrong; check yours: date",
        "两端有一方时钟错误；请检查本机时间：date",
    ),
    "record.lives_too_long": Message(
        "the record about {name} wants to live {days} days, longer than allowed",
        "关于 {name} 的记录要求有效 {days} 天，超过允许的时长",
    ),
    "record.not_taken_over": Message(
        "the new key {key} did not sign that it takes over", "新密钥 {key} 未签名确认接管"
    ),
    "record.cannot_sign": Message(
        "a record about {name} cannot be signed: {reason}", "无法签署关于 {name} 的记录：{reason}"
    ),
}

MESSAGES: dict[str, Message] = {**REASONS, **KEYS, **RECORDS}
