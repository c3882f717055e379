"""Disks that count, die, refuse, forget and remember: `Files` with another `do`.

>>> disk = Counting()
>>> with disk.open("/tmp") as folder: pass
>>> disk.ops
[]
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TypeVar

from node.install.files import Files, Op

T = TypeVar("T")
SYNCS = ("sync", "sync_folder")


class Lazy(Files):
    """Does everything but wait for the disk: what a process that is killed, unlike a machine that loses power, sees."""

    def do(self, op: Op, act: Callable[[], T]) -> T:
        return None if op.kind in SYNCS else act()  # type: ignore[return-value]


class Counting(Lazy):
    """Remembers the operations, in order. `data` is copied, so that they can be replayed (`tests.fakes.power`)."""

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def do(self, op: Op, act: Callable[[], T]) -> T:
        done = super().do(op, act)
        self.ops.append(op._replace(data=bytes(op.data)))
        return done


class Killing(Lazy):
    """The process dies, as by kill -9, right before operation number `at` (from 0)."""

    def __init__(self, at: int) -> None:
        self._left = at

    def do(self, op: Op, act: Callable[[], T]) -> T:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return super().do(op, act)


class KillingBefore(Lazy):
    """The process dies right before the first operation of this kind on a path that ends like this."""

    def __init__(self, kind: str, ending: str) -> None:
        self._kind = kind
        self._ending = ending

    def do(self, op: Op, act: Callable[[], T]) -> T:
        if op.kind == self._kind and op.path.endswith(self._ending):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().do(op, act)


class Refusing(Lazy):
    """Operation number `at` fails with `code`, and so does every later one that could while `lasting`."""

    def __init__(self, at: int, code: int, *, lasting: bool) -> None:
        self._at = at
        self._code = code
        self._lasting = lasting
        self.count = 0
        self.healed = False

    def do(self, op: Op, act: Callable[[], T]) -> T:
        number, self.count = self.count, self.count + 1
        if not self.healed and (
            number == self._at or (self._lasting and number > self._at and op.kind not in ("unlink", "rmdir"))
        ):
            raise OSError(self._code, os.strerror(self._code), op.path)
        return super().do(op, act)


class Forgetting(Counting):
    """Leaves out one sync, named by its `why`: a programmer who thought it was not needed."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self._why = why

    def do(self, op: Op, act: Callable[[], T]) -> T:
        if op.why == self._why:
            return None  # type: ignore[return-value]
        return super().do(op, act)


def in_child(act: Callable[[], object]) -> int:
    """Run `act` in a forked process; its wait status (9 when it was killed, 0 when it came to its end)."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]
