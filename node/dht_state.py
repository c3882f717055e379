"""What the DHT remembers over a restart: contacts, records kept for others, and what this node published. One SQLite file.

It is a memory, not an authority: records are verified again when they are read. A damaged file, or one of another form, is set aside
and a new one begun; `damaged` says so. Where the disk is full or read-only the file is only read, and what is new is kept until the
process ends; `unwritable` says why. Every method blocks for as long as SQLite does; callers on the event loop use a thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol import limits
from protocol.dht.contacts import KEY_BYTES, Contact, contact
from protocol.dht.store import StoreChange
from protocol.errors import StorageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS contact (key BLOB PRIMARY KEY, ip TEXT NOT NULL, port INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  key BLOB, publisher BLOB, name TEXT, raw BLOB NOT NULL, network TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (key, publisher, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS published (name TEXT PRIMARY KEY, raw BLOB NOT NULL) WITHOUT ROWID;
"""
_READS = (
    "SELECT key, ip, port, at FROM contact LIMIT 1",
    "SELECT key, publisher, name, raw, network, at FROM record LIMIT 1",
    "SELECT name, raw FROM published LIMIT 1",
)


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """A record as it was stored; to be verified before it is used."""

    key: bytes
    raw: bytes
    network: str
    at: float


class DhtState:
    """`path` None keeps everything in memory (a client that is gone in a second)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.damaged = False
        self.unwritable = ""
        self._db = self._open(path) if path else _connect(":memory:")

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            return _connect(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                return self._read_only(path, str(error))
        self.damaged = True
        for ending in ("-wal", "-shm"):
            with suppress(OSError):
                Path(f"{path}{ending}").unlink()
        try:
            path.replace(path.with_suffix(".damaged"))
            return _connect(path)
        except (OSError, sqlite3.DatabaseError) as error:
            self.unwritable = str(error)
            return _connect(":memory:")

    def _read_only(self, path: Path, reason: str) -> sqlite3.Connection:
        """What the file says, in memory."""
        self.unwritable = reason
        db = _connect(":memory:")
        with suppress(sqlite3.DatabaseError):
            source = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
            try:
                source.backup(db)
            finally:
                source.close()
        return db

    def contacts(self) -> list[Contact]:
        """Contacts of the last run, the ones heard last first."""
        rows = self._read("SELECT key, ip, port FROM contact ORDER BY at DESC LIMIT ?", limits.DHT_STATE_CONTACTS)
        return [
            contact(bytes(key), str(ip), int(port))
            for key, ip, port in rows
            if isinstance(key, bytes) and len(key) == KEY_BYTES and isinstance(port, int) and 0 < port < 65_536
        ]

    def records(self) -> list[KeptRecord]:
        """Records kept for others."""
        rows = self._read("SELECT key, raw, network, at FROM record LIMIT ?", limits.DHT_RECORDS)
        return [KeptRecord(bytes(key), bytes(raw), str(network), float(at)) for key, raw, network, at in rows]

    def published(self) -> dict[str, bytes]:
        """What this node published: name -> record."""
        return {
            str(name): bytes(raw)
            for name, raw in self._read("SELECT name, raw FROM published LIMIT ?", limits.DHT_PUBLISHED)
        }

    def save(self, contacts: Sequence[Contact], changes: Iterable[StoreChange], wall: float) -> None:
        """Write contacts and what changed among the records. Raises StorageError `dht.state_unwritable`."""
        self._write(
            [
                ("DELETE FROM contact", [()]),
                (
                    "INSERT OR REPLACE INTO contact VALUES (?, ?, ?, ?)",
                    [(each.key, each.ip, each.port, wall) for each in contacts[: limits.DHT_STATE_CONTACTS]],
                ),
                *_record_writes(changes),
            ]
            if contacts
            else _record_writes(changes)
        )

    def save_published(self, records: dict[str, bytes]) -> None:
        """Write what is published now. Raises StorageError `dht.state_unwritable`."""
        self._write([("DELETE FROM published", [()]), ("INSERT INTO published VALUES (?, ?)", list(records.items()))])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _read(self, statement: str, most: int) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, (most,)).fetchall()
        except sqlite3.Error:
            self.damaged = True
            return []

    def _write(self, statements: Sequence[tuple[str, Sequence[tuple[object, ...]]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for statement, rows in statements:
                self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise StorageError("dht.state_unwritable", reason=str(error)) from error


def _connect(where: Path | str) -> sqlite3.Connection:
    """An open database of our form. Raises sqlite3.DatabaseError."""
    db = sqlite3.connect(where, check_same_thread=False, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        for statement in _READS:
            db.execute(statement).fetchone()
        if isinstance(where, Path):
            with suppress(OSError):
                where.chmod(0o600)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file itself is wrong, not the disk below it."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _record_writes(changes: Iterable[StoreChange]) -> list[tuple[str, Sequence[tuple[object, ...]]]]:
    kept: list[tuple[object, ...]] = []
    gone: list[tuple[object, ...]] = []
    for change in changes:
        publisher, name = change.ident
        if change.held is None:
            gone.append((change.key, publisher, name))
        else:
            held = change.held
            kept.append((change.key, publisher, name, held.signed.raw, held.network, held.at))
    return [
        ("DELETE FROM record WHERE key = ? AND publisher = ? AND name = ?", gone),
        ("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)", kept),
    ]
