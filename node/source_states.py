"""The last known light of every source, kept in the home from one command to the next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from node.events import Change
from node.supervisor import Light, SourceState
from protocol.errors import StorageError


def read_states(path: Path) -> dict[str, SourceState]:
    """The states by name; nothing where the file is absent or spoilt, for the next scan writes it anew."""
    try:
        rows = json.loads(path.read_bytes())
        return {row["name"]: SourceState(**{**row, "light": Light(row["light"])}) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def save_states(path: Path, states: Mapping[str, SourceState]) -> None:
    """Write these states over those of the same names. Raises StorageError `home.unwritable`."""
    merged = {**read_states(path), **states}
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        temporary.write_text(json.dumps([asdict(state) for state in merged.values()]), "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StorageError("home.unwritable", path=str(path), reason=str(error)) from error


def state_change(state: SourceState) -> Change:
    """A source's light as an event."""
    return Change(
        "source.status.changed",
        "",
        json.dumps({"source": state.name, "light": state.light.value, "code": state.code, "places": state.places}),
    )
