"""What an item needs: every dependency syntax of FORMATS 1.1 and 1.4 as `Dependency` values.

Required unless said otherwise (WIRE section 4, 23). Libraries and the artifacts of the Java platform are marked `platform`, so that
they are shown and never block (WIRE section 4, 24).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from protocol import limits
from protocol.items import Dependency
from protocol.manifests.fields import Row, first, flag, rows_of, text
from protocol.manifests.reading import Document
from protocol.manifests.yaml_text import Tree
from protocol.refs import Kind, is_id
from protocol.versions import is_constraint

PLATFORM_ARTIFACTS: Final = frozenset(
    {
        "agent-sdk", "llm-sdk", "scene-engine", "scene-sdk", "skill-sdk", "ooder-sdk", "ooder-common", "ooder-config", "ooder-server",
        "ooder-agent", "ooder-annotation", "ooder-msg", "ooder-vfs", "ooder-org", "skill-hotplug-starter", "skills-framework",
        "spring-boot-starter", "spring-boot-starter-web", "spring-boot-starter-websocket", "fastjson2", "fastjson", "lombok", "okhttp",
        "java", "jdk", "jre",
    }
)  # fmt: skip
"""Maven artifacts that the platform brings. The default of a configurable list."""

_IDS: Final = ("skillId", "id", "name", "artifactId", "sceneId", "capId", "capabilityId")
_KIND_WORDS: Final = {
    "skills": Kind.SKILL, "skill": Kind.SKILL, "required": Kind.SKILL, "optional": Kind.SKILL, "members": Kind.SKILL,
    "scenes": Kind.SCENE, "scene": Kind.SCENE, "capabilities": Kind.CAPABILITY, "caps": Kind.CAPABILITY, "capability": Kind.CAPABILITY,
    "agents": Kind.AGENT, "agent": Kind.AGENT,
}  # fmt: skip
_PLATFORM_WORDS: Final = frozenset({"library", "libraries", "system", "java", "native", "maven", "platform"})
_SILENT_WORDS: Final = frozenset({"interfaces", "interface"})


def needs_of(
    doc: Document,
    value: Tree,
    kind: Kind = Kind.SKILL,
    *,
    required: bool = True,
    platform: frozenset[str] = PLATFORM_ARTIFACTS,
) -> list[Dependency]:
    """Every dependency in `value`, whatever its shape; names that are not ids are remarked."""
    found = []
    for row, row_kind, row_required, library in _rows(value, kind, required, 0):
        name = first(row, *_IDS)
        if not name:
            continue
        if not is_id(name):
            doc.remark("manifest.bad_reference", field="dependencies", text=name[: limits.ID_CHARS])
            continue
        constraint = first(row, "version", "versionRange", "constraint")
        if constraint and not is_constraint(constraint):
            doc.remark("manifest.bad_constraint", id=name, text=constraint[: limits.NAME_CHARS])
        artifact = library or "artifactId" in row or "artifact" in row or "groupId" in row or "group" in row
        found.append(
            Dependency(
                kind=_kind_of(row, row_kind),
                id=name,
                constraint=constraint[: limits.CONSTRAINT_CHARS],
                required=flag(row.get("required"), row_required) and not flag(row.get("optional"), False),
                platform=artifact or name in platform or text(row.get("type")).lower() in _PLATFORM_WORDS,
                purpose=first(row, "description", "purpose", "role")[: limits.NAME_CHARS],
            )
        )
    return found


def _kind_of(row: Row, kind: Kind) -> Kind:
    if "sceneId" in row:
        return Kind.SCENE
    if "skillId" in row:
        return Kind.SKILL
    if "capId" in row or "capabilityId" in row:
        return Kind.CAPABILITY
    return _KIND_WORDS.get(text(row.get("type")).lower(), kind) if "type" in row else kind


def _rows(value: Tree, kind: Kind, required: bool, depth: int) -> Iterator[tuple[Row, Kind, bool, bool]]:
    """(row, kind, required, is a library) of a list, of a mapping with sections, or of a mapping name -> constraint."""
    if isinstance(value, list):
        for entry in value:
            if isinstance(entry, str):
                yield _short(entry), kind, required, False
            elif isinstance(entry, dict):
                yield entry, kind, required, False
    elif isinstance(value, dict) and depth < 3:
        for word, entry in value.items():
            low = word.lower()
            if low in _SILENT_WORDS:
                continue
            if low in _PLATFORM_WORDS:
                for row in rows_of(entry, "name"):
                    yield (
                        {"name": first(row, "artifact", "artifactId", "name", "id"), **row},
                        Kind.SKILL,
                        required,
                        True,
                    )
            elif low in _KIND_WORDS:
                inner = _KIND_WORDS[low] if low not in ("required", "optional") else kind
                yield from _rows(entry, inner, required and low != "optional", depth + 1)
            elif isinstance(entry, str) and is_id(word):
                yield {"id": word, "version": entry}, kind, required, False
            elif isinstance(entry, dict):
                yield {"id": word, **entry}, kind, required, False


def _short(words: str) -> Row:
    """The short form `name[:type[:version]]`, also `name@version`."""
    name, _, rest = words.partition(":") if ":" in words else words.partition("@")
    type_word, _, version = rest.partition(":") if ":" in words else ("", "", rest)
    row: Row = {"id": name.strip()}
    if type_word.strip():
        row["type"] = type_word.strip()
    if version.strip():
        row["version"] = version.strip()
    return row
