"""What it takes to measure other people's programs in a laboratory: when a line came, when a port opened, what a process cost."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from scenarios.netns import NetLab

TICKS = os.sysconf("SC_CLK_TCK")
HEADERS = 14 + 20 + 8  # of Ethernet, IP and UDP: our own figures count what a datagram carries


class Figure(NamedTuple):
    """What somebody else's program does, in the words and the unit of our row `what`."""

    what: str
    value: float
    unit: str
    name: str


class Program:
    """A process on a host whose output is kept, line by line, with the time it came."""

    def __init__(self, lab: NetLab, host: str, argv: Sequence[str], **options: Any) -> None:
        self.host, self.lines = host, list[tuple[float, str]]()
        self.started = time.perf_counter()
        self.process: subprocess.Popen[str] = lab.popen(
            host, argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1, **options
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.perf_counter(), line))

    def when(self, words: str, since: float = 0.0) -> float | None:
        """The first time after `since` that a line held these words."""
        return next((at for at, line in list(self.lines) if at >= since and words in line), None)

    def opened(self, port: int, seconds: float = 10.0) -> float:
        """Waits until the program has a UDP socket on that port; when that was, to about a millisecond."""
        mark = f":{port:04X} "
        tables = [Path(f"/proc/{self.process.pid}/net/{name}") for name in ("udp", "udp6")]
        until(lambda: any(mark in table.read_text("ascii") for table in tables), seconds, 0.001)
        return time.perf_counter()

    def end(self) -> None:
        """Kill it, and wait."""
        self.process.kill()
        self.process.wait()


def until(done: Callable[[], bool], seconds: float, pause: float = 0.005) -> bool:
    """Whether it came about in time."""
    end = time.perf_counter() + seconds
    while not done():
        if time.perf_counter() > end:
            return False
        time.sleep(pause)
    return True


def cost(lab: NetLab, programs: Iterable[Program]) -> tuple[float, int]:
    """(processor seconds, bytes sent without headers) of all these programs and their hosts so far."""
    seconds, sent = 0.0, 0
    for program in programs:
        fields = Path(f"/proc/{program.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / TICKS
        with lab.inside(program.host):
            lines = Path("/proc/thread-self/net/dev").read_text("ascii").splitlines()
        numbers = next(line for line in lines if line.strip().startswith("eth0")).partition(":")[2].split()
        sent += int(numbers[8]) - HEADERS * int(numbers[9])
    return seconds, sent


def at_rest(lab: NetLab, programs: Sequence[Program]) -> bool:
    """Whether all of them together need less than a tenth of a core; looks for two seconds."""
    before, _ = cost(lab, programs)
    time.sleep(2.0)
    return cost(lab, programs)[0] - before < 0.2


def idle(lab: NetLab, programs: Sequence[Program], seconds: float, name: str) -> list[Figure]:
    """What each of them costs while nothing happens."""
    before = cost(lab, programs)
    time.sleep(seconds)
    cpu, sent = (now - then for now, then in zip(cost(lab, programs), before, strict=True))
    each = seconds * len(programs)
    return [
        Figure("idle among 25, processor per node", cpu / each * 100, "% of a core", name),
        Figure("idle among 25, sent per node", sent / each, "B/s", name),
    ]


def capped(what: str, value: float, unit: str, name: str, most: float) -> Figure:
    """A figure that was awaited for `most` only: when that was not enough, its name says so."""
    return Figure(what, value, unit, name if value < most else f"{name}, more than")


def await_room() -> None:
    """Waits until the kernel has taken down the neighbours of the last laboratory: all namespaces share one table of 1,024."""

    def entries() -> int:
        names, first = (line.split() for line in Path("/proc/net/stat/arp_cache").read_text("ascii").splitlines()[:2])
        return int(first[names.index("entries")], 16)

    until(lambda: entries() < 100, 5.0, 0.05)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """(p50, p95)."""
    return median(values), quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
