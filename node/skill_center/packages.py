"""Package files of a SkillCenter, by the SHA-256 of their bytes: in a folder of this home, and in the database as well where
several replicas share one."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from node.skill_center.database import Database, Session, one
from protocol import limits
from protocol.errors import NotFoundError, StorageError

_NAME = re.compile(r"[0-9a-f]{64}")
PART_BYTES = limits.MIB


class Packages:
    """Blocking. A file appears whole or not at all."""

    def __init__(self, folder: Path, db: Database) -> None:
        self._folder = folder
        self._db = db

    def incoming(self) -> Path:
        """A place for bytes on their way; on the same disk."""
        folder = self._folder / "incoming"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / secrets.token_hex(16)

    def keep(self, package: str, path: Path) -> None:
        """Take the checked file at `path` (it is moved). Raises StorageError `center.disk`."""
        try:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            if self._db.shared:
                self._share(package, path)
            target = self._path(package)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(target)
            descriptor = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageError("center.disk", reason=error.strerror or str(error)) from error

    def path(self, package: str) -> Path:
        """The file. Raises NotFoundError `center.no_package`, StorageError `center.disk`."""
        target = self._path(package)
        if not target.is_file() and (not self._db.shared or not self._fetch(package, target)):
            raise NotFoundError("center.no_package", package=package[:12])
        return target

    def has(self, package: str) -> bool:
        """Whether the bytes are here, or in the shared database."""
        if self._path(package).is_file():
            return True
        query = "SELECT 1 FROM parts WHERE package = ? AND part = 0"
        return self._db.shared and bool(self._db.read(lambda db: db.all(query, (package,))))

    def _path(self, package: str) -> Path:
        if not _NAME.fullmatch(package):
            raise NotFoundError("center.no_package", package=package[:12])
        return self._folder / package[:2] / f"{package}.skill"

    def _share(self, package: str, path: Path) -> None:
        def work(db: Session) -> None:
            db.run("DELETE FROM parts WHERE package = ?", (package,))
            with path.open("rb") as file:
                number = 0
                while chunk := file.read(PART_BYTES):
                    db.run("INSERT INTO parts VALUES (?, ?, ?)", (package, number, chunk))
                    number += 1

        self._db.transact(work)

    def _fetch(self, package: str, target: Path) -> bool:
        """From the database to this disk; whether it was there."""
        query = "SELECT data FROM parts WHERE package = ? AND part = ?"
        fresh = self.incoming()
        try:
            number = 0
            with fresh.open("xb") as file:
                while chunk := self._db.read(lambda db, at=number: one(db.all(query, (package, at)))):  # type: ignore[misc]
                    file.write(bytes(chunk))
                    number += 1
            if not number:
                return False
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.replace(target)
        except OSError as error:
            raise StorageError("center.disk", reason=error.strerror or str(error)) from error
        finally:
            with suppress(OSError):
                fresh.unlink()
        return True
