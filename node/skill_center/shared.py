"""What a node shares with everybody, in the guide's interface: the read-only SkillCenter that every peer plane is.

The same rows, lists and downloads as those of a registry, made from the ledger of shares; nothing that is not shared with everyone
shows here. Nothing is signed here but by the peer plane's own catalogue (docs/protocol/peer-plane.md), so there is no head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.api.offers import Offers
from node.service import Service
from node.skill_center.answers import Answers
from node.skill_center.packing import pack_tree
from node.skill_center.shelf import Shown, Wanted, facets_of
from protocol import limits
from protocol.catalogue import Offered, decode_row
from protocol.digest import TreeFile
from protocol.errors import NotFoundError, StorageError
from protocol.items import Item
from protocol.query import Query
from protocol.refs import Kind, Ref
from protocol.skill_center.release import Release, SignedRelease
from protocol.skill_center.rows import encode_row, row_text
from protocol.words import fold

KEPT = 32  # packages made of shared trees that stay on the disk


@dataclass(frozen=True, slots=True)
class _Row:
    offered: Offered
    text: str
    facets: frozenset[str]


class SharedShelves:
    """Implements what the handlers of lists, rows and downloads ask of a `Center`. Methods block but `read`."""

    def __init__(self, service: Service, offers: Offers, read: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self.read = read
        self.answers = Answers(limits.MIB)
        self._service, self._offers = service, offers
        self._folder = service.paths.cache / "shared"
        self._seen = ""
        self._rows: Mapping[tuple[Kind, str], _Row] = {}

    async def state(self) -> str:
        """Another text whenever something else is shared."""
        await self.read(self._look)
        return f"shared-{self._seen}"

    def _look(self) -> None:
        digest = str(self._offers.myself()["catalogue"]) or "0"
        if digest != self._seen:
            found = self._offers.changes(0, limits.PAGE_ROWS)["items"]
            rows = [decode_row(one) for one in found] if isinstance(found, list) else []
            self._rows = {(one.item.kind, one.item.id): _row(one) for one in rows}
            self._seen = digest

    def rows(self, wanted: Wanted) -> Shown:
        """Rows of a list, or of a search with the ranking of `ooder search`. Raises UsageError `query.too_long`."""
        fitting = {
            id_: row
            for (kind, id_), row in self._rows.items()
            if kind is wanted.kind and row.facets.issuperset(wanted.facets)
        }
        order = sorted(fitting, key=fold)
        if wanted.text:
            query = Query(wanted.text, frozenset({wanted.kind}), limit=limits.PAGE_ROWS)
            order = [row.ref.id for row in self._service.search(query).rows if row.ref.id in fitting]
        page = order[wanted.offset : wanted.offset + wanted.limit]
        return Shown(tuple(fitting[id_].text for id_ in page), len(order))

    def row(self, kind: Kind, id_: str) -> str:
        """One row, "" when it is not shared."""
        found = self._rows.get((kind, id_))
        return found.text if found else ""

    def categories(self) -> list[dict[str, object]]:
        """None: what one node shares needs no shelves."""
        return []

    def versions(self, kind: Kind, id_: str) -> list[str]:
        """The one version that is shared."""
        found = self._rows.get((kind, id_))
        return [found.offered.item.version] if found else []

    def package(self, kind: Kind, id_: str, version: str) -> Path:
        """The shared tree as a package file, made when first asked for. Raises NotFoundError `center.unknown`, StorageError
        `center.disk`."""
        found = self._rows.get((kind, id_))
        if found is None or not found.offered.digest or version not in ("latest", found.offered.item.version):
            raise NotFoundError("center.unknown", ref=str(Ref(kind, id_, "" if version == "latest" else version)))
        digest = found.offered.digest
        path = self._folder / f"{digest.removeprefix('sha256:')}.skill"
        if not path.exists():
            try:
                self._pack(digest, path)
            except OSError as error:
                raise StorageError("center.disk", reason=error.strerror or str(error)) from error
        return path

    def _pack(self, digest: str, path: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        older = sorted(self._folder.glob("*.skill"), key=lambda one: one.stat().st_mtime)
        for one in older[: max(0, len(older) - KEPT + 1)]:
            one.unlink(missing_ok=True)
        files = [
            TreeFile(str(one["path"]), bool(one["executable"]), int(str(one["size"])), str(one["digest"])[7:])
            for one in self._offers.files(digest)
        ]
        fresh = path.with_suffix(f".{hashlib.sha256(digest.encode()).hexdigest()[:8]}")
        fresh.unlink(missing_ok=True)
        pack_tree(((file, self._offers.file(digest, file.path)) for file in files), fresh)
        fresh.replace(path)


def _row(offered: Offered) -> _Row:
    item: Item = offered.item
    ref = Ref(item.kind, item.id, item.version)
    release = Release(ref, offered.digest, "", offered.size, offered.size, offered.files, "")
    signed = SignedRelease(release, offered.principal.removeprefix("key:"), 0, 0.0, "", "")
    return _Row(offered, row_text(encode_row(item, signed, 0.0)), frozenset(facets_of(item)))
