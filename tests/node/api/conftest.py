"""A node's API on a free port, in this process, over the demo catalogue."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node import config
from node.api.gate import open_gate
from node.paths import Paths
from node.service import Service
from tests.node.api.running import CATALOGUE, Running


@pytest.fixture(scope="session")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose index holds the catalogue; copied, never used."""
    import asyncio

    home = tmp_path_factory.mktemp("scanned") / "home"
    paths = Paths(home)
    paths.ensure()
    silent = "  udp_broadcast: {enabled: false}\n  mdns_dns_sd: {enabled: false}\n"
    paths.config.write_text(f"sources:\n  local_fs:\n    folders: [{CATALOGUE}]\n{silent}", "utf-8")
    service = Service(paths, config.load(paths, environ={}))
    asyncio.run(service.scan(lambda event: None, ["local_fs"]))
    service.close()
    return home


@pytest.fixture
async def node(scanned: Path, tmp_path: Path) -> AsyncIterator[Running]:
    """Both planes, with a client that sends nothing by itself."""
    paths = Paths(Path(shutil.copytree(scanned, tmp_path / "home")))
    flags = {("api", "port"): 0, ("peer", "port"): 0, ("peer", "host"): "127.0.0.1", ("peer", "enabled"): True}

    def load() -> config.Config:
        return config.load(paths, flags, environ={})

    service = Service(paths, load())
    reloads: list[bool] = []
    try:
        async with (
            open_gate(service, load, lambda: reloads.append(True)) as desk,
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
        ):
            yield Running(desk, client, reloads)
    finally:
        service.close()
