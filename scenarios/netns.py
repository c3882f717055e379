"""Networks of real kernels on one machine: namespaces as hosts, bridges as switches, a router between subnets. Needs root.

    with NetLab() as lab:
        lab.lan("office", "10.77.1.0/24")
        for number in range(3):
            lab.host(f"desk{number}", "office")
        lab.loss("desk0", 20)                       # per cent, both directions
        with lab.inside("desk0"):
            sock = socket.socket(...)               # belongs to desk0 for ever; one process can be 25 hosts
        lab.popen("desk1", ["python", "-m", "node"])

Nothing is attached to the host's own network, so no packet leaves the machine. Names carry the process id of the owner:
whatever a killed run leaves behind is swept by the next one. Loss needs only `tc` (a classic BPF filter that draws a random
number per frame and sends it to a queue that holds nothing), since netem is not everywhere.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_NAME = re.compile(r"ood-(\d+)-\d+-")
_NUMBER = count()
_RANDOM_WORD = 0xFFFFF038  # SKF_AD_OFF + SKF_AD_RANDOM: the kernel's random number instead of a word of the frame
_LOST_CLASS = 0x10030


@dataclass(slots=True)
class Host:
    """One namespace and where it is plugged in: switch port, lan, address."""

    name: str
    namespace: str
    plugs: dict[str, str] = field(default_factory=dict)  # lan -> address

    @property
    def ip(self) -> str:
        """The address on the first lan."""
        return next(iter(self.plugs.values()))


class LabUnavailable(Exception):
    """Why no namespaces can be made here."""


def why_not() -> str:
    """ "" when a lab can be built here, else the reason."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "ip and tc (iproute2) are not installed"
    probe = f"ood-{os.getpid()}-{next(_NUMBER)}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"ip netns add: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return ""


def neighbour_overflows() -> int:
    """How often the neighbour table of this machine, which all namespaces share, was full. If it moves, a run is void."""
    lines = Path("/proc/net/stat/arp_cache").read_text("ascii").splitlines()
    column = lines[0].split().index("table_fulls")
    return sum(int(line.split()[column], 16) for line in lines[1:])


def sweep() -> list[str]:
    """Remove what runs that no longer live left behind; the names of the namespaces removed."""
    owned = [(name, _NAME.match(name)) for name in _namespaces()]
    stale = [name for name, owner in owned if owner and not Path(f"/proc/{owner[1]}").exists()]
    _remove(stale)
    return stale


class NetLab:
    """A network under construction; leaving the `with` block ends its processes and removes everything."""

    def __init__(self) -> None:
        self.prefix = f"ood-{os.getpid()}-{next(_NUMBER)}-"
        self.hosts: dict[str, Host] = {}
        self._lans: dict[str, ipaddress.IPv4Network] = {}
        self._processes: list[subprocess.Popen[Any]] = []
        self._switch = f"{self.prefix}sw"
        self._before: Any = None

    def __enter__(self) -> Self:
        reason = why_not()
        if reason:
            raise LabUnavailable(reason)
        sweep()
        with suppress(ValueError):  # not the main thread: the owner of that thread handles signals
            self._before = signal.signal(signal.SIGTERM, _leave)
        self._add_namespace(self._switch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()  # nothing of a laboratory is worth a goodbye
        for process in self._processes:
            process.wait()
        _remove([host.namespace for host in self.hosts.values()] + [self._switch])
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    # --- building ----------------------------------------------------------------------------------------------------

    def lan(self, name: str, subnet: str) -> None:
        """A switch; hosts get the addresses from .11 on, routers .1 and up."""
        self._lans[name] = ipaddress.IPv4Network(subnet)
        bridge = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0"
        lines = [f"link add {end}{name} {bridge}" for end in ("a-", "b-")]
        _batch(self._switch, [*lines, f"link set dev a-{name} up", f"link set dev b-{name} up"])

    def host(self, name: str, lan: str, *, gateway: str = "") -> Host:
        """One more host on `lan`; `gateway` is the address of a router."""
        host = self.hosts[name] = Host(name, self.prefix + name)
        self._add_namespace(host.namespace)
        number = 11 + sum(1 for other in self.hosts.values() if lan in other.plugs)
        self._plug(host, lan, number)
        if gateway:
            _batch(host.namespace, [f"route add default via {gateway}"])
        return host

    def router(self, name: str, lans: Sequence[str]) -> Host:
        """A host with a leg in each of `lans` that forwards between them; broadcasts do not pass."""
        router = self.hosts[name] = Host(name, self.prefix + name)
        self._add_namespace(router.namespace)
        for lan in lans:
            taken = sum(
                1 for other in self.hosts.values() if lan in other.plugs and int(other.plugs[lan].split(".")[3]) < 11
            )
            self._plug(router, lan, 1 + taken)
        self.run(name, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        return router

    # --- troubling ---------------------------------------------------------------------------------------------------

    def loss(self, host: str, percent: float) -> None:
        """Lose that share of the frames to and from the host's first port; 0 ends it."""
        first = next(iter(self.hosts[host].plugs))
        for namespace, device in ((self._switch, self._port(host, first)), (self.hosts[host].namespace, "eth0")):
            tc = ["ip", "netns", "exec", namespace, "tc"]
            subprocess.run([*tc, "qdisc", "del", "dev", device, "root"], capture_output=True, check=False)
            if percent > 0:
                for words in loss_commands(device, percent):
                    subprocess.run([*tc, *words], capture_output=True, check=True)

    def split(self, lan: str, away: Iterable[str]) -> None:
        """Move the ports of `away` to a second switch: nothing passes between the two groups."""
        _batch(self._switch, [f"link set dev {self._port(host, lan)} master b-{lan}" for host in away])

    def heal(self, lan: str) -> None:
        """Everybody on one switch again."""
        plugged = [host for host in self.hosts.values() if lan in host.plugs]
        _batch(self._switch, [f"link set dev {self._port(host.name, lan)} master a-{lan}" for host in plugged])

    def link(self, host: str, state: str) -> None:
        """Set the first interface of a host `up` or `down`."""
        _batch(self.hosts[host].namespace, [f"link set dev eth0 {state}"])

    # --- using -------------------------------------------------------------------------------------------------------

    def argv(self, host: str, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` on a host."""
        return ["ip", "netns", "exec", self.hosts[host].namespace, *argv]

    def run(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run to the end. Raises CalledProcessError."""
        return subprocess.run(self.argv(host, argv), **{"check": True, **options})

    def popen(self, host: str, argv: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start; it is ended with the lab, and by the kernel when this process is killed."""
        process = subprocess.Popen(self.argv(host, argv), preexec_fn=_die_with_parent, **options)
        self._processes.append(process)
        return process

    @contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """Sockets made in this block, by this thread, belong to the host for ever."""
        with open("/proc/thread-self/ns/net", "rb") as own:
            _enter(self.hosts[host].namespace)
            try:
                yield
            finally:
                _check(_LIBC.setns(own.fileno(), _CLONE_NEWNET), "setns")

    # --- private -----------------------------------------------------------------------------------------------------

    def _add_namespace(self, namespace: str) -> None:
        subprocess.run(["ip", "netns", "add", namespace], check=True)
        # Duplicate address detection would keep link-local IPv6 unusable for seconds.
        quiet = "for each in default all; do echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad; done"
        subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c", quiet], capture_output=True, check=False)
        _batch(namespace, ["link set lo up"])

    def _plug(self, host: Host, lan: str, number: int) -> None:
        subnet, device = self._lans[lan], f"eth{len(host.plugs)}"
        address = host.plugs[lan] = str(subnet[number])
        port = self._port(host.name, lan)
        _batch(self._switch, [f"link add {device} netns {host.namespace} type veth peer name {port}"])
        _batch(self._switch, [f"link set dev {port} master a-{lan}", f"link set dev {port} up"])
        _batch(
            host.namespace,
            [f"addr add {address}/{subnet.prefixlen} brd + dev {device}", f"link set dev {device} up"],
        )

    def _port(self, host: str, lan: str) -> str:
        """A device name of at most 15 characters."""
        return f"p{list(self.hosts).index(host)}-{lan}"[:15]


def loss_commands(device: str, percent: float) -> list[list[str]]:
    """Arguments of `tc`, one list per call, that make a device lose that share of what it sends."""
    threshold = min(0xFFFFFFFF, int(percent / 100 * 0x100000000))
    draw = f"4,32 0 0 {_RANDOM_WORD},37 1 0 {threshold},6 0 0 {_LOST_CLASS},6 0 0 0"
    rate = ["htb", "rate", "10gbit", "quantum", "60000"]
    return [
        ["qdisc", "add", "dev", device, "root", "handle", "1:", "htb", "default", "10"],
        ["class", "add", "dev", device, "parent", "1:", "classid", "1:10", *rate],
        ["class", "add", "dev", device, "parent", "1:", "classid", "1:30", *rate],
        ["qdisc", "add", "dev", device, "parent", "1:30", "handle", "30:", "bfifo", "limit", "1"],
        ["filter", "add", "dev", device, "parent", "1:", "protocol", "all", "bpf", "bytecode", draw, "flowid", "1:30"],
    ]


def _batch(namespace: str, lines: Sequence[str]) -> None:
    done = subprocess.run(
        ["ip", "-n", namespace, "-batch", "-"],
        input="\n".join(lines) + "\n",
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise LabUnavailable(f"{namespace}: {done.stderr.strip()}")


def _namespaces() -> list[str]:
    folder = Path("/run/netns")
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _remove(namespaces: Sequence[str]) -> None:
    """End what lives in these namespaces, and delete them."""
    for kill in (signal.SIGTERM, signal.SIGKILL):
        living = _inhabitants(namespaces)
        for each in living:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(each, kill)
        _await_end(living, 1.0)
        if not living:
            break
    for name in namespaces:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _inhabitants(namespaces: Sequence[str]) -> list[int]:
    """Descriptors (pidfd) of the processes in these namespaces, besides this one. A descriptor stays with its process: a number that
    is given to somebody else meanwhile cannot draw the signal to a stranger."""
    wanted = {_identity(f"/run/netns/{name}") for name in namespaces} - {None}
    found = []
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()) if wanted else ():
        place = f"/proc/{pid}/ns/net"
        if pid == os.getpid() or _identity(place) not in wanted:
            continue
        with suppress(ProcessLookupError):
            held = os.pidfd_open(pid)
            if _identity(place) in wanted:
                found.append(held)
            else:
                os.close(held)
    return found


def _identity(path: str) -> tuple[int, int] | None:
    try:
        seen = Path(path).stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _await_end(held: Sequence[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    for each in held:
        select.select([each], [], [], max(0.0, end - time.monotonic()))
        os.close(each)


def _enter(namespace: str) -> None:
    with open(f"/run/netns/{namespace}", "rb") as target:
        _check(_LIBC.setns(target.fileno(), _CLONE_NEWNET), f"setns {namespace}")


def _check(result: int, what: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), what)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
