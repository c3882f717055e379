"""Revoked after it was installed: noted, not run, not brought back, and not forgotten because somebody says the contrary."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node import config as configuration
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.install.revocations import note_revoked, read_revoked
from node.paths import Paths
from node.scene.agents import open_agents
from node.service import Service
from protocol.errors import OoderError
from protocol.install.model import Generation
from protocol.install.universe import Candidate, MemoryUniverse
from protocol.items import Item
from protocol.query import Trust
from tests.fakes.scenes import SERVER, TEXT, Home, skill_of


def universe(generation: Generation, *revoked: str) -> MemoryUniverse:
    return MemoryUniverse(
        [
            Candidate(
                Item(one.kind, one.id, one.version),
                one.principal,
                Trust.PERSONAL,
                one.digest,
                blocked="revoked" if one.id in revoked else "",
            )
            for one in generation.items
        ]
    )


async def test_a_revoked_skill_stops_answering_and_its_bytes_stay(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.skill("bad", skill_of("bad", SERVER % ""))
    generation = home.commit("scene", {"text-summarize": ["bad"]})
    async with open_agents(home.machine) as agents:
        await agents.reconcile(generation)
        assert (await agents.call("scene", "text-summarize", TEXT)).body
        assert note_revoked(home.paths, universe(generation, "bad"), generation)
        await agents.reconcile(generation)
        with pytest.raises(OoderError) as caught:
            await agents.call("scene", "text-summarize", TEXT)
        assert caught.value.code == "scene.revoked"
    assert home.store.verify().ok
    # A source that goes back to an older list takes nothing back.
    assert note_revoked(home.paths, universe(generation), generation) == ()
    assert any(release.startswith("skill:bad@") for release in read_revoked(home.paths))
    assert note_revoked(home.paths, universe(generation), Generation(9, 0.0, "")) == ()
    assert read_revoked(home.paths) == {}


async def test_no_rollback_brings_back_what_was_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths(tmp_path / "home")
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "skill.yaml").write_text("id: a\nversion: '1.0'\nname: a\ndescription: a\n")
    service = Service(paths, configuration.load(paths, {("sources", "local_fs", "agent_folders"): False}, {}))
    try:
        engine = Engine(service)

        plan = await asyncio.to_thread(engine.plan, str(folder), PlanOptions())
        outcome = await engine.install(plan, plan.questions, lambda event: None)
        await engine.uninstall(("skill:a",), lambda event: None)
        known = universe(outcome.generation, "a")
        monkeypatch.setattr("node.install.engine.IndexUniverse", lambda service: known)
        with pytest.raises(OoderError) as caught:
            await engine.rollback(1, lambda event: None)
        assert caught.value.code == "install.revoked" and "skill:a@1.0" in str(caught.value)
        assert engine.store.current().number == 2
    finally:
        service.close()
