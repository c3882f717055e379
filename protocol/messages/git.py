"""Messages of the area `git`: addresses, refs, transport, mirrors and what a repository contains."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES = {
    "git.bad_url": Message(
        "'{url}' is not a repository address: {reason}",
        "“{url}”不是可用的仓库地址：{reason}",
        "Write https://host/owner/repository; keys and passwords never belong in the address.",
        "请写成 https://主机/所有者/仓库；地址中不要写密钥或密码。",
    ),
    "git.scheme_refused": Message(
        "'{url}' uses {scheme}, allowed here: {allowed}",
        "“{url}”使用 {scheme}，此处只允许：{allowed}",
        "Use https or ssh. If you trust the way there, add {scheme} to sources.git_repository.allow in config.yaml (ooder paths).",
        "请使用 https 或 ssh。若信任该线路，请在 config.yaml（ooder paths）中把 {scheme} 加入 sources.git_repository.allow。",
    ),
    "git.bad_ref": Message(
        "'{ref}' is not a branch, tag or commit name",
        "“{ref}”不是分支、标签或提交的名字",
        "Leave it out to follow the default branch.",
        "省略即跟随默认分支。",
    ),
    "git.duplicate": Message("{url} is configured twice", "{url} 重复配置", "Remove one of the two.", "删除其中一个。"),
    "git.bad_location": Message("'{location}' is not a git location", "“{location}”不是 git 位置"),
    "git.no_such_ref": Message(
        "the repository has no branch or tag '{ref}'",
        "仓库中没有分支或标签“{ref}”",
        "Leave the ref out to follow the default branch.",
        "省略 ref 即跟随默认分支。",
    ),
    "git.missing": Message(
        "the program git was not found",
        "未找到 git 程序",
        "Install git 2.39.5 or newer; all other sources work without it.",
        "请安装 git 2.39.5 或更新版本；其他来源不受影响。",
    ),
    "git.unreachable": Message(
        "{url} cannot be reached: {reason}",
        "无法访问 {url}：{reason}",
        "What was found there earlier stays searchable. Check the address and the network, then: ooder scan",
        "之前发现的内容仍可搜索。请检查地址和网络，然后运行：ooder scan",
    ),
    "git.moved": Message(
        "{url} leads to another address, which is not followed",
        "{url} 指向另一地址，不予跟随",
        "Open it in a browser; if the repository has moved to a place you trust, configure that address.",
        "请在浏览器中打开；若仓库已迁移到您信任的位置，请配置新地址。",
    ),
    "git.untrusted": Message(
        "nobody vouches for the certificate of {url}: {reason}",
        "{url} 的证书不受信任：{reason}",
        "For a company's own authority name its PEM file: `ca_file` of the source in config.yaml (ooder paths).",
        "若为公司自有证书机构，请在 config.yaml（ooder paths）中以该来源的 `ca_file` 指定其 PEM 文件。",
    ),
    "git.login": Message(
        "{url} wants a user name and a password, or there is no such repository",
        "{url} 要求用户名和密码，或该仓库不存在",
        "Passwords are never asked for: check the name, or use an ssh address (git@host:owner/repository).",
        "不会询问密码：请检查名称，或使用 ssh 地址（git@主机:所有者/仓库）。",
    ),
    "git.timeout": Message(
        "{url} did not answer within {seconds} s",
        "{url} 在 {seconds} 秒内没有响应",
        "It is asked again later; raise `timeout_s` of the source if the line is slow.",
        "稍后会重试；若线路较慢，请调大该来源的 `timeout_s`。",
    ),
    "git.busy": Message(
        "another process is using the mirror of {url}",
        "另一个进程正在使用 {url} 的镜像",
        "Try again in a moment.",
        "请稍后再试。",
    ),
    "git.bad_answer": Message("git gave an answer that cannot be read: {reason}", "无法理解 git 的输出：{reason}"),
    "git.too_large": Message(
        "{url} is larger than this source may hold ({limit} MiB)",
        "{url} 超过了该来源允许的大小（{limit} MiB）",
        "Raise `max_mib` of the source if you want all of it.",
        "若确实需要，请调大该来源的 `max_mib`。",
    ),
    "git.too_many_files": Message(
        "the repository has more than {limit} files and folders",
        "仓库中的文件和目录超过 {limit} 个",
        "Raise `max_entries` of the source if you want all of it.",
        "若确实需要，请调大该来源的 `max_entries`。",
    ),
    "git.hostile_objects": Message(
        "{url} contains objects that git refuses: {reason}",
        "{url} 包含 git 拒绝的对象：{reason}",
        "Nothing was taken over. Tell the owner of the repository.",
        "未采用任何内容。请告知仓库所有者。",
    ),
    "git.storage": Message(
        "the mirror of {url} cannot be written: {reason}",
        "无法写入 {url} 的镜像：{reason}",
        "Check free space and rights of the folder shown by: ooder paths",
        "请检查 ooder paths 所示目录的剩余空间和权限。",
    ),
    "git.not_in_commit": Message("'{path}' is not in commit {commit} of {url}", "{url} 的提交 {commit} 中没有“{path}”"),
    "git.empty": Message(
        "{url} is empty or has no default branch",
        "{url} 为空或没有默认分支",
        "Name a branch with `ref` if there is one.",
        "若有分支，请用 `ref` 指定。",
    ),
    "git.history_unknown": Message(
        "whether {ref} of {url} still contains {old} could not be determined: it lies too far back or the remote did not say",
        "无法确定 {url} 的 {ref} 是否仍包含 {old}：距离太远，或远端没有给出答案",
        "What is shown is the present state. If this is unexpected, compare the history yourself before you update.",
        "显示的是当前状态。若不符合预期，请在更新前自行核对历史。",
    ),
    "git.history_rewritten": Message(
        "the history of {url} was rewritten: {old} is no longer part of {ref}",
        "{url} 的历史被改写：{old} 已不在 {ref} 中",
        "What is installed stays as it is. Ask the owner why before you update.",
        "已安装的内容不受影响。更新前请向所有者确认原因。",
    ),
    "git.file_too_large": Message(
        "the file has {size} bytes, at most {limit} are read", "文件有 {size} 字节，最多读取 {limit} 字节"
    ),
    "git.file_missing": Message(
        "the server did not send the content of this file",
        "服务器没有发送该文件的内容",
        "Try: ooder scan",
        "试试：ooder scan",
    ),
    "git.bad_path": Message(
        "a name in the repository is not a plain path and is not read", "仓库中的名称不是普通路径，未读取"
    ),
    "git.link_ignored": Message("links in a repository are not followed", "不跟随仓库中的链接"),
    "git.submodule_ignored": Message(
        "submodules are not fetched",
        "不获取子模块",
        "Configure the submodule's repository as a source of its own.",
        "请把子模块的仓库单独配置为来源。",
    ),
}
