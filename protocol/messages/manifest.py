"""Messages about manifests: what could not be read, what was repaired, what is unusual."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "manifest.too_big": Message(
        "larger than {limit} bytes: {reason}",
        "大于 {limit} 字节：{reason}",
        "A manifest is short; keep large data in other files.",
        "清单应当简短；请把大数据放在其他文件中。",
    ),
    "manifest.encoding": Message(
        "line {line} is not UTF-8: {reason}",
        "第 {line} 行不是 UTF-8：{reason}",
        "Save the file as UTF-8.",
        "请以 UTF-8 保存该文件。",
    ),
    "manifest.control_character": Message(
        "line {line} contains a character YAML does not allow: {reason}",
        "第 {line} 行含有 YAML 不允许的字符：{reason}",
        "Remove the character.",
        "请删除该字符。",
    ),
    "manifest.syntax": Message(
        "line {line}: {reason}",
        "第 {line} 行：{reason}",
        "Look at this line and the one above it: indentation, quotes, a lost newline.",
        "请检查该行及上一行：缩进、引号、丢失的换行。",
    ),
    "manifest.depth": Message(
        "line {line}: {reason}",
        "第 {line} 行嵌套过深：{reason}",
        "Write the document flatter.",
        "请减少嵌套层数。",
    ),
    "manifest.nodes": Message(
        "line {line}: {reason}",
        "第 {line} 行：节点过多（{reason}）",
        "Split the document.",
        "请拆分文档。",
    ),
    "manifest.aliases": Message(
        "line {line}: {reason}",
        "第 {line} 行的别名不可用：{reason}",
        "Write the value out instead of using aliases.",
        "请直接写出值，不要使用别名。",
    ),
    "manifest.duplicate_key": Message(
        "line {line}: {reason}",
        "第 {line} 行有重复的键：{reason}",
        "Keep one of the two.",
        "请只保留其中一个。",
    ),
    "manifest.merge_key": Message(
        "line {line}: {reason}",
        "第 {line} 行使用了合并键：{reason}",
        "Write the merged keys out.",
        "请直接写出合并后的键。",
    ),
    "manifest.complex_key": Message(
        "line {line}: {reason}",
        "第 {line} 行的键不是普通文本：{reason}",
        "Use plain text as key.",
        "请使用普通文本作为键。",
    ),
    "manifest.key_too_long": Message(
        "line {line}: {reason}",
        "第 {line} 行的键过长：{reason}",
        "Shorten the key.",
        "请缩短该键。",
    ),
    "manifest.tag": Message(
        "line {line}: {reason} is not one of the core tags",
        "第 {line} 行：{reason} 不是核心标签",
        "Remove the tag.",
        "请删除该标签。",
    ),
    "manifest.several_documents": Message(
        "line {line}: {reason}",
        "第 {line} 行：一个文件中有多个文档（{reason}）",
        "Keep one document per file.",
        "每个文件只保留一个文档。",
    ),
    "manifest.void": Message(
        "carries nothing that describes an item: {reason}",
        "没有任何描述条目的内容：{reason}",
        "The file was probably cut off; restore it from its history.",
        "该文件很可能被截断；请从历史版本恢复。",
    ),
    "manifest.malformed": Message(
        "unreadable, but it seems to be about {id} {version} ({name})",
        "无法读取，但看起来描述的是 {id} {version}（{name}）",
        "It cannot be installed until the file is repaired.",
        "修复该文件之前无法安装。",
    ),
    "manifest.repaired": Message(
        "read only after repair: {steps} (strict reading failed at line {line}: {reason})",
        "修复后才可读取：{steps}（严格读取在第 {line} 行失败：{reason}）",
        "Correct the file; until then it is trusted one level less.",
        "请更正该文件；在此之前其信任级别降低一级。",
    ),
    "manifest.no_id": Message(
        "no usable id: {reason}",
        "没有可用的标识：{reason}",
        "Give metadata.id: A-Z a-z 0-9 . _ - with a letter or digit first.",
        "请给出 metadata.id：A-Z a-z 0-9 . _ -，并以字母或数字开头。",
    ),
    "manifest.no_frontmatter": Message(
        "SKILL.md has no frontmatter: {reason}",
        "SKILL.md 没有 frontmatter：{reason}",
        "Begin the file with --- name and description ---.",
        "请以 --- name、description --- 开头。",
    ),
    "manifest.bad_entry": Message(
        "entry {entry} of the index has no usable id",
        "索引的第 {entry} 项没有可用的标识",
        "Give the entry an id.",
        "请为该项给出标识。",
    ),
    "manifest.bad_include": Message(
        "the include {pattern} is refused: {reason}",
        "拒绝包含 {pattern}：{reason}",
        "Includes are relative paths without .. and with * only in the last part.",
        "包含路径必须是相对路径，不含 ..，且 * 只能出现在最后一段。",
    ),
    "manifest.id_pattern": Message(
        "the id {id} does not follow the usual pattern (lower case, digits, hyphens)",
        "标识 {id} 不符合惯例（小写字母、数字、连字符）",
        "Nothing needs to be done; other tools may refuse it.",
        "无需处理；其他工具可能拒绝它。",
    ),
    "manifest.id_not_folder": Message(
        "the id {id} differs from the folder name {folder}",
        "标识 {id} 与文件夹名 {folder} 不同",
        "Rename one of them.",
        "请重命名其中之一。",
    ),
    "manifest.id_from_folder": Message(
        "no id inside; the folder name {id} is used",
        "文件中没有标识；使用文件夹名 {id}",
        "Write the id into the file.",
        "请在文件中写明标识。",
    ),
    "manifest.no_version": Message(
        "{id} has no version",
        "{id} 没有版本",
        "Give it a version such as 1.0.0.",
        "请给出版本，例如 1.0.0。",
    ),
    "manifest.version_not_semver": Message(
        "the version {version} of {id} is not of the form 1.2.3",
        "{id} 的版本 {version} 不是 1.2.3 的形式",
        "Write three numbers.",
        "请写成三个数字。",
    ),
    "manifest.hidden_characters": Message(
        "the {field} of {id} contains hidden or direction-changing characters",
        "{id} 的 {field} 含有隐藏字符或改变方向的字符",
        "Be careful: it may be made to look like another one.",
        "请小心：它可能伪装成另一个条目。",
    ),
    "manifest.too_many": Message(
        "{id} declares more {field} than are kept ({limit})",
        "{id} 声明的 {field} 超过保留上限（{limit}）",
        "Split it.",
        "请拆分。",
    ),
    "manifest.bad_reference": Message(
        "'{text}' in {field} is not an id",
        "{field} 中的“{text}”不是标识",
        "Correct the name.",
        "请更正名称。",
    ),
    "manifest.bad_constraint": Message(
        "the version constraint '{text}' for {id} cannot be compared",
        "对 {id} 的版本约束“{text}”无法比较",
        "Write it like >=1.0.0, ^1.2 or 1.2.3.",
        "请写成 >=1.0.0、^1.2 或 1.2.3 的形式。",
    ),
    "manifest.agent_skill": Message(
        "{field}: {reason}",
        "{field}：{reason}",
        "See the Agent Skills specification.",
        "参见 Agent Skills 规范。",
    ),
}
