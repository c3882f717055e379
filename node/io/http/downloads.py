"""Large bodies into files: in constant memory, resumed by Range when a connection breaks, checked against a digest (SECURITY T18).

A download that may go on later writes a note beside its file: size and SHA-256 of what is there, and of which answer it is. The next
process hashes the file from the start and goes on only if that is what the note says; when the whole is wrong, it begins anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from node.io.http.bodies import pieces
from node.io.http.hop import heads_of
from protocol import limits
from protocol.errors import DataError, IntegrityError, OoderError, StorageError, UnavailableError
from protocol.http.exchange import Downloaded, HttpRequest, Target, read_target
from protocol.http.heads import Heads
from protocol.http.retry import delay

if TYPE_CHECKING:
    from node.io.http.door import HttpClient

AGAIN = frozenset({"http.unreachable", "http.timed_out", "http.broken", "http.failed"})
_WRITE = 512 * limits.KIB
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class _Begun:
    """What an earlier process left: the hash of the first `size` bytes of the file, and of which answer they are."""

    content: hashlib._Hash
    size: int
    total: int
    etag: str


async def download(
    client: HttpClient, request: HttpRequest, path: Path, sha256: str, *, going_on: bool = False
) -> Downloaded:
    """See `sources.ports.Http.download`."""
    begun = await asyncio.to_thread(_begun, path, request.most) if going_on else None
    if begun is not None:
        try:
            return await _download(client, request, path, sha256, begun, going_on=True)
        except OoderError as error:
            # What was there was of another file, or damaged.
            if not isinstance(error, IntegrityError) and error.params.get("status") != 416:
                raise
    if going_on:
        await asyncio.to_thread(_remove, path)
    return await _download(client, request, path, sha256, None, going_on=going_on)


async def _download(
    client: HttpClient, request: HttpRequest, path: Path, sha256: str, begun: _Begun | None, *, going_on: bool
) -> Downloaded:
    target = read_target(request.url)
    seconds = request.total_s or client.bounds.total_s + request.most / limits.HTTP_SLOWEST
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if begun is None else 0)
    try:
        file = os.fdopen(os.open(path, flags, 0o600), "r+b")
    except OSError as error:
        raise StorageError("http.no_storage", path=str(path), reason=error.strerror or "?") from None
    keep = False
    try:
        with file:
            work = _Download(client, request, target, file, path if going_on else None, promised=bool(sha256))
            async with asyncio.timeout(seconds):
                found = await work.run(begun)
        if sha256 and found.sha256 != sha256:
            raise IntegrityError("http.wrong_digest", url=target.shown, wanted=sha256, found=found.sha256)
        keep = True
        return found
    except TimeoutError:
        keep = going_on
        raise UnavailableError("http.timed_out", url=target.shown, seconds=round(seconds, 1)) from None
    except (UnavailableError, asyncio.CancelledError):
        keep = going_on
        raise
    finally:
        if not keep:
            await asyncio.to_thread(_remove, path)


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.note")


def _remove(path: Path) -> None:
    for one in (path, _note(path)):
        one.unlink(missing_ok=True)


def _begun(path: Path, most: int) -> _Begun | None:
    """What an earlier process left, if it is what its note says. A whole file lacks its last byte, so that somebody is asked."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        said = json.loads(_note(path).read_bytes()[: limits.HTTP_HEAD_BYTES])
        size, total, etag = int(said["size"]), int(said["total"]), str(said["etag"])
        if not 0 < size <= most:
            return None
        content, left = hashlib.sha256(), size - 1
        with path.open("r+b") as file:
            while left and (part := file.read(min(left, _WRITE))):
                content.update(part)
                left -= len(part)
            before = content.copy()
            content.update(file.read(1))
            if left or content.hexdigest() != said["sha256"]:
                return None
            if size == total:
                content, size = before, size - 1
            file.truncate(size)
        return _Begun(content, size, total, etag) if size else None
    return None


class _Download:
    """One file on its way. `noted` is where it lies if a later process may go on with it; `promised`: its digest is known."""

    def __init__(
        self,
        client: HttpClient,
        request: HttpRequest,
        target: Target,
        file: BinaryIO,
        noted: Path | None,
        *,
        promised: bool,
    ) -> None:
        self._client, self._request, self._target, self._file = client, request, target, file
        self._noted, self._promised = noted, promised
        self._hash = hashlib.sha256()
        self._size = 0
        self._etag = ""
        self._total = 0
        self._resumed = 0
        self._last: tuple[str, Heads] = ("", {})

    async def run(self, begun: _Begun | None) -> Downloaded:
        """The whole file; `begun` is there already."""
        if begun is not None and (begun.etag or self._promised):
            self._hash, self._size, self._total = begun.content, begun.size, begun.total
            self._etag = "" if self._promised else begun.etag  # another copy of the same bytes has another mark
            self._file.seek(self._size)
            self._resumed = 1
        failures = 0
        budget = self._client.budget(self._target)
        budget.asked()
        while True:
            before = self._size
            try:
                await self._piece()
                break
            except OoderError as error:
                failures = 1 if self._size > before else failures + 1
                if error.code not in AGAIN or failures >= limits.HTTP_TRIES or not budget.spend():
                    raise
                if self._resumed >= limits.HTTP_RESUMES:
                    raise
            await self._client.door.clock.sleep(delay(failures, self._client.door.random.random()))
            self._resumed += 1
        url, heads = self._last
        return Downloaded(url, heads, self._size, self._hash.hexdigest(), self._resumed)

    async def _piece(self) -> None:
        """What is still missing, in one request."""
        extra = {"Accept-Encoding": "identity"}
        if self._size and (self._etag or self._promised):
            extra |= {"Range": f"bytes={self._size}-"} | ({"If-Range": self._etag} if self._etag else {})
        request = replace(self._request, keep=False, answers=self._request.answers | {206})
        async with self._client.opened(request, self._target, extra) as (answer, at):
            heads = heads_of(answer)
            self._last = at.url, heads
            if answer.status == 206:
                self._check_range(heads, at)
            else:
                await self._start_over(heads)
            waiting = bytearray()
            try:
                async for piece in pieces(answer, at, self._request.most - self._size):
                    waiting += piece
                    if len(waiting) >= _WRITE:
                        data, waiting = waiting, bytearray()
                        await self._take(data)
            finally:
                self._write(waiting)  # also what came before it broke: the next piece begins there
        if self._total and self._size != self._total:
            raise UnavailableError("http.broken", url=at.shown, reason=f"{self._size} of {self._total} bytes")

    async def _start_over(self, heads: Heads) -> None:
        await asyncio.to_thread(self._reset)
        coded = heads.get("content-encoding", "identity").strip().lower() not in ("", "identity")
        etag = heads.get("etag", "")
        self._etag = etag if etag.startswith('"') and not coded else ""
        said = heads.get("content-length", "")
        self._total = int(said) if said.isdigit() and len(said) < 18 and not coded else 0

    def _reset(self) -> None:
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise StorageError("http.no_storage", path=self._file.name, reason=error.strerror or "?") from None
        self._hash, self._size = hashlib.sha256(), 0

    def _check_range(self, heads: Heads, at: Target) -> None:
        """A piece that does not begin where ours ends, or is of another file, spoils all: it begins anew."""
        found = _RANGE.fullmatch(heads.get("content-range", "").strip())
        coded = heads.get("content-encoding", "identity").strip().lower() not in ("", "identity")
        total = int(found[3]) if found and found[3] != "*" else self._total
        marked = heads.get("etag", self._etag) if self._etag else ""
        other = marked != self._etag or bool(self._total and total != self._total)
        if not self._size or found is None or coded or other or int(found[1]) != self._size:
            self._etag = ""
            self._reset()
            raise UnavailableError("http.broken", url=at.shown, reason="another piece than was asked for")
        if total > self._request.most:
            raise DataError("http.too_large", url=at.shown, limit=self._request.most)

    async def _take(self, data: bytearray) -> None:
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytearray) -> None:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise StorageError("http.no_storage", path=self._file.name, reason=error.strerror or "?") from None
        self._hash.update(data)
        self._size += len(data)
        if self._noted is not None and data:
            self._take_note(_note(self._noted))

    def _take_note(self, path: Path) -> None:
        """What is there now; a disk that does not take the note costs only the going on."""
        said = {"size": self._size, "sha256": self._hash.hexdigest(), "etag": self._etag, "total": self._total}
        fresh = path.with_name(f"{path.name}.new")
        with suppress(OSError):
            fresh.write_text(json.dumps(said), "ascii")
            fresh.replace(path)
