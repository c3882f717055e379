"""Which files of a folder or repository are worth reading as manifests (ECOSYSTEM 1.1, FORMATS 1 and 3.8), by name alone."""

from __future__ import annotations

from typing import Final

SKIPPED_FOLDERS: Final = frozenset(
    {
        "node_modules",
        ".git",
        ".hg",
        ".svn",
        "dist",
        "build",
        "__pycache__",
        ".venv",
        "venv",
        ".tox",
        ".idea",
        ".gradle",
        ".mvn",
        ".cache",
    }
)
"""Folders nobody needs to walk into."""

MANIFEST_NAMES: Final = frozenset(
    {"SKILL.md", "skill.md", "skill.json"}
    | {
        stem + ending
        for ending in (".yaml", ".yml")
        for stem in (
            "skill", "skill-manifest", "skill-index", "skill-index-entry", "skills-section",
            "scene", "scene-index", "scene-template", "scene-group", "cap", "cap-index", "capability", "capability-index", "capability-registry",
        )
    }
)  # fmt: skip
"""Names that are manifests wherever they lie."""

_STEM_ENDINGS: Final = ("-scene", "-scenes", "-group", "-scene-template")
_STEM_STARTS: Final = ("skill-index-", "scene-index-", "cap-index-")
_WHOLE_FOLDERS: Final = frozenset({"scenes", "capabilities", "skills"})
_DISCOVERY_CACHE: Final = "cache/discovery"
"""Where Java nodes keep what a forge told them, one index in each file (FORMATS 3.8)."""
_TEMPLATE_STARTS: Final = ("skill", "scene", "cap")


def is_manifest(path: str) -> bool:
    """Whether a file of this (posix, relative) path is worth reading as a manifest."""
    folder, _, name = path.rpartition("/")
    if name in MANIFEST_NAMES:
        return not _skipped(folder)
    stem, _, ending = name.rpartition(".")
    if ending == "json":
        return folder.endswith(_DISCOVERY_CACHE) and not _skipped(folder)
    if ending not in ("yaml", "yml") or not stem:
        return False
    parts = folder.split("/")
    parent = parts[-1]
    wanted = (
        stem.endswith(_STEM_ENDINGS)
        or stem.startswith(_STEM_STARTS)
        or parent in _WHOLE_FOLDERS
        or (parent == "templates" and stem.startswith(_TEMPLATE_STARTS))
        or "skill-index" in parts
    )
    return wanted and not _skipped(folder)


def _skipped(folder: str) -> bool:
    return not SKIPPED_FOLDERS.isdisjoint(folder.split("/"))
