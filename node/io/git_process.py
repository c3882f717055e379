"""Runs one git command so that nothing but our constants, one checked address and object ids can steer it (SECURITY 4.2).

What it guarantees: the environment is made from scratch, so no variable, configuration, hook, helper or prompt of the user or
the machine takes part; only one transport is allowed, and none for commands that read a mirror; every process of the command
is in its own session with limits on file size, memory and processor time, and is killed when time is up or the caller is
cancelled; output is read within bounds. What it leaves to others: checking the address (protocol.git_rules) and the meaning.

The limits are set by a one-line `/bin/sh` launcher that replaces itself with git. Measured per command on two cores: without
limits 1.2 ms, launcher 2.0 ms, `prlimit` 2.3 ms, Python's `preexec_fn` 3.0 ms (4.8 ms in a process of 200 MB: it must fork).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from protocol import limits
from protocol.errors import UnavailableError
from protocol.git_rules import RepoUrl, reason_of
from sources.ports import GitBounds

_LAUNCH: Final = 'ulimit -f "$1"; ulimit -v "$2" 2>/dev/null; ulimit -t "$3"; ulimit -c 0; shift 3; exec "$@"'
_HARDENING: Final = (
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.bigFileThreshold=1m",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=no",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",
    "credential.helper=",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
    "gc.auto=0",
    "maintenance.auto=false",
    "transfer.bundleURI=false",
    "safe.bareRepository=explicit",
)
_SSH: Final = (
    "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=10 -oPermitLocalCommand=no -oForwardAgent=no"
)


class GitFailedError(Exception):
    """The command ended with an error. Never leaves node/io: the mirror turns it into an `OoderError`."""

    def __init__(self, status: int, stderr: str) -> None:
        self.status = status
        self.stderr = stderr
        self.reason = reason_of(stderr)
        super().__init__(stderr)

    @property
    def too_large(self) -> bool:
        """A limit of ours stopped it: file size, memory or processor time, here or in a child it reports about."""
        return self.status in (-signal.SIGXFSZ, -signal.SIGXCPU) or any(
            text in self.stderr
            for text in ("signal 24", "signal 25", "File too large", "ut of memory", "invalid index-pack")
        )

    @property
    def moved(self) -> bool:
        """The server sent us elsewhere."""
        return re.search(r"returned error: 30[1278]\b", self.stderr) is not None

    @property
    def untrusted(self) -> bool:
        """Its certificate, or the authorities it should be checked against, are no good."""
        return re.search(r"unable to access .*(certificate|CA cert)", self.stderr) is not None

    @property
    def login(self) -> bool:
        """It wants to know who asks."""
        return any(
            text in self.stderr
            for text in ("could not read Username", "could not read Password", "Authentication failed")
        )

    @property
    def disk(self) -> bool:
        return any(
            text in self.stderr for text in ("No space left", "Read-only file system", "unable to create temporary")
        )

    @property
    def hostile(self) -> bool:
        return "fsck error" in self.stderr or "error in object" in self.stderr or "error in tree" in self.stderr


class GitOverflowError(GitFailedError):
    """The command had more to say than anybody wants to hear."""


class GitProcess:
    """Starts git. `home` is an empty folder that stands for the user's; `started` counts commands, for tests and metrics."""

    def __init__(self, home: Path, bounds: GitBounds) -> None:
        self._home = home
        self._bounds = bounds
        self._git = ""
        self._dotted: dict[RepoUrl, RepoUrl] = {}
        self.started = 0

    async def run(self, args: Sequence[str], url: RepoUrl | None, seconds: float, stdin: bytes = b"") -> bytes:
        """Run `git ARGS`, return its output. `url` allows its transport and makes it `origin`; None allows no transport.

        Raises GitFailedError, TimeoutError, UnavailableError `git.missing`.
        """
        async with asyncio.timeout(seconds):
            try:
                return await self._run(args, self._dotted.get(url, url) if url else None, stdin)
            except GitFailedError as failed:
                if url is None or url in self._dotted or not failed.moved or url.path.endswith(".git"):
                    raise
            # Redirects are not followed, but some forges send whoever asks for `x` to `x.git`.
            dotted = replace(url, path=f"{url.path}.git")
            found = await self._run(args, dotted, stdin)
            self._dotted[url] = dotted
            return found

    async def _run(self, args: Sequence[str], url: RepoUrl | None, stdin: bytes) -> bytes:
        async with self.open(args, url, stdin) as output:
            return await _read_bounded(output, limits.GIT_OUTPUT_BYTES)

    @asynccontextmanager
    async def open(
        self, args: Sequence[str], url: RepoUrl | None, stdin: bytes = b""
    ) -> AsyncIterator[asyncio.StreamReader]:
        """As `run`, but hands out the running command's output to be read to its end by the caller."""
        child = await self._start(args, url)
        assert child.stdin and child.stdout and child.stderr
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_feed(child.stdin, stdin))
                stderr = group.create_task(_read_head(child.stderr, limits.GIT_ERROR_BYTES))
                yield child.stdout
            status = await child.wait()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            with suppress(ProcessLookupError):
                if child.returncode is None:
                    os.close(
                        os.pidfd_open(child.pid)
                    )  # fails when it was reaped a moment ago: its number may be another's now
                    os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        if status != 0:
            raise GitFailedError(status, stderr.result().decode("utf-8", "replace"))

    async def _start(self, args: Sequence[str], url: RepoUrl | None) -> asyncio.subprocess.Process:
        self._git = self._git or shutil.which("git") or ""
        if not self._git:
            raise UnavailableError("git.missing")
        bounds = self._bounds
        numbers = (bounds.pack_bytes // 512, limits.GIT_MEMORY_BYTES // 1024, limits.GIT_CPU_SECONDS)
        self.started += 1
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _LAUNCH, "git", *map(str, numbers), self._git, *self._settings(url), *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment(url),
            cwd=self._home,
            start_new_session=True,
            limit=limits.MIB,
        )

    def _settings(self, url: RepoUrl | None) -> list[str]:
        settings = list(_HARDENING)
        if url is not None:
            settings += [
                f"protocol.{url.scheme}.allow=always",
                f"remote.origin.url={url}",
                "remote.origin.promisor=true",
                "remote.origin.partialclonefilter=blob:none",
            ]
            if self._bounds.ca_file:
                settings.append(f"http.sslCAInfo={self._bounds.ca_file}")
        return [word for setting in settings for word in ("-c", setting)]

    def environment(self, url: RepoUrl | None) -> dict[str, str]:
        """Every variable git sees. Only ssh gets one from the user: the socket of the agent that holds the keys."""
        made = {
            "PATH": os.pathsep.join(dict.fromkeys((str(Path(self._git or "/usr/bin/git").parent), "/usr/bin", "/bin"))),
            "HOME": str(self._home),
            "XDG_CONFIG_HOME": str(self._home),
            "LC_ALL": "C.UTF-8",
            # A home inside a checkout must not make git read that repository's settings, remotes among them.
            "GIT_CEILING_DIRECTORIES": str(self._home.parent.resolve()),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_ALLOW_PROTOCOL": url.scheme if url else "none",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }
        if url is not None and url.scheme == "ssh":
            made |= {"GIT_SSH_COMMAND": _SSH, "GIT_SSH_VARIANT": "ssh"}
            if agent := os.environ.get("SSH_AUTH_SOCK"):
                made["SSH_AUTH_SOCK"] = agent
        return made


async def _feed(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(data)
        await pipe.drain()
    pipe.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await pipe.wait_closed()


async def _read_head(pipe: asyncio.StreamReader, keep: int) -> bytes:
    """The first `keep` bytes; the rest is read and dropped, so that git is never blocked by its own chatter."""
    kept = b""
    while data := await pipe.read(64 * limits.KIB):
        kept += data[: keep - len(kept)]
    return kept


async def _read_bounded(pipe: asyncio.StreamReader, most: int) -> bytes:
    parts, size = [], 0
    while data := await pipe.read(limits.MIB):
        size += len(data)
        if size > most:
            raise GitOverflowError(0, f"error: more than {most} bytes of output")
        parts.append(data)
    return b"".join(parts)
