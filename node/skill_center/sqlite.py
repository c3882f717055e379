"""The default database of a SkillCenter: one SQLite file, one writer, readers beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any

from node.skill_center.database import Session, T, Values
from protocol import limits
from protocol.errors import StorageError


class _Session:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def all(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, tuple(values)).fetchall()

    def run(self, statement: str, values: Values = ()) -> int:
        return self._db.execute(statement, tuple(values)).rowcount

    def many(self, statement: str, values: Iterable[Values]) -> None:
        self._db.executemany(statement, map(tuple, values))


class SqliteDatabase:
    """Implements `Database`. Connections are made when needed and kept."""

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        self._all: list[sqlite3.Connection] = []
        self._lock = Lock()
        self._writing = Lock()
        self._tell: list[Callable[[], None]] = []

    def transact(self, work: Callable[[Session], T]) -> T:
        with self._writing, self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(_Session(db))
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        for tell in self._tell:
            tell()
        return result

    def read(self, work: Callable[[Session], T]) -> T:
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                return work(_Session(db))
            finally:
                db.execute("COMMIT")

    def listen(self, tell: Callable[[], None]) -> None:
        self._tell.append(tell)

    def close(self) -> None:
        with self._lock:
            for db in self._all:
                db.close()
            self._all.clear()
            self._idle = SimpleQueue()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._idle.get_nowait() if not self._idle.empty() else self._connect()
        except sqlite3.Error as error:
            raise self._failure(error) from error
        try:
            yield db
        except sqlite3.Error as error:
            raise self._failure(error) from error
        finally:
            self._idle.put(db)

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        db = sqlite3.connect(
            self._path, timeout=limits.INDEX_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a published version that was confirmed survives a power cut
        db.execute("PRAGMA mmap_size = 268435456")
        with self._lock:
            self._all.append(db)
        return db

    def _failure(self, error: sqlite3.Error) -> StorageError:
        return StorageError("center.database", place=str(self._path), reason=str(error)[:200])
