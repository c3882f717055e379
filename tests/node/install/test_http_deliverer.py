"""Packages over HTTP: through the engine from a real server, with the digest of the file, and from nowhere it should not be."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
import threading
from pathlib import Path

import pytest

from node import config
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.paths import Paths
from node.service import Service
from protocol.errors import OoderError
from protocol.install.universe import Location
from tests.fakes.web_server import WebServer

MANIFEST = b"id: far-skill\nname: Far\nversion: 1.2.0\ndescription: from far away\n"


def _package() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("far-skill/skill.yaml")
        info.size = len(MANIFEST)
        tar.addfile(info, io.BytesIO(MANIFEST))
    return held.getvalue()


PACKAGE = _package()


class Host:
    """A server in a thread of its own, as the engine brings its own event loops."""

    def __init__(self, **routes: dict[str, object]) -> None:
        self._routes = routes
        self._loop = asyncio.new_event_loop()
        self.server = WebServer()

    def __enter__(self) -> WebServer:
        for path, answer in self._routes.items():
            self.server.route(f"/{path}", **answer)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        return self.server

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    paths = Paths(tmp_path / "home")
    return Engine(Service(paths, config.load(paths, environ={})))


async def bring(engine: Engine, location: Location) -> str:
    with engine.store.stage() as stage:
        done, origin = await engine.deliverers["https"].bring(location, stage)
        assert origin.url == location.url.partition("#")[0]
        assert [file.path for file in done.files] == ["skill.yaml"]
        return origin.sha256


def test_an_address_is_planned_and_installed(engine: Engine) -> None:
    with Host(**{"x.skill.tar.gz": {"body": PACKAGE}}) as server:
        target = server.url("/x.skill.tar.gz")
        plan = engine.plan(target, PlanOptions())
        assert str(plan.items[0].ref) == "skill:far-skill@1.2.0"
        assert plan.items[0].trust == "unverified"  # plain http proves nothing
        outcome = asyncio.run(engine.install(plan, plan.questions, lambda event: None))
    assert [item.id for item in outcome.generation.skills] == ["far-skill"]
    assert outcome.generation.skills[0].sources[0].sha256 == hashlib.sha256(PACKAGE).hexdigest()


def test_the_digest_of_the_file_decides(engine: Engine) -> None:
    digest = hashlib.sha256(PACKAGE).hexdigest()
    with Host(**{"download/x/1": {"body": PACKAGE}}) as server:
        url = server.url("/download/x/1")
        assert asyncio.run(bring(engine, Location("url", f"{url}#sha256={digest}", "p"))) == digest
        with pytest.raises(OoderError) as caught:
            asyncio.run(bring(engine, Location("url", f"{url}#sha256={'0' * 64}", "p")))
    assert caught.value.code == "http.wrong_digest"


@pytest.mark.parametrize("source", ["skill_center", "github", "dht_kademlia"])
def test_what_an_answer_names_does_not_reach_inside(engine: Engine, source: str) -> None:
    with Host(x={"body": PACKAGE}) as server:
        for url in (server.url("/x"), f"https://127.0.0.1:{server.port}/x", "https://169.254.169.254/x"):
            with pytest.raises(OoderError) as caught:
                asyncio.run(bring(engine, Location(source, url, "p")))
            assert caught.value.code == "http.forbidden_address"
        assert server.asked == []
