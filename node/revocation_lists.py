"""Revocation lists of registries, in the home, so that what they end stays ended over restarts and without a network."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path

from protocol.errors import StorageError
from protocol.item_json import write_json
from protocol.revoked_lists import Revoked, revoked_by
from protocol.skill_center.revocations import Revocation


class Revocations:
    """One file for all lists. `changed` is called on the event loop after a list was replaced, with what it now ends or no longer
    ends."""

    def __init__(self, path: Path, changed: Callable[[Set[str]], None] = lambda what: None) -> None:
        self.path = path
        self.changed = changed

    async def seq(self, owner: str) -> int:
        """The sequence of the list kept of an owner, 0 = none."""
        return (await asyncio.to_thread(self._read)).get(owner, (0, ()))[0]

    async def keep(self, owner: str, seq: int, entries: Sequence[Revocation]) -> None:
        """Replace the list of an owner; on the disk when this returns. Raises StorageError `home.unwritable`."""
        before = await asyncio.to_thread(self._read)
        known = before.get(owner, (0, ()))
        if known == (seq, tuple(entries)):
            return
        await asyncio.to_thread(self._write, {**before, owner: (seq, tuple(entries))})
        if what := {one.what for one in known[1]} ^ {one.what for one in entries}:
            self.changed(what)

    def amount_to(self, official: frozenset[str]) -> Revoked:
        """What all lists together end. Blocking."""
        return revoked_by({owner: entries for owner, (_, entries) in self._read().items()}, official)

    def _read(self) -> dict[str, tuple[int, tuple[Revocation, ...]]]:
        try:
            found = json.loads(self.path.read_bytes())
            return {
                str(owner): (int(said["seq"]), tuple(Revocation(str(a), str(b), float(c)) for a, b, c in said["list"]))
                for owner, said in found.items()
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _write(self, lists: Mapping[str, tuple[int, tuple[Revocation, ...]]]) -> None:
        body = {
            owner: {"seq": seq, "list": [[one.what, one.reason, one.at] for one in entries]}
            for owner, (seq, entries) in lists.items()
        }
        fresh = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(write_json(body).encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise StorageError("home.unwritable", path=str(self.path), reason=error.strerror or "?") from error
