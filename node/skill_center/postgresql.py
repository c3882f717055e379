"""PostgreSQL as the database of a SkillCenter with several replicas: one writer at a time by an advisory lock, news by NOTIFY.

The driver (psycopg) is the extra `postgresql` of this distribution and imported only here. Passwords belong into libpq's own places
(`~/.pgpass`, PGPASSWORD), not into the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from node.skill_center.database import Session, T, Values
from protocol.errors import StorageError, UsageError

if TYPE_CHECKING:
    from psycopg import Connection

WRITERS = 0x6F6F646572  # the advisory lock of everybody who writes
CHANNEL = "ooder_center"
CONNECT_SECONDS = 10
WAIT_SECONDS = 30  # that a writer waits for another one
NEWS_SECONDS = 1.0  # between looks whether the listening thread is still wanted


class _Session:
    def __init__(self, db: Connection[Any]) -> None:
        self._db = db

    def all(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        return self._db.execute(_marked(statement), values).fetchall()

    def run(self, statement: str, values: Values = ()) -> int:
        return self._db.execute(_marked(statement), values).rowcount

    def many(self, statement: str, values: Iterable[Values]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(_marked(statement), values)


def _marked(statement: str) -> Any:
    return statement.replace("?", "%s")


class PostgresqlDatabase:
    """Implements `Database`. Connections are made when needed, kept, and replaced when they break."""

    shared = True

    def __init__(self, url: str) -> None:
        """Raises UsageError `center.no_driver`."""
        try:
            import psycopg
        except ImportError:
            raise UsageError("center.no_driver") from None
        self._psycopg = psycopg
        self._url = url
        self._idle: SimpleQueue[Connection[Any]] = SimpleQueue()
        self._lock = Lock()
        self._open: set[Connection[Any]] = set()
        self._closing = Event()
        self._listener: Thread | None = None

    def transact(self, work: Callable[[Session], T]) -> T:
        with self._connection() as db, db.transaction():
            db.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
            db.execute("SELECT pg_advisory_xact_lock(%s)", (WRITERS,))
            result = work(_Session(db))
            db.execute(f"NOTIFY {CHANNEL}")
        return result

    def read(self, work: Callable[[Session], T]) -> T:
        with self._connection() as db, db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return work(_Session(db))

    def listen(self, tell: Callable[[], None]) -> None:
        self._listener = Thread(target=self._hear, args=(tell,), name="ooder-center-news", daemon=True)
        self._listener.start()

    def close(self) -> None:
        self._closing.set()
        if self._listener is not None:
            self._listener.join(2 * NEWS_SECONDS + CONNECT_SECONDS)
        with self._lock:
            for db in self._open:
                db.close()
            self._open.clear()

    def _hear(self, tell: Callable[[], None]) -> None:
        """Until closed: a connection that breaks is made anew, and whoever listens looks for what was missed."""
        while not self._closing.is_set():
            with suppress(self._psycopg.Error), self._connect() as db:
                db.execute(f"LISTEN {CHANNEL}")
                tell()
                while not self._closing.is_set():
                    for _ in db.notifies(timeout=NEWS_SECONDS, stop_after=1):
                        tell()
            self._closing.wait(NEWS_SECONDS)

    @contextmanager
    def _connection(self) -> Iterator[Connection[Any]]:
        try:
            db = self._living()
            try:
                yield db
            finally:
                if db.closed or db.broken:
                    with self._lock:
                        self._open.discard(db)
                else:
                    self._idle.put(db)
        except self._psycopg.Error as error:
            raise StorageError("center.database", place=shown(self._url), reason=str(error).strip()[:200]) from error

    def _living(self) -> Connection[Any]:
        """An idle connection that answers, or a new one."""
        while not self._idle.empty():
            db = self._idle.get_nowait()
            with suppress(self._psycopg.Error):
                db.execute("SELECT 1")
                return db
            with self._lock:
                self._open.discard(db)
            db.close()
        db = self._connect()
        with self._lock:
            self._open.add(db)
        return db

    def _connect(self) -> Connection[Any]:
        db = self._psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="ooder"
        )
        return cast("Connection[Any]", db)


def shown(url: str) -> str:
    """The address without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
