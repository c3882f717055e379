"""The cache tree of the guide (3.7): every item this node knows, as files below `~/.ooder/cache` for people and other tools.

Guarantees: each file is whole at any moment; the same knowledge gives the same bytes; only what changed is written; files that
are not ours are never overwritten; with the index lost, `read_cache` gives back every sighting with its recorded source,
evidence and times. Leaves to others: what is known (the index), when to write (after a scan) and that one process writes
at a time (the scan lock). All functions block: call them in a thread.

    cache/scenes/scene-index.yaml   cache/scenes/{id}/(scene.yaml scene.md provenance.yaml)   and so for the other kinds
    cache/state.json                when each origin was confirmed, fingerprint and size of each item
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.cache_state import CacheState, Kept, encode_state, read_state
from node.io.atomic import FileBatch
from protocol.cache_documents import HEADER, PLACES, Document, index_document, index_row, item_document, item_text
from protocol.errors import StorageError
from protocol.items import Sighting
from protocol.merge import Entry
from protocol.provenance import Confirmed, encode_provenance
from protocol.refs import Kind, is_id
from protocol.yaml_out import emit

PROVENANCE = "provenance.yaml"
STATE = "state.json"
_STAGING = ".staging"
_FORMAT = "1"  # raised when the documents are made differently, so that all are written once more


@dataclass(frozen=True, slots=True)
class CacheRow:
    """One name and everything that is known of it: what is shown, and every sighting behind it (also of other principals)."""

    entry: Entry
    sightings: Sequence[Sighting]


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What one write did, in items; `size` is that of the whole tree in bytes."""

    written: int
    unchanged: int
    removed: int
    skipped: int  # a folder of that name holds files that are not ours
    size: int


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What the tree holds: bytes and items by folder, and when it was last written and confirmed (wall seconds, 0 = never)."""

    path: Path
    size: int
    items: Mapping[str, int]
    written_at: float
    origins: Confirmed


def write_cache(cache: Path, rows: Iterable[CacheRow], confirmed: Confirmed, at: float) -> CacheReport:
    """Make the tree say exactly `rows`. `confirmed`: when each (source, origin) was last surveyed completely.

    Raises StorageError `cache.full` or `cache.unwritable`; what was written until then is whole and found by the next write.
    """
    try:
        return _Writer(cache, confirmed).write(rows, at)
    except OSError as error:
        code = "cache.full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "cache.unwritable"
        raise StorageError(code, path=str(cache), reason=error.strerror or type(error).__name__) from error


def cache_info(cache: Path) -> CacheInfo:
    """What the tree holds, from its state file; costs one read."""
    state = read_state(cache / STATE)
    counts = {place.folder: 0 for place in PLACES.values()}
    for name in state.items:
        folder = name.partition("/")[0]
        counts[folder] = counts.get(folder, 0) + 1
    return CacheInfo(cache, sum(kept.size for kept in state.items.values()), counts, state.written_at, state.origins)


def clear_cache(cache: Path) -> int:
    """Remove everything this node wrote into the tree, and nothing else; the number of items removed. Raises StorageError."""
    return write_cache(cache, (), {}, 0.0).removed


def remove_cache(cache: Path, ours: Iterable[str]) -> None:
    """Remove the tree: what this node wrote into it and the folders `ours`. Files put there by anybody else stay where they are.

    Raises StorageError.
    """
    if not cache.exists():
        return
    clear_cache(cache)
    for name in (*ours, _STAGING):
        shutil.rmtree(cache / name, ignore_errors=True)
    for place in PLACES.values():
        listing = cache / place.folder / place.listing
        if _is_ours(listing):
            listing.unlink(missing_ok=True)
        _remove(cache / place.folder, ())
    _remove(cache, (STATE,))


class _Writer:
    """One write of the tree."""

    def __init__(self, cache: Path, confirmed: Confirmed) -> None:
        self._cache = cache
        self._confirmed = confirmed
        self._before = read_state(cache / STATE)
        self._after: dict[str, Kept] = {}
        self._listed: dict[Kind, list[tuple[str, Document]]] = {kind: [] for kind in PLACES}
        self._origins: set[tuple[str, str]] = set()
        self._touched: set[str] = set()  # folders whose index may have to be written
        self._written = self._skipped = 0
        for folder in (cache, *(cache / place.folder for place in PLACES.values())):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._batch = FileBatch(cache / _STAGING)

    def write(self, rows: Iterable[CacheRow], at: float) -> CacheReport:
        for row in rows:
            self._item(row)
        self._batch.commit()
        removed = self._prune()
        self._indexes()
        # The state comes last: after a crash it still describes the older files, so the newer ones are only written again.
        origins = {pair: self._confirmed.get(pair, 0.0) for pair in self._origins}
        state = CacheState(at, origins, self._after)
        self._batch.add(self._cache / STATE, encode_state(state))
        self._batch.close()
        size = sum(kept.size for kept in self._after.values())
        unchanged = len(self._after) - self._written
        return CacheReport(self._written, unchanged, removed, self._skipped, size)

    def _item(self, row: CacheRow) -> None:
        item, chosen = row.entry.item, row.entry.chosen
        place = PLACES[item.kind]
        name = f"{place.folder}/{item.id}"
        if not is_id(item.id) or item.id == place.listing or name in self._after:
            return
        self._origins.update((sighting.source, sighting.origin) for sighting in row.sightings)
        provenance = encode_provenance(row.sightings, self._confirmed).encode("utf-8")
        key = f"{_FORMAT}\0{chosen.principal}\0{chosen.version}\0{chosen.digest}\0{item.dialect}".encode()
        fingerprint = hashlib.blake2b(provenance, digest_size=12, key=hashlib.sha256(key).digest()).hexdigest()
        before = self._before.items.get(name)
        if before and before.fingerprint == fingerprint and (self._cache / name / PROVENANCE).exists():
            self._after[name] = before
        elif not self._write_item(row.entry, self._cache / name, provenance, fingerprint):
            self._skipped += 1
            return
        self._listed[item.kind].append((item.id, index_row(row.entry)))

    def _write_item(self, entry: Entry, folder: Path, provenance: bytes, fingerprint: str) -> bool:
        place = PLACES[entry.item.kind]
        if folder.is_symlink() or not _is_ours(folder / place.file):
            return False
        folder.mkdir(mode=0o700, exist_ok=True)
        files = {
            place.file: (HEADER + emit(item_document(entry.item))).encode("utf-8"),
            place.text: item_text(entry.item).encode("utf-8"),
            PROVENANCE: provenance,
        }
        for file, data in files.items():
            if data:
                self._batch.add(folder / file, data)
            else:
                (folder / file).unlink(missing_ok=True)
        self._after[folder.parent.name + "/" + folder.name] = Kept(fingerprint, sum(map(len, files.values())))
        self._written += 1
        self._touched.add(place.folder)
        return True

    def _prune(self) -> int:
        gone = self._before.items.keys() - self._after.keys()
        if not self._before.complete:
            gone |= self._found_on_disk() - self._after.keys()
        for name in gone:
            folder = self._cache / name
            for place in PLACES.values():
                if name.startswith(place.folder + "/"):
                    self._touched.add(place.folder)
                    _remove(folder, (place.file, place.text, PROVENANCE))
        return len(gone)

    def _found_on_disk(self) -> set[str]:
        """Item folders of an earlier state that was lost."""
        found: set[str] = set()
        for place in PLACES.values():
            for entry in os.scandir(self._cache / place.folder):
                folder = Path(entry.path)
                if entry.is_dir(follow_symlinks=False) and (folder / PROVENANCE).exists():
                    found.add(f"{place.folder}/{entry.name}")
        return found

    def _indexes(self) -> None:
        for kind, rows in self._listed.items():
            place = PLACES[kind]
            target = self._cache / place.folder / place.listing
            if target.exists() and place.folder not in self._touched:
                continue
            if not _is_ours(target):
                target.replace(target.with_name(place.listing.replace("-index.", "-index.foreign.")))
            if kind is Kind.AGENT and not rows:
                _remove(target.parent, (place.listing,))
                continue
            document = index_document(kind, [row for _, row in sorted(rows, key=lambda pair: pair[0])])
            data = (HEADER + emit(document)).encode("utf-8")
            if not target.exists() or target.read_bytes() != data:
                self._batch.add(target, data)


def _is_ours(file: Path) -> bool:
    """Whether `file` is absent or was written by this node."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(HEADER.encode())) == HEADER.encode()
    except FileNotFoundError:
        return True


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        shutil.rmtree(folder, ignore_errors=True)
