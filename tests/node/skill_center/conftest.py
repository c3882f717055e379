"""The same tests on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.postgresql_server import Server, postgresql_server
from tests.node.skill_center.registries import Running, a_registry


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """One server for all tests of a worker."""
    with postgresql_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The setting that names an empty database."""
    if request.param == "sqlite":
        return ""
    server: Server = request.getfixturevalue("postgresql")
    return server.fresh_database()


@pytest.fixture
async def registry(tmp_path: Path, database: str) -> AsyncIterator[Running]:
    """A SkillCenter on either database."""
    async with a_registry(tmp_path, database=database) as running:
        yield running
