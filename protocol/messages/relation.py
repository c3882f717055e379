"""Messages about how items hang together."""

from __future__ import annotations

from protocol.messages.message import Message

MESSAGES: dict[str, Message] = {
    "relation.unknown_dependency": Message(
        "{ref} needs {needs}, which is not known here",
        "{ref} 需要 {needs}，但这里没有该条目",
        "Add a source that has it, or search in a wider scope: ooder search {needs} --scope community",
        "添加包含它的来源，或在更大范围内搜索：ooder search {needs} --scope community",
    ),
    "relation.unknown_optional": Message(
        "{ref} could use {needs}, which is not known here", "{ref} 可选用 {needs}，但这里没有该条目"
    ),
    "relation.unprovided_capability": Message(
        "{ref} needs {needs}, which no skill or agent here provides",
        "{ref} 需要 {needs}，但这里没有技能或智能体提供它",
        "Search in a wider scope: ooder search {needs} --scope community",
        "在更大范围内搜索：ooder search {needs} --scope community",
    ),
    "relation.unprovided_optional": Message(
        "{ref} could use {needs}, which no skill or agent here provides",
        "{ref} 可选用 {needs}，但这里没有技能或智能体提供它",
    ),
    "relation.unsatisfiable": Message(
        "{ref} needs {needs} {constraint}; only {versions} can be had",
        "{ref} 需要 {needs} {constraint}，但只有 {versions}",
        "Ask the author of {ref} to widen the constraint, or add a source with another version.",
        "请 {ref} 的作者放宽约束，或添加包含其他版本的来源。",
    ),
    "relation.unversioned": Message(
        "{ref} needs {needs} {constraint}, but {needs} names no version",
        "{ref} 需要 {needs} {constraint}，但 {needs} 未标明版本",
    ),
    "relation.malformed_constraint": Message(
        "{ref} asks for {needs} with '{constraint}', which is not a version constraint",
        "{ref} 对 {needs} 的要求“{constraint}”不是有效的版本约束",
    ),
    "relation.cycle": Message(
        "{count} items need each other in a circle: {path}",
        "{count} 个条目循环依赖：{path}",
        "They can only be installed together.",
        "它们只能一起安装。",
    ),
    "relation.optional_cycle": Message(
        "{count} items refer to each other in a circle through an optional dependency: {path}",
        "{count} 个条目通过可选依赖形成循环：{path}",
    ),
}
