"""Following the logs of a scene: lines as they are written, over logs that are moved aside and logs that come into being."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from protocol import limits

_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class _Place:
    """Where reading one log has come to: which file, how far, and the beginning of a line whose end has not come."""

    file: int
    at: int
    rest: bytes = b""


class Follower:
    """Everything that is written to the logs of `folder` from now on."""

    def __init__(self, folder: Path, pattern: str = "*.log") -> None:
        self._folder, self._pattern = folder, pattern
        self._known: dict[str, _Place] = {}
        for path in folder.glob(pattern):
            status = path.stat()
            self._known[path.name] = _Place(status.st_ino, status.st_size)

    def look(self) -> list[tuple[str, str]]:
        """(skill, line) for every line that was completed since the last look."""
        return [line for path in sorted(self._folder.glob(self._pattern)) for line in self._new_lines(path)]

    def _new_lines(self, path: Path) -> list[tuple[str, str]]:
        try:
            with path.open("rb") as file:
                status = path.stat()
                place = self._known.setdefault(path.name, _Place(status.st_ino, 0))
                if status.st_ino != place.file or status.st_size < place.at:
                    place.file, place.at, place.rest = status.st_ino, 0, b""
                file.seek(place.at)
                data = file.read(limits.SKILL_LOG_BYTES)
        except OSError:
            return []  # moved aside a moment ago; the next look finds the new one
        place.at += len(data)
        *whole, rest = (place.rest + data).split(b"\n")
        place.rest = rest[-limits.SKILL_LOG_TAIL :]
        name = path.name.removesuffix(".log")
        return [(name, line.decode("utf-8", "replace")) for line in whole]


def followed(folder: Path, pattern: str) -> Iterator[tuple[str, str]]:
    """The same as it comes. Blocking, and never ends by itself."""
    follower = Follower(folder, pattern)
    while True:
        yield from follower.look()
        time.sleep(_LOOK_SECONDS)
