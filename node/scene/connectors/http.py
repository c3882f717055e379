"""The `http` connector: a service that runs already. Only on this machine, unless the user wrote its base URL down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from node.scene.connectors.base import Ask
from node.scene.connectors.exchange import Exchange, anywhere, loopback_only
from protocol import limits
from protocol.errors import OoderError, PolicyError, UnavailableError
from protocol.items import Json
from protocol.scene.connector import Http

_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


class HttpRunner:
    """`configured` is the base URL from the user's own settings (`settings` is that file); it wins over the manifest's."""

    how = "http"

    def __init__(self, skill: str, spec: Http, configured: str, settings: Path) -> None:
        self._skill, self._spec, self._settings = skill, spec, settings
        self._base = (configured or spec.base_url).rstrip("/")
        self._trusted = bool(configured)
        self.key: object = (skill, spec, configured)
        self._exchange = Exchange(skill, self._base, anywhere if self._trusted else loopback_only)
        self._watching: asyncio.Task[None] | None = None
        self.well = True
        self.load = 0
        self.fault: OoderError | None = None

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Look whether it answers; keep looking."""
        host = urlsplit(self._base).hostname or ""
        if not self._trusted and host not in _LOCAL:
            self.well = False
            self.fault = PolicyError("scene.address_refused", skill=self._skill, host=host, path=str(self._settings))
            return
        if self._spec.health:
            await self._look()
            self._watching = tasks.create_task(self._watch())

    async def call(self, ask: Ask) -> Json:
        """Ask the service, again if it could not be reached and the connector says so."""
        if isinstance(self.fault, PolicyError):
            raise self.fault
        self.load += 1
        try:
            for left in range(self._spec.retry, -1, -1):
                try:
                    return await self._exchange.ask(
                        ask.method, ask.path, ask.body, min(ask.seconds, self._spec.timeout)
                    )
                except UnavailableError as error:
                    if not left or error.code != "scene.skill_unreachable":
                        raise
            raise AssertionError  # the loop returns or raises
        finally:
            self.load -= 1

    async def stop(self) -> None:
        """Stop looking; the service itself is not ours."""
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None
        await self._exchange.close()

    def describe(self) -> dict[str, object]:
        return {"connector": self.how, "state": "well" if self.well else "unwell", "address": self._base}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(limits.SKILL_HEALTH_EVERY)
            await self._look()

    async def _look(self) -> None:
        self.well = await self._exchange.healthy(self._spec.health)
        reason = f"no answer 200 at {self._spec.health}"
        self.fault = (
            None if self.well else UnavailableError("scene.skill_unreachable", skill=self._skill, reason=reason)
        )
