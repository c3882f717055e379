"""One settings file: text in, values with line numbers out. Scalars stay text; the models convert them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from protocol import limits
from protocol.errors import StorageError, UsageError

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One layer of settings. `lines` maps a path of keys to its line (1-based)."""

    name: str
    values: Mapping[str, Any]
    lines: Mapping[Keys, int] = field(default_factory=dict)

    @classmethod
    def single(cls, keys: Keys, value: object, origin: str) -> ConfigFile:
        """A layer that sets one value, from a variable or a flag. Text that looks like a YAML list or mapping is read as one."""
        nested: Any = value
        if isinstance(value, str) and value[:1] in "[{":
            nested = _read(value, origin, {})
        for key in reversed(keys):
            nested = {key: nested}
        return cls(origin, nested)

    def origin(self, keys: Keys) -> str:
        """`file:line` of a setting, or the name of the layer."""
        line = self.lines.get(keys)
        return f"{self.name}:{line}" if line else self.name


def read_config_file(path: Path) -> ConfigFile:
    """Read one YAML file. Raises UsageError `config.unreadable` or `config.syntax` with the line."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limits.MANIFEST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError("config.unreadable", path=str(path), reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError("config.unreadable", path=str(path), reason="not UTF-8") from error
    if len(data) > limits.MANIFEST_BYTES:
        raise UsageError("config.unreadable", path=str(path), reason=f"more than {limits.MANIFEST_BYTES} bytes")
    lines: dict[Keys, int] = {}
    values = _read(text, str(path), lines)
    if values in (None, ""):
        values = {}
    if not isinstance(values, dict):
        raise UsageError("config.syntax", path=str(path), line=1, reason="settings are a mapping of keys to values")
    return ConfigFile(str(path), values, lines)


def _read(text: str, origin: str, lines: dict[Keys, int]) -> Any:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return None if node is None else _plain(node, (), origin, lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = str(getattr(error, "problem", None) or error)
        raise UsageError("config.syntax", path=origin, line=mark.line + 1 if mark else 0, reason=reason) from error
    except RecursionError as error:
        raise UsageError("config.syntax", path=origin, line=0, reason="nested too deeply") from error


def _plain(node: yaml.Node, at: Keys, origin: str, lines: dict[Keys, int]) -> Any:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in found:
                raise UsageError(
                    "config.syntax", path=origin, line=key_node.start_mark.line + 1, reason=f"'{key}' is set twice"
                )
            lines[(*at, key)] = key_node.start_mark.line + 1
            found[key] = _plain(value_node, (*at, key), origin, lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(entry, (*at, str(n)), origin, lines) for n, entry in enumerate(node.value)]
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def dump_config(path: Path, values: Mapping[str, Any]) -> Path:
    """Write settings atomically (temporary file, fsync, rename). Raises StorageError `home.unwritable`."""
    text = "# Written by the ooder command line; your own settings belong in config.yaml.\n"
    text += yaml.safe_dump(dict(values), allow_unicode=True, sort_keys=True)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise StorageError("home.unwritable", path=str(path), reason=error.strerror or str(error)) from error
    return path
