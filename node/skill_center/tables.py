"""The tables of a SkillCenter's store, and their rows as values.

`releases.n` is the number of the last event that touched a release, so "what changed since N" is one range of an index. Numbers
are counted in the table `numbers` inside the writing transaction: without gaps, and in the order of commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.skill_center.database import Session, one
from protocol.refs import Kind, Ref
from protocol.skill_center.events import Pushed
from protocol.skill_center.head import bucket_digest, bucket_of, line_of
from protocol.skill_center.release import SignedRelease
from protocol.skill_center.revocations import Revocation

SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS numbers(name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS texts(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS namespaces(name TEXT PRIMARY KEY, owner TEXT NOT NULL, since DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS releases(kind TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, n BIGINT NOT NULL,"
    " bucket INTEGER NOT NULL, line TEXT NOT NULL, record TEXT NOT NULL, item TEXT NOT NULL, digest TEXT NOT NULL,"
    " published_at DOUBLE PRECISION NOT NULL, mirrored_from TEXT NOT NULL, downloads BIGINT NOT NULL,"
    " PRIMARY KEY(kind, id, version))",
    "CREATE INDEX IF NOT EXISTS releases_n ON releases(n)",
    "CREATE INDEX IF NOT EXISTS releases_bucket ON releases(bucket)",
    "CREATE INDEX IF NOT EXISTS releases_digest ON releases(digest)",
    "CREATE TABLE IF NOT EXISTS buckets(bucket INTEGER PRIMARY KEY, digest BYTEA NOT NULL)",
    "CREATE TABLE IF NOT EXISTS events(n BIGINT PRIMARY KEY, type TEXT NOT NULL, ref TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS orders(digest TEXT PRIMARY KEY, expires DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS revoked(what TEXT PRIMARY KEY, reason TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS parts(package TEXT NOT NULL, part INTEGER NOT NULL, data BYTEA NOT NULL,"
    " PRIMARY KEY(package, part))",
)

_KEPT = "kind, id, version, n, record, item, published_at, mirrored_from, downloads"


@dataclass(frozen=True, slots=True)
class Kept:
    """One release as it is kept. `n` is its last event, `record` the publisher's word and `item` the item, both as text;
    `mirrored_from` the agent id of the registry it was taken from, "" = published here."""

    ref: Ref
    n: int
    record: str
    item: str
    published_at: float
    mirrored_from: str = ""
    downloads: int = 0


@dataclass(frozen=True, slots=True)
class NewRelease:
    """A checked release on its way into the table."""

    signed: SignedRelease
    item: str
    mirrored_from: str = ""


# --- Numbers and texts ----------------------------------------------------------------------------------------------
def number(db: Session, name: str) -> int:
    """A counter."""
    return int(one(db.all("SELECT value FROM numbers WHERE name = ?", (name,)), 0))


def set_number(db: Session, name: str, value: int) -> None:
    """Set a counter."""
    db.run(
        "INSERT INTO numbers VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def text(db: Session, name: str) -> str:
    """A kept text, "" when there is none."""
    return str(one(db.all("SELECT value FROM texts WHERE name = ?", (name,)), ""))


def set_text(db: Session, name: str, value: str) -> None:
    """Keep a text."""
    db.run("INSERT INTO texts VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", (name, value))


# --- Releases -------------------------------------------------------------------------------------------------------
def release(db: Session, ref: Ref) -> Kept | None:
    """One version."""
    values = (ref.kind.value, ref.id, ref.version)
    return next(_kept(db.all(f"SELECT {_KEPT} FROM releases WHERE kind = ? AND id = ? AND version = ?", values)), None)


def versions(db: Session, kind: Kind, id_: str) -> list[Kept]:
    """Every version of one item."""
    return list(_kept(db.all(f"SELECT {_KEPT} FROM releases WHERE kind = ? AND id = ?", (kind.value, id_))))


def changes(db: Session, since: int, limit: int) -> list[Kept]:
    """Releases whose last event is after `since`, in the order of events."""
    return list(_kept(db.all(f"SELECT {_KEPT} FROM releases WHERE n > ? ORDER BY n LIMIT ?", (since, limit))))


def put_release(db: Session, n: int, new: NewRelease, now: float) -> None:
    """Keep a release, or its newer record."""
    signed = new.signed
    ref = signed.release.ref
    bucket, line = bucket_of(ref), line_of(signed).decode()
    db.run(
        "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT(kind, id, version) DO UPDATE SET"
        " n = excluded.n, line = excluded.line, record = excluded.record",
        (
            ref.kind.value,
            ref.id,
            ref.version,
            n,
            bucket,
            line,
            signed.text,
            new.item,
            signed.release.digest,
            now,
            new.mirrored_from,
        ),
    )


def refresh_buckets(db: Session, touched: Iterable[int]) -> dict[int, bytes]:
    """Compute the touched buckets anew; gives all buckets."""
    for bucket in sorted(set(touched)):
        lines = [str(line).encode() for (line,) in db.all("SELECT line FROM releases WHERE bucket = ?", (bucket,))]
        db.run(
            "INSERT INTO buckets VALUES (?, ?) ON CONFLICT(bucket) DO UPDATE SET digest = excluded.digest",
            (bucket, bucket_digest(lines)),
        )
    return {int(bucket): bytes(digest) for bucket, digest in db.all("SELECT bucket, digest FROM buckets")}


def _kept(rows: Iterable[Sequence[object]]) -> Iterator[Kept]:
    for kind, id_, version, n, record, item, published_at, mirrored_from, downloads in rows:
        ref = Ref(Kind(str(kind)), str(id_), str(version))
        at = float(str(published_at))
        yield Kept(ref, int(str(n)), str(record), str(item), at, str(mirrored_from), int(str(downloads)))


# --- Events and revocations -----------------------------------------------------------------------------------------
def put_event(db: Session, event: Pushed) -> None:
    """Write down an event under its own number."""
    db.run("INSERT INTO events VALUES (?, ?, ?, ?)", (event.n, event.type, str(event.ref or ""), event.at))


def events(db: Session, since: int, limit: int) -> list[tuple[int, str, str, float]]:
    """(number, type, ref, wall seconds) of events after `since`."""
    return [
        (int(n), str(type_), str(ref), float(at))
        for n, type_, ref, at in db.all(
            "SELECT n, type, ref, at FROM events WHERE n > ? ORDER BY n LIMIT ?", (since, limit)
        )
    ]


def revoked(db: Session) -> list[Revocation]:
    """The list, oldest first."""
    rows = db.all("SELECT what, reason, at FROM revoked ORDER BY at, what")
    return [Revocation(str(what), str(reason), float(at)) for what, reason, at in rows]


def owners(db: Session) -> Mapping[str, str]:
    """Namespace -> fingerprint."""
    return {str(name): str(owner) for name, owner in db.all("SELECT name, owner FROM namespaces")}
