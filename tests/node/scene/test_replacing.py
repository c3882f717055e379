"""A skill is replaced while its scene answers: only by one that works, and without a moment without an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.scene.agents import SceneAgents, open_agents
from node.scene.replacing import Replaced, replace_skill
from protocol.errors import OoderError
from protocol.install.model import Generation, Installed, Route
from tests.fakes.scenes import SERVER, TEXT, Home, alive, catalogue, skill_of

OLD, NEW = "skill-text-digest", "skill-text-brief"


class Story:
    """A home in which `scene:minutes` is answered by OLD and a candidate is in the store."""

    def __init__(self, folder: Path, candidate: str, files: dict[str, bytes]) -> None:
        self.home = Home(folder)
        self.home.skill(OLD, catalogue(f"skills/{OLD}"))
        self.home.skill(candidate, files)
        self.first = self.home.commit("minutes", {"text-summarize": [OLD]})
        self.candidate = next(one for one in self.first.skills if one.id == candidate)
        self.commits: list[tuple[Route, ...]] = []
        self.refuse = False

    async def commit(self, routes: tuple[Route, ...]) -> Generation:
        if self.refuse:
            raise OSError("the disk is full")
        self.commits.append(routes)
        scene = replace(self.first.scenes[0], routes=routes)
        items = (*(one for one in self.first.items if one.kind is not scene.kind), scene)
        return replace(self.first, number=self.first.number + 1, items=items)

    async def replace(self, agents: SceneAgents, probe: dict[str, object] | None = None) -> Replaced:
        store = self.home.store
        return await replace_skill(
            agents, store, self.first, "minutes", "text-summarize", self.candidate, self.commit, probe  # type: ignore[arg-type]
        )  # fmt: skip


def pids(agents: SceneAgents) -> dict[str, int]:
    runners = agents.agent("minutes").runners
    return {name.partition("@")[0]: int(str(runner.describe()["pid"])) for name, runner in runners.items()}


async def test_the_new_skill_is_taken_over_running_and_the_old_one_ends(tmp_path: Path) -> None:
    story = Story(tmp_path, NEW, catalogue(f"skills/{NEW}"))
    async with open_agents(story.home.machine) as agents:
        await agents.reconcile(story.first)
        old = pids(agents)[f"skill:{OLD}"]
        done = await story.replace(agents, TEXT)
        assert done.probe is not None and done.before[0].startswith(f"skill:{OLD}@")
        answer = await agents.call("minutes", "text-summarize", TEXT)
        assert answer.skill == done.skill == story.candidate.release
        assert not alive(old) and list(pids(agents)) == [f"skill:{NEW}"]
        assert alive(pids(agents)[f"skill:{NEW}"])
    assert story.commits == [(Route("text-summarize", (story.candidate.release,)),)]


BAD = {
    "ends": ("import sys; sys.exit(1)", "scene.skill_exited"),
    "breaks the contract": (SERVER % "def answer(request): return 7", "scene.contract_response"),
    "fails the probe": (SERVER % "def answer(request): os._exit(1)", "scene.skill_exited"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_candidate_that_does_not_work_changes_nothing(tmp_path: Path, name: str) -> None:
    server, code = BAD[name]
    story = Story(tmp_path, "bad", skill_of("bad", server))
    async with open_agents(story.home.machine) as agents:
        await agents.reconcile(story.first)
        before = pids(agents)
        with pytest.raises(OoderError) as error:
            await story.replace(agents, TEXT)
        assert error.value.code == code
        assert pids(agents) == before and not story.commits
        assert (await agents.call("minutes", "text-summarize", TEXT)).skill.startswith(f"skill:{OLD}@")


async def test_a_commit_that_fails_changes_nothing(tmp_path: Path) -> None:
    story = Story(tmp_path, NEW, catalogue(f"skills/{NEW}"))
    story.refuse = True
    async with open_agents(story.home.machine) as agents:
        await agents.reconcile(story.first)
        before = pids(agents)
        with pytest.raises(OSError, match="full"):
            await story.replace(agents)
        assert pids(agents) == before
        assert (await agents.call("minutes", "text-summarize", TEXT)).skill.startswith(f"skill:{OLD}@")


async def test_a_skill_that_provides_something_else_is_no_candidate(tmp_path: Path) -> None:
    story = Story(tmp_path, "other", skill_of("other", SERVER % "", capability="doc-search"))
    async with open_agents(story.home.machine) as agents:
        await agents.reconcile(story.first)
        with pytest.raises(OoderError) as error:
            await story.replace(agents)
        assert error.value.code == "scene.not_provided"


async def test_a_candidate_with_another_contract_is_told_apart(tmp_path: Path) -> None:
    files = skill_of("strict", SERVER % "")
    contract = b"""
  capabilities:
    - id: text-summarize
      name: x
      input: {type: object, required: [text, language], properties: {text: {type: string}, language: {type: string}}}
"""
    files["skill.yaml"] = files["skill.yaml"].replace(b"\n  capabilities: [{id: text-summarize, name: x}]\n", contract)
    story = Story(tmp_path, "strict", files)
    async with open_agents(story.home.machine) as agents:
        await agents.reconcile(story.first)
        with pytest.raises(OoderError) as error:
            await story.replace(agents)
        assert error.value.code == "scene.incompatible" and "language" in error.value.text()


def test_the_candidate_is_an_installed_release(tmp_path: Path) -> None:
    assert isinstance(Story(tmp_path, NEW, catalogue(f"skills/{NEW}")).candidate, Installed)
