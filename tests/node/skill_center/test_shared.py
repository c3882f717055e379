"""Every peer plane is a read-only SkillCenter of what is shared with everybody - and of nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp

from node import config
from node.api.gate import open_gate
from node.install.store import Store
from node.paths import Paths
from node.service import Service
from node.sharing import Share, add_share
from protocol.refs import parse_ref

CATALOGUE = Path(__file__).resolve().parents[3] / "scenarios" / "catalogue"


async def test_what_is_shared_is_listed_searched_and_downloaded(tmp_path: Path) -> None:
    shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(f"sources: {{local_fs: {{folders: ['{tmp_path}/catalogue'], agent_folders: false}}}}\n")
    flags = {("api", "port"): 0, ("peer", "port"): 0, ("peer", "host"): "127.0.0.1", ("peer", "enabled"): True}
    service = Service(paths, config.load(paths, flags, environ={}))
    await service.scan(lambda event: None, ["local_fs"])
    async with open_gate(service, lambda: service.config, lambda: None) as desk, aiohttp.ClientSession() as client:

        async def get(path: str, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
            async with client.get(desk.peer_base + path, headers=headers) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text else None, answer.headers

        assert (await get("/health"))[0] == 200
        status, rows, headers = await get("/api/v1/skills")
        assert (status, rows) == (200, [])
        assert (await get("/api/v1/skills", {"If-None-Match": headers["ETag"]}))[0] == 304
        for name in ("skill:minutes-writer", "skill:skill-text-brief"):
            await asyncio.to_thread(add_share, paths, Share(parse_ref(name)), 1.0)
        await asyncio.to_thread(add_share, paths, Share(parse_ref("skill:skill-approval"), "paired"), 1.0)
        _, rows, headers = await get("/api/v1/skills", {"If-None-Match": headers["ETag"]})
        assert [row["skillId"] for row in rows] == ["minutes-writer", "skill-text-brief"]
        assert headers["X-Total-Count"] == "2"
        assert [row["skillId"] for row in (await get("/api/v1/skills?q=纪要"))[1]] == ["minutes-writer"]
        assert (await get("/api/v1/skills/skill-approval"))[0] == 404
        assert (await get("/api/v1/skills/minutes-writer/versions"))[1] == ["0.6.0"]
        async with client.get(desk.peer_base + "/download/minutes-writer/latest") as answer:
            data = await answer.read()
        with Store(tmp_path / "other").stage() as stage:
            assert stage.archive(io.BytesIO(data), "a.skill", unwrap=False).digest == rows[0]["digest"]
        assert (await get("/download/skill-approval/latest"))[0] == 404
        for path in ("/api/v1/center", "/api/v1/changes", "/api/v1/revocations", "/api/v1/releases/skill/a"):
            status, body, _ = await get(path)
            assert (status, body["code"]) == (404, "center.not_here"), path
        async with client.post(desk.peer_base + "/api/v1/releases", data=b"x") as answer:
            assert (await answer.json(content_type=None))["code"] == "center.not_here"
    service.close()
