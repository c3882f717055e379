"""Keys for other people's servers: from the environment or a private file, never from the settings, never logged.

A key that its server calls invalid is put aside until its value changes, and the next one is used. A key whose quota is used up is
*not* changed for another: who sets limits means the person, not the key.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol import limits
from protocol.errors import UsageError


@dataclass(frozen=True, slots=True)
class Key:
    """`mark` names the value without telling it: for caches and quarantine."""

    value: str
    mark: str

    def __repr__(self) -> str:
        return f"Key({self.mark[:8]})"


class KeyRing:
    """The keys of one source, as named in its settings: `env:NAME` or `file:PATH`. They are read anew each time."""

    def __init__(self, names: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
        self._names = tuple(names[: limits.HTTP_KEYS])
        self._environ = environ
        self._bad: set[str] = set()

    @property
    def quarantined(self) -> int:
        """How many values were put aside."""
        return len(self._bad)

    def current(self) -> Key | None:
        """The first key that is there and was not put aside. Raises UsageError `http.bad_key` for a name or file that must not be used."""
        for name in self._names:
            value = self._read(name)
            if value:
                key = Key(value, hashlib.sha256(value.encode()).hexdigest()[:16])
                if key.mark not in self._bad:
                    return key
        return None

    def quarantine(self, key: Key) -> bool:
        """Put a key aside; whether another one is there."""
        self._bad.add(key.mark)
        return self.current() is not None

    def _read(self, name: str) -> str:
        kind, _, rest = name.partition(":")
        if kind == "env" and rest:
            value = self._environ.get(rest, "").strip()
        elif kind == "file" and rest:
            value = _read_private(Path(rest).expanduser(), name)
        else:
            raise UsageError("http.bad_key", key="(not shown)", reason="neither env: nor file:")
        if not (value.isascii() and value.isprintable()):
            raise UsageError("http.bad_key", key=name, reason="not one line of plain characters")
        return value


def _read_private(path: Path, name: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError("http.bad_key", key=name, reason=error.strerror or "?") from None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise UsageError("http.bad_key", key=name, reason="not a file of mode 0600 that is yours")
        data = file.read(limits.HTTP_KEY_BYTES + 1)
    if len(data) > limits.HTTP_KEY_BYTES:
        raise UsageError("http.bad_key", key=name, reason=f"larger than {limits.HTTP_KEY_BYTES} bytes")
    return data.decode("utf-8", "replace").strip()
