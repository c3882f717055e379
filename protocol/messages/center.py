"""Messages about SkillCenters: publishing to one (`center`), being one, and asking one."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "center.bad_release": Message(
        "the release record of {ref} cannot be used: {reason}",
        "{ref} 的发布记录无法使用：{reason}",
        "Publish again with this program: ooder publish PATH",
        "请用本程序重新发布：ooder publish 路径",
    ),
    "center.bad_change": Message(
        "the SkillCenter sent a change that cannot be read: {reason}",
        "技能中心发送了无法读取的变更：{reason}",
        "Tell whoever runs it.",
        "请告知其管理员。",
    ),
    "center.bad_event": Message(
        "this is no event of a SkillCenter: {reason}",
        "这不是技能中心的事件：{reason}",
    ),
    "center.other_item": Message(
        "what the SkillCenter says about {ref} is not what its publisher signed",
        "技能中心对 {ref} 的描述与发布者签名的内容不符",
        "It is not used. Tell whoever runs the SkillCenter.",
        "该内容不会被使用。请告知技能中心管理员。",
    ),
    "center.other_key": Message(
        "signed by {found}, not by {wanted}: another SkillCenter answers, or it changed its key",
        "由 {found} 签名，而不是 {wanted}：应答的是另一个技能中心，或其密钥已更换",
        "Ask whoever runs it, then: ooder trust",
        "请向其管理员确认，然后：ooder trust",
    ),
    "center.other_registry": Message(
        "the order is meant for {found}, this is {wanted}",
        "该请求是给 {found} 的，这里是 {wanted}",
        "Publish again, to this SkillCenter.",
        "请重新向此技能中心发布。",
    ),
    "center.not_here": Message(
        "this node is no SkillCenter",
        "此节点不是技能中心",
        "Make it one: ooder serve --skill-center",
        "使其成为技能中心：ooder serve --skill-center",
    ),
    "center.unknown": Message(
        "{ref} is not published here",
        "{ref} 未在此发布",
        "Publish it: ooder publish PATH",
        "发布：ooder publish 路径",
    ),
    "center.no_package": Message(
        "the package {package} is not here any more",
        "软件包 {package} 已不在此处",
        "Tell whoever runs the SkillCenter: its disk lost a file.",
        "请告知技能中心管理员：其磁盘丢失了文件。",
    ),
    "center.withdrawn": Message(
        "{ref} is {status}: {reason}",
        "{ref} 的状态为 {status}：{reason}",
        "Take another version: ooder show REF",
        "请选择其他版本：ooder show 名称",
    ),
    "center.unsigned": Message(
        "this SkillCenter takes signed releases only",
        "此技能中心只接受已签名的发布",
        "Publish with: ooder publish PATH",
        "请使用：ooder publish 路径",
    ),
    "center.other_order": Message(
        "order and release record of {ref} are not of one key, or not about each other",
        "{ref} 的请求与发布记录不属于同一密钥，或互不相关",
        "Publish again: ooder publish PATH",
        "请重新发布：ooder publish 路径",
    ),
    "center.not_a_publisher": Message(
        "the key {key} may not publish here",
        "密钥 {key} 无权在此发布",
        "Ask whoever runs the SkillCenter to list it under skill_center.publishers.",
        "请让技能中心管理员将其加入 skill_center.publishers。",
    ),
    "center.not_your_name": Message(
        "the name {name} belongs to the key {owner}",
        "名称 {name} 属于密钥 {owner}",
        "Choose another id, or ask its owner to publish.",
        "请更换 ID，或请其所有者发布。",
    ),
    "center.version_exists": Message(
        "{ref} is published already, with other content; versions never change",
        "{ref} 已发布且内容不同；已发布的版本不可更改",
        "Raise the version and publish again.",
        "请提升版本号后重新发布。",
    ),
    "center.replayed": Message(
        "{ref}: this very request, or a newer one, was taken in before",
        "{ref}：该请求或更新的请求已被处理过",
        "Nothing to do if it was yours; otherwise publish again.",
        "如果是你自己的请求则无需处理；否则请重新发布。",
    ),
    "center.final": Message(
        "{ref} is revoked; that cannot be taken back",
        "{ref} 已被吊销，无法撤回",
        "Publish a new version.",
        "请发布新版本。",
    ),
    "center.full": Message(
        "the SkillCenter holds {limit} releases, more it does not take",
        "技能中心已有 {limit} 个发布，不再接收",
        "Tell whoever runs it.",
        "请告知其管理员。",
    ),
    "center.too_many": Message(
        "too many releases at once from one key",
        "同一密钥发布过于频繁",
        "Wait a second and go on.",
        "请稍候再试。",
    ),
    "center.wrong_act": Message(
        "the order says {act}, the release says {status}",
        "请求为 {act}，发布状态为 {status}",
    ),
    "center.version_is_number": Message(
        "the version {version} of {ref} is a number, and numbers lose their zeros (1.10 becomes 1.1)",
        "{ref} 的版本 {version} 是数字，数字会丢失末尾的零（1.10 变为 1.1）",
        "Write three parts, for example 1.10.0, in the manifest.",
        "请在清单中写成三段，例如 1.10.0。",
    ),
    "center.no_version": Message(
        "{ref} has no version; nothing can be published without one",
        "{ref} 没有版本号，无法发布",
        "Write `version: 1.0.0` in the manifest.",
        "请在清单中写入 `version: 1.0.0`。",
    ),
    "center.wrong_length": Message(
        "what arrived for {ref} is not {wanted} bytes long",
        "{ref} 的上传长度不是 {wanted} 字节",
        "Publish again.",
        "请重新发布。",
    ),
    "center.wrong_package": Message(
        "the package of {ref} is not the one its record names",
        "{ref} 的软件包与其记录不符",
        "Publish again; if it happens twice, something changes the bytes on the way.",
        "请重新发布；若再次发生，说明传输途中数据被更改。",
    ),
    "center.wrong_tree": Message(
        "the files in the package of {ref} are not those its record names",
        "{ref} 软件包中的文件与其记录不符",
        "Publish with this program: ooder publish PATH",
        "请用本程序发布：ooder publish 路径",
    ),
    "center.repaired": Message(
        "the manifest of {ref} could be read only after repair ({causes})",
        "{ref} 的清单需修复后才能读取（{causes}）",
        "Mend the file; see: ooder search --problems",
        "请修正该文件。",
    ),
    "center.database": Message(
        "the SkillCenter's database {place} does not do what was asked: {reason}",
        "技能中心数据库 {place} 操作失败：{reason}",
        "See whether the disk is full or the database is down; ooder doctor.",
        "请检查磁盘空间或数据库状态；ooder doctor。",
    ),
    "center.disk": Message(
        "a package cannot be written: {reason}",
        "无法写入软件包：{reason}",
        "Make room on the disk.",
        "请清理磁盘空间。",
    ),
    "center.no_registry": Message(
        "no SkillCenter is configured to publish to",
        "未配置用于发布的技能中心",
        "Name it: ooder publish PATH --to https://skillcenter.example",
        "请指定：ooder publish 路径 --to https://skillcenter.example",
    ),
    "center.what": Message(
        "'{target}' is neither a folder or package nor the name of something published",
        "“{target}”既不是文件夹或软件包，也不是已发布内容的名称",
        "Write ooder publish PATH, or ooder publish skill:ID@VERSION --withdraw",
        "请写 ooder publish 路径，或 ooder publish skill:ID@版本 --withdraw",
    ),
    "center.bad_database": Message(
        "'{url}...' is no address of a PostgreSQL database",
        "“{url}...”不是 PostgreSQL 数据库地址",
        "Write skill_center.database: postgresql://host/name, or leave it empty.",
        "请写 skill_center.database: postgresql://主机/库名，或留空。",
    ),
    "center.no_driver": Message(
        "the PostgreSQL driver is not installed",
        "未安装 PostgreSQL 驱动",
        "Install it: pip install 'ooder-discovery-node[postgresql]'",
        "请安装：pip install 'ooder-discovery-node[postgresql]'",
    ),
    "center.rolled_back": Message(
        "{url} shows an older state ({found}) than it showed before ({seen})",
        "{url} 给出的状态（{found}）早于之前的状态（{seen}）",
        "Nothing is taken from it. Ask whoever runs it whether a backup was restored.",
        "不会从中获取任何内容。请询问其管理员是否恢复了备份。",
    ),
}
