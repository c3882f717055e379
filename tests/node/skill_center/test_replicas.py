"""Several replicas of one SkillCenter on one PostgreSQL: what one takes in, all show, push and deliver."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest

from node.keys import node_key
from node.paths import Paths
from node.skill_center.center import open_database
from node.skill_center.postgresql import shown
from protocol import limits
from protocol.errors import IntegrityError, OoderError, StorageError, UsageError
from tests.fakes.postgresql_server import Server
from tests.node.skill_center.registries import ALICE, MALLORY, Running, a_registry, a_skill


@pytest.fixture
async def replicas(tmp_path: Path, postgresql: Server) -> AsyncIterator[tuple[Running, Running, str]]:
    """Two, with one key, and the address of their database."""
    url = postgresql.fresh_database()
    paths = Paths(tmp_path / "key")
    node_key(paths)
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(a_registry(tmp_path / name, database=url, key=str(paths.node_key)))
            for name in ("a", "b")
        ]
        yield both[0], both[1], url


async def test_what_one_replica_takes_in_the_other_pushes_shows_and_delivers(
    replicas: tuple[Running, Running, str], tmp_path: Path
) -> None:
    a, b, _ = replicas
    async with b.client.ws_connect(b.base + "/ws?since=0") as socket:
        await a.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
        event = await socket.receive_json(timeout=1.0)
    assert event["data"]["ref"] == "skill:daily-report@1.0.0"
    rows = [(await one.get("/api/v1/skills"))[1] for one in (a, b)]
    assert rows[0] == rows[1] and len(rows[0]) == 1
    async with b.client.get(b.base + "/download/daily-report/1.0.0") as answer:
        assert hashlib.sha256(await answer.read()).hexdigest() == rows[0][0]["checksum"]
    assert (await a.get("/api/v1/center"))[1] == (await b.get("/api/v1/center"))[1]
    with pytest.raises(OoderError) as caught:
        await b.publish(MALLORY, a_skill(tmp_path / "s", "daily-report", "2.0.0"))
    assert caught.value.code == "center.not_your_name"


async def test_writers_on_all_replicas_give_numbers_without_gaps(
    replicas: tuple[Running, Running, str], tmp_path: Path
) -> None:
    a, b, _ = replicas
    folders = [a_skill(tmp_path / str(number), f"skill-{number}") for number in range(8)]
    said = await asyncio.gather(*((a, b)[n % 2].publish(ALICE, folder) for n, folder in enumerate(folders)))
    assert sorted(one["event"] for one in said) == list(range(1, 9))
    same = a_skill(tmp_path / "same", "same")
    both = await asyncio.gather(a.publish(ALICE, same), b.publish(MALLORY, same), return_exceptions=True)
    codes = [one.code for one in both if isinstance(one, OoderError)]
    assert len(codes) == 1 and codes[0] in ("center.version_exists", "center.not_your_name")


async def test_a_replica_that_missed_the_news_finds_out_by_itself(
    replicas: tuple[Running, Running, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, url = replicas
    monkeypatch.setattr(limits, "CENTER_LOOK_SECONDS", 0.2)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    await a.publish(ALICE, a_skill(tmp_path / "s", "daily-report"))
    async with asyncio.timeout(5):
        while not (await b.get("/api/v1/skills"))[1]:
            await asyncio.sleep(0.02)


async def test_another_key_is_another_registry(replicas: tuple[Running, Running, str], tmp_path: Path) -> None:
    try:
        async with a_registry(tmp_path / "c", database=replicas[2]):
            raise AssertionError("it opened")
    except* IntegrityError as group:
        assert [getattr(one, "code", "") for one in group.exceptions] == ["center.other_key"]


def test_a_database_that_is_none_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address"):
        open_database(tmp_path, "mysql://x")
    with pytest.raises(StorageError, match=r"postgresql:///none"):
        open_database(tmp_path, f"postgresql://me:secret@/none?host={tmp_path}").read(lambda db: db.all("SELECT 1"))
    assert shown("postgresql://me:secret@db/x?password=y") == "postgresql://db/x"
