"""What the peer plane serves (`node.api.offers.Offers`): the ledger of shares, filled from the index, and the bytes behind it.

Guarantees: nothing leaves that the ledger does not name for who asks; of bytes only whole trees whose digest was just
checked, from this user's own files or from the store; the catalogue is signed with the node's key. Leaves to others: who may
connect (peer plane), judging what peers say (trust door).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from node.install.files import Files
from node.install.store import Store
from node.install.unpack import folder_members
from node.io.files import SKIPPED_FILES, SKIPPED_FOLDERS
from node.keys import node_key
from node.lan import Shared
from node.policy import read_decisions
from node.service import Service
from node.sharing import (
    EVERYONE,
    INSTALL,
    PAIRED,
    Share,
    add_share,
    audiences_of,
    read_audience,
    read_duration,
    read_shares,
)
from node.version import __version__
from protocol import limits
from protocol.catalogue import Offered, encode_row, open_ask, rows_digest, sign_head
from protocol.digest import TreeFile, in_order, tree_digest
from protocol.errors import NotFoundError, OoderError, UsageError
from protocol.items import Channel, Item, Json, Sighting
from protocol.lan_text import CapShare, SceneCreate
from protocol.merge import Entry
from protocol.refs import Kind, Ref

_Rows = Mapping[str, dict[str, Json]]
_VERSIONS = 16  # catalogues of the past that a delta can start from
_TREES = 32  # lists of files kept


@dataclass(frozen=True, slots=True)
class _Line:
    share: Share
    item: Item
    row: dict[str, Json]
    places: tuple[Path, ...]
    digest: str


class Offering:
    """Implements `Offers`. Blocking; safe for several threads."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = Store(service.paths.home)
        self._lock = threading.RLock()
        self._ledger: tuple[tuple[int, int], tuple[Share, ...]] = ((0, 0), ())
        self._seen: tuple[object, ...] = ()
        self._lines: tuple[_Line, ...] = ()
        self._numbers: OrderedDict[tuple[frozenset[str], str], tuple[int, _Rows]] = OrderedDict()
        self._trees: OrderedDict[str, tuple[Path, tuple[TreeFile, ...]]] = OrderedDict()
        self._next = int(service.now() * 1000)

    # --- What is announced --------------------------------------------------------------------------------------------
    def shared(self) -> Shared:
        """What the beacon and mDNS say: public capabilities and scenes, and a digest that changes with the offer."""
        lines = self._current()
        public = [line for line in lines if line.share.audience == EVERYONE]
        ids = {kind: tuple(one.share.ref.id for one in public if one.share.ref.kind is kind) for kind in Kind}
        marks: list[Mapping[str, Json]] = [{"row": line.row, "with": line.share.audience} for line in lines]
        digest = bytes.fromhex(rows_digest(marks))[:16] if lines else b""
        ours = [line.share.ref for line in lines if line.share.audience in (EVERYONE, PAIRED)]
        paired = tuple(dict.fromkeys(ref.id for ref in ours if ref.kind is Kind.CAPABILITY))
        told = tuple(message for one in public if (message := _message(one.share, one.item)) is not None)
        return Shared(ids[Kind.CAPABILITY], ids[Kind.SCENE], digest, len(public), paired, told[: limits.SHARES_TOLD])

    # --- Offers -------------------------------------------------------------------------------------------------------
    def myself(self) -> Mapping[str, Json]:
        """Who this node is."""
        public = node_key(self._service.paths).public
        changes = self.changes(0, 1)
        return {
            "name": self._service.ports.lan.name,
            "version": __version__,
            "agent_id": public.agent_id,
            "key": public.fingerprint,
            "signature": changes["head"],
            "catalogue": self.shared().digest.hex(),
        }

    def changes(self, since: int, limit: int, ask: str = "") -> Mapping[str, Json]:
        """The catalogue for who asks, or what changed since."""
        key = node_key(self._service.paths)
        now = self._service.now()
        with self._lock:
            audiences = self._audiences(self.asker(ask))
            rows, digest, number = self._view(audiences)
            before = next(
                (old for (who, _), (n, old) in self._numbers.items() if n == since and who == audiences), None
            )
        items = [row for ref, row in rows.items() if before is None or before.get(ref) != row]
        return {
            "last": number,
            "full": before is None,
            "items": items,
            "gone": sorted(before.keys() - rows.keys()) if before is not None else [],
            "more": False,
            "head": sign_head(key, digest, len(rows), number, now),
        }

    def asker(self, ask: str) -> str:
        """The key that signed `ask`; "" without one."""
        me = node_key(self._service.paths).public.agent_id
        return open_ask(ask, me, self._service.now()) if ask else ""

    def head(self, key: str) -> Mapping[str, Json]:
        """Number and digest of what the owner of `key` may see, by who is paired and in which group now."""
        with self._lock:
            _, digest, number = self._view(self._audiences(key))
        return {"last": number, "digest": digest}

    def mark(self) -> Hashable:
        """Changes with what is shared, and with who may see it."""
        service = self._service
        groups = tuple((name, tuple(keys)) for name, keys in service.config.settings.groups.items())
        return self.shared().digest, _mark(service.paths.trust), groups

    def detail(self, ref: Ref, language: str, ask: str = "") -> Mapping[str, Json]:
        """One shared item in full."""
        for line in self._visible(ask):
            if line.share.ref.any_version == ref.any_version:
                return self._service.detail(ref.any_version, language)
        raise NotFoundError("offer.unknown", name=str(ref))

    def files(self, digest: str, ask: str = "") -> Sequence[Mapping[str, Json]]:
        """The files of a shared tree."""
        _, files = self._tree(digest, ask)
        return [
            {"path": one.path, "size": one.size, "digest": f"sha256:{one.sha256}", "executable": one.executable}
            for one in files
        ]

    def file(self, digest: str, path: str, ask: str = "") -> Path:
        """One file of a shared tree."""
        root, files = self._tree(digest, ask)
        if not any(one.path == path for one in files):
            raise NotFoundError("offer.unknown", name=f"{digest}/{path}"[:200])
        return root / path if root.is_dir() else root

    def whole(self, digest: str, ask: str = "") -> Sequence[tuple[Path, int]]:
        """Every file of a shared tree and its size, sorted by path."""
        root, files = self._tree(digest, ask)
        folder = root.is_dir()
        return [(root / one.path if folder else root, one.size) for one in in_order(files)]

    # --- Inside -------------------------------------------------------------------------------------------------------
    def _view(self, audiences: frozenset[str]) -> tuple[_Rows, str, int]:
        rows = {str(line.row["ref"]): line.row for line in self._current() if line.share.audience in audiences}
        digest = rows_digest(rows.values())
        return rows, digest, self._number(audiences, digest, rows)

    def _audiences(self, key: str) -> frozenset[str]:
        known = read_decisions(self._service.paths.trust).known_keys if key else ()
        return audiences_of(key, known, self._service.config.settings.groups)

    def _visible(self, ask: str) -> Iterator[_Line]:
        audiences = self._audiences(self.asker(ask))
        return (line for line in self._current() if line.share.audience in audiences)

    def _current(self) -> tuple[_Line, ...]:
        """The ledger as rows; read anew when the ledger, the index or what has expired changed."""
        service = self._service
        now = service.now()
        with self._lock:
            mark = _mark(service.paths.shares)
            if mark != self._ledger[0]:
                self._ledger = mark, tuple(read_shares(service.paths)) if any(mark) else ()
            shares = [share for share in self._ledger[1] if share.holds(now)]
            seen = (mark, service.last_event(), tuple(shares))
            if seen != self._seen:
                self._lines = tuple(
                    line for share in shares[: limits.OFFERS] if (line := self._line(share)) is not None
                )
                self._seen = seen
                self._trees.clear()
            return self._lines

    def _line(self, share: Share) -> _Line | None:
        entry = self._service.entry(share.ref.kind, share.ref.id)
        if entry is None:
            return None
        places = bytes_of(entry, self._service, self._store) if share.may == INSTALL else ()
        best = entry.chosen.claims[0].sighting
        digest = entry.chosen.digest if places else ""
        row = Offered(
            entry.item,
            entry.chosen.principal,
            digest,
            best.size if digest else 0,
            best.files if digest else 0,
            share.until,
        )
        return _Line(share, entry.item, encode_row(row), places, digest)

    def _number(self, audiences: frozenset[str], digest: str, rows: _Rows) -> int:
        found = self._numbers.get((audiences, digest))
        if found is None:
            self._next += 1
            found = self._numbers[audiences, digest] = self._next, rows
            while len(self._numbers) > _VERSIONS:
                self._numbers.popitem(last=False)
        return found[0]

    def _tree(self, digest: str, ask: str) -> tuple[Path, tuple[TreeFile, ...]]:
        line = next((one for one in self._visible(ask) if one.digest == digest), None)
        if line is None:
            raise NotFoundError("offer.unknown", name=digest)
        with self._lock:
            known = self._trees.get(digest)
            if known is None:
                known = next((found for place in line.places if (found := _listed(place, digest))), None)
                if known is None:
                    raise NotFoundError("offer.unknown", name=digest)
                self._trees[digest] = known
                while len(self._trees) > _TREES:
                    self._trees.popitem(last=False)
            return known


def share(service: Service, ref: Ref, audience: str, may: str, duration: str) -> Share:
    """Share an item from now on. Blocking. Raises NotFoundError `item.unknown`, UsageError `share.not_yours`,
    `share.bad_audience`, `share.bad_time`, StorageError `share.damaged`."""
    name, now = ref.any_version, service.now()
    entry = service.entry(name.kind, name.id)
    if entry is None:
        raise NotFoundError("item.unknown", ref=str(name), id=name.id)
    if may == INSTALL and not bytes_of(entry, service, Store(service.paths.home)):
        raise UsageError("share.not_yours", ref=str(name))
    until = now + read_duration(duration) if duration else 0.0
    made = Share(name, read_audience(audience), may, until, now)
    add_share(service.paths, made, now)
    return made


def _message(share: Share, item: Item) -> CapShare | SceneCreate | None:
    """What is said of a share to everybody (WIRE 3.2)."""
    if share.ref.kind is Kind.CAPABILITY:
        return CapShare("", "", item.id, share.audience, (share.may,), int(share.until * 1000))
    if share.ref.kind is Kind.SCENE:
        needs = tuple(one.ref.id for one in item.requires if one.ref.kind is Kind.CAPABILITY)
        return SceneCreate("", "", item.id, item.name, needs)
    return None


def bytes_of(entry: Entry, service: Service, store: Store) -> tuple[Path, ...]:
    """Where the bytes of the shown release are: in the store, or in files that only this user can write."""
    digest = entry.chosen.digest
    if not digest:
        return ()
    found = [store.tree(digest)] if store.has(digest) else []
    return (
        *found,
        *(path for one in service.index.sightings(entry.ref.kind, entry.ref.id) if (path := _own(one, digest))),
    )


def _own(sighting: Sighting, digest: str) -> Path | None:
    if sighting.digest != digest or sighting.evidence.channel is not Channel.OWN_FILES:
        return None
    url = urlsplit(sighting.location)
    return Path(unquote(url.path)) if url.scheme == "file" else None


def _listed(place: Path, digest: str) -> tuple[Path, tuple[TreeFile, ...]] | None:
    """The files at `place` if they are still the ones the digest names."""
    try:
        files = tuple(_files(place))
        return (place, files) if files and tree_digest(files) == digest else None
    except (OSError, OoderError):
        return None


def _files(place: Path) -> Iterator[TreeFile]:
    if place.is_file():
        data = place.read_bytes()
        yield TreeFile(place.name, bool(place.stat().st_mode & 0o100), len(data), hashlib.sha256(data).hexdigest())
        return
    with Files().open(place) as folder:
        for member in folder_members(folder, "", SKIPPED_FOLDERS | SKIPPED_FILES, [], 0):
            content, size = hashlib.sha256(), 0
            for chunk in member.chunks:
                content.update(chunk)
                size += len(chunk)
            yield TreeFile(member.name, member.executable, size, content.hexdigest())


def _mark(path: Path) -> tuple[int, int]:
    """Changes with the file; empty when there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_ino, status.st_mtime_ns
