"""The guardian of one skill's program: starts it with limits, keeps its log, and leaves no process of it behind.

Run as a program of its own (standard library only, so it starts in about 20 ms): `python -I -S launch.py SPEC`, where SPEC is
JSON made by node/scene/connectors/process.py. Its environment is what the skill gets. Its standard input is a pipe from the node:
when that ends - because the node says so, or because somebody killed it - the guardian ends everything. On standard output it
says, one JSON object per line, `{"pid": N}`, then `{"error": text}` or `{"exit": status}` (negative: the signal).

What it guarantees: the program has its own session, no descriptors but null input and a log, and limits; the guardian is
the reaper of all its descendants, so also those that leave the session are found; TERM, then KILL after the grace, until
no descendant is left. What it cannot: survive a skill that kills it on purpose (the main program then dies with it, by
PR_SET_PDEATHSIG; descendants that left may stay). Only a sandbox closes that; docs/reference/scenes.md says so.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CHUNK = 65536


class Log:
    """A file that is moved aside when it is full; two of them are kept. A full disk costs lines, never the skill."""

    def __init__(self, path: str, most: int) -> None:
        self._path, self._most = path, most
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            if self._size + len(data) > self._most:
                os.close(self._fd)
                os.replace(self._path, self._path + ".1")  # noqa: PTH105 - starts faster without pathlib
                self._fd, self._size = self._open(), 0
            self._size += os.write(self._fd, data)


class Guardian:
    """One program, from start to the end of its last descendant."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._log = Log(spec["log"], spec["log_bytes"])
        self._output, self._child_output = os.pipe()
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._pid = 0
        self._kill_at = 0.0
        self._window, self._taken = 0.0, 0

    def run(self) -> None:
        """Start, watch, clean up."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._terminate())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        failure, failed = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._become(failed)
        os.close(failed)
        os.close(self._child_output)
        reason = os.read(failure, 500)
        os.close(failure)
        say({"error": reason.decode("utf-8", "replace")} if reason else {"pid": self._pid})
        status = self._watch()
        self._sweep()
        self._drain()
        say({"exit": status})

    def _become(self, failed: int) -> None:
        """In the child: turn into the program. Never returns."""
        spec = self._spec
        try:
            os.setsid()
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            prctl(_PR_SET_NO_NEW_PRIVS, 1)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            for name, most in spec["limits"].items():
                kind = getattr(resource, name)
                hard = resource.getrlimit(kind)[1]
                wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(kind, (wanted, wanted))
            os.umask(0o077)
            os.chdir(spec["cwd"])
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(self._child_output, 1)
            os.dup2(self._child_output, 2)
            os.set_inheritable(failed, False)
            os.closerange(3, failed)
            os.closerange(failed + 1, 4096)
            os.execvp(spec["command"][0], spec["command"])  # noqa: S606 - no shell is the point
        except BaseException as error:  # noqa: BLE001 - the only way to tell the parent
            os.write(failed, f"{getattr(error, 'strerror', None) or error}".encode()[:500])
        finally:
            os._exit(127)

    def _watch(self) -> int:
        """Until the program ended. Its status; negative: the signal."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        while True:
            done, status = os.waitpid(self._pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if self._kill_at and time.monotonic() >= self._kill_at:
                self._signal_all(signal.SIGKILL)
            wait = self._pause(poll)
            for fd, _ in poll.poll(wait):
                if fd == self._wake:
                    os.read(self._wake, _CHUNK)
                elif fd == 0:
                    if not os.read(0, 1):
                        poll.unregister(0)
                        self._terminate()
                elif not self._take():
                    poll.unregister(self._output)
                    self._output = -1
            self._reap_others()

    def _pause(self, poll: select.poll) -> float:
        """Milliseconds to wait; a program that writes too fast is not read until the next second."""
        now = time.monotonic()
        if now - self._window >= 1.0:
            self._window, self._taken = now, 0
        full = self._taken >= self._spec["log_rate"]
        if self._output >= 0:
            poll.modify(self._output, 0 if full else select.POLLIN)
        waits = [10.0] + ([self._window + 1.0 - now] if full else [])
        if self._kill_at:
            waits.append(max(0.05, self._kill_at - now))
        return min(waits) * 1000

    def _take(self) -> bool:
        data = os.read(self._output, _CHUNK)
        self._taken += len(data)
        if data:
            self._log.write(data)
        return bool(data)

    def _terminate(self) -> None:
        if not self._kill_at:
            self._kill_at = time.monotonic() + self._spec["grace"]
            self._signal_all(signal.SIGTERM, but=self._box())

    def _box(self) -> set[int]:
        """The sandbox's own processes: ended with its contents, and asked to end before them they would kill it unasked."""
        return {self._pid, *children(self._pid)} if self._spec.get("boxed") else set()

    def _reap_others(self) -> None:
        """Orphans of the program that came to us; the program itself is left to `_watch`."""
        for pid in children():
            if pid != self._pid:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _signal_all(self, number: int, but: Collection[int] = ()) -> None:
        """To every descendant `but` these, through a descriptor: a number that became somebody else's meanwhile is not hit."""
        held = []
        for pid, parent in descendants():
            if pid in but:
                continue
            with suppress(OSError):
                held.append(os.pidfd_open(pid))
                if parent_of(str(pid)) not in {parent, os.getpid()}:
                    os.close(held.pop())
        for each in held:
            with suppress(OSError):
                signal.pidfd_send_signal(each, number)
            os.close(each)

    def _sweep(self) -> None:
        """The program is gone: end what it left behind. Stopped first, so that nothing multiplies meanwhile."""
        until = time.monotonic() + self._spec["grace"]
        while time.monotonic() < until:
            self._signal_all(signal.SIGSTOP)
            self._signal_all(signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return
            time.sleep(0.005)

    def _drain(self) -> None:
        """What is still in the pipe."""
        if self._output < 0:
            return
        os.set_blocking(self._output, False)
        with suppress(BlockingIOError):
            self._take()


def children(pid: int = 0) -> list[int]:
    """The children of a process, of this one by default; none of one that is gone."""
    pid = pid or os.getpid()
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def descendants() -> list[tuple[int, int]]:
    """Every process below this one and its parent, nearest first."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - starts faster without pathlib
        if name.isdecimal():
            with suppress(OSError, ValueError):
                below.setdefault(parent_of(name), []).append(int(name))
    found = [(pid, os.getpid()) for pid in below.get(os.getpid(), ())]
    for pid, _ in found:  # grows while it is walked
        found.extend((child, pid) for child in below.get(pid, ()))
    return found


def parent_of(pid: str) -> int:
    """Raises OSError when there is no such process."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def prctl(option: int, value: int) -> None:
    """One call of prctl(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def say(fact: dict[str, Any]) -> None:
    """Tell the node, if it still listens."""
    with suppress(OSError):
        os.write(1, json.dumps(fact).encode() + b"\n")


def main() -> None:
    """Guard the program that the only argument describes."""
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    Guardian(json.loads(sys.argv[1])).run()


if __name__ == "__main__":
    main()
