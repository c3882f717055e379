"""From the settings of a home to its running SkillCenter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node.config import MirrorSettings
from node.keys import node_key
from node.policy import read_decisions
from node.service import Service
from node.skill_center.asking import bounds_of
from node.skill_center.center import Center, open_center
from node.skill_center.mirroring import Mirror, Upstream
from protocol.identity import parse_fingerprint


@asynccontextmanager
async def center_of(service: Service) -> AsyncIterator[Center]:
    """The SkillCenter of a node while inside. This node's own key and those of paired devices may publish."""

    def known() -> frozenset[str]:
        own = node_key(service.paths).public.fingerprint
        return frozenset({own, *read_decisions(service.paths.trust).known_keys})

    async with open_center(
        service.paths, lambda: service.config.settings.skill_center, known, lambda: service.rules, service.now
    ) as center:
        mirrors = [_mirror(service, center, one) for one in service.config.settings.skill_center.mirrors]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in mirrors]
            try:
                yield center
            finally:
                for task in tasks:
                    task.cancel()


def _mirror(service: Service, center: Center, said: MirrorSettings) -> Mirror:
    upstream = Upstream(said.url, parse_fingerprint(said.key) if said.key else "", said.allow, said.every)
    http = service.ports.http(bounds_of(said.url))
    return Mirror(center, http, upstream, lambda: center.publishers().owners)
