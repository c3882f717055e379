"""The truth of a SkillCenter: releases with their proofs, owners of namespaces, spent orders, revocations, events, and the head
that binds them.

Guarantees: a version never changes but in status; a namespace has one owner; an order counts once, also with several replicas;
every change has one number, its event and a newly signed head, in one transaction - whoever reads sees all of it or nothing.
Leaves to others: package bytes (`packages`), whether the bytes are what the release says (`intake`), what is shown (`shelf`).
Blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.skill_center import tables
from node.skill_center.database import Database, Session, one
from node.skill_center.tables import Kept, NewRelease
from protocol import limits
from protocol.errors import ConflictError, IntegrityError, NotFoundError, PolicyError, StorageError
from protocol.identity import SigningKey
from protocol.items import Status
from protocol.refs import Kind, Ref, parse_ref
from protocol.skill_center.events import DEPRECATED, PUBLISHED, RESTORED, REVOKED, WITHDRAWN, Pushed
from protocol.skill_center.head import Head, bucket_of, catalogue_digest, sign_head
from protocol.skill_center.names import namespace_of
from protocol.skill_center.order import SignedOrder
from protocol.skill_center.release import SignedRelease, open_release
from protocol.skill_center.revocations import sign_revocations
from protocol.skill_center.rows import plain

RENEW_SECONDS = 86_400.0
"""A head or list older than this is signed anew, long before it expires."""

_EVENT_OF = {
    Status.ACTIVE: RESTORED,
    Status.DEPRECATED: DEPRECATED,
    Status.WITHDRAWN: WITHDRAWN,
    Status.REVOKED: REVOKED,
}


@dataclass(frozen=True, slots=True)
class EventsRead:
    """Events after a number. `gap`: some in between are no longer kept; `last` is the newest number there is."""

    events: tuple[Pushed, ...]
    gap: bool
    last: int


class Store:
    """`key` signs for the registry; all replicas of one database have the same."""

    def __init__(self, db: Database, key: SigningKey, now: Callable[[], float]) -> None:
        """Make what is missing. Raises StorageError `center.database`, IntegrityError `center.other_key`."""
        self._db = db
        self._key = key
        self._now = now
        self.agent_id = key.public.agent_id
        db.transact(self._prepare)

    def _prepare(self, db: Session) -> None:
        for statement in tables.SCHEMA:
            db.run(statement)
        known = tables.text(db, "registry")
        if known and known != self.agent_id:
            raise IntegrityError("center.other_key", wanted=known, found=self.agent_id)
        if not known:
            tables.set_text(db, "registry", self.agent_id)
            self._sign_revocations(db)

    # --- Reading ------------------------------------------------------------------------------------------------------
    def last(self) -> int:
        """The number of the newest event."""
        return self._db.read(lambda db: tables.number(db, "event"))

    def release(self, ref: Ref) -> Kept | None:
        """One version."""
        return self._db.read(lambda db: tables.release(db, ref))

    def versions(self, kind: Kind, id_: str) -> list[Kept]:
        """Every version of one item, in no order."""
        return self._db.read(lambda db: tables.versions(db, kind, id_))

    def changes(self, since: int, limit: int) -> list[Kept]:
        """Releases that changed after event `since`."""
        return self._db.read(lambda db: tables.changes(db, since, limit))

    def owner(self, namespace: str) -> str:
        """Fingerprint of who owns a namespace, "" when nobody does."""
        return self._db.read(lambda db: _owner(db, namespace))

    def events(self, since: int, limit: int) -> EventsRead:
        """What was pushed after `since`."""

        def look(db: Session) -> EventsRead:
            found = tables.events(db, since, limit)
            last = tables.number(db, "event")
            gap = since < last and (not found or found[0][0] != since + 1)
            pushed = tuple(
                Pushed(n, type_, parse_ref(ref) if ref else None, at, self.agent_id) for n, type_, ref, at in found
            )
            return EventsRead(pushed, gap, last)

        return self._db.read(look)

    def mirrored(self, registry: str, trees: Sequence[str]) -> set[str]:
        """Which of these tree digests were taken from another registry, by its agent id."""
        query = "SELECT 1 FROM releases WHERE digest = ? AND mirrored_from = ?"
        return self._db.read(lambda db: {tree for tree in trees if db.all(query, (tree, registry))})

    def revoked(self) -> dict[str, str]:
        """What is on the revocation list -> why."""
        return {entry.what: entry.reason for entry in self._db.read(tables.revoked)}

    def note(self, name: str) -> str:
        """Something to remember, "" when nothing was."""
        return self._db.read(lambda db: tables.text(db, name))

    def keep_note(self, name: str, text: str) -> None:
        """Remember something."""
        self._db.transact(lambda db: tables.set_text(db, name, text))

    def head(self) -> str:
        """The signed head, renewed when it is a day old."""
        return self._fresh("head", lambda db: self._sign(db, ()))

    def revocations(self) -> str:
        """The signed revocation list, renewed when it is a day old."""
        return self._fresh("revocations", self._sign_revocations)

    def _fresh(self, name: str, sign: Callable[[Session], None]) -> str:
        def look(db: Session) -> tuple[str, bool]:
            return tables.text(db, name), self._now() - tables.number(db, f"{name} signed") < RENEW_SECONDS

        def renew(db: Session) -> str:
            if not look(db)[1]:  # another replica may have been faster
                sign(db)
            return look(db)[0]

        text, fresh = self._db.read(look)
        return text if fresh else self._db.transact(renew)

    # --- Writing ------------------------------------------------------------------------------------------------------
    def publish(self, order: SignedOrder, new: NewRelease, *, granted: bool = False) -> int:
        """Take in a new version; the number of its event. `granted`: the registry's settings give the name to this key. Raises ConflictError `center.replayed`, `center.version_exists`,
        PolicyError `center.not_your_name`, StorageError `center.full`."""

        def work(db: Session) -> int:
            self._spend(db, order)
            ref = new.signed.release.ref
            known = tables.release(db, ref)
            if known is not None:
                code = "center.replayed" if known.record == new.signed.text else "center.version_exists"
                raise ConflictError(code, ref=str(ref))
            self._claim(db, ref, new.signed.key, granted=granted)
            return self._put(db, [(new, PUBLISHED)])

        return self._db.transact(work)

    def set_status(self, order: SignedOrder, signed: SignedRelease) -> int:
        """Take in a newer word about a version; the number of its event. Raises NotFoundError `center.unknown`,
        ConflictError `center.replayed`, `center.version_exists`, PolicyError `center.not_your_name`, `center.final`."""

        def work(db: Session) -> int:
            self._spend(db, order)
            release = signed.release
            known = tables.release(db, release.ref)
            if known is None:
                raise NotFoundError("center.unknown", ref=str(release.ref))
            before = open_release(known.record, self._now())
            if before.key != signed.key:
                return self._overrule(db, known, before, signed)
            if signed.seq <= before.seq:
                raise ConflictError("center.replayed", ref=str(release.ref))
            if not release.same_bytes(before.release):
                raise ConflictError("center.version_exists", ref=str(release.ref))
            if before.release.status is Status.REVOKED:
                raise PolicyError("center.final", ref=str(release.ref))
            number = self._put(db, [(NewRelease(signed, known.item), _EVENT_OF[release.status])])
            if release.status is Status.REVOKED:
                self._revoke(db, release.digest, release.reason)
            return number

        return self._db.transact(work)

    def adopt(self, found: Sequence[NewRelease]) -> int:
        """Take in what another registry has (mirroring, restoring); how many changed something. Owners stay who they are, a
        version that is here with other bytes stays as it is."""

        def work(db: Session) -> int:
            taken: list[tuple[NewRelease, str]] = []
            for new in found:
                release = new.signed.release
                known = tables.release(db, release.ref)
                if known is None:
                    if _owner(db, namespace_of(release.ref.id)) not in ("", new.signed.key):
                        continue
                    self._claim(db, release.ref, new.signed.key)
                    taken.append((new, PUBLISHED))
                    continue
                before = open_release(known.record, self._now())
                newer = new.signed.seq > before.seq and new.signed.key == before.key
                if newer and release.same_bytes(before.release):
                    taken.append((new, _EVENT_OF[release.status]))
            if taken:
                self._put(db, taken)
            return len(taken)

        return self._db.transact(work)

    def revoke(self, what: str, reason: str) -> None:
        """Put a tree digest or a key on the revocation list."""

        def work(db: Session) -> None:
            self._revoke(db, what, reason)
            self._sign(db, ())

        self._db.transact(work)

    def count_downloads(self, counted: Mapping[Ref, int]) -> None:
        """So many more of each."""
        statement = "UPDATE releases SET downloads = downloads + ? WHERE kind = ? AND id = ? AND version = ?"
        rows = [(count, ref.kind.value, ref.id, ref.version) for ref, count in sorted(counted.items())]
        self._db.transact(lambda db: db.many(statement, rows))

    def forget_old(self) -> None:
        """Remove orders that expired and events beyond `limits.EVENTS_KEPT`."""

        def work(db: Session) -> None:
            db.run("DELETE FROM orders WHERE expires < ?", (self._now() - limits.RECORD_SKEW_SECONDS,))
            db.run("DELETE FROM events WHERE n <= ?", (tables.number(db, "event") - limits.EVENTS_KEPT,))

        self._db.transact(work)

    # --- Inside one transaction ----------------------------------------------------------------------------------------
    def _spend(self, db: Session, order: SignedOrder) -> None:
        if db.all("SELECT 1 FROM orders WHERE digest = ?", (order.digest,)):
            raise ConflictError("center.replayed", ref=order.order.act.value)
        db.run("INSERT INTO orders VALUES (?, ?)", (order.digest, order.expires_at))

    def _claim(self, db: Session, ref: Ref, key: str, *, granted: bool = False) -> None:
        name = namespace_of(ref.id)
        owner = _owner(db, name)
        if owner not in ("", key) and not granted:
            raise PolicyError("center.not_your_name", name=name, owner=owner[:7])
        if owner != key:
            statement = "INSERT INTO namespaces VALUES (?, ?, ?) ON CONFLICT(name) DO UPDATE SET owner = excluded.owner"
            db.run(statement, (name, key, self._now()))

    def _put(self, db: Session, taken: Sequence[tuple[NewRelease, str]]) -> int:
        now, event = self._now(), tables.number(db, "event")
        count = tables.number(db, "releases")
        for new, type_ in taken:
            event += 1
            count += type_ == PUBLISHED
            tables.put_release(db, event, new, now)
            tables.put_event(db, Pushed(event, type_, new.signed.release.ref, now))
        if count > limits.CENTER_RELEASES:
            raise StorageError("center.full", limit=limits.CENTER_RELEASES)
        tables.set_number(db, "event", event)
        tables.set_number(db, "releases", count)
        self._sign(db, [bucket_of(new.signed.release.ref) for new, _ in taken])
        return event

    def _overrule(self, db: Session, known: Kept, before: SignedRelease, signed: SignedRelease) -> int:
        """Who runs the registry may revoke what others published; their word stays as it is beside that."""
        ours = signed.key == self._key.public.fingerprint and signed.release.status is Status.REVOKED
        if not ours:
            raise PolicyError("center.not_your_name", name=str(known.ref), owner=before.key[:7])
        if not signed.release.same_bytes(before.release):
            raise ConflictError("center.version_exists", ref=str(known.ref))
        number = self._put(db, [(NewRelease(before, known.item), REVOKED)])
        self._revoke(db, signed.release.digest, signed.release.reason)
        return number

    def _revoke(self, db: Session, what: str, reason: str) -> None:
        values = (what, plain(reason), self._now())
        db.run("INSERT INTO revoked VALUES (?, ?, ?) ON CONFLICT(what) DO UPDATE SET reason = excluded.reason", values)
        self._sign_revocations(db)

    def _sign(self, db: Session, touched: Sequence[int]) -> None:
        buckets = tables.refresh_buckets(db, touched)
        event, releases, revocations = (tables.number(db, name) for name in ("event", "releases", "revocations"))
        head = Head(event, releases, catalogue_digest(buckets), revocations)
        seq, now = tables.number(db, "head") + 1, self._now()
        tables.set_number(db, "head", seq)
        tables.set_number(db, "head signed", int(now))
        tables.set_text(db, "head", sign_head(self._key, head, seq, now))

    def _sign_revocations(self, db: Session) -> None:
        seq, now = tables.number(db, "revocations") + 1, self._now()
        tables.set_number(db, "revocations", seq)
        tables.set_number(db, "revocations signed", int(now))
        tables.set_text(db, "revocations", sign_revocations(self._key, tables.revoked(db), seq, now))
        self._sign(db, ())


def _owner(db: Session, namespace: str) -> str:
    return str(one(db.all("SELECT owner FROM namespaces WHERE name = ?", (namespace,)), ""))
