"""A SkillCenter as part of the running node: store, shelf, packages, intake and feed, from start to stop.

One loop follows the store: what was published here, or by another replica, reaches shelf and listeners within milliseconds of its
commit. A replica that missed a notification finds out by itself after `limits.CENTER_LOOK_SECONDS`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from node.config import SkillCenterSettings
from node.index import Rules
from node.keys import node_key, read_key
from node.paths import Paths
from node.skill_center.answers import Answers
from node.skill_center.database import Database
from node.skill_center.feed import Feed
from node.skill_center.intake import Intake, Publishers
from node.skill_center.packages import Packages
from node.skill_center.shelf import Shelf, Shown, Wanted
from node.skill_center.sqlite import SqliteDatabase
from node.skill_center.standing import GONE, judged, main_version
from node.skill_center.store import Store
from protocol import limits
from protocol.errors import NotFoundError, OoderError, PolicyError, StorageError, UsageError
from protocol.identity import SigningKey, parse_fingerprint
from protocol.refs import Kind, Ref
from protocol.versions import compare_key

log = logging.getLogger("ooder.center")
_T = TypeVar("_T")
THREADS = 4
TIDY_SECONDS = 3_600.0
READY_SECONDS = 5.0  # that a start waits until everything is shown; then it goes on in the background


class Center:
    """Made and run by `open_center`."""

    def __init__(
        self,
        folder: Path,
        db: Database,
        key: SigningKey,
        publishers: Callable[[], Publishers],
        rules: Callable[[], Rules],
        now: Callable[[], float],
    ) -> None:
        """Blocking. Raises StorageError `center.database`, IntegrityError `center.other_key`."""
        self.key = key
        self.publishers = publishers
        self.store = Store(db, key, now)
        self.shelf = Shelf(folder, rules, now)
        self.shelf.belongs_to(self.store.agent_id)
        self.packages = Packages(folder / "packages", db)
        self.intake = Intake(self.store, self.packages, publishers, now)
        self._db = db
        self.now = now
        self._downloaded: Counter[Ref] = Counter()
        self._counting = Lock()
        self._threads = ThreadPoolExecutor(THREADS, "ooder-center")
        self.feed = Feed(self.store, self.read)
        self.answers = Answers()
        self.caught_up = asyncio.Event()
        """Set once everything in the store is shown; a new replica of a large registry takes a while."""
        self._written = asyncio.Event()
        self._looking = asyncio.Lock()

    async def read(self, work: Callable[[], _T]) -> _T:
        """Do something that blocks, off the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def run(self) -> None:
        """Follow the store until cancelled."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._written.set)

        self._db.listen(tell)
        tidied = loop.time()
        while True:
            try:
                await self.look()
                if loop.time() - tidied >= TIDY_SECONDS:
                    tidied = loop.time()
                    await self.read(self.store.forget_old)
            except OoderError as error:
                log.warning("the store cannot be followed: %s", error)
                await asyncio.sleep(limits.CENTER_LOOK_SECONDS)
            try:
                async with asyncio.timeout(limits.CENTER_LOOK_SECONDS):
                    await self._written.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Show and push everything that was written; the shelf first, so that who is pushed to finds it there."""
        async with self._looking:
            self._written.clear()
            await self.read(self._catch_up)
            self.caught_up.set()
            await self.feed.look()

    def _catch_up(self) -> None:
        while changed := self.store.changes(self.shelf.n, limits.CENTER_CHANGES):
            names = dict.fromkeys((one.ref.kind, one.ref.id) for one in changed)
            self.shelf.show([self.store.versions(*name) for name in names], changed[-1].n, self.store.revoked())
        self._count_downloads()

    def _count_downloads(self) -> None:
        with self._counting:
            counted, self._downloaded = self._downloaded, Counter()
        if counted:
            self.store.count_downloads(counted)
            self.shelf.count_downloads(counted)

    # --- What is shown ------------------------------------------------------------------------------------------------
    def describe(self) -> dict[str, object]:
        """The signed head, and who signs."""
        public = self.key.public
        return {"head": self.store.head(), "agent_id": public.agent_id, "key": public.fingerprint}

    async def state(self) -> str:
        """Another text whenever something else is shown."""
        return str(self.shelf.n)

    def rows(self, wanted: Wanted) -> Shown:
        """Rows of a list or search."""
        return self.shelf.rows(wanted)

    def row(self, kind: Kind, id_: str) -> str:
        """One row."""
        return self.shelf.row(kind, id_)

    def categories(self) -> list[dict[str, object]]:
        """Categories of skills."""
        return self.shelf.categories()

    def versions(self, kind: Kind, id_: str) -> list[str]:
        """Versions that can be had, newest first."""
        now, revoked = self.now(), self.store.revoked()
        found = self.store.versions(kind, id_)
        had = [one.ref.version for one in found if judged(one, revoked, now).release.status not in GONE]
        return sorted(had, key=compare_key, reverse=True)

    def package(self, kind: Kind, id_: str, version: str) -> Path:
        """The package of a version, or of the `latest`. Raises NotFoundError `center.unknown`, PolicyError
        `center.withdrawn`."""
        ref = Ref(kind, id_, "" if version == "latest" else version)
        asked = self.store.release(ref) if ref.version else None
        found = ([asked] if asked else []) if ref.version else self.store.versions(kind, id_)
        best = main_version(found, self.store.revoked(), self.now())
        if best is None:
            raise NotFoundError("center.unknown", ref=str(ref))
        kept, release = best[0], best[1].release
        if release.status in GONE:
            raise PolicyError("center.withdrawn", ref=str(kept.ref), status=release.status.value, reason=release.reason)
        path = self.packages.path(release.package)
        with self._counting:
            if len(self._downloaded) < limits.CENTER_CHANGES:
                self._downloaded[kept.ref] += 1
        return path

    def close(self) -> None:
        """Give everything back. Blocking."""
        self.feed.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.shelf.close()
        self._db.close()


@asynccontextmanager
async def open_center(
    paths: Paths,
    settings: Callable[[], SkillCenterSettings],
    known: Callable[[], frozenset[str]],
    rules: Callable[[], Rules],
    now: Callable[[], float],
) -> AsyncIterator[Center]:
    """A running SkillCenter while inside. `known` are the keys of this user's devices. Raises what `Center` raises and
    UsageError `center.bad_database`, DataError `key.fingerprint_*`."""

    def publishers() -> Publishers:
        said = settings()
        owners = {name.lower(): parse_fingerprint(owner) for name, owner in said.namespaces.items()}
        listed = {key.public.fingerprint, *map(parse_fingerprint, said.publishers)}
        return Publishers(known() | listed, said.anyone, owners)

    folder = paths.home / "skill-center"
    key = await asyncio.to_thread(registry_key, paths, settings().key)
    publishers()  # a wrong fingerprint is told now, not to who publishes
    db = open_database(folder, settings().database)
    try:
        center = await asyncio.to_thread(Center, folder, db, key, publishers, rules, now)
    except BaseException:
        await asyncio.to_thread(db.close)
        raise
    try:
        await center.feed.look()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(center.run())
            with suppress(TimeoutError):
                async with asyncio.timeout(READY_SECONDS):
                    await center.caught_up.wait()
            try:
                yield center
            finally:
                task.cancel()
    finally:
        await asyncio.to_thread(center.close)


def open_database(folder: Path, url: str) -> Database:
    """The database named by a setting, "" = a file in `folder`. Raises UsageError `center.bad_database`, `center.no_driver`."""
    if not url:
        return SqliteDatabase(folder / "registry.db")
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError("center.bad_database", url=url.partition("@")[0].partition(":")[0][:40])
    from node.skill_center.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(url)


def registry_key(paths: Paths, path: str) -> SigningKey:
    """The key a registry signs with: this node's own, or the one in a file that all replicas have. Raises StorageError `key.*`."""
    if not path:
        return node_key(paths)
    key = read_key(paths, Path(path).expanduser())
    if key is None:
        raise StorageError("key.file_damaged", path=path, reason="there is no such file")
    return key
