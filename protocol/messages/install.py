"""Messages of the areas `unpack` (packages), `install` (the installed set) and `store` (the disk below it)."""

from __future__ import annotations

from protocol.messages.message import Message

_REPACK = (
    "Ask the publisher for a clean package, or install from its folder or repository.",
    "请让发布者提供干净的安装包，或改从其文件夹、仓库安装。",
)
_VERIFY = ("See what differs: ooder verify", "查看差异：ooder verify")


def _refused(en: str, zh: str) -> Message:
    return Message("{member}: " + en, "{member}：" + zh, *_REPACK)


_PIPELINE = {
    "install.wrong_digest": Message(
        "{ref}: the bytes are not the ones that were planned (wanted {wanted}, found {found})",
        "{ref}：内容与计划不符（应为 {wanted}，实为 {found}）",
        "Scan again and look at the plan: ooder scan && ooder install {ref} --plan",
        "请重新扫描并查看计划：ooder scan && ooder install {ref} --plan",
    ),
    "install.no_location": Message(
        "{ref} could not be had from anywhere: {causes}",
        "无法从任何位置获取 {ref}：{causes}",
        "Plug the network in, or let it be installed when a source is back: ooder install {ref} --queue",
        "请接通网络，或在来源恢复后自动安装：ooder install {ref} --queue",
    ),
    "install.place_gone": Message(
        "{path} is not there now",
        "{path} 目前不存在",
        "Plug the disk in or mount it, or scan again: ooder scan",
        "请接入或挂载该磁盘，或重新扫描：ooder scan",
    ),
    "install.place_failed": Message("{url} did not deliver: {reason}", "{url} 未能提供内容：{reason}"),
    "install.not_agreed": Message(
        "{count} things were not agreed to: {causes}",
        "有 {count} 项未获同意：{causes}",
        "Look at them with --plan, then agree with --yes.",
        "请用 --plan 查看，再用 --yes 同意。",
    ),
    "install.needs_digest": Message(
        "{ref} is unverified; it is installed only by its digest",
        "{ref} 未经验证；只能按摘要安装",
        "If you trust these bytes: --digest {digest}",
        "如果你信任这些内容：--digest {digest}",
    ),
    "install.other_item": Message(
        "the package of {ref} holds something else: {found}",
        "{ref} 的安装包内容是另一项：{found}",
        "Scan again: ooder scan",
        "请重新扫描：ooder scan",
    ),
    "install.more_than_planned": Message(
        "the package of {ref} may do more than the plan showed: {causes}",
        "{ref} 的安装包所需超出方案所示：{causes}",
        "It changed since it was seen. Scan again and look at the plan: ooder scan && ooder install {ref} --plan",
        "它在被发现之后发生了变化。请重新扫描并查看方案：ooder scan && ooder install {ref} --plan",
    ),
    "install.needs_unplanned": Message(
        "the package of {ref} needs {causes}, and the plan does not bring it",
        "{ref} 的安装包需要 {causes}，而方案中没有",
        "A lock that was edited, or a package that changed: scan again and plan anew: ooder scan && ooder install {ref} --plan",
        "锁文件可能被改动，或安装包已变化：请重新扫描并规划：ooder scan && ooder install {ref} --plan",
    ),
    "install.no_manifest": Message(
        "the package of {ref} holds no manifest of a scene or skill that can be read",
        "{ref} 的安装包中没有可读的场景或技能清单",
        "If it is a collection, name the folder of one item in it, or let all be found: ooder scan FOLDER_OR_URL",
        "若它是一个集合，请指定其中一个条目的文件夹，或扫描全部：ooder scan 文件夹或URL",
    ),
    "replace.failed": Message(
        "{skill} did not take over in {scene}, so the old skill stays: {reason}",
        "{skill} 未能在 {scene} 中接任，原技能保留：{reason}",
        "Compare the others: ooder replace {scene} CAP --with SKILL --plan",
        "比较其他技能：ooder replace {scene} CAP --with SKILL --plan",
    ),
    "install.revoked": Message(
        "generation {number} holds what was revoked since: {causes}",
        "第 {number} 代含有此后被撤销的项目：{causes}",
        "Go back to another generation (ooder history), or install a release that is not revoked.",
        "请回到其他代（ooder history），或安装未被撤销的版本。",
    ),
    "install.needs_network": Message(
        "{target} is not on this machine, and nothing here can fetch it now",
        "{target} 不在本机，目前也无法获取",
        "Leave --offline away, or install what is known already: ooder search WORD",
        "请去掉 --offline，或安装已知的项目：ooder search 关键词",
    ),
    "install.nothing_there": Message(
        "{url} holds no scene or skill at {path}",
        "{url} 的 {path} 处没有场景或技能",
        "Name the folder of its manifest: URL//FOLDER@REF",
        "请指明清单所在的文件夹：URL//文件夹@引用",
    ),
    "install.which_item": Message(
        "{url} holds {count} scenes and skills there: {causes}",
        "{url} 中该处有 {count} 个场景与技能：{causes}",
        "Name one: ooder install {url}//FOLDER, or look at them all: ooder scan {url}",
        "请指明其一：ooder install {url}//文件夹，或全部查看：ooder scan {url}",
    ),
    "install.no_package": Message(
        "there is nothing at {path} that can be read",
        "{path} 不存在或无法读取",
        "Check the path and its permissions, or look for a name: ooder search WORDS",
        "请检查路径及其权限，或按名字查找：ooder search 词",
    ),
}

_UNPACK = {
    "unpack.unknown_form": Message(
        "{name} is no package form this node opens (.skill .zip .tar.gz .jar or a folder)",
        "{name} 不是本节点能打开的安装包形式（.skill .zip .tar.gz .jar 或文件夹）",
    ),
    "unpack.name_empty": _refused("a part of the name is empty", "名称中有空的部分"),
    "unpack.name_encoding": _refused("the name is not UTF-8", "名称不是 UTF-8"),
    "unpack.absolute": _refused("the name is an absolute path", "名称是绝对路径"),
    "unpack.traversal": _refused("the name contains '.' or '..'", "名称包含“.”或“..”"),
    "unpack.bad_character": _refused(
        "the name contains {character}, which no portable file name may have",
        "名称包含 {character}，可移植的文件名不允许",
    ),
    "unpack.not_nfc": _refused("the name is not in Unicode normal form C", "名称不是 Unicode 规范形式 C"),
    "unpack.reserved_name": _refused("'{part}' is a device name on Windows", "“{part}”是 Windows 的设备名"),
    "unpack.trailing_dot": _refused("a part of the name ends with a dot or a space", "名称某部分以点或空格结尾"),
    "unpack.git_name": _refused("'{part}' would be a git folder on some disk", "“{part}”在某些磁盘上会成为 git 目录"),
    "unpack.name_too_long": _refused("a part of the name is longer than {limit} bytes", "名称某部分超过 {limit} 字节"),
    "unpack.too_deep": _refused("more than {limit} folders deep", "超过 {limit} 层目录"),
    "unpack.collision": _refused(
        "the same file as {other} on a disk that ignores case or Unicode forms",
        "在忽略大小写或 Unicode 形式的磁盘上与 {other} 是同一文件",
    ),
    "unpack.link": _refused("a link; packages may hold only files and folders", "是链接；安装包只能包含文件和文件夹"),
    "unpack.special": _refused("not a regular file or folder ({what})", "不是普通文件或文件夹（{what}）"),
    "unpack.setuid": _refused("carries a setuid, setgid or sticky bit", "带有 setuid、setgid 或粘滞位"),
    "unpack.too_many_files": Message(
        "the package has more than {limit} files or folders", "安装包的文件或文件夹超过 {limit} 个", *_REPACK
    ),
    "unpack.file_too_large": _refused("larger than {limit} bytes", "大于 {limit} 字节"),
    "unpack.too_large": Message("the package is larger than {limit} bytes", "安装包大于 {limit} 字节", *_REPACK),
    "unpack.ratio": _refused("unpacks to more than {limit} times its packed size", "解压后超过压缩大小的 {limit} 倍"),
    "unpack.size_lies": _refused(
        "has {actual} bytes where {declared} were declared", "实际 {actual} 字节，声明 {declared} 字节"
    ),
    "unpack.truncated": Message(
        "the package ends too early ({what})",
        "安装包不完整（{what}）",
        "Download it again: ooder install --plan",
        "请重新下载。",
    ),
    "unpack.corrupt": Message("the package is damaged: {reason}", "安装包已损坏：{reason}", *_REPACK),
    "unpack.encrypted": _refused("is encrypted", "已加密"),
    "unpack.method": _refused(
        "packed with method {method}; only stored and deflate are opened",
        "压缩方法 {method} 不受支持；仅支持存储和 deflate",
    ),
    "unpack.overlap": _refused("its bytes overlap another member", "其数据与其他成员重叠"),
    "unpack.ambiguous": _refused(
        "two parts of the package disagree about it: {reason}", "安装包的两处描述不一致：{reason}"
    ),
    "unpack.empty": Message("the package has no files", "安装包中没有文件", *_REPACK),
    "unpack.changed": _refused("changed while it was copied", "复制过程中发生了变化"),
    "unpack.unreadable": _refused("cannot be read: {reason}", "无法读取：{reason}"),
}

_INSTALL = {
    "install.not_installed": Message(
        "{ref} is not installed", "{ref} 尚未安装", "Try: ooder installed", "试试：ooder installed"
    ),
    "install.needed": Message(
        "{ref} was not installed by itself; it is needed by {causes}",
        "{ref} 不是单独安装的；它被 {causes} 需要",
        "Uninstall what needs it, or replace it there: ooder replace",
        "请卸载需要它的场景，或在那里替换它：ooder replace",
    ),
    "install.equivocation": Message(
        "{release} already stands for other bytes: {causes}",
        "{release} 已对应另外的内容：{causes}",
        "One version may have one content only; ask the publisher which one is right.",
        "一个版本只能有一种内容；请向发布者确认。",
    ),
    "install.two_releases": Message(
        "{owner} would hold {id} twice: {causes}",
        "{owner} 会包含两个 {id}：{causes}",
        "Choose one of them.",
        "请选择其中之一。",
    ),
    "install.dangling": Message(
        "{release} needs {needs}, which is not part of the set", "{release} 需要 {needs}，但它不在集合中"
    ),
    "install.too_many": Message(
        "{count} items are more than the {limit} one home may hold", "{count} 项超过了上限 {limit}"
    ),
    "install.base_moved": Message(
        "the plan was made on generation {planned}, but {current} is current now",
        "方案基于第 {planned} 代，而当前是第 {current} 代",
        "Make the plan again.",
        "请重新生成方案。",
    ),
    "install.bad_record": Message("this {what} cannot be read: {reason}", "无法读取 {what}：{reason}"),
    "install.missing_bytes": Message(
        "the bytes of {release} ({digest}) are neither staged nor in the store",
        "{release}（{digest}）的内容既未暂存也不在仓库中",
        "Fetch it again: ooder install",
        "请重新获取：ooder install",
    ),
    "install.staged_changed": Message(
        "the staged files of {digest} are not what was verified; nothing was installed",
        "{digest} 的暂存文件与校验时不同；未安装任何内容",
        "Something wrote into the staging folder. Run the install again.",
        "有程序写入了暂存目录。请重新安装。",
    ),
    "install.no_generation": Message(
        "generation {number} is not kept here", "没有保留第 {number} 代", "See: ooder history", "查看：ooder history"
    ),
    "install.not_watched": Message(
        "{ref} was installed from {place}, which no source looks at: of newer releases nothing is heard",
        "{ref} 安装自 {place}，没有发现源在查看该位置：无法得知更新的版本",
        "Look there again: ooder install '{place}'; or have it looked at: ooder scan '{top}'",
        "再次查看：ooder install '{place}'；或让发现源查看它：ooder scan '{top}'",
    ),
    "install.nothing_before": Message(
        "there is nothing to go back to: no generation before {number} is kept",
        "没有可回滚的内容：第 {number} 代之前没有保留任何一代",
        "See: ooder history",
        "查看：ooder history",
    ),
    "install.foreign_folder": Message(
        "{path} was not made by this node and was left alone",
        "{path} 不是本节点创建的，未作改动",
        "Move it away, then: ooder verify",
        "请先移走它。",
    ),
}

_STORE = {
    "store.busy": Message(
        "another install holds the store since more than {seconds} seconds",
        "另一个安装占用仓库已超过 {seconds} 秒",
        "Wait for it, or look for a hanging ooder process.",
        "请等待，或检查是否有卡住的 ooder 进程。",
    ),
    "store.failed": Message(
        "the disk refused ({reason}) at {path}; the old state is untouched",
        "磁盘拒绝操作（{reason}），位置 {path}；原状态未变",
        "Free space or repair the disk, then run the command again.",
        "请释放空间或修复磁盘后重试。",
    ),
    "store.unsettled": Message(
        "generation {number} is committed, but the disk then refused ({reason}); what follows the commit is still to be done",
        "第 {number} 代已提交，但随后磁盘拒绝操作（{reason}）；提交之后的步骤尚未完成",
        "It is completed by the next ooder command that changes something.",
        "下一条修改性的 ooder 命令会自动补完。",
    ),
    "store.no_space": Message(
        "{need} bytes are needed at {path}, {free} are free",
        "{path} 需要 {need} 字节，仅剩 {free} 字节",
        "Free some space, or: ooder cache clear",
        "请释放空间，或：ooder cache clear",
    ),
    "store.network_home": Message(
        "{path} lies on {filesystem}, where locks and syncs cannot be relied on",
        "{path} 位于 {filesystem} 上，其锁与同步不可靠",
        "Set OODER_HOME to a local disk.",
        "请将 OODER_HOME 设为本地磁盘。",
    ),
    "store.odd_entry": Message(
        "{path} is a link, device, empty folder or too deep, and does not belong into a tree",
        "{path} 是链接、设备、空文件夹或层级过深，不应出现",
        *_VERIFY,
    ),
    "store.drift": Message(
        "{count} files of {digest} differ from what was installed: {causes}",
        "{digest} 有 {count} 个文件与安装时不同：{causes}",
        "Bring the right bytes back: ooder verify --repair; of an older generation: install that version again.",
        "恢复正确内容：ooder verify --repair；若属于较早的一代，请重新安装该版本。",
    ),
    "store.damaged": Message(
        "generation {number} cannot be read: {reason}",
        "无法读取第 {number} 代：{reason}",
        "Go back to an older one: ooder rollback",
        "请回滚到较早的一代：ooder rollback",
    ),
}

_QUEUE = {
    "queue.damaged": Message(
        "the waiting installs in {path} cannot be read: {reason}",
        "无法读取等待中的安装 {path}：{reason}",
        "Move the file away and queue again.",
        "请移走该文件后重新加入队列。",
    ),
    "queue.full": Message("{limit} installs wait already", "已有 {limit} 个安装在等待"),
    "queue.not_waiting": Message(
        "{ref} does not wait", "{ref} 不在等待队列中", "See: ooder queue list", "查看：ooder queue list"
    ),
    "queue.asks_again": Message(
        "the plan of {ref} asks more than was agreed to: {causes}",
        "{ref} 的方案超出了已同意的范围：{causes}",
        "Look at it and agree again: ooder install {ref}",
        "请查看并重新同意：ooder install {ref}",
    ),
}

_BUNDLE = {
    "bundle.malformed": Message(
        "this bundle is damaged or no bundle of this program: {reason}",
        "此离线包已损坏，或不是本程序的离线包：{reason}",
        "Bring it over again, and compare: sha256sum FILE",
        "请重新传输并比较：sha256sum 文件",
    ),
    "bundle.changed": Message(
        "{member} of the bundle is not what was signed",
        "离线包中的 {member} 与签名不符",
        "Bring it over again; if it stays so, somebody changed it.",
        "请重新传输；若仍如此，说明有人改动过。",
    ),
    "bundle.unknown_key": Message(
        "{path} is signed by a key this node does not know: {key}",
        "{path} 由未知密钥签名：{key}",
        "Compare it with the person who made the bundle (their: ooder export shows it), then: ooder import FILE --key {key}",
        "请与制作者核对该指纹（对方 ooder export 会显示），然后：ooder import 文件 --key {key}",
    ),
    "bundle.revoked_key": Message("the key of this bundle was revoked: {key}", "此离线包的密钥已被吊销：{key}"),
}

MESSAGES: dict[str, Message] = {**_PIPELINE, **_UNPACK, **_INSTALL, **_STORE, **_BUNDLE, **_QUEUE}
