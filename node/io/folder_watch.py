"""Noticing that something below some folders changed: inotify where the kernel has it, else a cheap look at times.

What it guarantees: after a change below a root, `changed` returns within a second (inotify) or one poll (2 s, or twenty times
what a look costs, so that polling never takes more than a twentieth of a core). It may return without a real change. It says
nothing about what changed: the scan that follows knows better.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from protocol import limits

_CLOSE_WRITE, _ATTRIB, _MOVED, _CREATE, _GONE = 0x8, 0x4, 0xC0, 0x100, 0xE00
_ONLY_FOLDER, _NO_FOLLOW, _IS_FOLDER, _OVERFLOW = 0x01000000, 0x02000000, 0x40000000, 0x4000
_WANTED = _CLOSE_WRITE | _ATTRIB | _MOVED | _CREATE | _GONE | _ONLY_FOLDER | _NO_FOLLOW
_EVENT = struct.Struct("iIII")
_POLL_SHARE = 20
_SETTLE_SECONDS = 0.2
_MISSING_ROOTS_SECONDS = 10.0


class FolderWatch:
    """Use as `async with FolderWatch(...) as watch: await watch.changed()`."""

    def __init__(self, roots: Sequence[Path], skipped: frozenset[str], poll_seconds: float) -> None:
        self._roots = roots
        self._skipped = skipped
        self._poll_seconds = poll_seconds
        self._kernel: _Inotify | None = None
        self._seen: int | None = None
        self._present: frozenset[Path] = frozenset()

    @property
    def polls(self) -> bool:
        """Whether changes are found by looking, not told by the kernel."""
        return self._kernel is None

    async def __aenter__(self) -> FolderWatch:
        try:
            self._kernel = _Inotify()
        except OSError:
            self._kernel = None
        await self._cover()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def changed(self) -> None:
        """Return when something below the roots may have changed since the last return (or since entering)."""
        while self._kernel:
            told = await self._kernel.wait(_MISSING_ROOTS_SECONDS)
            if told:
                await asyncio.sleep(_SETTLE_SECONDS)
                if self._kernel.drain():
                    await self._cover()
                return
            if self._present != await asyncio.to_thread(_present, self._roots):
                await self._cover()
                return
        await self._poll()

    async def _poll(self) -> None:
        pause = self._poll_seconds
        while True:
            await asyncio.sleep(pause)
            before, started = self._seen, time.monotonic()
            self._seen = await asyncio.to_thread(_fingerprint, self._roots, self._skipped)
            pause = max(self._poll_seconds, (time.monotonic() - started) * _POLL_SHARE)
            if self._seen != before:
                return

    async def _cover(self) -> None:
        """Watch every folder; when the kernel will not take them all, poll from now on."""
        self._present = await asyncio.to_thread(_present, self._roots)
        if self._kernel and not await asyncio.to_thread(self._kernel.add_all, self._roots, self._skipped):
            self._close()
        if not self._kernel:
            self._seen = await asyncio.to_thread(_fingerprint, self._roots, self._skipped)

    def _close(self) -> None:
        if self._kernel:
            self._kernel.close()
            self._kernel = None


class _Inotify:
    """The kernel's interface, by its three calls. Raises OSError where there is none."""

    def __init__(self) -> None:
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except (AttributeError, TypeError) as error:
            raise OSError(0, "no inotify") from error
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")

    def add_all(self, roots: Sequence[Path], skipped: frozenset[str]) -> bool:
        """Watch all folders below `roots` (known ones again, which is harmless); False when there are too many."""
        for count, folder in enumerate(_folders(roots, skipped)):
            if count >= limits.WATCHED_FOLDERS:
                return False
            added = self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), ctypes.c_uint32(_WANTED))
            if added < 0 and ctypes.get_errno() in (28, 12):  # ENOSPC: the user's watches are used up, ENOMEM
                return False
        return True

    async def wait(self, seconds: float) -> bool:
        """Whether an event came within `seconds`."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._descriptor, ready.set)
        try:
            async with asyncio.timeout(seconds):
                await ready.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._descriptor)
        return True

    def drain(self) -> bool:
        """Take all waiting events; whether one of them means that there may be new folders."""
        again = False
        try:
            while data := os.read(self._descriptor, 64 * limits.KIB):
                at = 0
                while at < len(data):
                    _, mask, _, name_bytes = _EVENT.unpack_from(data, at)
                    again = again or bool(mask & (_IS_FOLDER | _OVERFLOW | _GONE))
                    at += _EVENT.size + name_bytes
        except BlockingIOError:
            return again
        return again

    def close(self) -> None:
        os.close(self._descriptor)


def _present(roots: Sequence[Path]) -> frozenset[Path]:
    return frozenset(root for root in roots if root.is_dir())


def _folders(roots: Sequence[Path], skipped: frozenset[str]) -> Iterator[str]:
    for root in roots:
        top = os.fspath(root)
        for folder, below, _ in os.walk(top):
            deep = folder.count(os.sep) - top.count(os.sep) >= limits.FOLDER_DEPTH
            below[:] = [] if deep else [name for name in below if name not in skipped]
            yield folder


def _fingerprint(roots: Sequence[Path], skipped: frozenset[str]) -> int:
    """A number that changes when a name, size, time or mode below `roots` does."""
    seen: list[tuple[str, int, int, int]] = []
    for folder in _folders(roots, skipped):
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(seen) >= limits.FOLDER_ENTRIES:
                        return hash(tuple(seen))
                    status = entry.stat(follow_symlinks=False)
                    seen.append((entry.path, status.st_size, status.st_mtime_ns, status.st_mode))
        except OSError:
            seen.append((folder, -1, 0, 0))  # unreadable or gone: that, too, is something to notice
    return hash(tuple(sorted(seen)))
