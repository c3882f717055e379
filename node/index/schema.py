"""The tables of the index, the numbered migrations that lead to them, and opening the file they live in.

The index is a projection: everything in it can be read again from folders, repositories and the cache tree. So a damaged file
is moved aside and started anew, and nothing a person decided (pins, consent, installations) is kept here.

What was said:  origins -> places -> sightings -> documents; problems.    What is shown:  entries -> cards; facets, names, words.
Rows that are renewed or compared in great numbers (sightings, entries) are narrow; what is only carried is in documents and cards.

`entries.n` carries the trust level in its upper bits, most trusted first, so that a full-text index, which answers in order of
`n`, gives the most trusted matches first and need not be read to its end for a common word.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from protocol import limits
from protocol.errors import StorageError

_T = TypeVar("_T")

BAND = 2**48
"""Entries of trust rank r have n in [(3 - r) * BAND, (4 - r) * BAND)."""

_FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE origins(
  origin_n INTEGER PRIMARY KEY, source TEXT NOT NULL, origin TEXT NOT NULL, surveyed_at REAL NOT NULL DEFAULT 0,
  UNIQUE(source, origin));
CREATE TABLE places(
  place_n INTEGER PRIMARY KEY, origin_n INTEGER NOT NULL, place TEXT NOT NULL, signature TEXT NOT NULL, at REAL NOT NULL,
  UNIQUE(origin_n, place));
CREATE TABLE sightings(
  sighting_n INTEGER PRIMARY KEY, place_n INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
  seen_at REAL NOT NULL, expires_at REAL NOT NULL, timed INTEGER NOT NULL);
CREATE TABLE documents(sighting_n INTEGER PRIMARY KEY, claim TEXT NOT NULL, raw TEXT NOT NULL);
CREATE INDEX sightings_name ON sightings(kind, id);
CREATE INDEX sightings_place ON sightings(place_n);
CREATE TABLE problems(
  problem_n INTEGER PRIMARY KEY, place_n INTEGER NOT NULL, code TEXT NOT NULL, line INTEGER NOT NULL, fatal INTEGER NOT NULL,
  params TEXT NOT NULL);
CREATE INDEX problems_place ON problems(place_n);
CREATE TABLE entries(
  n INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL, trust INTEGER NOT NULL,
  seen_at REAL NOT NULL, expires_at REAL NOT NULL, home INTEGER NOT NULL, UNIQUE(kind, id));
CREATE TABLE cards(
  n INTEGER PRIMARY KEY, version TEXT NOT NULL, name TEXT NOT NULL, category TEXT NOT NULL, principal TEXT NOT NULL,
  digest TEXT NOT NULL, status TEXT NOT NULL, installable INTEGER NOT NULL, conflicts INTEGER NOT NULL, releases INTEGER NOT NULL,
  sources TEXT NOT NULL, description TEXT NOT NULL, facets TEXT NOT NULL, stamp INTEGER NOT NULL);
CREATE INDEX entries_key ON entries(key);
CREATE INDEX entries_shown ON entries(trust DESC, key, kind);
CREATE INDEX entries_kind ON entries(kind, trust DESC, key);
CREATE INDEX entries_home ON entries(home, seen_at);
CREATE TABLE facets(facet TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(facet, n)) WITHOUT ROWID;
CREATE VIRTUAL TABLE names USING fts5(text, tokenize='unicode61', columnsize=0, prefix='3');
CREATE VIRTUAL TABLE words USING fts5(text, tokenize='unicode61', columnsize=0, prefix='3');
CREATE TABLE events(n INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, type TEXT NOT NULL, ref TEXT NOT NULL, data TEXT NOT NULL);
"""

_FULL_TEXT = "fts5(text, pairs, tokenize='unicode61', columnsize=0, prefix='3')"
_SAID_AND_SHOWN = ("origins", "places", "sightings", "documents", "problems", "entries", "cards", "facets", "meta")

_PAIRS = f"""
DROP TABLE names;
DROP TABLE words;
CREATE VIRTUAL TABLE names USING {_FULL_TEXT};
CREATE VIRTUAL TABLE words USING {_FULL_TEXT};
""" + "".join(f"DELETE FROM {table};\n" for table in _SAID_AND_SHOWN)
"""Chinese words are asked for by pairs of characters (protocol.words); everything is read again, first from the cache tree."""

_COUNTS = "".join(
    f"ALTER TABLE entries ADD COLUMN {name} REAL NOT NULL DEFAULT 0;\n"
    for name in ("stars", "downloads", "rating", "updated")
)
"""What people and time say of an item, to sort by."""

MIGRATIONS: tuple[str, ...] = (_FIRST, _PAIRS, _COUNTS)
"""Migration k leads from schema k to k + 1; never edited once released."""

_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, so that only a new one helps."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in _DAMAGED or (code == sqlite3.SQLITE_ERROR and "no such table" in str(error))


def storage_error(error: sqlite3.Error, path: Path) -> StorageError:
    """What SQLite said, in our codes: `index.full`, `index.busy`, `index.read_only` or `index.failed`."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageError("index.full", path=str(path))
    if code in _BUSY:
        return StorageError("index.busy", path=str(path))
    name = "index.read_only" if code in _READ_ONLY else "index.failed"
    return StorageError(name, path=str(path), reason=str(error))


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, bring its schema up to date and hand out the connection (autocommit; transactions are explicit).

    Raises sqlite3.Error, and StorageError `index.too_new`.
    """
    db = sqlite3.connect(path, timeout=limits.INDEX_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute(f"PRAGMA busy_timeout = {int(limits.INDEX_BUSY_SECONDS * 1000)}")
        if db.execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
            db.execute("PRAGMA journal_mode = WAL")
            _migrate(db, path)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute("PRAGMA cache_size = -16384")
        db.execute("PRAGMA mmap_size = 268435456")
        db.execute("SELECT count(*) FROM (SELECT 1 FROM entries LIMIT 1)")
    except BaseException:
        db.close()
        raise
    return db


def connect_to_read(path: Path) -> sqlite3.Connection:
    """As `connect`; where nothing may be written (a read-only disk, somebody else's home), the file as it was left."""
    try:
        return connect(path)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _READ_ONLY or not os.access(path, os.R_OK):
            raise
        db = sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True, isolation_level=None, check_same_thread=False)
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
                return db
        except sqlite3.Error:
            pass
        db.close()
        raise


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")  # two processes may start at once: the second finds the work done
    try:
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found > len(MIGRATIONS):
            raise StorageError("index.too_new", path=str(path), found=found, known=len(MIGRATIONS))
        for number in range(found, len(MIGRATIONS)):
            for statement in MIGRATIONS[number].split(";\n"):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def is_sound(path: Path) -> bool:
    """Whether the file is there and its pages agree with each other (reads all of it)."""
    try:
        db = connect(path)
    except sqlite3.Error:
        return False
    try:
        return bool(db.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False
    finally:
        db.close()


def move_aside(path: Path, stamp: int) -> Path:
    """Put a damaged file (and its journal) out of the way; returns where it is now. Only the last damaged file is kept."""
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for old in path.parent.glob(f"{path.name}.damaged-*"):
        old.unlink(missing_ok=True)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if path.exists():
        path.replace(aside)
    return aside


def transact(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    """Do `work` in one transaction: all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        value = work(db)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return value
