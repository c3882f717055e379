"""Installing what a forge source found, from a forge of our own that git cannot reach: by its API, with its key, by digest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import config as configuration
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.paths import Paths
from node.service import Service
from protocol.errors import OoderError
from protocol.install.planned import Asked
from protocol.query import Order, Query
from protocol.refs import Kind
from tests.fakes.fake_forge import FakeForge
from tests.fakes.forge_documents import MadeRepo

FILES = {
    "skills/tidy/SKILL.md": b"---\nname: tidy\ndescription: Tidies notes.\n---\n# Tidy\n",
    "skills/tidy/run.py": b"print('tidy')\n",
    "README.md": b"# Notes\n",
}


@pytest.fixture
async def forge() -> AsyncIterator[FakeForge]:
    async with FakeForge() as server:
        server.add(MadeRepo("acme/notes", FILES, stars=40, modes={"skills/tidy/run.py": "100755"}))
        yield server


@pytest.fixture
async def service(tmp_path: Path, forge: FakeForge) -> AsyncIterator[Service]:
    paths = Paths(tmp_path / "home")
    server = {"api": forge.api, "repositories": ["acme/notes"], "topics": []}
    flags = {
        ("sources", "local_fs", "agent_folders"): False,
        ("sources", "github", "public"): False,
        ("sources", "github", "servers"): [server],
        ("sources", "github", "every"): 0,
    }
    opened = Service(paths, configuration.load(paths, flags, {}))
    yield opened
    opened.close()


async def _install(service: Service) -> str:
    engine = Engine(service)
    plan = engine.plan("skill:tidy", PlanOptions())
    await engine.install(plan, plan.questions, lambda event: None)
    return engine.store.current().items[0].digest


async def test_found_shown_and_installed(service: Service, forge: FakeForge) -> None:
    outcome = await service.scan(lambda event: None, ["github"])
    assert [state.light.value for state in outcome.states] == ["online"]
    shown = service.detail(next(row.ref for row in service.index.rows(Kind.SKILL, service.now())))
    assert isinstance(shown["facts"], dict)
    about = shown["facts"]["forge"]
    assert isinstance(about, dict)
    assert (about["stars"], about["readme"], about["files"]) == (40, "# Notes", ["SKILL.md", "run.py"])
    digest = await _install(service)
    assert digest.startswith("sha256:")
    assert any("/git/blobs/" in line for line in forge.asked)


async def test_nothing_is_installed_from_a_name_that_changed_hands_after_planning(
    service: Service, forge: FakeForge
) -> None:
    await service.scan(lambda event: None, ["github"])
    engine = Engine(service)
    plan = engine.plan("skill:tidy", PlanOptions())
    stolen = replace(
        forge.repos["acme/notes"], files={**FILES, "skills/tidy/run.py": b"steal()\n"}, owner_id=666, repo_id=7
    )
    forge.add(stolen)
    with pytest.raises(OoderError):
        await engine.install(plan, plan.questions, lambda event: None)
    assert engine.store.current().items == ()
    await service.scan(lambda event: None, ["github"])
    codes = {told.problem.code for told in service.problems()}
    assert "forge.owner_changed" in codes


async def test_what_most_people_like_comes_first(service: Service, forge: FakeForge) -> None:
    for number, stars in enumerate((5, 900, 70)):
        name = f"liked-{number}"
        files = {f"skills/{name}/skill.yaml": f"id: {name}\nname: {name}\nversion: 1.0.0\ncategory: notes\n".encode()}
        forge.add(
            MadeRepo(
                f"acme/{name}", files, stars=stars, repo_id=100 + number, pushed=f"2026-0{number + 1}-01T00:00:00Z"
            )
        )
    section = service.config.sources["github"]
    servers = [section.servers[0].model_copy(update={"owners": ("acme",)})]  # type: ignore[attr-defined]
    service.config.__dict__["sources"] = {"github": section.model_copy(update={"servers": tuple(servers)})}
    await service.scan(lambda event: None, ["github"])

    def found(query: Query) -> list[str]:
        return [row.ref.id for row in service.search(query).rows]

    assert found(Query(order=Order.STARS)) == ["liked-1", "liked-2", "tidy", "liked-0"]
    assert found(Query("liked", order=Order.STARS)) == ["liked-1", "liked-2", "liked-0"]
    assert found(Query("liked*", order=Order.UPDATED)) == ["liked-2", "liked-1", "liked-0"]
    assert found(Query(category="notes", sources=frozenset({"github"}), order=Order.STARS, limit=1)) == ["liked-1"]
    assert found(Query("skill:liked-0", order=Order.STARS)) == ["liked-0"]
    assert service.search(Query("liked", order=Order.STARS)).rows[0].signals == {"stars": 900.0}


async def test_an_update_from_a_name_that_changed_hands_must_be_agreed_to(service: Service, forge: FakeForge) -> None:
    def made(version: str) -> dict[str, bytes]:
        return {"skills/tidy/skill.yaml": f"id: tidy\nname: Tidy\nversion: {version}\n".encode()}

    old = forge.add(replace(forge.repos["acme/notes"], files=made("1.0.0"), modes={}))
    await service.scan(lambda event: None, ["github"])
    await _install(service)
    forge.add(replace(old, files=made("1.1.0"), owner_id=666, repo_id=7, pushed="2026-09-09T00:00:00Z"))
    await service.scan(lambda event: None, ["github"])
    engine = Engine(service)
    with pytest.raises(OoderError):
        engine.plan("skill:tidy", PlanOptions(upgrade=True))  # too new to be taken without being named
    plan = engine.plan("skill:tidy@1.1.0", PlanOptions(upgrade=True))
    asked = [question.values for question in plan.questions if question.asked is Asked.PRINCIPAL]
    assert asked == [(f"git:127.0.0.1:{forge.port}#1001/2001",)]
