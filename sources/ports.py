"""The narrow openings through which sources reach the world. `node/io` implements them for real, `tests/fakes` in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Protocol

from protocol import limits

if TYPE_CHECKING:  # named in signatures only; a source pays for what it uses itself
    from protocol.git_rules import CommitNote, RepoUrl, Tip, Tree
    from protocol.http.breaker import Health
    from protocol.http.exchange import Downloaded, HttpAnswer, HttpRequest
    from protocol.items import Json
    from protocol.skill_center.revocations import Revocation


class Clock(Protocol):
    """Wall time for records and disk, loop time for waits; never mixed."""

    def wall(self) -> float:
        """Seconds since 1970; never smaller than a time this node has already written down."""

    def loop(self) -> float:
        """Seconds of the event loop, for waits only."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class Places(Protocol):
    """What this node already knows of an origin."""

    def known(self, source: str, origin: str) -> Mapping[str, str]:
        """place -> signature, as given in the last `Reading`s."""

    def count(self, source: str, origin: str) -> int:
        """How many places are known; quick."""


class Memory(Protocol):
    """What a source must not forget, beside what it reported: small, and on disk before anything is built on it."""

    async def load(self, name: str) -> Mapping[str, Json]:
        """What was kept under a name; empty where nothing was, or it is spoilt."""

    async def keep(self, name: str, values: Mapping[str, Json]) -> None:
        """Replace it; on the disk when this returns. Raises StorageError `home.unwritable`."""


class RevocationLists(Protocol):
    """Where the lists of registries are kept, and obeyed."""

    async def seq(self, owner: str) -> int:
        """The sequence of the list kept of an owner, 0 = none."""

    async def keep(self, owner: str, seq: int, entries: Sequence[Revocation]) -> None:
        """Replace the list of an owner; on the disk when this returns. Raises StorageError `home.unwritable`."""


async def always_room() -> None:
    """There is room."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every source gets when it is made. Ports for one mechanism are passed by the factory, not from here."""

    clock: Clock
    places: Places
    home: Path
    random: Random
    room: Callable[[], Awaitable[None]] = always_room
    """Waits until what was said has been taken in far enough that some thousand more reports have room."""


@dataclass(frozen=True, slots=True)
class GitBounds:
    """Bounds of one git source. `tip_s` and `transfer_s` are seconds for asking and for fetching; sizes are bytes."""

    tip_s: float = 20.0
    transfer_s: float = 60.0
    pack_bytes: int = limits.GIT_PACK_BYTES
    mirror_bytes: int = limits.GIT_MIRROR_BYTES
    tree_entries: int = limits.GIT_TREE_ENTRIES
    ca_file: str = ""


class Git(Protocol):
    """Repositories on the other side of git. All methods raise OoderErrors only: `git.unreachable`, `git.timeout`, `git.busy`,
    `git.missing` (UnavailableError), `git.too_large`, `git.too_many_files`, `git.bad_answer` (DataError),
    `git.hostile_objects` (IntegrityError), `git.storage` (StorageError)."""

    async def tip(self, url: RepoUrl, ref: str) -> Tip | None:
        """What `ref` ("" = the default branch) points at now; None when the repository is empty. One connection.
        Raises also NotFoundError `git.no_such_ref`."""

    async def tree(self, url: RepoUrl, tip: Tip) -> Tree:
        """Everything the commit contains, by name; no content is fetched."""

    async def blobs(self, url: RepoUrl, commit: str, oids: Sequence[str], most: int) -> Mapping[str, bytes | int]:
        """Contents by object id; the size instead for those over `most` bytes; what cannot be had is left out.
        One connection for all that are not here yet."""

    async def rewritten(self, url: RepoUrl, old: str, new: str) -> bool | None:
        """Whether commit `old` is no ancestor of `new`; None when that lies too far back to say."""

    async def describe(self, url: RepoUrl, commit: str) -> CommitNote:
        """Who made `commit`, when and why."""

    def local_owner(self, url: RepoUrl) -> int | None:
        """The user id of this process if `url` is a file repository that it owns and not everybody can write, else None."""


class Http(Protocol):
    """Servers on the other side of HTTP, within the bounds it was made for (`protocol.http.exchange.HttpBounds`).

    All methods raise OoderErrors only. UnavailableError: `http.unreachable`, `http.untrusted` (TLS), `http.timed_out`, `http.broken`,
    `http.failed` (5xx), `http.refused` (other 4xx), `http.denied` (no valid key), `http.rate_limited` and `http.resting` (both with
    `retry_after`). NotFoundError `http.not_found`. DataError `http.bad_url`, `http.too_large`, `http.wrong_type`,
    `http.redirected_away`. PolicyError `http.forbidden_address`, `http.redirected_away`. UsageError `http.bad_key`, `http.bad_authority`.
    """

    async def ask(self, request: HttpRequest) -> HttpAnswer:
        """One whole answer, within `request.most` bytes and its seconds, retries and redirects included."""

    async def download(
        self, request: HttpRequest, path: Path, sha256: str = "", *, going_on: bool = False
    ) -> Downloaded:
        """A body into the new file `path`, resumed when a connection breaks; nothing is left there unless it is whole. With
        `going_on` what came is left there with a note when the wire fails or the process ends, and a later call goes on with
        it. Raises also IntegrityError `http.wrong_digest`, StorageError `http.no_storage`."""

    def socket(self, request: HttpRequest) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Text messages of a WebSocket (`ws:`, `wss:`), `request.body` being the first one said. The iterator ends when the other
        side ends it, and raises `http.broken` when the connection dies."""

    def health(self, url: str) -> Health:
        """How the origin of `url` did in the last minute."""
