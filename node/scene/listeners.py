"""Whose socket listens on a loopback port: a program that answers in place of ours must not get our calls (SECURITY 5.7)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"
_PROC = Path("/proc")


def is_listener_of(port: int, ancestor: int) -> bool:
    """Whether a process at or below `ancestor` holds the socket that listens on `port`. Linux; elsewhere always True."""
    if not (_PROC / "net/tcp").exists():
        return True
    wanted = {f"socket:[{inode}]" for inode in _listening(port)}
    return any(target in wanted for pid in _below(ancestor) for target in _sockets(pid))


def _listening(port: int) -> Iterator[str]:
    """Inodes of the sockets that listen on a port."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTEN and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def _below(ancestor: int) -> Iterator[int]:
    waiting = [ancestor]
    while waiting:
        pid = waiting.pop()
        yield pid
        with suppress(OSError):
            for task in (_PROC / str(pid) / "task").iterdir():
                waiting.extend(int(word) for word in (task / "children").read_text("ascii").split())


def _sockets(pid: int) -> Iterator[str]:
    with suppress(OSError):
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                yield os.readlink(entry)  # noqa: PTH115 - a socket's name is no path
