"""A running API as tests use it.

status, body = await node.get("/api/v1/items?q=日报")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from node.api.desk import Desk

CATALOGUE = Path(__file__).resolve().parents[3] / "scenarios" / "catalogue"


@dataclass
class Running:
    desk: Desk
    client: aiohttp.ClientSession
    reloads: list[bool]

    @property
    def base(self) -> str:
        return self.desk.base

    @property
    def peer(self) -> str:
        return self.desk.peer_base

    @property
    def auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.desk.keys.token}"}

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, plane: str = ""
    ) -> tuple[int, Any, Any]:
        """Status, body (JSON or text) and headers."""
        sent = self.auth if headers is None else headers
        async with self.client.request(method, (plane or self.base) + path, json=body, headers=sent) as answer:
            kind = answer.content_type
            said = await (answer.json(content_type=None) if kind.endswith("json") else answer.text())
            return answer.status, said, answer.headers

    async def get(self, path: str) -> tuple[int, Any]:
        status, body, _ = await self.call("GET", path)
        return status, body
