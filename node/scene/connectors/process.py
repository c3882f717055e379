"""The `process` connector: a program of the skill, started by its guardian, watched, started again, ended for good.

One life of the program: a checked copy of its files, a free port, the guardian (node/scene/launch.py), `GET health` until it
answers 200 and the listener really is the program's, then a look every few seconds. When it ends or stays unwell, the
guardian cleans up and protocol.scene.supervision says when the next life begins.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from node.scene import launch
from node.scene.connectors.base import Ask, Told, told_nobody
from node.scene.connectors.exchange import Exchange, loopback_only
from node.scene.listeners import is_listener_of
from node.scene.sandbox import boxed, find_sandbox, system_path
from node.scene.views import Trees, make_private, make_view, remove_view
from protocol import limits
from protocol.errors import NotFoundError, OoderError, UnavailableError
from protocol.items import Json
from protocol.scene.connector import Process
from protocol.scene.supervision import Policy, Restarts

_UNWELL_LOOKS = 3
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "JAVA_HOME")


@dataclass(frozen=True, slots=True)
class Place:
    """What one program gets of the disk: `data` is its own, `view` is made for each start, `log` is written by the guardian."""

    home: Path
    data: Path
    view: Path
    log: Path


@dataclass(frozen=True, slots=True)
class Program:
    """Everything needed to start one skill's program. `settings` are environment variables."""

    skill: str
    digest: str
    spec: Process
    settings: Mapping[str, str]
    place: Place
    policy: Policy = field(default_factory=Policy)
    told: Told = told_nobody
    start_seconds: float = limits.SKILL_START_SECONDS
    stop_seconds: float = limits.SKILL_STOP_SECONDS
    look_every: float = limits.SKILL_HEALTH_EVERY
    health_seconds: float = limits.SKILL_HEALTH_SECONDS


class ProcessRunner:
    """One supervised program."""

    how = "process"

    def __init__(self, program: Program, trees: Trees) -> None:
        self._program, self._trees = program, trees
        self.key: object = (program.digest, program.spec, tuple(sorted(program.settings.items())))
        self._restarts = Restarts(program.policy)
        self._exchange: Exchange | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._ended = asyncio.Event()
        self._port = 0
        self._lives = 0
        self.pid = 0
        self.state = "stopped"
        self.well = False
        self.load = 0
        self.fault: OoderError | None = None

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Start the program; returns when it is well or its first life failed (`fault` says why; it goes on being tried)."""
        if self._keeping is None or self._keeping.done():
            self._restarts = Restarts(self._program.policy)
            self._settled.clear()
            self._lives = 0
            self._keeping = tasks.create_task(self._keep())
        await self._settled.wait()

    async def stop(self) -> None:
        """End the program and everything it started: TERM, then KILL."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            running = not keeping.done()
            keeping.cancel()
            await asyncio.wait({keeping})
            if running and self._lives:
                self._tell("skill.stopped")
        self.state, self.well = "stopped", False
        await asyncio.to_thread(remove_view, self._program.place.view)

    async def call(self, ask: Ask) -> Json:
        """Ask the running program. Raises OoderError `scene.*`."""
        exchange = self._exchange
        if not self.well or exchange is None:
            raise self.fault or self._unreachable(self.state)
        self.load += 1
        try:
            return await exchange.ask(ask.method, ask.path, ask.body, ask.seconds)
        except UnavailableError as error:
            if error.code == "scene.skill_unreachable":
                with suppress(TimeoutError):  # whether it broke the connection by ending is known in a moment
                    await asyncio.wait_for(self._ended.wait(), 0.5)
                    raise self.fault or error from error
            raise
        finally:
            self.load -= 1

    def describe(self) -> dict[str, object]:
        return {
            "connector": self.how,
            "state": self.state,
            "pid": self.pid,
            "port": self._port,
            "restarts": self._restarts.count,
            "log": str(self._program.place.log),
            "sandbox": find_sandbox() or "",
        }

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self.state = "starting"
            try:
                self.fault = await self._one_life()
            except OoderError as error:  # it could not even be started
                self.fault = error
            except (OSError, ExceptionGroup) as error:
                self.fault = UnavailableError("scene.skill_exited", skill=self._program.skill, reason=str(error)[:200])
            self.well = False
            self._tell("skill.execution.error")
            wait = self._restarts.ended(loop.time())
            if wait is None or isinstance(self.fault, NotFoundError):
                self.state = "gave_up"
                if wait is None:
                    self.fault = UnavailableError(
                        "scene.skill_gave_up", skill=self._program.skill, count=self._restarts.count
                    )
                self._settled.set()
                self._tell("skill.stopped")
                return
            self.state = "waiting"
            self._settled.set()
            await asyncio.sleep(wait)

    async def _one_life(self) -> OoderError:
        """From start to end; why it ended."""
        place, port = self._program.place, free_port()
        await asyncio.to_thread(make_view, self._trees, self._program.digest, place.view)
        child = await self._launch(port)
        self._ended.clear()
        try:
            async with asyncio.TaskGroup() as group:
                ended = group.create_task(self._until_ended(child))
                unwell = group.create_task(self._until_unwell(child.pid, port))
                await asyncio.wait({ended, unwell}, return_when=asyncio.FIRST_COMPLETED)
                first = ended if ended.done() else unwell
                ended.cancel()
                unwell.cancel()
            self.fault = first.result()
            return self.fault
        finally:
            self.state, self.well, self.pid, self._port = "ending", False, 0, 0
            self._ended.set()
            if self._exchange is not None:
                await self._exchange.close()
                self._exchange = None
            await self._end(child)

    async def _launch(self, port: int) -> asyncio.subprocess.Process:
        program = self._program
        command = [self._find(program.spec.command[0]), *program.spec.command[1:]]
        make_private(program.place.data)
        make_private(program.place.log.parent)
        sandbox = find_sandbox()
        if sandbox is not None:
            place = program.place
            command = boxed(sandbox, command, home=place.home, view=place.view, data=place.data)
        spec = {
            "command": command,
            "boxed": sandbox is not None,
            "cwd": str(program.place.view),
            "log": str(program.place.log),
            "log_bytes": limits.SKILL_LOG_BYTES,
            "log_rate": limits.SKILL_LOG_RATE,
            "grace": program.stop_seconds,
            "limits": {
                "RLIMIT_CORE": 0,
                "RLIMIT_NOFILE": limits.SKILL_FILES_OPEN,
                "RLIMIT_FSIZE": limits.SKILL_FILE_BYTES,
            },
        }
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(launch.__file__)), json.dumps(spec)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=self._environment(port),
            cwd="/",
            start_new_session=True,
        )

    def _find(self, name: str) -> str:
        """The program: a file of the skill (`./x`, `bin/x`), else one of the system's."""
        view = self._program.place.view
        if "/" in name:
            found = (view / name).resolve()
            if found.is_relative_to(view.resolve()) and os.access(found, os.X_OK):
                return str(found)
        elif system := shutil.which(name, path=system_path()):
            return system
        raise NotFoundError("scene.no_program", skill=self._program.skill, program=name)

    def _environment(self, port: int) -> dict[str, str]:
        """Made from scratch: nothing of ours is in it but language and time zone."""
        data = str(self._program.place.data)
        ours = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {
            "LANG": "C.UTF-8",
            **ours,
            **self._program.settings,
            "PATH": system_path(),
            "HOME": data,
            "TMPDIR": data,
            "PYTHONDONTWRITEBYTECODE": "1",
            "OODER_PORT": str(port),
            "OODER_DATA": data,
            "OODER_SKILL": self._program.skill,
        }

    async def _until_ended(self, child: asyncio.subprocess.Process) -> OoderError:
        """Read what the guardian says, to its end."""
        assert child.stdout
        reason = "its guardian was killed"
        async for line in child.stdout:
            fact = json.loads(line)
            self.pid = fact.get("pid", self.pid)
            if "error" in fact:
                reason = str(fact["error"])
            elif "exit" in fact and reason == "its guardian was killed":
                status = int(fact["exit"])
                reason = f"signal {-status}" if status < 0 else f"status {status}"
        return UnavailableError("scene.skill_exited", skill=self._program.skill, reason=reason)

    async def _until_unwell(self, guardian: int, port: int) -> OoderError:
        """Wait until it is well, then until it is not any more."""
        program = self._program
        self._exchange = exchange = Exchange(program.skill, f"http://127.0.0.1:{port}", loopback_only)
        try:
            async with asyncio.timeout(program.start_seconds):
                wait = 0.02
                while not (
                    await exchange.healthy(program.spec.health, program.health_seconds)
                    and await asyncio.to_thread(is_listener_of, port, guardian)
                ):
                    await asyncio.sleep(wait)
                    wait = min(0.25, wait * 1.5)
        except TimeoutError:
            return self._unwell(program.start_seconds)
        self._port, self.state, self.well, self.fault = port, "well", True, None
        self._restarts.well(asyncio.get_running_loop().time())
        self._settled.set()
        self._lives += 1
        self._tell("skill.started" if self._lives == 1 else "skill.restarted")
        missed = 0
        while missed < _UNWELL_LOOKS:
            await asyncio.sleep(program.look_every)
            missed = 0 if await exchange.healthy(program.spec.health, program.health_seconds) else missed + 1
            self.well = missed == 0
            self.state = "well" if self.well else "unwell"
            self._restarts.well(asyncio.get_running_loop().time())
        return self._unwell(missed * program.look_every)

    async def _end(self, child: asyncio.subprocess.Process) -> None:
        """Tell the guardian to end everything, and wait for it."""
        assert child.stdin
        child.stdin.close()
        try:
            async with asyncio.timeout(2 * self._program.stop_seconds + 5):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()

    def _tell(self, event: str) -> None:
        self._program.told(event, f"skill:{self._program.skill.removeprefix('skill:')}")

    def _unwell(self, seconds: float) -> OoderError:
        return UnavailableError("scene.skill_unwell", skill=self._program.skill, seconds=round(seconds, 1))

    def _unreachable(self, reason: str) -> OoderError:
        return UnavailableError("scene.skill_unreachable", skill=self._program.skill, reason=reason)


def free_port() -> int:
    """A loopback port nobody listens on now. Somebody else may take it before the program does; the check of the listener's
    owner then fails and the next life gets another one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
