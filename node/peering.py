"""The node among its peers, while it runs: follows the ledger of shares, opens the peer plane while there is something to
serve, and lets beacon and mDNS say what is offered.

The ledger is looked at once a second, so that `ooder share` of another process counts at once, with no word between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from node.api.desk import Desk
from node.api.gate import peer_plane
from node.lan import Shared
from protocol.errors import OoderError
from protocol.lan_text import CapShare, SceneCreate

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 60.0  # between telling what is shared, one by one; the beacon says all the time that it is there


class Peering:
    """One per running node."""

    def __init__(self, desk: Desk, failed: Callable[[OoderError], None]) -> None:
        self._desk, self._failed = desk, failed
        self._offering = desk.offers
        self._lan = desk.service.ports.lan
        self._told: OoderError | None = None
        self._decisions = -1
        self._said: tuple[Shared, int] | None = None
        self._shares: frozenset[CapShare | SceneCreate] = frozenset()
        self._again = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        async with AsyncExitStack() as stack:
            while True:
                try:
                    await self._look(stack)
                    self._told = None
                except OoderError as error:
                    if self._told is None or self._told.code != error.code:
                        self._failed(error)
                    self._told = error
                await asyncio.sleep(LOOK_SECONDS)

    async def _judge_anew(self) -> None:
        """Another process paired, unpaired or pinned: what is known is judged by that from now on."""
        path = self._desk.service.paths.trust
        mark = path.stat().st_mtime_ns if path.exists() else 0
        if self._decisions not in (-1, mark):
            await self._desk.read(self._desk.service.remerge)
        self._decisions = mark

    async def _look(self, stack: AsyncExitStack) -> None:
        shared = await self._desk.read(self._offering.shared)
        await self._judge_anew()
        wanted = self._desk.service.config.settings.peer.enabled is not False
        if (shared.digest or self._lan.pairing) and wanted and not self._desk.peer_base:
            await stack.enter_async_context(peer_plane(self._desk))
        port = (urlsplit(self._desk.peer_base).port or 0) if self._desk.peer_base else 0
        if (shared, port) != self._said:
            self._said = shared, port
            self._lan.shared, self._lan.tcp_port = (lambda: shared), port
            await self._lan.changed()
        self._tell(shared)

    def _tell(self, shared: Shared) -> None:
        """CAP_SHARE and SCENE_CREATE: what is new at once, everything now and then for whoever came later."""
        now = asyncio.get_running_loop().time()
        due = now >= self._again
        if self._lan.tell(one for one in shared.told if due or one not in self._shares):
            self._shares = frozenset(shared.told)
            self._again = now + AGAIN_SECONDS if due else self._again
