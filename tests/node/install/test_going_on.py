"""Downloads that a killed process left behind go on in the next one."""

from __future__ import annotations

import asyncio
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web

from node import config
from node.install.engine import Engine
from node.io.partials import Partials
from node.paths import Paths
from node.service import Service
from protocol import limits
from protocol.errors import OoderError
from protocol.install.universe import Location
from tests.fakes.web_server import WebServer

ROOT = Path(__file__).resolve().parents[3]
MANIFEST = b"id: far-skill\nname: Far\nversion: 1.2.0\ndescription: from far away\n"


def package() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in (("skill.yaml", MANIFEST), ("model.bin", random.Random(3).randbytes(3 * limits.MIB))):
            info = tarfile.TarInfo(f"far-skill/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return held.getvalue()


PACKAGE = package()


class SlowHost:
    """Serves the package with ranges; as long as `stalls`, an answer stops after `stop` bytes and hangs. `asked` are the ranges."""

    def __init__(self, etag: str = '"1"', data: bytes = PACKAGE, stop: int = 2 * limits.MIB) -> None:
        self.etag, self.data, self.stop, self.stalls = etag, data, stop, True
        self.asked: list[str] = []
        self.stalled = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._server = WebServer()
        self._server.route("/far.skill.tar.gz", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        fits = wanted and request.headers.get("If-Range", self.etag) == self.etag
        start = int(wanted[6:].partition("-")[0]) if fits else 0
        heads = {"Content-Length": str(len(self.data) - start)} | ({"ETag": self.etag} if self.etag else {})
        if start:
            heads["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        reply = web.StreamResponse(status=206 if start else 200, headers=heads)
        await reply.prepare(request)
        if self.stalls:
            await reply.write(self.data[start : self.stop])
            self.stalled.set()
            await self._over.wait()
            return reply
        await reply.write(self.data[start:])
        return reply

    @property
    def url(self) -> str:
        return self._server.url("/far.skill.tar.gz")

    def __enter__(self) -> SlowHost:
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


def ooder(home: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "node", "install", *words]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "OODER_HOME": str(home), "OODER_SOURCES__LOCAL_FS__ENABLED": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kept(home: Path) -> list[Path]:
    return sorted(path for path in (home / "cache" / "partial").rglob("package") if path.is_file())


@pytest.mark.slow
def test_a_killed_install_goes_on_where_it_was(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with SlowHost() as host:
        first = ooder(home, host.url, "--plan")
        assert host.stalled.wait(20), first.communicate(timeout=5)
        wait_for_bytes(home, limits.MIB)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=10)
        host.stalls = False
        second = ooder(home, host.url, "--plan", "--json")
        out, said = second.communicate(timeout=30)
        assert second.returncode == 0, said
        assert "skill:far-skill@1.2.0" in out
        begin = int(host.asked[1].removeprefix("bytes=").removesuffix("-"))
        assert limits.MIB <= begin <= 2 * limits.MIB
    assert kept(home) == []


def wait_for_bytes(home: Path, size: int) -> list[Path]:
    for _ in range(200):
        found = [path for path in kept(home) if path.with_name("package.note").exists() and path.stat().st_size >= size]
        if found:
            return found
        threading.Event().wait(0.05)
    raise AssertionError("nothing was kept")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    paths = Paths(tmp_path / "home")
    return Engine(Service(paths, config.load(paths, environ={})))


async def bring(engine: Engine, url: str, seconds: float = 20.0) -> str:
    with engine.store.stage() as stage:
        async with asyncio.timeout(seconds):
            done, origin = await engine.deliverers["https"].bring(Location("url", url, "url:x"), stage)
        assert sorted(file.path for file in done.files) == ["model.bin", "skill.yaml"]
        return origin.sha256


async def broken_off(engine: Engine, host: SlowHost, promise: str = "") -> None:
    """Bring until the host hangs, then give up, as a person does."""
    work = asyncio.create_task(bring(engine, host.url + promise))
    await asyncio.to_thread(host.stalled.wait, 10)
    while not kept(engine.service.paths.home):
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    work.cancel()
    await asyncio.wait({work})
    host.stalls = False


async def test_what_the_disk_changed_meanwhile_is_fetched_anew(engine: Engine) -> None:
    with SlowHost() as host:
        await broken_off(engine, host)
        (part,) = kept(engine.service.paths.home)
        with part.open("r+b") as file:
            file.seek(1_000)
            file.write(bytes(100))
        await bring(engine, host.url)
        assert host.asked == ["", ""]


async def test_another_file_at_the_address_is_fetched_anew(engine: Engine) -> None:
    with SlowHost() as host:
        await broken_off(engine, host)
        host.etag = '"2"'
        await bring(engine, host.url)
        assert len(host.asked) == 2 and host.asked[1].startswith("bytes=")


async def test_without_any_mark_only_a_promised_digest_lets_it_go_on(engine: Engine) -> None:
    promise = "#sha256=" + sha256(PACKAGE).hexdigest()
    with SlowHost(etag="") as host:
        await broken_off(engine, host)
        await bring(engine, host.url)
        assert host.asked == ["", ""]
    with SlowHost(etag="") as host:
        await broken_off(engine, host, promise)
        host.data = PACKAGE
        await bring(engine, host.url + promise)
        assert host.asked[1].startswith("bytes=")


async def test_a_beginning_of_other_bytes_does_not_stay_in_the_way(engine: Engine) -> None:
    promise = "#sha256=" + sha256(PACKAGE).hexdigest()
    with SlowHost(etag="", data=bytes(len(PACKAGE))) as host:
        await broken_off(engine, host, promise)
        host.data = PACKAGE
        await bring(engine, host.url + promise)
        assert [bool(one) for one in host.asked] == [False, True, False]


def test_one_process_at_a_time_has_it_and_old_or_too_much_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PARTIAL_BYTES", 1_000)
    partials, now = Partials(tmp_path / "partial"), time.time()
    one = partials.hold("one", now)
    assert one is not None and partials.hold("one", now) is None
    (one.path / "package").write_bytes(bytes(600))
    two = partials.hold("two", now + 1)
    assert two is not None
    (two.path / "package").write_bytes(bytes(600))
    assert partials.sweep(now + 2) == 0  # both are in use
    one.close()
    two.close()
    os.utime(one.path, (now, now))
    os.utime(two.path, (now + 1, now + 1))
    assert partials.sweep(now + 2) == 1 and not one.path.exists() and two.path.exists()
    assert partials.sweep(now + 2 + limits.PARTIAL_SECONDS) == 1
    (tmp_path / "partial").rmdir()
    (tmp_path / "partial").write_text("a file")
    assert partials.hold("one", now) is None


async def test_a_disk_that_takes_nothing_costs_only_the_going_on(engine: Engine) -> None:
    cache = engine.service.paths.cache
    cache.mkdir(parents=True)
    (cache / "partial").write_text("a file")
    with SlowHost() as host:
        host.stalls = False
        await bring(engine, host.url)
    with pytest.raises(OoderError):
        await bring(engine, "http://127.0.0.1:1/x.skill")
