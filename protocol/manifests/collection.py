"""From readings to sightings: where an item's files lie, how far the place speaks for its name, and the claims themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocol.items import Evidence, Sighting, Standing
from protocol.manifests.reading import Listing, ManifestReading

COPY_FOLDERS: Final = frozenset({"archive", "archived", "downloads", "target", "build", "bak", "backup"})
"""Folders that hold copies (SECURITY 2.1)."""

_RESOURCES: Final = "src/main/resources/"
_OWN_FOLDER_NAMES: Final = frozenset(
    {
        "SKILL.md", "skill.md", "skill.json", "skill.yaml", "skill.yml", "skill-manifest.yaml", "skill-manifest.yml",
        "skill-index-entry.yaml", "skill-index-entry.yml", "scene.yaml", "scene.yml", "cap.yaml", "cap.yml", "capability.yaml",
    }
)  # fmt: skip
"""Manifests whose folder is the item."""
_CURATED: Final = frozenset({".curated", ".experimental", ".system"})
_SHARED_FOLDERS: Final = frozenset({"scenes", "skills", "capabilities", "templates", "resources", "config"})


def standing_of(path: str) -> Standing:
    """Whether a place speaks for its origin or is a copy: archives, downloads, build output, packaged resources, dot folders.

    Dot folders that agents look into (`.agents/skills`, `.claude/skills`, ...) are main places.

    >>> standing_of("skills/.archive/v0/skill-a/skill.yaml").value
    'copy'
    """
    folders = path.split("/")[:-1]
    if _RESOURCES in path:
        return Standing.COPY
    for at, folder in enumerate(folders):
        if folder in COPY_FOLDERS or (folder.startswith(".") and not _is_for_agents(folders, at)):
            return Standing.COPY
    return Standing.MAIN


def _is_for_agents(folders: list[str], at: int) -> bool:
    """`.claude/skills/...`, and `skills/.curated/...` of the Agent Skills layouts."""
    return folders[at + 1 : at + 2] == ["skills"] or (folders[at] in _CURATED and folders[at - 1 : at] == ["skills"])


def item_folder(path: str) -> str:
    """The folder whose files are the item's package, "" for the origin's root; the file itself where one folder holds many items.

    >>> item_folder("skills/skill-a/skill.yaml"), item_folder("scenes/a-scene.yaml")
    ('skills/skill-a', 'scenes/a-scene.yaml')
    """
    folder, _, name = path.rpartition("/")
    if name in _OWN_FOLDER_NAMES and folder.rpartition("/")[2] not in _SHARED_FOLDERS:
        return folder
    return path


def sightings_of(
    reading: ManifestReading,
    *,
    source: str,
    origin: str,
    place: str,
    location: Callable[[str], str],
    principal: str,
    evidence: Evidence,
    at: float,
    digest: str = "",
    manifest_digest: str = "",
    size: int = 0,
    files: int = 0,
    expires_at: float = 0.0,
) -> tuple[Sighting, ...]:
    """The claims of one file. `place` is its path in the origin; `location` turns such a path into the URI its bytes come from.

    Items get the location of their folder, the digests and the counts; rows of an index get only where the index points to.
    """
    standing, here = standing_of(place), location(item_folder(place))
    found = [
        Sighting(
            item, source, origin, place, here, principal, evidence, at,
            digest=digest, manifest_digest=manifest_digest, expires_at=expires_at, size=size, files=files, standing=standing,
        )
        for item in reading.items
    ]  # fmt: skip
    found += [
        Sighting(
            listing.item, source, origin, place, _target(listing, place, location), principal, evidence, at,
            expires_at=expires_at, standing=Standing.LISTING,
        )
        for listing in reading.listings
    ]  # fmt: skip
    return tuple(found)


def listed_place(place: str, path: str) -> str:
    """Where in the origin the `path` of a row in the index at `place` points; "" if it may not be followed.

    Real indexes count from the folder that holds the index (or its `skill-index/` parts), some from one folder above.

    >>> listed_place("repo/skill-index/skills/util.yaml", "skills/skill-a"), listed_place("res/scenes/scene-index.yaml", "scenes/a.yaml")
    ('repo/skills/skill-a', 'res/scenes/a.yaml')
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if (
        not parts
        or path.startswith(("/", "~"))
        or ".." in parts
        or ":" in path
        or "\\" in path
        or not path.isprintable()
    ):
        return ""
    base = place.split("/")[:-1]
    if "skill-index" in base:
        base = base[: base.index("skill-index")]
    if base and base[-1] == parts[0]:
        base.pop()
    return "/".join([*base, *parts])


def _target(listing: Listing, place: str, location: Callable[[str], str]) -> str:
    """Where an index row points: its path inside the origin, else its download address, else the index itself."""
    if target := listed_place(place, listing.path):
        return location(target)
    if listing.download_url.startswith("https://") and listing.download_url.isprintable():
        return listing.download_url
    return location(place)
