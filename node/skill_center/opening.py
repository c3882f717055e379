"""From the settings of a home to its running SkillCenter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node.keys import node_key
from node.policy import read_decisions
from node.service import Service
from node.skill_center.center import Center, open_center


@asynccontextmanager
async def center_of(service: Service) -> AsyncIterator[Center]:
    """The SkillCenter of a node while inside. This node's own key and those of paired devices may publish."""

    def known() -> frozenset[str]:
        own = node_key(service.paths).public.fingerprint
        return frozenset({own, *read_decisions(service.paths.trust).known_keys})

    async with open_center(
        service.paths, lambda: service.config.settings.skill_center, known, lambda: service.rules, service.now
    ) as center:
        yield center
