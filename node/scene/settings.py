"""Settings and secrets of a skill: `OODER_HOME/config/skills/<id>/settings.yaml` and `secrets.yaml`, written by the user.

They live outside the package, survive updates, and are given to the skill's program as environment variables - only those its
manifest declares. They are never printed and never in an error.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from node.paths import Paths
from protocol import limits
from protocol.errors import DataError, OoderError, UsageError
from protocol.items import Item
from protocol.manifests.yaml_text import read_yaml

SETTINGS: Final = "settings.yaml"
SECRETS: Final = "secrets.yaml"
_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,127}")
_OURS: Final = re.compile(
    r"(OODER|LD|DYLD|PYTHON|JAVA_TOOL|NODE|BASH|GLIBC)_.*|PYTHON.*|PATH|HOME|SHELL|IFS|ENV|TMPDIR"
)


def settings_path(paths: Paths, skill_id: str) -> Path:
    """Where the settings of one skill are written."""
    return paths.skill_config / skill_id / SETTINGS


def read_settings(paths: Paths, skill_id: str) -> Mapping[str, str]:
    """Everything the user wrote down for a skill. Raises DataError `scene.bad_settings`."""
    folder = paths.skill_config / skill_id
    found: dict[str, str] = {}
    for name in (SETTINGS, SECRETS):
        found.update(read_file(folder / name))
    return found


def environment_of(item: Item, values: Mapping[str, str], path: Path) -> Mapping[str, str]:
    """The variables a skill gets: what its manifest declares, with the user's values or the manifest's defaults.

    Names that steer the system (PATH, LD_*, PYTHON*, OODER_*, ...) are not passed on. Raises UsageError
    `scene.missing_setting` for a required one without a value.
    """
    found = {}
    for required, row in _declared(item):
        name = str(row.get("name", ""))
        if not _NAME.fullmatch(name) or _OURS.fullmatch(name):
            continue
        value = values.get(name, str(row["default"]) if row.get("default") not in (None, "") else None)
        if value is not None:
            found[name] = value
        elif required:
            raise UsageError("scene.missing_setting", skill=item.id, name=name, path=str(path))
    return found


def _declared(item: Item) -> list[tuple[bool, Mapping[str, object]]]:
    config = item.facts.get("config")
    rows: list[tuple[bool, Mapping[str, object]]] = []
    for key, required in (("required", True), ("optional", False)):
        listed = config.get(key) if isinstance(config, dict) else None
        rows += [(required, row) for row in (listed if isinstance(listed, list) else ()) if isinstance(row, dict)]
    return rows[: limits.SKILL_SETTINGS]


def read_file(path: Path) -> Mapping[str, str]:
    """One file of settings; none when it is not there. Raises DataError `scene.bad_settings`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError("scene.bad_settings", path=str(path), reason=error.strerror or "") from error
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise DataError("scene.bad_settings", path=str(path), reason="open to others, or not yours")
        data = file.read(limits.SKILL_SETTINGS_BYTES + 1)
    if len(data) > limits.SKILL_SETTINGS_BYTES:
        raise DataError("scene.bad_settings", path=str(path), reason=f"more than {limits.SKILL_SETTINGS_BYTES} bytes")
    return _mapping(path, data)


def _mapping(path: Path, data: bytes) -> Mapping[str, str]:
    if not data.strip():
        return {}
    try:
        tree = read_yaml(data)
    except OoderError:
        # The reader's reason may quote the file, and the file may hold a secret.
        raise DataError("scene.bad_settings", path=str(path), reason="not readable as YAML") from None
    if not isinstance(tree, dict) or len(tree) > limits.SKILL_SETTINGS:
        raise DataError("scene.bad_settings", path=str(path), reason="not a mapping, or too long")
    if not all(isinstance(value, str) and "\0" not in value for value in tree.values()):
        raise DataError("scene.bad_settings", path=str(path), reason="a value is not plain text")
    return {str(key): str(value) for key, value in tree.items()}
