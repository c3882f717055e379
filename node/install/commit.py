"""One commit: staged trees and a change become the next generation, or nothing happens.

Guarantees (SECURITY 3.1, T18, T19, T22): after a kill, a power loss or a refusing disk at any operation the current generation
is the old or the new one, whole, and every tree it names has the bytes of its digest. Bytes are hashed again here, from the
disk, after they were synced and before they get a name in the store. After the commit point nothing is ever undone.
Left to others: the lock, choosing the change, activation (its intent stays until `settle`).

Order, each step durable before the next: intent - trees (files, folders bottom-up, rename, store folder) - generation file -
`current`. Then the projection, then the intent goes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from node.install import ledger
from node.install.files import UNFINISHED, Folder, sync_file
from node.install.ledger import Intent
from node.install.stage import Stage, remove_abandoned
from node.install.trees import Drift, compare, read_tree
from node.install.unpack import LIST, TREE
from protocol import limits
from protocol.digest import TreeFile, decode_tree, encode_tree, list_digest
from protocol.errors import DataError, IntegrityError, StorageError
from protocol.install.model import Generation

TREES, TRASH = "store", "trash"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovery found: commits that never were, commits whose aftermath is still to be done, folders of dead processes."""

    undone: tuple[int, ...] = ()
    pending: tuple[int, ...] = ()
    unsettled: tuple[int, ...] = ()
    abandoned: int = 0


def hex_of(digest: str) -> str:
    """The folder name of a tree in the store."""
    return digest.removeprefix("sha256:")


def prepare(root: Folder, before: Generation, after: Generation, stage: Stage | None, *, activation: bool) -> list[str]:
    """Everything up to, not including, the commit point. Returns the digests whose trees are new in the store."""
    staged = stage.trees if stage else {}
    fresh = sorted(after.digests - before.digests | after.digests & staged.keys())
    with root.ensure(TREES) as store:
        missing = [digest for digest in fresh if digest not in staged and not store.is_folder(hex_of(digest))]
        if missing:
            release = next(item.release for item in after.items if item.digest == missing[0])
            raise DataError("install.missing_bytes", release=release, digest=missing[0])
        adds = tuple(hex_of(digest) for digest in fresh if not store.is_folder(hex_of(digest)))
        ledger.write_intent(root, Intent(after.number, after.reason, adds, activation))
        brought = [digest for digest in fresh if _bring(root, store, digest, stage if digest in staged else None)]
        store.sync("store.folder")
    ledger.write_generation(root, after)
    return brought


def _bring(root: Folder, store: Folder, digest: str, stage: Stage | None) -> bool:
    name = hex_of(digest)
    if store.is_folder(name):
        found = drift(store, digest)
        if not found:
            return False
        if stage is None:
            raise IntegrityError("store.drift", digest=digest, count=len(found), causes=[d.path for d in found[:10]])
    if stage is None:
        raise DataError("install.missing_bytes", release="?", digest=digest)
    with stage.open(digest) as folder:
        _check_staged(folder, digest)
    if store.is_folder(name):
        discard_trees(root, [name])
    stage.move(digest, store, name)
    return True


def _check_staged(folder: Folder, digest: str) -> None:
    try:
        with folder.open(TREE) as tree:
            lines = encode_tree(read_tree(tree, sync="tree"))
        written = folder.read(LIST, limits.GENERATION_BYTES)
    except (DataError, IntegrityError, FileNotFoundError) as error:
        raise IntegrityError("install.staged_changed", digest=digest) from error
    if list_digest(lines) != digest or written != lines:
        raise IntegrityError("install.staged_changed", digest=digest)
    fd = folder.open_file(LIST)
    try:
        sync_file(folder.files, f"{folder.path}/{LIST}", fd, "list.file")
    finally:
        os.close(fd)
    folder.sync("tree.top")


def drift(store: Folder, digest: str) -> tuple[Drift, ...]:
    """How a tree in the store differs from its digest, byte by byte; () when it is whole."""
    try:
        with store.open(hex_of(digest)) as folder:
            lines = folder.read(LIST, limits.GENERATION_BYTES)
            odd = tuple(Drift(name, "added") for name in folder.names() if name not in (LIST, TREE))
            if list_digest(lines) != digest:
                return (*odd, Drift(LIST, "changed"))
            with folder.open(TREE) as tree:
                return odd + compare(_by_path(decode_tree(lines)), _by_path(read_tree(tree)))
    except IntegrityError as error:
        return (Drift(str(error.params.get("path", "")), "odd"),)
    except OSError as error:
        return (Drift(error.strerror or "", "missing"),)


def _by_path(files: Iterable[TreeFile]) -> dict[str, TreeFile]:
    return {file.path: file for file in files}


def discard_trees(root: Folder, names: list[str]) -> None:
    """Take trees out of the store: first out of sight, for good, then deleted."""
    with root.ensure(TREES) as store, root.ensure(TRASH) as trash:
        taken = [name for name in names if store.has(name)]
        for name in taken:
            trash.remove(name)
            store.rename(name, trash, name)
        if taken:
            store.sync("discard.store")
        for name in taken:
            trash.remove(name)


def undo(root: Folder, intent: Intent) -> None:
    """Remove every trace of a commit that did not happen. Only for numbers above `current`."""
    ledger.remove_numbered(root, ledger.GENERATIONS, intent.number)
    if root.is_folder(ledger.GENERATIONS):
        with root.open(ledger.GENERATIONS) as folder:
            folder.sync("undo.gen")
    try:
        kept = referenced(root)
    except StorageError:
        kept = set(intent.adds)  # a damaged generation may stand on any tree: keep them all
    discard_trees(root, [name for name in intent.adds if name not in kept])
    ledger.remove_numbered(root, ledger.INTENTS, intent.number)


def referenced(root: Folder) -> set[str]:
    """The trees (hex) that kept generations stand on. Raises StorageError `store.damaged`."""
    found = ledger.numbers(root, ledger.GENERATIONS)
    return {hex_of(digest) for number in found for digest in ledger.read_generation(root, number).digests}


def recover(root: Folder) -> Recovered:
    """Bring the store into order after whatever happened; needs the lock. Fast when nothing happened.

    Raises StorageError `store.damaged` when `current` is gone although something was committed.
    """
    current = ledger.read_current(root)
    intents = {number: ledger.read_intent(root, number) for number in ledger.numbers(root, ledger.INTENTS)}
    committed = [number for number in ledger.numbers(root, ledger.GENERATIONS) if number not in intents]
    if current == 0 and committed:
        raise StorageError("store.damaged", number=committed[-1], reason="the file 'current' is missing")
    undone = [number for number in intents if number > current]
    for number in undone:
        undo(root, intents[number])
    abandoned = remove_abandoned(root)
    _remove_all(root, "", UNFINISHED)
    for place in (ledger.GENERATIONS, ledger.INTENTS):
        _remove_all(root, place, UNFINISHED)
    _remove_all(root, TRASH, "")
    waiting = [number for number in intents if number <= current]
    return Recovered(
        undone=tuple(undone),
        pending=tuple(number for number in waiting if intents[number].activation),
        unsettled=tuple(number for number in waiting if not intents[number].activation),
        abandoned=len(abandoned),
    )


def _remove_all(root: Folder, place: str, ending: str) -> None:
    if not place or root.is_folder(place):
        with root.open(place or ".") as folder:
            for name in folder.names():
                if name.endswith(ending):
                    folder.remove(name)


def collect(root: Folder, keep: int) -> tuple[list[int], list[str]]:
    """Forget all but the last `keep` generations and the trees only they stood on; needs the lock.

    The generations are gone for good before the first tree goes. Raises StorageError `store.damaged` before anything is
    removed when a generation that stays cannot be read.
    """
    current = ledger.read_current(root)
    known = ledger.numbers(root, ledger.GENERATIONS)
    kept = [number for number in known if number <= current][-keep:]
    forgotten = [number for number in known if number not in kept]
    stay = {hex_of(digest) for number in kept for digest in ledger.read_generation(root, number).digests}
    for number in forgotten:
        ledger.remove_numbered(root, ledger.GENERATIONS, number)
    if forgotten:
        with root.open(ledger.GENERATIONS) as folder:
            folder.sync("collect.gen")
    if not root.is_folder(TREES):
        return forgotten, []
    with root.open(TREES) as store:
        dropped = [name for name in store.names() if name not in stay]
    discard_trees(root, dropped)
    return forgotten, dropped
