"""Publishing to a SkillCenter: from a folder or package on this disk to a signed release and the request that carries it.

What is sent is what was read: the tree is staged with the rules of an install, packed the same way each time, and its record
signed with this node's key. Asking is left to a `Registry`.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from node.install.checks import items_in
from node.install.store import Store as Staging
from node.io.files import SKIPPED_FILES, SKIPPED_FOLDERS
from node.skill_center.intake import check_package, check_version
from node.skill_center.packing import pack_tree
from protocol.errors import DataError, NotFoundError
from protocol.identity import SigningKey
from protocol.install.target import ARCHIVES
from protocol.items import Item, Status
from protocol.refs import Kind, Ref
from protocol.skill_center import places
from protocol.skill_center.changes import Change, decode_change
from protocol.skill_center.head import SignedHead, open_head
from protocol.skill_center.order import Act, Order, sign_order
from protocol.skill_center.release import Release, SignedRelease, item_text, open_release, sha256_of, sign_release

_ORDER = {Kind.SCENE: 0, Kind.SKILL: 1, Kind.CAPABILITY: 2, Kind.AGENT: 3}


class Registry(Protocol):
    """One registry, as a publisher reaches it. Both raise UnavailableError, and what the registry refused with."""

    async def ask(self, path: str) -> Any:
        """The JSON of an answer."""

    async def send(self, path: str, headers: Mapping[str, str], body: bytes) -> Any:
        """POST a body; the JSON of the answer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A package ready to be sent. `path` lives as long as the context it came from."""

    release: Release
    item: Item
    text: str
    path: Path


@contextmanager
def prepared(source: Path, ref: Ref | None = None) -> Iterator[Prepared]:
    """Stage, read, check and pack what is at `source`; `ref` chooses among several items of one folder. Blocking. Raises
    NotFoundError `install.no_package`, DataError `install.no_manifest`, `center.no_version`, `center.version_is_number`,
    `center.repaired`, `contract.*`, `unpack.*`."""
    try:
        there = source.exists()
    except OSError:
        there = False
    if not there:
        raise NotFoundError("install.no_package", path=str(source)[:200])
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Staging(Path(scratch)).stage() as stage:
        if source.is_dir():
            done = stage.folder(source, skip=SKIPPED_FOLDERS | SKIPPED_FILES)
        elif source.name.lower().endswith(ARCHIVES):
            with source.open("rb") as stream:
                done = stage.archive(stream, source.name)
        else:
            raise DataError("install.no_manifest", ref=str(source))
        root = stage.path(done.digest)
        item = _chosen(items_in(root, source.name if source.is_dir() else ""), source, ref)
        package = Path(scratch) / "package.skill"
        pack_tree(((file, root / file.path) for file in done.files), package)
        with package.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        text = item_text(item)
        release = Release(
            item.ref,
            done.digest,
            content,
            package.stat().st_size,
            done.size,
            len(done.files),
            sha256_of(text.encode()),
        )
        check_version(release)
        check_package(package, text, release)
        yield Prepared(release, item, text, package)


def _chosen(found: list[Item], source: Path, ref: Ref | None) -> Item:
    fitting = [one for one in found if ref is None or one.ref.any_version == ref.any_version]
    if not fitting:
        raise DataError("install.no_manifest", ref=str(ref or source))
    best = min(fitting, key=lambda one: _ORDER[one.kind])
    if not best.version:
        raise DataError("center.no_version", ref=str(best.ref))
    return best


class Publisher:
    """Publishes under one key at one registry. `registry_key` is the fingerprint it has to have, "" = whoever answers."""

    def __init__(self, registry: Registry, key: SigningKey, now: float, registry_key: str = "") -> None:
        self._registry, self._key, self._now, self._wanted = registry, key, now, registry_key

    async def publish(self, ready: Prepared) -> Mapping[str, Any]:
        """Send a new version; what the registry said. Raises what `node.skill_center.intake` raises."""
        record = sign_release(self._key, ready.release, int(self._now * 1000), self._now)
        item, package = ready.text.encode(), await asyncio.to_thread(ready.path.read_bytes)
        return await self._send(Act.PUBLISH, record, item + package, len(item))

    async def set_status(self, ref: Ref, status: Status, reason: str) -> list[Mapping[str, Any]]:
        """Say something else about a version, or about every version this key published; who runs the registry may revoke
        what others published. Raises NotFoundError `center.unknown`."""
        me = self._key.public.fingerprint
        overrules = status is Status.REVOKED and (await self._head()).key == me
        mine = [
            one
            for one in await self._versions(ref)
            if (one.key == me or overrules) and ref.version in ("", one.release.ref.version)
        ]
        if not mine:
            raise NotFoundError("center.unknown", ref=str(ref))
        act = Act.REVOKE if status is Status.REVOKED else Act.STATUS
        said = []
        for one in mine:
            seq = max(int(self._now * 1000), one.seq + 1)
            record = sign_release(self._key, one.release.with_status(status, reason), seq, self._now)
            said.append(await self._send(act, record, b"", 0))
        return said

    async def _versions(self, ref: Ref) -> list[SignedRelease]:
        rows = await self._registry.ask(places.releases_path(ref.kind, ref.id))
        if not isinstance(rows, list):
            raise DataError("center.bad_change", reason="no list of versions")
        found: list[Change] = [decode_change(row, self._now) for row in rows]
        return [one.signed for one in found]

    async def _head(self) -> SignedHead:
        said = await self._registry.ask(places.HEAD)
        text = said.get("head") if isinstance(said, dict) else None
        if not isinstance(text, str):
            raise DataError("center.bad_change", reason="no head")
        return open_head(text, self._now, self._wanted)

    async def _send(self, act: Act, record: str, body: bytes, item_bytes: int) -> Mapping[str, Any]:
        name = (await self._head()).agent_id
        order = sign_order(self._key, Order(act, name, open_release(record, self._now).digest), self._now)
        headers = {
            places.ORDER_HEADER: order,
            places.RELEASE_HEADER: record,
            places.ITEM_HEADER: str(item_bytes),
            "Content-Type": places.PACKAGE_TYPE,
        }
        answer = await self._registry.send(places.RELEASES, headers, body)
        return answer if isinstance(answer, dict) else {}
