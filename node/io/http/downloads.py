"""Large bodies into files: in constant memory, resumed by Range when a connection breaks, checked against a digest (SECURITY T18)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from dataclasses import replace
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


async def download(client: HttpClient, request: HttpRequest, path: Path, sha256: str) -> Downloaded:
    """See `sources.ports.Http.download`."""
    target = read_target(request.url)
    seconds = request.total_s or client.bounds.total_s + request.most / limits.HTTP_SLOWEST
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "w+b")
    except OSError as error:
        raise StorageError("http.no_storage", path=str(path), reason=error.strerror or "?") from None
    done = False
    try:
        with file:
            async with asyncio.timeout(seconds):
                found = await _Download(client, request, target, file).run()
        if sha256 and found.sha256 != sha256:
            raise IntegrityError("http.wrong_digest", url=target.shown, wanted=sha256, found=found.sha256)
        done = True
        return found
    except TimeoutError:
        raise UnavailableError("http.timed_out", url=target.shown, seconds=round(seconds, 1)) from None
    finally:
        if not done:
            await asyncio.to_thread(path.unlink, missing_ok=True)


class _Download:
    """One file on its way."""

    def __init__(self, client: HttpClient, request: HttpRequest, target: Target, file: BinaryIO) -> None:
        self._client, self._request, self._target, self._file = client, request, target, file
        self._hash = hashlib.sha256()
        self._size = 0
        self._etag = ""
        self._total = 0
        self._resumed = 0
        self._last: tuple[str, Heads] = ("", {})

    async def run(self) -> Downloaded:
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
        if self._size and self._etag:
            extra |= {"Range": f"bytes={self._size}-", "If-Range": self._etag}
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
        other = heads.get("etag", self._etag) != self._etag or bool(self._total and total != self._total)
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
