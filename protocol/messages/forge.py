"""Messages of the area `forge`: GitHub, Gitee, Gitea, Forgejo and GitLab."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "forge.bad_name": Message(
        "'{name}' is no name of a repository or owner",
        "“{name}”不是仓库或所有者的名称",
        "Write owner/repository, as in the address of its page.",
        "请写成 所有者/仓库，与其网页地址一致。",
    ),
    "forge.bad_server": Message(
        "'{url}' is not the API address of a forge: {reason}",
        "“{url}”不是代码托管平台的 API 地址：{reason}",
        "Write https://HOST/api/v3 (GitHub Enterprise), /api/v5 (Gitee), /api/v1 (Gitea, Forgejo) or /api/v4 (GitLab).",
        "请写成 https://主机/api/v3（GitHub Enterprise）、/api/v5（Gitee）、/api/v1（Gitea、Forgejo）或 /api/v4（GitLab）。",
    ),
    "forge.duplicate": Message(
        "{name} is configured twice", "{name} 重复配置", "Remove one of the two.", "删除其中一个。"
    ),
    "forge.bad_answer": Message(
        "the forge's answer about a {what} cannot be read: {reason}",
        "无法理解平台关于 {what} 的回答：{reason}",
        "What was found there earlier stays searchable. Check that the address is that of the API.",
        "之前发现的内容仍可搜索。请检查地址是否为 API 地址。",
    ),
    "forge.wrong_content": Message(
        "the forge sent other bytes than object {oid} has",
        "平台发送的内容与对象 {oid} 不符",
        "Nothing was taken over. Try again; if it stays so, tell whoever runs that forge.",
        "未采用任何内容。请重试；若仍如此，请告知平台管理者。",
    ),
    "forge.tree_too_large": Message(
        "the list of files did not come together in {limit} answers",
        "文件列表在 {limit} 次回答内仍未完整",
        "Install git: the repository is then read through a mirror.",
        "请安装 git：之后会通过镜像读取该仓库。",
    ),
    "forge.rate_limited": Message(
        "{host} gives no more answers for {retry_after} s: {reason}",
        "{host} 在 {retry_after} 秒内不再回答：{reason}",
        "It goes on by itself. A key raises the limit: name one in `keys` of the source.",
        "会自动继续。密钥可提高限额：请在该发现源的 `keys` 中指定。",
    ),
    "forge.low_allowance": Message(
        "{host}: {left} of {limit} requests left; {waiting} repositories wait for the next look",
        "{host}：剩余 {left}/{limit} 次请求；{waiting} 个仓库等待下次查看",
        "A key raises the limit: name one in `keys` of the source.",
        "密钥可提高限额：请在该发现源的 `keys` 中指定。",
    ),
    "forge.unfinished": Message(
        "{waiting} repositories of {host} wait for the next look: there was no time left",
        "{host} 的 {waiting} 个仓库等待下次查看：时间已用完",
        "It goes on by itself, or with: ooder scan",
        "会自动继续，也可运行：ooder scan",
    ),
    "forge.not_found": Message(
        "{host} has no repository or owner {name}, or does not show it without a key",
        "{host} 上没有仓库或所有者 {name}，或需要密钥才能查看",
        "Check the name; for a private repository name a key in `keys` of the source.",
        "请检查名称；私有仓库请在该发现源的 `keys` 中指定密钥。",
    ),
    "forge.refused": Message(
        "{host} refuses to answer about {name}: {reason}",
        "{host} 拒绝回答关于 {name} 的请求：{reason}",
        "Check the rights of the key and the name.",
        "请检查密钥权限和名称。",
    ),
    "forge.blocked": Message(
        "{host} may not show {name} for legal reasons: {reason}", "{host} 因法律原因不能显示 {name}：{reason}"
    ),
    "forge.empty": Message("{name} is empty", "{name} 为空"),
    "forge.archived": Message(
        "{name} is archived: nobody maintains it any more",
        "{name} 已归档：不再有人维护",
        "Look for a successor before you rely on it.",
        "依赖它之前，请先寻找后继项目。",
    ),
    "forge.renamed": Message(
        "{old} is now called {new}",
        "{old} 现名为 {new}",
        "Write the new name in the settings; the old one may be given to somebody else.",
        "请在设置中改用新名称；旧名称可能被他人占用。",
    ),
    "forge.owner_changed": Message(
        "the name {name} belongs to somebody else now: owner {new} instead of {old}",
        "名称 {name} 现属于他人：所有者 {new}，原为 {old}",
        "Nothing is updated from there by itself. If you trust the new owner, set `ids: {ids}` for the repository.",
        "不会自动从该处更新。若信任新所有者，请为该仓库设置 `ids: {ids}`。",
    ),
    "forge.repository_replaced": Message(
        "{name} is another repository than before: number {new} instead of {old}",
        "{name} 已不是原来的仓库：编号 {new}，原为 {old}",
        "Nothing is updated from there by itself. If that is meant to be so, set `ids: {ids}` for the repository.",
        "不会自动从该处更新。若属预期，请为该仓库设置 `ids: {ids}`。",
    ),
    "forge.tag_moved": Message(
        "the tag {tag} was moved from {old} to {new}",
        "标签 {tag} 从 {old} 移到了 {new}",
        "Published versions should never change. Ask the owner why before you update.",
        "已发布的版本不应改变。更新前请向所有者确认原因。",
    ),
    "forge.too_many_manifests": Message(
        "{name} has {count} manifests; the {limit} highest in its tree were read",
        "{name} 有 {count} 个清单；只读取了目录层级最高的 {limit} 个",
        "To read all of it, name it: ooder sources add github:{name}",
        "若要全部读取，请指名添加：ooder sources add github:{name}",
    ),
    "forge.rows_skipped": Message(
        "{count} rows of a list of {host} could not be read", "{host} 的列表中有 {count} 行无法读取"
    ),
}
