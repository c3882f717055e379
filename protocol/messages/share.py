"""Messages about sharing: what this node offers (`share`), what peers offer (`offer`), and peers themselves (`peer`)."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "share.bad_audience": Message(
        "'{audience}' is nobody to share with; write everyone, paired or group:NAME",
        "“{audience}”不是有效的共享对象；可写 everyone、paired 或 group:名称",
    ),
    "share.bad_time": Message(
        "'{text}' is no length of time; write for example 30m, 12h or 7d",
        "“{text}”不是有效的时长；例如 30m、12h 或 7d",
    ),
    "share.not_shared": Message(
        "{ref} is not shared",
        "{ref} 未被共享",
        "See what is: ooder share list",
        "查看已共享的内容：ooder share list",
    ),
    "share.not_yours": Message(
        "{ref} is neither in your own files nor installed here, so its bytes cannot be shared",
        "{ref} 既不在你自己的文件中，也未安装在此，因此无法共享其内容",
        "Install it first (ooder install {ref}), or share only that you know it: ooder share {ref} --may see",
        "请先安装（ooder install {ref}），或只共享其条目：ooder share {ref} --may see",
    ),
    "share.damaged": Message(
        "{path} cannot be understood ({reason}); nothing is shared",
        "无法理解 {path}（{reason}）；未共享任何内容",
        "Mend the file, or remove it and share anew.",
        "请修复该文件，或删除后重新共享。",
    ),
    "offer.malformed": Message(
        "the peer's catalogue is not what it should be: {reason}",
        "对方的目录不合规：{reason}",
        "Update the program on that device.",
        "请更新该设备上的程序。",
    ),
    "offer.other_node": Message(
        "the catalogue is signed by {found}, not by {wanted}: another node answers at that address",
        "目录由 {found} 签名，而不是 {wanted}：该地址由另一个节点应答",
        "Look who is there: ooder peers",
        "查看网络中的节点：ooder peers",
    ),
    "offer.wrong_digest": Message(
        "the peer's catalogue is not the one it signed",
        "对方的目录与其签名不符",
        "It is not used. Ask its owner to restart the node.",
        "该目录不会被使用。请让其所有者重启节点。",
    ),
    "share.not_a_capability": Message(
        "{ref} is no capability; only capabilities are handed over",
        "{ref} 不是能力；只能移交能力",
        "Name one: ooder peers handover NAME cap:ID",
        "请指定能力：ooder peers handover 名称 cap:ID",
    ),
    "peer.forbidden_address": Message(
        "{address} is no address of a peer and is not contacted",
        "{address} 不是对等节点的地址，不会连接",
    ),
    "peer.unreachable": Message(
        "the peer at {address} does not answer: {reason}",
        "{address} 处的节点没有应答：{reason}",
        "See its light: ooder peers",
        "查看其状态：ooder peers",
    ),
    "peer.refused": Message("the peer at {address} answered {status}", "{address} 处的节点返回 {status}"),
    "peer.too_much": Message(
        "the peer at {address} sends more than {limit} bytes", "{address} 处的节点发送的内容超过 {limit} 字节"
    ),
    "peer.too_slow": Message("the peer at {address} sends too slowly", "{address} 处的节点发送过慢"),
    "peer.bad_location": Message("'{url}' is no location at a peer", "“{url}”不是对等节点上的位置"),
    "peer.unknown": Message(
        "no peer is called {name}",
        "没有名为 {name} 的节点",
        "See who is there: ooder peers",
        "查看网络中的节点：ooder peers",
    ),
    "peer.ambiguous": Message(
        "{name} could be any of {found}",
        "{name} 可能是 {found} 中的任何一个",
        "Write the agent id.",
        "请写出智能体 ID。",
    ),
    "peer.not_paired": Message(
        "{name} is not paired",
        "{name} 未配对",
        "See who is: ooder peers; to pair, on both devices: ooder peers pair",
        "查看：ooder peers；配对请在两台设备上运行：ooder peers pair",
    ),
    "pair.not_now": Message(
        "this device is not pairing",
        "此设备当前没有在配对",
        "Start it here too: ooder peers pair",
        "请在此设备上也启动：ooder peers pair",
    ),
    "pair.failed": Message(
        "pairing with {name} did not work: {reason}",
        "与 {name} 配对失败：{reason}",
        "Start it on both devices within a minute: ooder peers pair",
        "请在一分钟内在两台设备上启动：ooder peers pair",
    ),
    "pair.denied": Message(
        "the codes differ or one side said no: nothing was paired",
        "两端代码不同或有一方拒绝：未配对",
        "If the codes differ, somebody is between the two devices.",
        "如果代码不同，说明有人在两台设备之间。",
    ),
}
