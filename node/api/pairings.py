"""Pairing with another device over the API: one attempt at a time, followed by asking how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from protocol.errors import OoderError, UnavailableError, UsageError

if TYPE_CHECKING:
    from node.api.desk import Desk

PAIR = "peers.pair"


class Pairings:
    """The newest attempt. `state`: idle, looking, compare (a code is shown), paired or failed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._wake = asyncio.Event()
        self._wish: tuple[str, str] = ("", "en")
        self.state = "idle"
        self.code = ""
        self.peer: Mapping[str, Any] | None = None
        self.error: OoderError | None = None

    async def start(self, name: str, language: str) -> None:
        """Begin to look. Raises UsageError `pair.failed` while an attempt runs."""
        if self.state in ("looking", "compare"):
            raise UsageError("pair.failed", name=name or "-", reason="pairing is under way already")
        self.state, self.code, self.peer, self.error = "looking", "", None, None
        self._wish = (name, language)
        self._wake.set()

    async def run(self) -> None:
        """Do the work until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._pair(*self._wish)
            except OoderError as error:
                self.state, self.error = "failed", error

    async def _pair(self, name: str, language: str) -> None:
        method = self._desk.methods.get(PAIR)
        if method is None:
            raise UnavailableError("node.not_running", home=str(self._desk.service.paths.home))
        async for said in method({"name": name}, language):
            self.peer = said["peer"]
            self.state = "paired" if said.get("paired") else "compare"
            self.code = str(said.get("code") or self.code)


def pairing_body(pairing: Pairings, language: str) -> dict[str, Any]:
    """An attempt as JSON."""
    return {
        "state": pairing.state,
        "code": pairing.code if pairing.state == "compare" else "",
        "peer": dict(pairing.peer) if pairing.peer else None,
        "error": pairing.error.body(language) if pairing.error else None,
    }
