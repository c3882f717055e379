"""A disk that loses power: which states can a recorded run of operations leave behind?

The model: the content of a file is what it was when it was last synced, or any mixture of that and what was written since (cut
short, or not there at all). A name in a folder is there for good once that folder was synced; names that were not synced may be
there or not, but of one folder's changes only a first part (a journal). A rename between two folders is one change of both.

>>> machine = Machine(home_before, recorded_ops)                            # doctest: +SKIP
>>> machine.write_state(machine.state(after=40, random=Random(1)), target)  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from node.install.files import Op


@dataclass
class _File:
    content: bytes = b""
    synced: bytes = b""
    executable: bool = False


@dataclass(frozen=True)
class _Change:
    """One change of names: (folder, name, new inode or None)."""

    at: int
    edits: tuple[tuple[int, str, int | None], ...]

    @property
    def folders(self) -> tuple[int, ...]:
        return tuple(edit[0] for edit in self.edits)


@dataclass
class State:
    """The names and contents found after power came back; folder inode -> name -> inode."""

    folders: dict[int, dict[str, int]]
    content: dict[int, bytes] = field(default_factory=dict)
    executable: frozenset[int] = frozenset()

    def key(self, at: int = 0) -> tuple[object, ...]:
        """Equal for equal trees."""
        names = self.folders[at]
        return tuple(
            (name, self.key(names[name]) if names[name] in self.folders else self.content[names[name]])
            for name in sorted(names)
        )


class Machine:
    """A home as it was, and the operations that were done on it."""

    def __init__(self, before: Path, after: Path, ops: Sequence[Op]) -> None:
        self._ops = ops
        self._root = str(after)
        self._files: dict[int, _File] = {}
        self._base: dict[int, dict[str, int]] = {}
        self._count = 0
        self._load(before)

    def _load(self, folder: Path) -> int:
        inode = self._next()
        self._base[inode] = {}
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                self._base[inode][path.name] = self._load(path)
            else:
                child = self._next()
                data = path.read_bytes()
                self._files[child] = _File(data, data, os.access(path, os.X_OK))
                self._base[inode][path.name] = child
        return inode

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    def state(self, after: int, random: Random, *, journal: bool) -> State:
        """One state that a power loss after `after` operations can leave; `journal`: names are lost in global order only."""
        count = self._count
        files = {inode: _File(f.content, f.synced, f.executable) for inode, f in self._files.items()}
        live = {inode: dict(names) for inode, names in self._base.items()}
        changes: list[_Change] = []
        forced: set[int] = set()
        for at, op in enumerate(self._ops[:after]):
            self._run(at, op, live, files, changes, forced)
        self._count = count
        kept = self._chosen(changes, forced, random, journal=journal)
        folders = {inode: dict(self._base.get(inode, {})) for inode in live}
        for change in kept:
            for folder, name, inode in change.edits:
                if inode is None:
                    folders[folder].pop(name, None)
                else:
                    folders[folder][name] = inode
        executable = frozenset(inode for inode, file in files.items() if file.executable)
        return State(folders, {inode: _torn(file, random) for inode, file in files.items()}, executable)

    def _find(self, path: str, live: dict[int, dict[str, int]]) -> int:
        inode = 0
        for part in os.path.relpath(path, self._root).split("/"):
            inode = inode if part == "." else live[inode][part]
        return inode

    def _run(
        self,
        at: int,
        op: Op,
        live: dict[int, dict[str, int]],
        files: dict[int, _File],
        changes: list[_Change],
        forced: set[int],
    ) -> None:
        parent, name = os.path.split(os.path.normpath(op.path))
        if op.kind == "write":
            files[self._find(op.path, live)].content += bytes(op.data)
        elif op.kind == "sync":
            file = files[self._find(op.path, live)]
            file.synced = file.content
        elif op.kind == "sync_folder":
            folder = self._find(op.path, live)
            _force({folder}, changes, forced)
        else:
            folder = self._find(parent, live)
            edits: list[tuple[int, str, int | None]] = []
            if op.kind in ("mkdir", "create"):
                inode = self._next()
                edits.append((folder, name, inode))
                if op.kind == "mkdir":
                    live[inode] = {}
                else:
                    files[inode] = _File(executable=op.target == "700")
            elif op.kind == "link":
                edits.append((folder, name, self._find(op.target, live)))
            elif op.kind in ("unlink", "rmdir"):
                edits.append((folder, name, None))
            else:
                to, new = os.path.split(op.target)
                edits += [(folder, name, None), (self._find(to, live), new, live[folder][name])]
            for place, entry, value in edits:
                if value is None:
                    live[place].pop(entry)
                else:
                    live[place][entry] = value
            changes.append(_Change(at, tuple(edits)))

    def _chosen(self, changes: list[_Change], forced: set[int], random: Random, *, journal: bool) -> list[_Change]:
        last = changes[-1].at if changes else 0
        cut = random.randint(0, last + 1)
        cuts: dict[int, int] = {}
        stopped: set[int] = set()
        kept = []
        for change in changes:
            if journal:
                wanted = change.at < cut
            else:
                limits = [
                    cuts.setdefault(folder, random.choice((0, last + 1, random.randint(0, last + 1))))
                    for folder in change.folders
                ]
                wanted = change.at < min(limits) and not stopped.intersection(change.folders)
            if change.at in forced or wanted:
                kept.append(change)
            else:
                stopped.update(change.folders)
        return kept

    def write_state(self, state: State, target: Path, at: int = 0) -> None:
        """Put a state on a real disk."""
        target.mkdir(mode=0o700)
        for name, inode in state.folders[at].items():
            if inode in state.folders:
                self.write_state(state, target / name, inode)
            else:
                (target / name).write_bytes(state.content[inode])
                os.chmod(target / name, 0o700 if inode in state.executable else 0o600)


def _force(folders: set[int], changes: list[_Change], forced: set[int]) -> None:
    """A synced folder keeps all its changes so far, and with each of them what came before it in the other folder."""
    for change in reversed(changes):
        if folders.intersection(change.folders):
            forced.add(change.at)
            folders.update(change.folders)


def _torn(file: _File, random: Random) -> bytes:
    if file.content == file.synced:
        return file.content
    return random.choice(
        (file.synced, file.content, file.content[: random.randint(0, len(file.content))], bytes(len(file.content)))
    )
