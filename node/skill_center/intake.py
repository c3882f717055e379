"""The way in: from a publisher's request to a release in the store.

Everything that costs nothing is checked before a byte of the package is read: order and record (signed, for this registry, now,
by the same key), who may publish, whose name it is, whether the version is free. Then the bytes are received within their
announced length, hashed, unpacked in a private folder and held to the release: package, tree, item, contract. Nothing of a
package is ever run. What is refused leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from node.install.checks import items_in
from node.install.store import Store as Staging
from node.skill_center.packages import Packages
from node.skill_center.store import Store
from node.skill_center.tables import NewRelease
from protocol import limits
from protocol.contract import read_contract
from protocol.errors import ConflictError, DataError, IntegrityError, PolicyError, UnavailableError, UsageError
from protocol.items import Status
from protocol.ratelimit import KeyedBuckets
from protocol.refs import Kind
from protocol.skill_center.names import namespace_of
from protocol.skill_center.order import Act, SignedOrder, open_order
from protocol.skill_center.release import Release, SignedRelease, open_item, open_release

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Publishers:
    """Who may publish: `known` keys, and everybody when `anyone`. `owners` are namespaces given by the settings."""

    known: frozenset[str]
    anyone: bool
    owners: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """The head of a request: the texts of its header lines and the announced lengths in bytes."""

    order: str
    release: str
    item_bytes: int


class Intake:
    """One per running SkillCenter. `publishers` is asked anew each time, so settings count at once."""

    def __init__(
        self, store: Store, packages: Packages, publishers: Callable[[], Publishers], now: Callable[[], float]
    ) -> None:
        self._store, self._packages = store, packages
        self._publishers, self._now = publishers, now
        self._places = asyncio.Semaphore(limits.CENTER_UPLOADS)
        self._rates = KeyedBuckets(limits.CENTER_PUBLISH_RATE, limits.CENTER_PUBLISH_BURST, limits.CENTER_PUBLISHERS)

    async def take(self, asked: Asked, body: AsyncIterator[bytes]) -> tuple[SignedRelease, int]:
        """Publish, or change a status; the release and the number of its event. Raises OoderErrors of many codes, see
        docs/guide/skill-center.md."""
        order, signed = self._read(asked)
        loop = asyncio.get_running_loop()
        if not self._rates.take(signed.key, loop.time()):
            raise UnavailableError("center.too_many", retry_after=1)
        if order.order.act is not Act.PUBLISH:
            return signed, await asyncio.to_thread(self._store.set_status, order, signed)
        await asyncio.to_thread(self._check_name, signed)
        if self._places.locked():
            raise UnavailableError("api.busy", what="uploads", retry_after=2)
        async with self._places:
            return signed, await self._receive(order, signed, asked.item_bytes, body)

    def _read(self, asked: Asked) -> tuple[SignedOrder, SignedRelease]:
        now = self._now()
        order = open_order(asked.order, self._store.agent_id, now)
        signed = open_release(asked.release, now)
        if order.key != signed.key or order.order.record != signed.digest:
            raise PolicyError("center.other_order", ref=str(signed.release.ref))
        publishers = self._publishers()
        if not publishers.anyone and signed.key not in publishers.known:
            raise PolicyError("center.not_a_publisher", key=signed.key)
        act, status = order.order.act, signed.release.status
        fits = {
            Act.PUBLISH: status is Status.ACTIVE,
            Act.REVOKE: status is Status.REVOKED,
            Act.STATUS: status is not Status.REVOKED,
        }
        if not fits[act]:
            raise UsageError("center.wrong_act", act=act.value, status=status.value)
        if act is Act.PUBLISH:
            check_version(signed.release)
            if not 0 < asked.item_bytes <= limits.CENTER_ITEM_BYTES:
                raise DataError("center.bad_release", ref=str(signed.release.ref), reason="length of the item")
        return order, signed

    def _check_name(self, signed: SignedRelease) -> None:
        """What the store will refuse anyway is refused before the upload. Raises as `Store.publish` does."""
        ref = signed.release.ref
        name = namespace_of(ref.id)
        owner = self._publishers().owners.get(name) or self._store.owner(name)
        if owner not in ("", signed.key):
            raise PolicyError("center.not_your_name", name=name, owner=owner[:7])
        known = self._store.release(ref)
        if known is not None:
            code = "center.replayed" if known.record == signed.text else "center.version_exists"
            raise ConflictError(code, ref=str(ref))

    async def _receive(
        self, order: SignedOrder, signed: SignedRelease, item_bytes: int, body: AsyncIterator[bytes]
    ) -> int:
        release = signed.release
        path = await asyncio.to_thread(self._packages.incoming)
        try:
            seconds = limits.CENTER_UPLOAD_SECONDS + release.size / limits.CENTER_UPLOAD_RATE
            try:
                async with asyncio.timeout(seconds):
                    item = await _save(body, item_bytes, release, path)
            except TimeoutError:
                raise UsageError("api.too_slow", seconds=round(seconds)) from None
            await asyncio.to_thread(check_package, path, item, release)
            return await asyncio.to_thread(self._keep, order, signed, item, path)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    def _keep(self, order: SignedOrder, signed: SignedRelease, item: str, path: Path) -> int:
        """The bytes first: a release whose package is missing must never be seen."""
        self._packages.keep(signed.release.package, path)
        granted = self._publishers().owners.get(namespace_of(signed.release.ref.id)) == signed.key
        return self._store.publish(order, NewRelease(signed, item), granted=granted)


def check_version(release: Release) -> None:
    """A version that some reader would take for a number (1.10 = 1.1) is refused. Raises DataError `center.version_is_number`."""
    if _NUMBER.fullmatch(release.ref.version):
        raise DataError("center.version_is_number", ref=str(release.ref), version=release.ref.version)


async def _save(body: AsyncIterator[bytes], item_bytes: int, release: Release, path: Path) -> str:
    """Write the package to `path` and give the item's text. Raises DataError `center.wrong_length`, IntegrityError
    `center.wrong_package`."""
    item = bytearray()
    content, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        async for chunk in body:
            missing = item_bytes - len(item)
            if missing > 0:
                item += chunk[:missing]
                chunk = chunk[missing:]
            size += len(chunk)
            if size > release.size:
                break
            content.update(chunk)
            file.write(chunk)
    if len(item) != item_bytes or size != release.size:
        raise DataError("center.wrong_length", ref=str(release.ref), wanted=item_bytes + release.size)
    if content.hexdigest() != release.package:
        raise IntegrityError("center.wrong_package", ref=str(release.ref))
    try:
        return item.decode("utf-8")
    except UnicodeDecodeError:
        raise DataError("center.bad_release", ref=str(release.ref), reason="the item is no UTF-8") from None


def check_package(path: Path, text: str, release: Release) -> None:
    """Hold a package file to its release. Raises DataError `unpack.*`, `contract.*`, `install.no_manifest`, IntegrityError
    `center.wrong_tree`, `center.other_item`."""
    item = open_item(text, release)
    ref = release.ref
    with tempfile.TemporaryDirectory(prefix="ooder-") as scratch, Staging(Path(scratch)).stage() as stage:
        with path.open("rb") as stream:
            done = stage.archive(stream, f"{ref.id}.skill", unwrap=False)
        if (done.digest, done.size, len(done.files)) != (release.digest, release.tree_size, release.files):
            raise IntegrityError("center.wrong_tree", ref=str(ref))
        found = items_in(stage.path(done.digest), folder=ref.id)
    same = [one for one in found if one.ref == ref]
    if not same:
        if not found:
            raise DataError("install.no_manifest", ref=str(ref))
        raise IntegrityError("center.other_item", ref=str(ref))
    if same[0].repaired or item.repaired:
        raise DataError("center.repaired", ref=str(ref), causes=list(same[0].repaired or item.repaired))
    if ref.kind is Kind.CAPABILITY:
        read_contract(same[0])
