"""Messages about the local network."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "lan.port_taken": Message(
        "UDP port {port} is taken by another program; this node announces itself and hears answers, but no announcements",
        "UDP 端口 {port} 已被其他程序占用；本节点可以宣告自己并收到回复，但收不到他人的宣告",
        "Stop the other program (ss -ulpn shows it), or set sources.udp_broadcast.port alike on all devices.",
        "停止占用端口的程序（用 ss -ulpn 查看），或在所有设备上设置相同的 sources.udp_broadcast.port。",
    ),
    "lan.port_refused": Message(
        "this node may not listen on UDP port {port}; it announces itself and hears answers only",
        "本节点无权监听 UDP 端口 {port}；只能宣告自己并收到回复",
        "Allow it in the firewall or the security policy of this machine.",
        "请在本机的防火墙或安全策略中放行该端口。",
    ),
    "lan.no_interface": Message(
        "no network interface leads to neighbours",
        "没有可以到达邻居的网络接口",
        "Connect to a network, or name the interface in sources.udp_broadcast.interfaces.",
        "请连接网络，或在 sources.udp_broadcast.interfaces 中指定接口。",
    ),
    "lan.mdns_refused": Message(
        "mDNS cannot be used here: {reason}",
        "此处无法使用 mDNS：{reason}",
        "Another program may hold UDP port 5353 for itself (ss -ulpn shows it); broadcasts find neighbours without it.",
        "可能有其他程序独占 UDP 端口 5353（用 ss -ulpn 查看）；没有 mDNS 时仍可通过广播发现邻居。",
    ),
}
