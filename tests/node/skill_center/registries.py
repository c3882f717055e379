"""A running SkillCenter on loopback, and people who publish to it.

async with a_registry(tmp_path) as registry:
    await registry.publish(ALICE, a_skill(tmp_path / "s", "daily-report", "1.0.0"))
    status, rows, _ = await registry.get("/api/v1/skills")
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from node import config
from node.api.gate import open_gate
from node.io.clock import SystemClock
from node.io.http import Door
from node.paths import Paths
from node.service import Service
from node.skill_center.asking import HttpRegistry, bounds_of
from node.skill_center.center import Center
from node.skill_center.publishing import Publisher, prepared
from protocol.identity import SigningKey
from protocol.items import Status
from protocol.refs import Ref, parse_ref

ALICE, MALLORY = SigningKey(b"a" * 32), SigningKey(b"m" * 32)


def a_skill(folder: Path, id_: str, version: str = "1.0.0", *, text: str = "日报", extra: str = "") -> Path:
    """A folder with a skill in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "skill.yaml").write_text(
        "apiVersion: skill.ooder.net/v1\nkind: Skill\nmetadata:\n"
        f"  id: {id_}\n  name: {text}\n  version: {version}\n  description: {text} {id_}\n{extra}",
        "utf-8",
    )
    (folder / "run.sh").write_text("#!/bin/sh\necho hello\n", "utf-8")
    (folder / "run.sh").chmod(0o755)
    return folder


@dataclass
class Running:
    """The registry of one home."""

    center: Center
    base: str
    client: aiohttp.ClientSession
    door: Door
    service: Service
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def get(
        self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: Any = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON and headers."""
        async with self.client.request(method, self.base + path, headers=headers, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text[:1] in ("[", "{") else text, answer.headers

    def publisher(self, key: SigningKey) -> Publisher:
        registry = HttpRegistry(self.door.client(bounds_of(self.base)), self.base)
        return Publisher(registry, key, self.service.now())

    async def publish(self, key: SigningKey, folder: Path) -> Mapping[str, Any]:
        """As `ooder publish` does."""
        with prepared(folder) as ready:
            return await self.publisher(key).publish(ready)

    async def say(self, key: SigningKey, ref: str, status: Status, reason: str = "because") -> list[Mapping[str, Any]]:
        """As `ooder publish --withdraw` does."""
        named: Ref = parse_ref(ref)
        return await self.publisher(key).set_status(named, status, reason)


@asynccontextmanager
async def a_registry(home: Path, **settings: Any) -> AsyncIterator[Running]:
    """A node that is a SkillCenter; Alice may publish, and Mallory too."""
    paths = Paths(home / "home")
    paths.ensure()
    keys = [one.public.fingerprint for one in (ALICE, MALLORY)]
    flags: dict[tuple[str, ...], Any] = {
        ("api", "port"): 0,
        ("peer", "port"): 0,
        ("peer", "host"): "127.0.0.1",
        ("skill_center", "enabled"): True,
        ("skill_center", "publishers"): keys,
        ("skill_center", "rate"): 100_000,
        **{("skill_center", name): value for name, value in settings.items() if value != ""},
    }
    loaded = config.load(paths, flags, environ={})
    assert not loaded.problems, loaded.problems
    service = Service(paths, loaded)
    door = Door(home / "http", SystemClock(), Random(1))
    try:
        async with open_gate(service, lambda: loaded, lambda: None) as desk, aiohttp.ClientSession() as client:
            assert desk.center is not None
            yield Running(desk.center, desk.peer_base, client, door, service)
    finally:
        service.close()
