"""One tree from several peers at once: in pieces, resumed, checked file by file, not faster than allowed.

What it guarantees: only files that give the digest asked for are handed on, whoever sent their pieces; a piece that broke off goes
on where it stopped, at another peer if there is one; a peer that fails three times, refuses or lies is not asked again for
this tree; memory is bounded by the size of an item. What it leaves to others: which peers may be asked (`check_point`, deliverer), how
one answer is bounded (`Giver`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.install.hashed import Hashed, HashedFile
from node.io.partials import Journal
from protocol import limits
from protocol.digest import TreeFile, in_order, tree_digest
from protocol.errors import DataError, IntegrityError, OoderError

FAILURES = 3
_SMALL = 64 * limits.KIB  # bytes that are hashed more quickly than a thread is told to
_BATCH = 512 * limits.KIB  # bytes that are worth a thread while more come


class Giver(Protocol):
    """One peer that may have the tree."""

    async def listing(self) -> Mapping[str, Any]:
        """What it lists. Raises OoderErrors only."""

    def piece(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end` of all files end to end, sorted by path, no more. Raises OoderErrors only."""


class Pace:
    """At most `rate` bytes per second in all; 0 = as fast as they come."""

    def __init__(self, rate: float) -> None:
        self._rate, self._free = rate, 0.0

    async def take(self, size: int) -> None:
        """Wait until so many bytes are allowed."""
        if self._rate <= 0:
            return
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now) + size / self._rate
        if self._free > now + 0.02:
            await asyncio.sleep(self._free - now)


@dataclass(slots=True)
class _Piece:
    """Part of a file; `start` moves on with the `parts` that came."""

    file: _File
    start: int
    end: int
    parts: deque[bytes] = field(default_factory=deque)  # not hashed yet


@dataclass(slots=True)
class _File:
    """A file on its way. What came is hashed on a thread while more comes, by one thread at a time (`hashing`)."""

    listed: TreeFile
    at: int  # where it begins in the tree
    pieces: deque[_Piece] = field(default_factory=deque)  # in order; those hashed are gone
    left: int = 0  # pieces that are not whole yet
    recalled: bool = False  # whether some of it is from an earlier process
    givers: set[int] = field(default_factory=set)
    content: Hashed = field(default_factory=Hashed)
    fresh: int = 0  # bytes since a thread was told
    hashing: asyncio.Future[None] | None = None

    def cut(self, step: int) -> list[_Piece]:
        """Into pieces of `step` bytes, to be fetched from the beginning."""
        size = self.listed.size
        starts = range(0, max(1, size), step)
        pieces = [_Piece(self, start, min(size, start + step)) for start in starts]
        self.pieces, self.left, self.content, self.fresh = deque(pieces), len(pieces), Hashed(), 0
        self.givers.clear()
        self.recalled = False
        return pieces

    def came(self, size: int) -> None:
        """So many bytes more; let a thread hash what is in order, once it is worth it."""
        self.fresh += size
        if self.fresh >= _BATCH and (self.hashing is None or self.hashing.done()):
            self.fresh = 0
            self.hashing = asyncio.get_running_loop().run_in_executor(None, self.absorb)

    def absorb(self) -> None:
        """Hash what is there in order, up to the first gap."""
        while self.pieces:
            piece = self.pieces[0]
            whole = piece.start == piece.end  # looked at before the parts: it moves on after them
            while piece.parts:
                self.content.add(piece.parts.popleft())
            if not whole:
                return
            self.pieces.popleft()

    async def is_right(self) -> bool:
        """Whether the bytes, now that all pieces are whole, are those that were listed."""
        if self.hashing is not None:
            await self.hashing
        if self.fresh > _SMALL:
            await asyncio.to_thread(self.absorb)
        else:
            self.absorb()
        return (self.content.size, self.content.sha256) == (self.listed.size, self.listed.sha256)


_Run = deque[_Piece]
"""Pieces that lie end to end and are asked for together."""


def _runs(files: Sequence[_File], step: int) -> Iterator[_Run]:
    """All files, in runs of about `step` bytes."""
    run: _Run = deque()
    size = 0
    for file in files:
        for piece in file.cut(step):
            run.append(piece)
            size += piece.end - piece.start
            if size >= step:
                yield run
                run, size = deque(), 0
    if run:
        yield run


def _recall(runs: Iterable[_Run], parts: Sequence[tuple[int, bytes]]) -> None:
    """Put in what came before, as far as each run goes on with it. `parts` are bytes of the tree and where they begin, in order."""
    starts = [at for at, _ in parts]
    for run in runs:
        for piece in run:
            while piece.start < piece.end:
                wanted = piece.file.at + piece.start
                at, data = parts[number] if (number := bisect_right(starts, wanted) - 1) >= 0 else (wanted, b"")
                part = data[wanted - at : wanted - at + piece.end - piece.start]
                if not part:
                    break
                piece.parts.append(part)
                piece.start += len(part)
                piece.file.fresh += len(part)
                piece.file.recalled = True
            if piece.start < piece.end:
                break


class TreeFetch:
    """One tree. `givers` are asked in this order for the list, and all at once for pieces."""

    def __init__(self, givers: Sequence[Giver], digest: str, pace: Pace, journal: Journal | None = None) -> None:
        self._givers, self._digest, self._pace, self._journal = list(givers), digest, pace, journal
        self._began = asyncio.get_running_loop().time()
        self._failures: dict[int, int] = {}
        self._errors: list[OoderError] = []
        self._waiting: deque[_Run] = deque()
        self._files: list[_File] = []
        self._left = 0
        self._moved = asyncio.Condition()

    async def run(self) -> list[HashedFile]:
        """The files. Raises the first error when no peer is left to ask."""
        step = limits.PEER_PIECE if len(self._givers) > 1 else limits.ITEM_BYTES
        at = 0
        for listed in in_order(await self._list()):
            self._files.append(_File(listed, at))
            at += listed.size
        self._left = len(self._files)
        self._waiting.extend(_runs(self._files, step))
        if self._journal is not None:
            _recall(self._waiting, await asyncio.to_thread(self._journal.load))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(limits.PEER_REQUESTS):
                    for number in range(len(self._givers)):
                        group.create_task(self._work(number))
        finally:
            if self._journal is not None and self._left:
                await asyncio.to_thread(self._journal.write)
        if self._left:
            raise self._why()
        return [HashedFile(file.listed.path, file.listed.executable, file.content) for file in self._files]

    # --- the list ----------------------------------------------------------------------------------------------------

    async def _list(self) -> list[TreeFile]:
        for number, giver in enumerate(self._givers):
            try:
                return read_listing(await giver.listing(), self._digest)
            except OoderError as error:
                self._errors.append(error)
                self._failures[number] = FAILURES
        raise self._why()

    # --- the work ----------------------------------------------------------------------------------------------------

    async def _work(self, number: int) -> None:
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._waiting or not self._left or not self._able(number))
                if not self._left or not self._able(number):
                    return
                run = self._waiting.popleft()
            try:
                await self._bring(number, run)
            except OoderError as error:
                self._fail(number, error)
                self._waiting.append(run)
            async with self._moved:
                self._moved.notify_all()

    async def _bring(self, number: int, run: _Run) -> None:
        """Fetch what is left of a run; pieces that are whole leave it."""
        await self._whole(number, run)
        if not run:
            return
        async for chunk in self._givers[number].piece(run[0].file.at + run[0].start, run[-1].file.at + run[-1].end):
            rest, at = chunk, run[0].file.at + run[0].start
            while rest:
                piece = run[0]
                part, rest = rest[: piece.end - piece.start], rest[piece.end - piece.start :]
                piece.file.givers.add(number)
                piece.parts.append(part)
                piece.start += len(part)
                piece.file.came(len(part))
                await self._whole(number, run)
            await self._note(at, chunk)
            await self._pace.take(len(chunk))

    async def _note(self, at: int, chunk: bytes) -> None:
        """For a later process, if this one should not come to the end."""
        journal = self._journal
        if journal is None or asyncio.get_running_loop().time() - self._began < journal.after:
            return
        if journal.add(at, chunk):
            await asyncio.to_thread(journal.write)

    async def _whole(self, number: int, run: _Run) -> None:
        """Take the pieces off that are whole."""
        while run and run[0].start == run[0].end:
            await self._came(number, run.popleft())

    async def _came(self, number: int, piece: _Piece) -> None:
        """A piece is whole; with the last one the file is judged. Raises IntegrityError when this peer alone sent other bytes."""
        file = piece.file
        file.left -= 1
        if file.left:
            return
        if await file.is_right():
            self._left -= 1
            return
        blamed = len(file.givers) <= 1 and not file.recalled
        # Anew, in one piece: then it is known who sends other bytes.
        self._waiting.append(deque(file.cut(limits.ITEM_FILE_BYTES)))
        if blamed:
            raise IntegrityError("install.wrong_digest", ref=file.listed.path, wanted=self._digest, found="other bytes")

    def _able(self, number: int) -> bool:
        return self._failures.get(number, 0) < FAILURES

    def _fail(self, number: int, error: OoderError) -> None:
        final = isinstance(error, IntegrityError) or error.code == "peer.refused"
        self._failures[number] = self._failures.get(number, 0) + (FAILURES if final else 1)
        self._errors.append(error)

    def _why(self) -> OoderError:
        """A lie is worth more than a silence."""
        return next((each for each in self._errors if isinstance(each, IntegrityError)), self._errors[0])


def read_listing(body: Mapping[str, Any], digest: str) -> list[TreeFile]:
    """The files a peer lists, if they are the tree that was asked for and within the limits of an item."""
    rows = body.get("files")
    if not isinstance(rows, list) or len(rows) > limits.ITEM_FILES:
        raise DataError("offer.malformed", reason="files")
    try:
        files = [
            TreeFile(str(row["path"]), row["executable"] is True, int(row["size"]), str(row["digest"])[7:])
            for row in rows
        ]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise DataError("offer.malformed", reason="a file") from None
    if any(file.size > limits.ITEM_FILE_BYTES for file in files) or sum(f.size for f in files) > limits.ITEM_BYTES:
        raise DataError("offer.malformed", reason="larger than an item may be")
    found = tree_digest(files)
    if found != digest:
        raise IntegrityError("install.wrong_digest", ref="-", wanted=digest, found=found)
    return files
