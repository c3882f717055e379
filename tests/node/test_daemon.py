"""The node as a process, as far as it can be seen from inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import config, daemon, policy
from node.paths import Paths
from node.places import add_place, read_place
from node.service import Service
from protocol.errors import OoderError
from protocol.refs import parse_ref

SETTINGS = "api: {enabled: false}\nsources:\n" + "".join(
    f"  {name}: {{enabled: false}}\n" for name in ("udp_broadcast", "mdns_dns_sd")
)


def put_skill(folder: Path, name: str) -> Path:
    path = folder / name / "SKILL.md"
    path.parent.mkdir(parents=True)
    path.write_text(f"---\nname: {name}\ndescription: x\n---\n")
    return folder


@asynccontextmanager
async def running(paths: Paths, failed: Callable[[OoderError], None]) -> AsyncIterator[Service]:
    service = Service(paths, config.load(paths, environ={}))
    made = daemon.Daemon(
        service, lambda event: None, lambda count: None, failed, load=lambda: config.load(paths, environ={})
    )
    task = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(10):
            yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        service.close()


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


async def test_a_running_node_follows_what_the_command_line_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "FOLLOW_SECONDS", 0.02)
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(SETTINGS)
    said: list[OoderError] = []
    async with running(paths, said.append) as service:
        await until(lambda: service.states()[0].last_success)
        place = read_place(str(put_skill(tmp_path / "skills", "tidy")), tmp_path)
        add_place(paths, place, service.config)
        await until(lambda: service.counts()["skills"])
        assert service.rules.policy.pins == ()
        policy.pin(paths, parse_ref("skill:tidy"), "key:X")
        await until(lambda: service.rules.policy.pins == (("skill:tidy", "key:X"),))
        paths.config.write_text("scop: company\n")
        await until(lambda: said)
        assert said[0].code == "config.invalid" and service.config.settings.api.enabled is False
