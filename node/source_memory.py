"""What sources must not forget (floors of registries, ids of forges): one small file for each name, on disk before it is used."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from protocol.errors import DataError, StorageError
from protocol.item_json import read_json, write_json
from protocol.items import Json


class SourceMemory:
    """Implements `sources.ports.Memory` below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def load(self, name: str) -> Mapping[str, Json]:
        return await asyncio.to_thread(self._load, name)

    async def keep(self, name: str, values: Mapping[str, Json]) -> None:
        await asyncio.to_thread(self._keep, name, values)

    def _load(self, name: str) -> Mapping[str, Json]:
        try:
            found = read_json(self._path(name).read_bytes())
        except (OSError, DataError):
            return {}
        named = isinstance(found, Mapping) and found.get("name") == name
        values = found.get("values") if named and isinstance(found, Mapping) else None
        return values if isinstance(values, Mapping) else {}

    def _keep(self, name: str, values: Mapping[str, Json]) -> None:
        path = self._path(name)
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(write_json({"name": name, "values": values}).encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise StorageError("home.unwritable", path=str(path), reason=error.strerror or "?") from error

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
