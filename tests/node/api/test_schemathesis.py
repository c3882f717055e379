"""Schemathesis over the API's own description, with and without token: every answer is declared, nothing breaks."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from node import config
from node.api.gate import open_gate
from node.control import Method
from node.paths import Paths
from node.scene.host import host_scenes
from node.service import Service
from protocol.errors import OoderError

schemathesis = pytest.importorskip("schemathesis")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


CONFIG = Path(__file__).with_name("schemathesis.toml")
SILENT = ("udp_broadcast", "mdns_dns_sd", "dht_kademlia", "git_repository")
FLAGS = {
    ("api", "port"): 0,
    ("sources", "local_fs", "enabled"): True,
    **{("sources", name, "enabled"): False for name in SILENT},  # whatever is asked of it, it stays on this machine
}


@pytest.fixture
def served(scanned: Path, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address and token of an API that runs in a thread of its own, with scene agents."""
    paths = Paths(Path(shutil.copytree(scanned, tmp_path / "home")))
    service = Service(paths, config.load(paths, FLAGS, environ={}))
    opened, end = threading.Event(), threading.Event()
    told: list[str] = []

    async def serve() -> None:
        async with (
            open_gate(service, lambda: config.load(paths, FLAGS, environ={}), lambda: None) as desk,
            asyncio.TaskGroup() as group,
        ):

            def answer(methods: Mapping[str, Method]) -> None:
                desk.methods = methods
                opened.set()

            told.extend((desk.base, desk.keys.token))
            host = host_scenes(paths, lambda event, ref: None, failures.append, opened=answer)
            task = group.create_task(host)
            await asyncio.to_thread(end.wait)
            task.cancel()

    failures: list[OoderError] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert opened.wait(20)
    yield told[0], told[1]
    end.set()
    thread.join(20)
    service.close()
    assert failures == []


@pytest.mark.parametrize("signed_in", [True, False])
def test_every_answer_is_declared(served: tuple[str, str], signed_in: bool, tmp_path: Path) -> None:
    """All checks over all operations; the endless stream of the WebSocket is tested in test_streams."""
    base, token = served
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{base}/openapi.json"]
    command += [
        "--checks",
        "all",
        "--phases",
        "coverage,fuzzing" if signed_in else "coverage",
        "--max-examples",
        "3",
        "--seed",
        "7",
    ]
    command += ["--request-timeout", "20", "--exclude-operation-id", "events_socket", "--no-color"]
    if signed_in:
        command += ["-H", f"Authorization: Bearer {token}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=500)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
