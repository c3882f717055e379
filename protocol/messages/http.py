"""Messages about the outbound HTTP door."""

from __future__ import annotations

from protocol.messages.message import Message

_WAIT = "It is tried again by itself; `ooder sources` shows when."
_WAIT_ZH = "会自动重试；`ooder sources` 显示时间。"
_ASK = "Ask whoever runs that server, or remove the place: ooder sources remove {url}"
_ASK_ZH = "请联系该服务器的管理者，或移除该位置：ooder sources remove {url}"

MESSAGES: dict[str, Message] = {
    "http.bad_url": Message(
        "{url} is no address that can be asked: http or https, a host, no user and no password in it",
        "{url} 不是可访问的地址：需为 http 或 https，包含主机名，且不含用户名和密码",
        "Write it as https://host/path; keys belong into an environment variable or a file.",
        "请写成 https://主机/路径；密钥应放在环境变量或文件中。",
    ),
    "http.bad_network": Message(
        "{text} is no network",
        "{text} 不是网段",
        "Write an address or a network as in 10.1.0.0/16.",
        "请写成地址或网段，例如 10.1.0.0/16。",
    ),
    "http.unreachable": Message("{url} cannot be reached: {reason}", "无法访问 {url}：{reason}", _WAIT, _WAIT_ZH),
    "http.untrusted": Message(
        "{url} could not prove who it is: {reason}",
        "{url} 无法证明其身份：{reason}",
        "For a company's own authority name its certificate in ca_file; otherwise do not use this place.",
        "若使用公司自有证书颁发机构，请在 ca_file 中指定证书；否则请勿使用该位置。",
    ),
    "http.timed_out": Message(
        "{url} did not answer within {seconds} s", "{url} 在 {seconds} 秒内没有回答", _WAIT, _WAIT_ZH
    ),
    "http.broken": Message(
        "the answer of {url} broke off or is damaged: {reason}", "{url} 的回答中断或损坏：{reason}", _WAIT, _WAIT_ZH
    ),
    "http.failed": Message("{url} failed with status {status}", "{url} 失败，状态码 {status}", _WAIT, _WAIT_ZH),
    "http.refused": Message(
        "{url} refuses the request with status {status}: {reason}",
        "{url} 拒绝请求，状态码 {status}：{reason}",
        _ASK,
        _ASK_ZH,
    ),
    "http.not_found": Message("{url} does not exist", "{url} 不存在", _ASK, _ASK_ZH),
    "http.denied": Message(
        "{url} wants a valid key (status {status})",
        "{url} 需要有效密钥（状态码 {status}）",
        "Put a key into the environment variable or 0600 file that the source's `keys` name.",
        "请把密钥放入该发现源 `keys` 所指定的环境变量或 0600 文件中。",
    ),
    "http.rate_limited": Message(
        "{url} asks to be left alone for {retry_after} s", "{url} 要求 {retry_after} 秒内不再访问", _WAIT, _WAIT_ZH
    ),
    "http.resting": Message(
        "{url} failed several times in a row and is left alone for {retry_after} s",
        "{url} 连续多次失败，{retry_after} 秒内不再访问",
        _WAIT,
        _WAIT_ZH,
    ),
    "http.too_large": Message(
        "the answer of {url} is larger than {limit} bytes", "{url} 的回答超过 {limit} 字节", _ASK, _ASK_ZH
    ),
    "http.wrong_type": Message(
        "{url} answered with {found} instead of {wanted}",
        "{url} 返回的是 {found}，而不是 {wanted}",
        "If a login page answers there, sign in to that network or use another address.",
        "如果那里返回的是登录页，请先登录该网络或改用其他地址。",
    ),
    "http.redirected_away": Message(
        "{url} leads to {target}, which is refused: {reason}",
        "{url} 指向 {target}，已拒绝：{reason}",
        "If the place has moved, configure its new address.",
        "如果该位置已迁移，请配置新地址。",
    ),
    "http.forbidden_address": Message(
        "{host} is at an address that may not be asked from here",
        "{host} 的地址不允许从本机访问",
        "If it is a machine of your own network, name its network in the source's `networks`.",
        "如果它是自己网络中的机器，请在该发现源的 `networks` 中写明其网段。",
    ),
    "http.no_json": Message(
        "the answer is no JSON: {reason}, line {line}", "回答不是 JSON：{reason}，第 {line} 行", _ASK, _ASK_ZH
    ),
    "http.json_too_deep": Message("the answer is nested deeper than {limit}", "回答嵌套超过 {limit} 层", _ASK, _ASK_ZH),
    "http.wrong_digest": Message(
        "the file at {url} is not the one that was promised: {found} instead of {wanted}",
        "{url} 的文件与承诺的不符：{found}，应为 {wanted}",
        "Nothing was used. Another place is tried; if none is left, ask the publisher.",
        "未使用任何内容。会尝试其他位置；若均失败，请联系发布者。",
    ),
    "http.bad_key": Message(
        "the key {key} cannot be used: {reason}",
        "密钥 {key} 无法使用：{reason}",
        "Write env:NAME or file:/path; the file must be yours with mode 0600 and hold one line.",
        "请写成 env:名称 或 file:/路径；文件须属于本人、权限 0600，且只有一行。",
    ),
    "http.bad_authority": Message(
        "the certificates in {path} cannot be read: {reason}",
        "无法读取 {path} 中的证书：{reason}",
        "Name a PEM file in ca_file.",
        "请在 ca_file 中指定 PEM 文件。",
    ),
    "http.no_storage": Message(
        "{path} could not be written: {reason}",
        "无法写入 {path}：{reason}",
        "Make room on the disk.",
        "请清理磁盘空间。",
    ),
    "http.cache_damaged": Message("a kept answer is damaged and was asked for again", "缓存的回答已损坏，已重新获取"),
}
