"""Mirroring: what other registries publish, taken in selectively and served here under its publishers' own signatures.

Guarantees: only what a rule allows is taken; bytes and item of everything taken were held to the publisher's record by the checks
of publishing itself; a head of a lower sequence, or of another key than before, changes nothing; what the other registry mirrored
itself is not taken, so nobody republishes along chains; names that the settings give to a key stay with that key. Status changes
and revocations follow. Leaves to others: what is shown and pushed, which is the same as for what is published here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from node.skill_center.asking import HttpRegistry
from node.skill_center.center import Center
from node.skill_center.intake import check_package
from node.skill_center.tables import NewRelease
from protocol import limits
from protocol.errors import ConflictError, DataError, OoderError, UnavailableError
from protocol.http.exchange import HttpRequest
from protocol.items import Status
from protocol.refs import Ref
from protocol.skill_center import places
from protocol.skill_center.changes import Change, decode_change
from protocol.skill_center.head import SignedHead, open_head
from protocol.skill_center.names import namespace_of
from protocol.skill_center.revocations import open_revocations
from sources.ports import Http

log = logging.getLogger("ooder.center")


@dataclass(frozen=True, slots=True)
class Upstream:
    """Another registry. `allow` are patterns of refs (`skill:acme.*`, `scene:*`); without one nothing is taken."""

    url: str
    key: str = ""
    allow: tuple[str, ...] = ()
    every: float = 300.0

    def allows(self, ref: Ref) -> bool:
        """Whether a rule lets an item in."""
        return any(fnmatchcase(str(ref.any_version), pattern) for pattern in self.allow)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What is remembered of an upstream: whose it is, the highest sequence seen, how far it was read under which rules."""

    key: str = ""
    seq: int = 0
    n: int = 0
    allow: tuple[str, ...] = ()


class Mirror:
    """Follows one upstream into a running SkillCenter."""

    def __init__(self, center: Center, http: Http, upstream: Upstream, owners: Callable[[], Mapping[str, str]]) -> None:
        self._center, self._http, self._upstream, self._owners = center, http, upstream, owners
        self._registry = HttpRegistry(http, upstream.url)
        self._base = upstream.url.rstrip("/")

    async def run(self) -> None:
        """Until cancelled; an upstream that fails is asked again the next time."""
        while True:
            try:
                await self.look()
            except OoderError as error:
                log.warning("%s is not mirrored now: %s", self._base, error)
            await asyncio.sleep(self._upstream.every)

    async def look(self) -> int:
        """Take in what changed; how many releases. Raises what the port raises, ConflictError `center.rolled_back`, IntegrityError
        `center.other_key`, DataError `center.bad_change`, `record.*`."""
        center, memory = self._center, await self._remembered()
        head = await self._head(memory)
        if head.seq < memory.seq:
            raise ConflictError("center.rolled_back", url=self._base, seen=memory.seq, found=head.seq)
        n = memory.n if memory.allow == self._upstream.allow else 0
        await self._remember(_Memory(head.key, head.seq, n, self._upstream.allow))
        taken = 0
        while n < head.head.event:
            changes, more = await self._changes(n)
            if not changes:
                break
            taken += await self._take(changes, head)
            n = changes[-1].n
            await self._remember(_Memory(head.key, head.seq, n, self._upstream.allow))
            if not more:
                break
        if head.head.revocations:
            await self._revoke(head)
        if taken:
            await center.look()
        return taken

    # --- Asking -------------------------------------------------------------------------------------------------------
    async def _head(self, memory: _Memory) -> SignedHead:
        said = _object(await self._registry.ask(places.HEAD))
        return open_head(str(said.get("head", "")), self._center.now(), self._upstream.key or memory.key)

    async def _changes(self, since: int) -> tuple[list[Change], bool]:
        said = _object(await self._registry.ask(f"{places.CHANGES}?since={since}&limit={limits.CENTER_CHANGES}"))
        rows = said.get("changes")
        if not isinstance(rows, list) or len(rows) > limits.CENTER_CHANGES:
            raise DataError("center.bad_change", reason="no list of changes")
        now = self._center.now()
        changes = await asyncio.to_thread(lambda: [decode_change(row, now) for row in rows])
        numbers = [since, *(change.n for change in changes)]
        if any(left >= right for left, right in pairwise(numbers)):
            raise DataError("center.bad_change", reason="changes are out of order")
        return changes, said.get("more") is True

    # --- Taking -------------------------------------------------------------------------------------------------------
    async def _take(self, changes: Sequence[Change], head: SignedHead) -> int:
        found = []
        for change in changes:
            if not self._wants(change):
                continue
            try:
                await self._bring(change)
            except UnavailableError:
                raise  # not now; what was brought so far need not be brought again
            except OoderError as error:
                log.warning("%s of %s is not mirrored: %s", change.signed.release.ref, self._base, error)
                continue
            found.append(NewRelease(change.signed, change.item_text, head.agent_id))
        return await self._center.read(lambda: self._center.store.adopt(found)) if found else 0

    def _wants(self, change: Change) -> bool:
        ref = change.signed.release.ref
        owner = self._owners().get(namespace_of(ref.id), change.signed.key)
        return not change.mirrored_from and owner == change.signed.key and self._upstream.allows(ref)

    async def _bring(self, change: Change) -> None:
        """The package, unless it is here or nobody may have it any more."""
        release, packages = change.signed.release, self._center.packages
        if release.status in (Status.WITHDRAWN, Status.REVOKED) or await self._center.read(
            lambda: packages.has(release.package)
        ):
            return
        ref = release.ref
        path = await self._center.read(packages.incoming)
        try:
            address = self._base + places.download_path(ref.kind, ref.id, ref.version)
            request = HttpRequest(address, types=(), most=release.size, keep=False)
            await self._http.download(request, path, release.package)
            await asyncio.to_thread(check_package, path, change.item_text, release)
            await self._center.read(lambda: packages.keep(release.package, path))
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _revoke(self, head: SignedHead) -> None:
        """What the other registry revoked of what was taken from it."""
        said = _object(await self._registry.ask(places.REVOCATIONS))
        entries = open_revocations(str(said.get("list", "")), self._center.now(), head.key).entries
        store = self._center.store

        def work() -> None:
            ours = store.mirrored(head.agent_id, [one.what for one in entries]) - store.revoked().keys()
            for one in entries:
                if one.what in ours:
                    store.revoke(one.what, one.reason)

        if entries:
            await self._center.read(work)

    # --- Memory -------------------------------------------------------------------------------------------------------
    async def _remembered(self) -> _Memory:
        text = await self._center.read(lambda: self._center.store.note(f"mirror {self._base}"))
        if not text:
            return _Memory()
        said = json.loads(text)
        return _Memory(said["key"], said["seq"], said["n"], tuple(said["allow"]))

    async def _remember(self, memory: _Memory) -> None:
        said = {"key": memory.key, "seq": memory.seq, "n": memory.n, "allow": list(memory.allow)}
        text = json.dumps(said)
        await self._center.read(lambda: self._center.store.keep_note(f"mirror {self._base}", text))


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError("center.bad_change", reason="no object")
    return value
