"""A real node's control plane in a process of its own, for a real browser: `python -m tests.fakes.web_node HOME PORT`.

with WebNode(home) as node:
    page.goto(node.link())          # a new one-time link each time
    node.stop(); node.start()       # the same port again, as after an update

Standard input takes `link` and answers with a line; its end ends the process.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from node.events import Change
from node.scene.host import host_scenes
from protocol.errors import OoderError

if TYPE_CHECKING:
    from node.api.desk import Desk
    from node.control import Method

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class WebNode:
    """Owns the process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._process: subprocess.Popen[str] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> WebNode:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.fakes.web_node", str(self.home), str(self.port)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.communicate(timeout=20)

    def link(self) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("link\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the node ended; what it said is above"
        return line


async def _serve(home: Path, port: int) -> None:
    from aiohttp import web

    from node import config
    from node.api.desk import Desk
    from node.api.guard import Guard
    from node.api.keys import Keys
    from node.api.route import Audience
    from node.api.server import Plane
    from node.paths import Paths
    from node.service import Service

    paths = Paths(home)
    paths.ensure()
    service = Service(paths, config.load(paths))
    keys = Keys(home / "run", service.now)
    desk = Desk(service, keys)
    plane = Plane(desk, Audience.CONTROL, Guard([f"127.0.0.1:{port}"], "http", keys), f"ooder_{port}")
    runner = web.AppRunner(plane.app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    work = loop.create_task(_work(desk))
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(f"http://127.0.0.1:{port}/#t={keys.make_link()}", flush=True)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    desk.hub.close()
    await runner.cleanup()


async def _work(desk: Desk) -> None:
    """The desk, and the agents of installed scenes, as in the daemon."""

    def noted(event: str, ref: str) -> None:
        service = desk.service
        service.index.apply([], service.rules, service.now(), [Change(event, ref)])

    def opened(methods: Mapping[str, Method]) -> None:
        desk.methods = methods

    def failed(error: OoderError) -> None:
        print(error, file=sys.stderr)

    async with asyncio.TaskGroup() as group:
        group.create_task(desk.run())
        group.create_task(host_scenes(desk.service.paths, noted, failed, opened=opened))


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
