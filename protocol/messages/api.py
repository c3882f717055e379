"""Messages of the local HTTP API and the peer plane."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "api.wrong_host": Message(
        "this node does not answer to the name {host}",
        "本节点不以 {host} 这个名称应答",
        "Use the address that `ooder serve` printed.",
        "请使用 `ooder serve` 打印的地址。",
    ),
    "api.foreign_origin": Message(
        "a page of {origin} may not use this node",
        "来自 {origin} 的页面不能使用本节点",
        "Open the page of the node itself; `ooder serve` printed its address.",
        "请打开节点自己的页面；地址由 `ooder serve` 打印。",
    ),
    "api.cross_site": Message(
        "another site sent this request (Sec-Fetch-Site: {site})",
        "该请求来自其他网站（Sec-Fetch-Site: {site}）",
        "Type the address of the node into the browser instead of following a link.",
        "请在浏览器中直接输入节点地址，不要点击其他网站的链接。",
    ),
    "api.too_fast": Message(
        "too many requests; try again in {retry_after} s",
        "请求过多；请在 {retry_after} 秒后重试",
    ),
    "api.busy": Message(
        "the node serves as many {what} as it can at once",
        "节点同时处理的{what}已达上限",
        "Close pages that are not needed, or try again in a moment.",
        "请关闭不需要的页面，或稍后再试。",
    ),
    "api.no_token": Message(
        "this needs the token of this node",
        "此操作需要本节点的令牌",
        "Programs: Authorization: Bearer and the content of OODER_HOME/run/token. People: the link that `ooder serve` printed.",
        "程序：Authorization: Bearer 加 OODER_HOME/run/token 的内容。用户：使用 `ooder serve` 打印的链接。",
    ),
    "api.no_header": Message(
        "a browser session must send the header X-Ooder: 1",
        "浏览器会话必须发送请求头 X-Ooder: 1",
    ),
    "api.link_used": Message(
        "this link was used already, or is too old",
        "该链接已被使用，或已过期",
        "Get a new one: ooder serve prints it, also while the node runs.",
        "重新获取：运行 ooder serve 会打印新链接，节点运行时也可以。",
    ),
    "api.media_type": Message(
        "the body must be application/json, not '{found}'", "请求体必须是 application/json，而不是“{found}”"
    ),
    "api.too_large": Message("the body is larger than {limit} bytes", "请求体超过 {limit} 字节"),
    "api.too_slow": Message("the body did not arrive within {seconds} s", "请求体未在 {seconds} 秒内到达"),
    "api.bad_request": Message(
        "{name}: {reason}", "{name}：{reason}", "What can be asked: /openapi.json", "可用的请求见 /openapi.json"
    ),
    "api.no_route": Message(
        "there is nothing at {path}", "{path} 处没有内容", "What there is: /openapi.json", "可用的路径见 /openapi.json"
    ),
    "api.no_method": Message(
        "{path} does not take {method}; it takes {allowed}", "{path} 不接受 {method}；可用：{allowed}"
    ),
    "api.starting": Message("the node is starting", "节点正在启动", "Try again in a moment.", "请稍后再试。"),
    "api.no_port": Message(
        "cannot listen on {host}, ports {first} to {last}: {reason}",
        "无法监听 {host} 的端口 {first} 至 {last}：{reason}",
        "Choose another: ooder serve --port N",
        "请另选端口：ooder serve --port N",
    ),
    "api.unsafe_listen": Message(
        "{host} can be reached from outside, so a TLS certificate and key are needed",
        "{host} 可从外部访问，因此需要 TLS 证书和密钥",
        "Set api.tls_certificate and api.tls_key, or leave out --listen.",
        "请设置 api.tls_certificate 和 api.tls_key，或去掉 --listen。",
    ),
    "api.bad_tls": Message("the TLS certificate {path} cannot be used: {reason}", "无法使用 TLS 证书 {path}：{reason}"),
    "api.private_file": Message("cannot keep {path} private: {reason}", "无法保证 {path} 私密：{reason}"),
    "scan.unknown": Message("no scan is called {id}", "没有名为 {id} 的扫描"),
    "scan.too_many": Message(
        "{count} scans are waiting already",
        "已有 {count} 个扫描在等待",
        "Wait for one, or cancel one.",
        "请等待或取消一个。",
    ),
    "scan.nothing_to_ask": Message(
        "no source is switched on that could be asked",
        "没有已启用且可查询的发现源",
        "See: ooder sources",
        "查看：ooder sources",
    ),
    "plan.unknown": Message(
        "no plan is called {id}, or it was made too long ago",
        "没有名为 {id} 的计划，或计划已过期",
        "Make the plan again, then carry it out.",
        "请重新制定计划，然后执行。",
    ),
    "plan.waits_for_source": Message(
        "{ref} waits until a source has it",
        "{ref} 正在等待某个发现源提供",
        "See: ooder queue list",
        "查看：ooder queue list",
    ),
    "install.unknown": Message("no install is called {id}", "没有名为 {id} 的安装任务"),
    "install.too_many_jobs": Message(
        "{count} installs are waiting already",
        "已有 {count} 个安装任务在等待",
        "Wait for one, or cancel one.",
        "请等待或取消一个。",
    ),
    "offer.unknown": Message("this node shares nothing called {name}", "本节点没有共享 {name}"),
}
