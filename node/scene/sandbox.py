"""What this machine can enforce on a skill's program, probed, and the command line of the sandbox where there is one."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PROBE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Enforcement:
    """One rule: whether this machine enforces it, and how or why not. `boxed`: a sandbox would."""

    rule: str
    enforced: bool
    how: str
    boxed: bool = False


def enforcement() -> list[Enforcement]:
    """What holds for every program of a skill on this machine; for `ooder doctor` and docs/reference/scenes.md."""
    linux = sys.platform == "linux"
    sandbox = find_sandbox()
    boxed = sandbox is not None
    return [
        Enforcement("own session, no inherited files, clean environment", True, "guardian process"),
        Enforcement("ends when the node ends", linux, "pipe to the guardian, PR_SET_PDEATHSIG"),
        Enforcement("no descendants left after stop", linux, "pid namespace" if boxed else "subreaper"),
        Enforcement("open files, file size, core dumps", True, "RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE"),
        Enforcement(
            "installed files cannot be changed",
            boxed,
            "read-only mount" if boxed else _not("a checked copy"),
            boxed=True,
        ),
        Enforcement(
            "cannot read other files of this user", boxed, "mount namespace" if boxed else _not("none"), boxed=True
        ),
        Enforcement(
            "cannot end the node or other skills", boxed, "pid namespace" if boxed else _not("none"), boxed=True
        ),
        Enforcement("memory and number of processes", False, "not limited; use a container for what you do not trust"),
    ]


def _not(instead: str) -> str:
    return f"no working bubblewrap here (bwrap); instead: {instead}"


@functools.cache
def find_sandbox() -> str | None:
    """The path of bubblewrap, if there is one and it really can make a box."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *_BOX, "--ro-bind", "/", "/", "--", "/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return program if done.returncode == 0 else None


_BOX = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session")


def boxed(program: str, command: Sequence[str], *, home: Path, view: Path, data: Path) -> list[str]:
    """`command` inside the box: the system read only, the user's home and ours hidden, the view read only, `data` its own."""
    user = Path.home()
    hidden = [place for place in {user, home} if str(place) != "/"]
    return [
        program,
        *_BOX,
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),  # noqa: S108 - inside the box
        *(word for place in sorted(hidden) for word in ("--tmpfs", str(place))),
        *("--ro-bind", str(view), str(view), "--bind", str(data), str(data), "--chdir", str(view)),
        "--",
        *command,
    ]


def system_path() -> str:
    """Where programs are looked for: the system's folders, nothing of the user's."""
    return os.pathsep.join(("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
