"""Answers kept on disk, so that the next one can be "not modified" - also after a restart. What does not check out is not there.

Blocking; the door calls it on a thread. At most `HTTP_CACHE_BYTES` and `HTTP_CACHE_FILES`: what was used longest ago goes first.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from protocol import limits
from protocol.errors import DataError
from protocol.http.caching import Kept, decode, encode

_LOOK_EVERY = 200  # writes between looks at the size of the whole


class KeptAnswers:
    """Files named by the hash of what was asked, below one folder that is made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writes = 0

    def get(self, slot: str) -> Kept | None:
        """What is kept, None when there is nothing good."""
        path = self._path(slot)
        try:
            data = path.read_bytes()
            kept = decode(data)
        except OSError:
            return None
        except DataError:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return kept

    def put(self, slot: str, kept: Kept) -> None:
        """Keep an answer. A disk that does not take it costs nothing but the next download."""
        path = self._path(slot)
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            fresh.write_bytes(encode(kept))  # not synced: what a crash tears does not match its digest
            fresh.replace(path)
        self._writes += 1
        if self._writes % _LOOK_EVERY == 1:
            self.shrink()

    def shrink(self, most: int = limits.HTTP_CACHE_BYTES, files: int = limits.HTTP_CACHE_FILES) -> int:
        """Remove what was used longest ago until both bounds hold; how many."""
        found = []
        with suppress(OSError):
            for path in self._folder.glob("??/*"):
                with suppress(OSError):
                    status = path.stat()
                    found.append((status.st_mtime, status.st_size, path))
        found.sort(reverse=True)
        total = removed = 0
        for count, (_, size, path) in enumerate(found, start=1):
            total += size
            if total > most or count > files:
                with suppress(OSError):
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, slot: str) -> Path:
        return self._folder / slot[:2] / slot[2:]
