"""The way to the running node, and scenes inside a real one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from node import control
from node.cli.main import run
from node.paths import Paths
from protocol.errors import NotFoundError, OoderError, UnavailableError, UsageError
from tests.fakes.scenes import TEXT, Home, alive, below, catalogue

ROOT = Path(__file__).resolve().parents[2]


async def echo(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
    yield {"language": language, **params}
    yield {"second": True}


async def fail(params: Mapping[str, Any], language: str) -> AsyncIterator[Mapping[str, Any]]:
    if params.get("defect"):
        raise RuntimeError("oops")
    raise NotFoundError("scene.not_installed", scene="scene:x")
    yield {}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / ("deep" * 20) / ("er" * 50))


async def test_requests_are_answered_in_lines_and_errors_come_back_as_themselves(paths: Paths) -> None:
    async with control.serve_control(paths, {"echo": echo, "fail": fail}):
        assert (paths.run / control.SOCKET).stat().st_mode & 0o777 == 0o600
        assert paths.run.stat().st_mode & 0o777 == 0o700

        def ask(method: str, **params: object) -> list[dict[str, Any]]:
            return list(control.request(paths, method, params, language="zh"))

        assert await asyncio.to_thread(ask, "echo", a=1) == [{"language": "zh", "a": 1}, {"second": True}]
        with pytest.raises(NotFoundError) as missing:
            await asyncio.to_thread(ask, "fail")
        assert missing.value.code == "scene.not_installed"
        with pytest.raises(UsageError):
            await asyncio.to_thread(ask, "nonsense")
        with pytest.raises(OoderError) as defect:
            await asyncio.to_thread(lambda: ask("fail", defect=True))
        assert defect.value.code == "node.defect"
        assert await asyncio.to_thread(ask, "echo")  # still there
    with pytest.raises(UnavailableError) as gone:
        control.ask(paths, "echo", {})
    assert gone.value.code == "node.not_running"


async def test_junk_on_the_socket_gets_an_error_and_harms_nobody(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    async with control.serve_control(paths, {"echo": echo}):
        for junk in (b"no json\n", b"[]\n", b'{"method": 7}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"):
            reader, writer = await asyncio.open_unix_connection(str(paths.run / control.SOCKET))
            writer.write(junk)
            assert "error" in json.loads(await reader.readline())
            writer.close()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.connect(str(paths.run / control.SOCKET))
        assert await asyncio.to_thread(lambda: list(control.request(paths, "echo", {})))


async def test_a_running_node_calls_stops_and_starts_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path)
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    home.commit("minutes", {"text-summarize": ["skill-text-digest"]})
    flags = ["--home", str(home.paths.home)]
    data = ["-d", json.dumps(TEXT)]

    def ooder(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = run([*flags, "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    code, alone = await asyncio.to_thread(ooder, "call", "scene:minutes", "cap:text-summarize", *data)
    assert code == 0 and alone["connector"] == "process"
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "node", *flags, "-q", "serve"), cwd=ROOT, env={**os.environ, "OODER_OFFLINE": "1"}
    )
    try:
        async with asyncio.timeout(30):
            while not (await asyncio.to_thread(control.is_running, home.paths)):
                await asyncio.sleep(0.05)
        code, answer = await asyncio.to_thread(ooder, "call", "scene:minutes", "cap:text-summarize", *data)
        assert code == 0 and answer["body"]["sentences"]
        code, wrong = await asyncio.to_thread(ooder, "call", "minutes", "text-summarize", "-d", "{}")
        assert code == 2 and wrong["error"]["code"] == "scene.contract_request"
        code, stopped = await asyncio.to_thread(ooder, "stop", "scene:minutes")
        assert stopped["state"] == "STOPPED" and not below(node.pid)
        code, started = await asyncio.to_thread(ooder, "start", "scene:minutes")
        assert started["state"] == "ACTIVE"
        code, status = await asyncio.to_thread(ooder, "status", "scene:minutes")
        skill = status["scenes"][0]["capabilities"][0]["skills"][0]
        assert skill["state"] == "well" and alive(skill["pid"])
        node.send_signal(signal.SIGTERM)
        assert await node.wait() == 0
        assert not alive(skill["pid"])
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
