"""Messages of the areas `plan` (what an install would do) and `contract` (what a capability promises)."""

from __future__ import annotations

from protocol.messages.message import Message

_LOOK = ("Look at it: ooder show {ref}", "查看：ooder show {ref}")

_PLAN = {
    "plan.conflict": Message(
        "{ref} cannot be put together; these do not go with each other: {causes}",
        "{ref} 无法组合；以下要求互相冲突：{causes}",
        "Ask for another version, or leave one of them out.",
        "请换一个版本，或去掉其中之一。",
    ),
    "plan.cooling": Message(
        "{ref} waits: {needs} was first seen here less than a day ago, and is not taken by itself before {until}",
        "{ref} 需要等待：{needs} 首次见到不足一天，在 {until} 之前不会自动采用",
        "Run it again then; or take it now, by its version: ooder install {again}",
        "请届时重试；或按版本号立即安装：ooder install {again}",
    ),
    "plan.missing_dependency": Message(
        "{needs} is needed ({causes}) and known nowhere",
        "需要 {needs}（{causes}），但任何来源都没有",
        "Scan with more sources: ooder scan --scope community, or search a replacement: ooder search",
        "用更多来源扫描：ooder scan --scope community，或查找替代：ooder search",
    ),
    "plan.unknown_target": Message(
        "{ref} is known nowhere", "{ref} 在任何来源中都不存在", "Try: ooder search {id}", "试试：ooder search {id}"
    ),
    "plan.unsatisfiable": Message(
        "no release of {needs} fits ({causes}); there is: {versions}",
        "{needs} 没有合适的版本（{causes}）；现有：{versions}",
        "Ask the publisher for a matching release, or scan again: ooder scan",
        "请向发布者索取匹配的版本，或重新扫描：ooder scan",
    ),
    "plan.unprovided_capability": Message(
        "nobody provides {needs} ({causes})",
        "没有技能提供 {needs}（{causes}）",
        "Scan with more sources, or name a skill: --with CAP=SKILL",
        "用更多来源扫描，或指定技能：--with CAP=SKILL",
    ),
    "plan.too_hard": Message(
        "no answer for {ref} within {seconds} seconds; its requirements contradict each other in too many ways",
        "{seconds} 秒内无法求解 {ref}；其要求的矛盾组合过多",
        "Ask for exact versions to narrow it down.",
        "请指定确切版本以缩小范围。",
    ),
    "plan.too_large": Message(
        "{ref} needs more than {limit} {what}",
        "{ref} 需要的{what}超过 {limit}",
        "Install its parts one by one.",
        "请分别安装其各部分。",
    ),
    "plan.frozen": Message(
        "{needs} is frozen: one release, several contents ({causes})",
        "{needs} 已冻结：同一版本有多种内容（{causes}）",
        "Compare them and give the digest you trust: --digest sha256:…",
        "请比较后给出可信的摘要：--digest sha256:…",
    ),
    "plan.blocked": Message(
        "no release of {needs} can be installed ({causes})",
        "{needs} 没有可安装的版本（{causes}）",
        "See why: ooder show {needs}",
        "查看原因：ooder show {needs}",
    ),
    "plan.only_listed": Message(
        "{needs} is only named in an index (versions: {versions}; asked for by {causes}); its files were seen nowhere",
        "{needs} 只在索引中被列出（版本：{versions}；来自 {causes}）；任何来源都没有见到其文件",
        "Install it by its own folder, archive or repository if you know it, or ask more sources: ooder scan --scope community",
        "如果知道其文件夹、压缩包或仓库，请直接安装；或询问更多来源：ooder scan --scope community",
    ),
    "plan.only_copies": Message(
        "{needs} was only seen among templates, resources or build results (versions: {versions}; asked for by {causes}), where "
        "nothing is taken from by name",
        "{needs} 只出现在模板、资源或构建产物中（版本：{versions}；来自 {causes}），不会按名称从那里安装",
        "If that is the one you mean, install it by its place: ooder show {needs}, then ooder install FOLDER_OR_FILE",
        "如果确实需要它，请按位置安装：先 ooder show {needs}，再 ooder install 文件夹或文件",
    ),
    "plan.needs_digest": Message(
        "{release} is unverified; it is installed only by its digest",
        "{release} 未经验证；只能通过摘要安装",
        "If you know the bytes: --digest {digest}",
        "如果确认内容可信：--digest {digest}",
    ),
    "plan.needs_consent": Message(
        "{count} things must be agreed to first: {causes}",
        "需要先同意 {count} 项：{causes}",
        "Read the plan, then: ooder install {ref} --yes",
        "请阅读方案，然后：ooder install {ref} --yes",
    ),
    "plan.ambiguous": Message(
        "{needs} means different things: {causes}",
        "{needs} 指代不明：{causes}",
        "Say whose you mean: ooder trust pin {needs} PRINCIPAL",
        "请指明归属：ooder trust pin {needs} PRINCIPAL",
    ),
    "plan.bad_choice": Message(
        "{skill} cannot be chosen for {needs}: {reason}",
        "不能为 {needs} 选择 {skill}：{reason}",
        "See who provides it: ooder show {needs}",
        "查看谁提供它：ooder show {needs}",
    ),
    "plan.cannot_install": Message(
        "{ref} cannot be installed; only scenes and skills can",
        "{ref} 不能安装；只有场景和技能可以安装",
        *_LOOK,
    ),
    "plan.not_locked": Message(
        "{ref} is not in the lock, and nothing may be resolved",
        "锁文件中没有 {ref}，且不允许重新求解",
        "Leave out --frozen.",
        "请去掉 --frozen。",
    ),
    "plan.bad_record": Message("this plan cannot be read: {reason}", "无法读取方案：{reason}"),
}

_CONSENT = {
    "plan.consent.trust": Message("{release} is {trust}", "{release} 的信任级别为 {trust}"),
    "plan.consent.explicit_digest": Message(
        "{release} is unverified: give its digest to install it", "{release} 未经验证：需给出摘要才能安装"
    ),
    "plan.consent.crossing": Message(
        "{release} ({trust}) is needed by {by} and comes from somebody less trusted",
        "{by} 需要 {release}（{trust}），其来源的信任级别更低",
    ),
    "plan.consent.permissions": Message("{release} newly asks for: {values}", "{release} 新请求的权限：{values}"),
    "plan.consent.dependencies": Message("{release} newly brings along: {values}", "{release} 新增依赖：{values}"),
    "plan.consent.principal": Message(
        "{release} replaces a release of {values}", "{release} 将替换 {values} 发布的版本"
    ),
    "plan.consent.run": Message("{release} would run: {values}", "{release} 将运行：{values}"),
    "plan.consent.lookalike": Message(
        "{release} is named almost like {values}, which is trusted more",
        "{release} 的名称与更可信的 {values} 几乎相同",
    ),
    "plan.consent.hidden_characters": Message(
        "{release} hides characters in: {values}", "{release} 含有隐藏字符：{values}"
    ),
    "plan.consent.repaired": Message(
        "the manifest of {release} could be read only after repair: {values}",
        "{release} 的清单经修复后才能读取：{values}",
    ),
    "plan.consent.downgrade": Message("{release} is older than {values}", "{release} 比 {values} 旧"),
    "plan.consent.deprecated": Message("{release} is deprecated", "{release} 已弃用"),
}

_ASK = ("Tell its publisher; the capability cannot be used as it is.", "请联系发布者；该能力目前无法使用。")

_CONTRACT = {
    "contract.not_capability": Message("{ref} is no capability", "{ref} 不是能力"),
    "contract.no_path": Message(
        "{ref} has no interface path (it says '{path}')", "{ref} 没有接口路径（“{path}”）", *_ASK
    ),
    "contract.no_schema": Message("{ref} has no {place} schema", "{ref} 没有 {place} 的结构定义", *_ASK),
    "contract.bad_schema": Message(
        "this is no JSON Schema that can be used, at {place}: {reason}",
        "{place} 处的 JSON Schema 无法使用：{reason}",
        *_ASK,
    ),
    "contract.remote_ref": Message(
        "the schema at {place} refers to {target}; a contract may refer only to itself",
        "{place} 处的结构引用了 {target}；契约只能引用自身",
        *_ASK,
    ),
    "contract.no_fallback": Message(
        "{ref} must work offline and names no fallback method", "{ref} 要求离线可用，但没有回退方法", *_ASK
    ),
    "contract.bad_strategy": Message(
        "{ref} has the offline strategy '{strategy}'; known are queue, cache, reject and custom",
        "{ref} 的离线策略“{strategy}”未知；可用：queue、cache、reject、custom",
        *_ASK,
    ),
    "contract.no_permissions": Message(
        "{ref} does not say which permissions it needs (an empty list would do)",
        "{ref} 没有声明权限（可为空列表）",
        *_ASK,
    ),
    "contract.incompatible": Message(
        "{release} does not keep the contract of {ref}: {causes}",
        "{release} 不符合 {ref} 的契约：{causes}",
        "Choose another skill: ooder show {ref}",
        "请选择其他技能：ooder show {ref}",
    ),
    "contract.version_too_small": Message(
        "{ref} differs from {old} in a way that needs a {step} step of its version: {causes}",
        "{ref} 与 {old} 的差异需要 {step} 级版本变更：{causes}",
        "Tell its publisher; stay with {old} until then.",
        "请联系发布者；在此之前请保留 {old}。",
    ),
    "contract.bad_request": Message(
        "the request does not fit cap:{capability}, at {place}: {reason}",
        "请求不符合 cap:{capability}，位置 {place}：{reason}",
        "See what it asks for: ooder show cap:{capability}",
        "查看其要求：ooder show cap:{capability}",
    ),
    "contract.bad_response": Message(
        "the answer does not fit cap:{capability}, at {place}: {reason}",
        "应答不符合 cap:{capability}，位置 {place}：{reason}",
        "The skill broke its contract; try another one: ooder replace",
        "该技能违反了契约；可更换：ooder replace",
    ),
}

MESSAGES: dict[str, Message] = {**_PLAN, **_CONSENT, **_CONTRACT}
