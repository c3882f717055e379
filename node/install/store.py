"""The store of installed things: content-addressed trees, generations of them, and one file that says which is current.

    store-v1/store/<hex>/{tree/,files}   immutable trees, each with the list its digest is the hash of
    store-v1/gen/<n>.json                one generation: everything installed, consents, origins
    store-v1/tx/<n>.json                 intents of commits under way or waiting for activation
    store-v1/staging/<id>/               private folders of installs under way;  store-v1/trash/  on its way out
    store-v1/current                     one number; replacing this file is the commit point
    store-v1/lock                        kernel lock of the one who changes something
    installed/, ooder.lock               projections for people and other programs, rebuilt from the current generation

Readers take no lock. Blocking: call from a worker thread. SECURITY 3.1; docs/reference/install-store.md.

>>> store = Store(Path(home))                                                                   # doctest: +SKIP
>>> with store.stage() as stage, open("pdf.skill", "rb") as file:                               # doctest: +SKIP
...     done = stage.archive(file, "pdf.skill")
...     store.commit(Change("install skill:pdf", add=(installed_from(done),)), now, stage)
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from node.install import ledger
from node.install.commit import TRASH, TREES, Recovered, collect, drift, hex_of, prepare, recover, undo
from node.install.files import Files, Folder, disk_errors
from node.install.filesystem import check_local
from node.install.projection import project
from node.install.stage import STAGING, Stage, free_bytes
from node.install.unpack import LIST, TREE
from node.install.verify import Verification, verify_generation
from protocol import limits
from protocol.digest import TreeFile, decode_tree
from protocol.errors import ConflictError, IntegrityError, NotFoundError, OoderError, StorageError
from protocol.install.apply import Change, apply
from protocol.install.model import EMPTY, Generation

STORE = "store-v1"
_PARTS = (TREES, ledger.GENERATIONS, ledger.INTENTS, STAGING, TRASH)
_LOCK = "lock"
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Committed:
    """The generation that is current now. `problem` tells what could not be completed after the commit point; it is completed
    by the next change. `foreign` are folders in `installed/` that are not ours and were left alone."""

    generation: Generation
    problem: OoderError | None = None
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """What garbage collection took away."""

    generations: tuple[int, ...]
    trees: tuple[str, ...]


class Store:
    """Everything installed below one home. Many processes may use the same home at once."""

    def __init__(self, home: Path, files: Files | None = None) -> None:
        self.home = home
        self._files = files or Files()
        self._recovered = Recovered()

    # --- Reading, without a lock ------------------------------------------------------------------------------------
    def current(self) -> Generation:
        """What is installed now. Raises StorageError `store.damaged`."""
        with self._reading() as root:
            return ledger.read_now(root) if root else EMPTY

    def generation(self, number: int) -> Generation:
        """One kept generation. Raises NotFoundError `install.no_generation`, StorageError `store.damaged`."""
        with self._reading() as root:
            if root is None and number:
                raise NotFoundError("install.no_generation", number=number)
            return ledger.read_generation(root, number) if root else EMPTY

    def history(self) -> tuple[Generation, ...]:
        """The kept generations up to the current one, oldest first; damaged ones are left out."""
        found = []
        with self._reading() as root:
            current = ledger.read_current(root) if root else 0
            for number in ledger.numbers(root, ledger.GENERATIONS) if root else ():
                if root and number <= current:
                    try:
                        found.append(ledger.read_generation(root, number))
                    except (NotFoundError, StorageError):
                        continue  # collected a moment ago, or damaged: `verify` tells
        return tuple(found)

    def pending(self) -> tuple[int, ...]:
        """Committed generations whose activation was asked for and is not settled yet."""
        with self._reading() as root:
            if root is None:
                return ()
            current = ledger.read_current(root)
            waiting = [number for number in ledger.numbers(root, ledger.INTENTS) if number <= current]
            return tuple(number for number in waiting if ledger.read_intent(root, number).activation)

    def has(self, digest: str) -> bool:
        """Whether the bytes of this digest are in the store (not whether they are still whole)."""
        return self.tree(digest).is_dir()

    def is_whole(self, digest: str) -> bool:
        """Whether they are here, byte by byte."""
        if not self.has(digest):
            return False
        with self._files.open(self.home / STORE / TREES) as trees:
            return not drift(trees, digest)

    def tree(self, digest: str) -> Path:
        """Where the files of a tree are, or would be. Read only."""
        return self.home / STORE / TREES / hex_of(digest) / TREE

    def list_files(self, digest: str) -> tuple[TreeFile, ...]:
        """The files of a tree as its digest promises them. Raises OSError when it is not here."""
        with self._files.open(self.tree(digest).parent) as box:
            return decode_tree(box.read(LIST, limits.GENERATION_BYTES))

    def verify(self, number: int | None = None) -> Verification:
        """Compare every byte of a generation (default: the current one) and of the projection with what they should be."""
        generation = self.current() if number is None else self.generation(number)
        with self._reading() as root:
            if root is None:
                return Verification()
        with self._files.open(self.home) as home, self._files.open(self.home / STORE / TREES) as trees:
            return verify_generation(home, trees, generation, projection=number is None)

    # --- Changing ---------------------------------------------------------------------------------------------------
    def stage(self, expect_bytes: int = 0) -> Stage:
        """A new private staging folder, if there is room for twice `expect_bytes` and the reserve.

        Raises StorageError `store.no_space`, `store.failed`, `store.network_home`.
        """
        with disk_errors(self.home), self._home() as home, home.open(STORE) as root:
            need, free = 2 * expect_bytes + limits.DISK_RESERVE, free_bytes(self.home)
            if expect_bytes and free < need:
                raise StorageError("store.no_space", need=need, free=free, path=str(self.home))
            return Stage(root)

    def commit(self, change: Change, now: float, stage: Stage | None = None, *, activation: bool = False) -> Committed:
        """Make `change` the next generation, with the trees that `stage` brings. All or nothing.

        With `activation` the generation counts as pending until `settle`. Raises what `apply` raises; DataError
        `install.missing_bytes`; IntegrityError `install.staged_changed`, `store.drift`; StorageError `store.busy`,
        `store.failed`, `store.damaged`. Whatever is raised, the old generation is current and whole.
        """
        return self._change(lambda before: apply(before, change, now), stage, activation=activation)

    def rollback(self, to: int, now: float, *, activation: bool = False) -> Committed:
        """Make the content of generation `to` the next generation; the history only ever grows.

        Also the way out of a damaged current generation. Raises NotFoundError `install.no_generation`, IntegrityError
        `store.drift` when a tree is no longer whole, and what `commit` raises.
        """
        old = self.generation(to)

        def again(before: Generation) -> Generation:
            consents = tuple(sorted({*old.consents, *before.consents}))
            return replace(old, parent=before.number, at=now, reason=f"rollback to {to}", consents=consents)

        return self._change(again, None, activation=activation, whole=old)

    def uninstall(self, refs: tuple[str, ...], now: float) -> Committed:
        """Give up what was asked for by these refs; what others still need stays."""
        return self.commit(Change("uninstall " + " ".join(refs), remove=refs), now)

    def settle(self, number: int) -> None:
        """Activation of generation `number` is done."""
        with self._locked() as (_, root):
            ledger.remove_numbered(root, ledger.INTENTS, number)

    def recover(self) -> Recovered:
        """Bring the store into order after a crash and complete what a commit left open. Every change does this first."""
        with self._locked():
            return self._recovered

    def collect(self, keep: int = limits.GENERATIONS_KEPT) -> Collected:
        """Garbage collection: keep the last `keep` generations and the trees they stand on."""
        with self._locked() as (_, root):
            generations, trees = collect(root, max(1, keep))
        return Collected(tuple(generations), tuple(f"sha256:{name}" for name in trees))

    def project(self, *, deep: bool = True) -> tuple[str, ...]:
        """Rebuild what differs in `installed/` and `ooder.lock`; without `deep`, only where names or texts differ, as after a new
        version of this program. Returns folders that are not ours and were left alone."""
        with self._locked() as (home, root):
            return self._project(home, root, None if deep else frozenset())

    # --- Inside -----------------------------------------------------------------------------------------------------
    def _change(
        self,
        make: Callable[[Generation], Generation],
        stage: Stage | None,
        *,
        activation: bool,
        whole: Generation | None = None,
    ) -> Committed:
        with self._locked() as (home, root):
            before = self._before(root, repair=whole is not None)
            number = max([before.number, *ledger.numbers(root, ledger.GENERATIONS)]) + 1
            after = replace(make(before), number=number)
            if whole is not None:
                _check_whole(root, whole)
            problem: OoderError | None = None
            brought: list[str] = []
            try:
                brought = prepare(root, before, after, stage, activation=activation)
                ledger.switch(root, number)
            except BaseException as error:
                if ledger.read_current(root) != number:
                    # What cannot be removed now is removed by the next `recover`.
                    with suppress(OSError):
                        undo(root, ledger.read_intent(root, number))
                    raise
                if not isinstance(error, OSError):
                    raise
                problem = _unsettled(number, error)
            return self._finish(home, root, after, brought, problem, activation=activation)

    def _finish(
        self,
        home: Folder,
        root: Folder,
        after: Generation,
        brought: list[str],
        problem: OoderError | None,
        *,
        activation: bool,
    ) -> Committed:
        """What follows the commit point: nothing in here may undo anything, whatever the disk says."""
        foreign: tuple[str, ...] = ()
        try:
            foreign = self._project(home, root, frozenset(brought))
            if not activation and problem is None:
                ledger.remove_numbered(root, ledger.INTENTS, after.number)
        except OSError as error:
            problem = problem or _unsettled(after.number, error)
        return Committed(after, problem, foreign)

    def _before(self, root: Folder, *, repair: bool) -> Generation:
        try:
            return ledger.read_now(root)
        except StorageError:
            if not repair:
                raise
            return Generation(ledger.read_current(root), 0.0, "damaged")

    def _project(self, home: Folder, root: Folder, deep: frozenset[str] | None = None) -> tuple[str, ...]:
        generation = ledger.read_now(root)
        with root.open(TREES) as trees:
            return tuple(project(home, trees, generation, generation.digests if deep is None else deep))

    @contextmanager
    def _reading(self) -> Iterator[Folder | None]:
        """The store's root, None when nothing was ever installed here."""
        try:
            root = self._files.open(self.home / STORE)
        except FileNotFoundError:
            yield None
        else:
            with root:
                yield root

    @contextmanager
    def _home(self) -> Iterator[Folder]:
        """The home with a complete store in it, made if it is not there, for good."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_local(self.home)
        with self._files.open(self.home) as home:
            fresh = not home.is_folder(STORE)
            with home.ensure(STORE) as root:
                missing = [name for name in _PARTS if not root.is_folder(name)]
                for name in missing:
                    root.ensure(name).close()
                if missing:
                    root.sync("root.folder")
            if fresh:
                home.sync("home.folder")
            yield home

    @contextmanager
    def _locked(self) -> Iterator[tuple[Folder, Folder]]:
        """The home and the store's root, held by nobody else and in order."""
        with disk_errors(self.home), self._home() as home, home.open(STORE) as root:
            held = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=root.fd)
            try:
                _wait_for(held)
                self._recovered = recover(root)
                if self._recovered.unsettled or self._recovered.pending or self._recovered.undone:
                    self._project(home, root)
                for number in self._recovered.unsettled:
                    ledger.remove_numbered(root, ledger.INTENTS, number)
                yield home, root
            finally:
                os.close(held)


def _unsettled(number: int, error: OSError) -> OoderError:
    return StorageError("store.unsettled", number=number, reason=error.strerror or type(error).__name__)


def _wait_for(held: int) -> None:
    deadline = time.monotonic() + limits.LOCK_SECONDS
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConflictError("store.busy", seconds=int(limits.LOCK_SECONDS)) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _check_whole(root: Folder, generation: Generation) -> None:
    with root.open(TREES) as trees:
        for digest in sorted(generation.digests):
            found = drift(trees, digest)
            if found:
                causes = [change.path for change in found[:10]]
                raise IntegrityError("store.drift", digest=digest, count=len(found), causes=causes)
