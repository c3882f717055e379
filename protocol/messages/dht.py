"""Messages of the area `dht`: why the DHT is not there, and what is wrong with what came through it."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "dht.no_bootstrap": Message(
        "the DHT knows no node to begin with",
        "DHT 没有可用于加入的节点",
        "Name one in sources.dht_kademlia.bootstrap (HOST or HOST:PORT), or set sources.dht_kademlia.seed on a first node.",
        "在 sources.dht_kademlia.bootstrap 中填写一个节点（主机或 主机:端口），或在首个节点上设置 sources.dht_kademlia.seed。",
    ),
    "dht.unreachable": Message(
        "none of {count} known nodes of the DHT answered ({some})",
        "已知的 {count} 个 DHT 节点均无应答（{some}）",
        "Check the network and that UDP port 48890 is let through; it is tried again by itself.",
        "请检查网络以及 UDP 端口 48890 是否放行；系统会自动重试。",
    ),
    "dht.port_taken": Message(
        "UDP port {port} is taken by another program",
        "UDP 端口 {port} 已被其他程序占用",
        "Stop the other program (ss -ulpn shows it), or choose another sources.dht_kademlia.port (0 takes a free one).",
        "停止占用端口的程序（用 ss -ulpn 查看），或更改 sources.dht_kademlia.port（0 表示任选空闲端口）。",
    ),
    "dht.malformed": Message("a datagram of the DHT cannot be read: {reason}", "无法读取 DHT 数据报：{reason}"),
    "dht.bad_record": Message(
        "the record does not say what a DHT record says: {reason}", "该记录不符合 DHT 记录的内容要求：{reason}"
    ),
    "dht.cannot_publish": Message(
        "{ref} cannot be published: {reason}",
        "无法发布 {ref}：{reason}",
        "Shorten its title, tags or addresses.",
        "请缩短其标题、标签或地址。",
    ),
    "dht.not_taken": Message(
        "no other node of the DHT took {count} of the records of this one ({some})",
        "其他 DHT 节点均未接受本节点的 {count} 条记录（{some}）",
        "Check the clock of this machine: records from the future, or that have expired, are refused. It is tried again by itself.",
        "请检查本机时钟：来自未来或已过期的记录会被拒绝。系统会自动重试。",
    ),
    "dht.not_found": Message(
        "{ref} is not in the DHT; {asked} nodes were asked",
        "DHT 中没有 {ref}；已询问 {asked} 个节点",
        "Look by word: ooder dht get 'skill:*' --word WORD",
        "可按词查找：ooder dht get 'skill:*' --word 词",
    ),
    "dht.bad_address": Message(
        "'{text}' is not an address of a DHT node",
        "“{text}”不是 DHT 节点地址",
        "Write HOST, HOST:PORT or [IPV6]:PORT.",
        "请写成 主机、主机:端口 或 [IPv6]:端口。",
    ),
    "dht.private_address": Message(
        "a stranger's record names {address}, which is not on the public internet; it is not connected to",
        "陌生人的记录给出的地址 {address} 不在公共互联网上，不会连接",
        "If that network is yours, add it to sources.dht_kademlia.fetch_networks.",
        "如果这是您自己的网络，请将其加入 sources.dht_kademlia.fetch_networks。",
    ),
    "dht.state_damaged": Message(
        "the memory of the DHT ({path}) was damaged; it was set aside and a new one begun",
        "DHT 的存储文件（{path}）已损坏；已另存并重新建立",
    ),
    "dht.state_unwritable": Message(
        "the memory of the DHT cannot be written: {reason}",
        "无法写入 DHT 的存储文件：{reason}",
        "Free some disk space; until then a restart begins without it.",
        "请清理磁盘空间；在此之前重启后将从空白开始。",
    ),
}
