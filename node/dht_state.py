"""What the DHT remembers over a restart: contacts, records kept for others, and what this node published. One SQLite file.

It is a memory, not an authority: records are verified again when they are read. A damaged file is set aside and a new one begun;
`damaged` says so. Every method blocks for as long as SQLite does; callers on the event loop use a thread.
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
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError:
            if self._path is None:
                raise
            self.damaged = True
            for ending in ("-wal", "-shm"):
                with suppress(OSError):
                    Path(f"{self._path}{ending}").unlink()
            try:
                self._path.replace(self._path.with_suffix(".damaged"))
                return self._connect()
            except (OSError, sqlite3.DatabaseError) as error:
                raise StorageError("dht.state_unwritable", reason=str(error)) from error

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path or ":memory:", check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            db.execute("SELECT count(*) FROM record").fetchone()
            if self._path is not None:
                self._path.chmod(0o600)
        except sqlite3.DatabaseError:
            db.close()
            raise
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
