"""Sends the files of a shared tree end to end, as one answer with ranges: one request for a package of one file or of thousands.

Guarantees: never more bytes than were promised, and a connection that breaks where a file turned out shorter, so that nobody takes
part of a tree for all of it; large files go from the disk to the network inside the kernel, small ones together in few writes; who
takes less than `limits.PEER_SLOWEST` is dropped. Leaves to others: what may be sent, and that the bytes are right (who asked checks).
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from aiohttp import web

from protocol import limits
from protocol.errors import UsageError

_SMALL = 64 * limits.KIB  # bytes that are rather read than sent from the disk
_TOGETHER = 256 * limits.KIB  # bytes of small files in one write
_SECONDS = limits.PEER_PIECE / limits.PEER_SLOWEST


class Span(NamedTuple):
    """So many bytes of a file."""

    path: Path
    start: int
    size: int


def spans_of(files: Sequence[tuple[Path, int]], start: int, end: int) -> Iterator[Span]:
    """What lies from `start` to `end` of all files end to end, in parts of at most `limits.PEER_PIECE`."""
    at = 0
    for path, size in files:
        begin, stop = max(start - at, 0), min(end - at, size)
        for one in range(begin, stop, limits.PEER_PIECE):
            yield Span(path, one, min(limits.PEER_PIECE, stop - one))
        at += size


async def send_files(
    request: web.Request, files: Sequence[tuple[Path, int]], read: Callable[[Callable[[], bytes]], Awaitable[bytes]]
) -> web.StreamResponse:
    """Answer with the bytes of `files` (path, size), or with the range that is asked for. Raises UsageError `api.bad_request`."""
    total = sum(size for _, size in files)
    start, end = _range(request, total)
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"})
    response.content_length = end - start
    if "Range" in request.headers:
        response.set_status(206)
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
    await response.prepare(request)
    try:
        if request.method != "HEAD":
            await _send(request, response, list(spans_of(files, start, end)), read)
        await response.write_eof()
    except (OSError, EOFError, TimeoutError) as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("a shared file cannot be sent") from error
    return response


def _range(request: web.Request, total: int) -> tuple[int, int]:
    try:
        start, end, _ = request.http_range.indices(total)
    except ValueError:
        start = end = total
    if start >= end and "Range" in request.headers:
        raise UsageError("api.bad_request", name="Range", reason=f"not within {total} bytes")
    return start, end


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    spans: list[Span],
    read: Callable[[Callable[[], bytes]], Awaitable[bytes]],
) -> None:
    small: list[Span] = []
    for span in [*spans, None]:
        if small and (span is None or span.size > _SMALL or sum(one.size for one in small) > _TOGETHER):
            data = await read(lambda now=tuple(small): b"".join(map(_bytes, now)))  # type: ignore[misc]
            small.clear()
            async with asyncio.timeout(_SECONDS):
                await response.write(data)
        if span is not None and span.size > _SMALL:
            async with asyncio.timeout(_SECONDS):
                await _send_large(request, span)
        elif span is not None:
            small.append(span)


async def _send_large(request: web.Request, span: Span) -> None:
    if request.transport is None:
        raise ConnectionResetError("the other side is gone")
    with _open(span.path) as file:
        sent = await asyncio.get_running_loop().sendfile(request.transport, file, span.start, span.size)
    if sent != span.size:
        raise EOFError(span.path)


def _bytes(span: Span) -> bytes:
    with _open(span.path) as file:
        file.seek(span.start)
        data = file.read(span.size)
    if len(data) != span.size:
        raise EOFError(span.path)
    return data


def _open(path: Path) -> BinaryIO:
    """A regular file and no link."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("no regular file")
    return file
