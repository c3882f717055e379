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
}
