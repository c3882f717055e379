"""Messages about contradictions between claims (`protocol.merge.ConflictKind`)."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "conflict.other_principal": Message(
        "{principal} uses the same name for something else (version {version}, at {places})",
        "{principal} 用同一名称发布了不同的内容（版本 {version}，位于 {places}）",
        "Say who owns the name: ooder trust pin REF PRINCIPAL",
        "指定该名称的归属：ooder trust pin REF PRINCIPAL",
    ),
    "conflict.equivocation": Message(
        "{principal} offers version {version} with different contents at {places}; the release is frozen",
        "{principal} 的版本 {version} 在 {places} 内容不同；该发布已冻结",
        "Give one of them another version, or install one by its digest.",
        "请为其中之一更改版本号，或按摘要安装其中一个。",
    ),
    "conflict.copy_differs": Message(
        "a copy in an archive or build folder differs (version {version}, at {places})",
        "归档或构建目录中的副本内容不同（版本 {version}，位于 {places}）",
    ),
    "conflict.index_disagrees": Message(
        "an index lists version {version} ({places}), the files say otherwise",
        "索引所列版本为 {version}（{places}），与文件不一致",
        "Correct the index or the manifest.",
        "请更正索引或清单。",
    ),
    "conflict.ambiguous": Message(
        "{principal} and others claim this name with the same trust and different contents",
        "{principal} 与其他主体以相同的信任级别声明此名称，内容不同",
        "Choose one: ooder trust pin REF PRINCIPAL",
        "选择其一：ooder trust pin REF PRINCIPAL",
    ),
    "conflict.unproven": Message(
        "somebody speaks in the name of {principal} without proof (version {version}, at {places})",
        "有人在没有证明的情况下以 {principal} 的名义发布（版本 {version}，位于 {places}）",
    ),
}
