"""What skills are told to have done, and updates that do not start."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from node.scene.agents import SceneAgents, call_skill_once, open_agents
from node.scene.following import Follower
from node.scene.host import host_scenes, take_back
from node.scene.probation import TakenBack
from protocol.errors import OoderError
from protocol.refs import parse_ref
from protocol.scene.supervision import Policy
from tests.fakes.scenes import SERVER, TEXT, Home, skill_of

BROKEN = "import sys; sys.exit(3)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def failed_update(agents: SceneAgents) -> TakenBack:
    async with asyncio.timeout(10):
        while not (found := agents.failed_updates()):
            await asyncio.sleep(0.01)
    return found[0]


def new_version(files: dict[str, bytes], version: str) -> dict[str, bytes]:
    return {**files, "skill.yaml": files["skill.yaml"].replace(b'"1.0.0"', f'"{version}"'.encode())}


@pytest.mark.slow
async def test_an_update_that_does_not_start_is_taken_back(home: Home) -> None:
    events: list[tuple[str, str]] = []
    said: list[OoderError] = []
    home.skill("demo", skill_of("demo", SERVER % ""))
    async with open_agents(home.machine, lambda *event: events.append(event)) as agents:
        good = home.commit("scene", {"text-summarize": ["demo"]})
        await agents.reconcile(good)
        home.skill("demo", new_version(skill_of("demo", BROKEN), "1.1.0"))
        await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        update = await failed_update(agents)
        assert (update.back_to, update.generation) == (good.number, good.number + 1)
        await take_back(home.store, agents, update, said.append)
        await agents.reconcile(home.store.current())
        assert (await agents.call("scene", "text-summarize", TEXT)).skill.startswith("skill:demo@1.0.0")
        assert agents.failed_updates() == []
    assert [error.code for error in said] == ["scene.taken_back"]
    assert ("install.rolled_back", "scene:scene") in events


async def test_failed_starts_count_over_restarts_of_the_node(home: Home) -> None:
    once = replace(home.machine, policy=Policy(60.0, 60.0))  # one failed start in each run
    home.skill("demo", skill_of("demo", SERVER % ""))
    async with open_agents(once) as agents:
        good = home.commit("scene", {"text-summarize": ["demo"]})
        await agents.reconcile(good)
        home.skill("demo", new_version(skill_of("demo", BROKEN), "1.1.0"))
        await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        assert agents.failed_updates() == []
    async with open_agents(once) as agents:
        assert agents.failed_updates() == []  # nothing is known yet, nothing is forgotten
        await agents.reconcile(home.store.current())
        assert agents.failed_updates() == []
    async with open_agents(once) as agents:
        await agents.reconcile(home.store.current())
        (update,) = agents.failed_updates()
        assert (update.back_to, update.generation) == (good.number, good.number + 1)
        assert agents.failed_updates() == []


async def test_what_was_installed_since_the_scene_was_well_is_not_taken_back(home: Home) -> None:
    home.skill("demo", skill_of("demo", SERVER % ""))
    async with open_agents(home.machine) as agents:
        await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        beside = home.commit("other", {"text-summarize": ["demo"]})
        await agents.reconcile(beside)
        home.skill("demo", new_version(skill_of("demo", BROKEN), "1.1.0"))
        await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        assert (await failed_update(agents)).back_to == beside.number


async def test_a_damaged_record_of_probation_costs_only_itself(home: Home) -> None:
    path = home.paths.run / "probation.json"
    path.parent.mkdir(parents=True)
    for text in ("{", "[]", '{"scene": 3}', '{"scene": ["x"]}', '{"scene": [1, 2, 3, 4, 5, 6]}'):
        path.write_text(text)
        async with open_agents(home.machine) as agents:
            assert agents.failed_updates() == []


async def test_a_first_install_that_does_not_start_stays_and_says_so(home: Home) -> None:
    home.skill("demo", skill_of("demo", BROKEN))
    async with open_agents(home.machine) as agents:
        faults = await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        assert faults["scene"].code in ("scene.skill_exited", "scene.skill_gave_up")
        await asyncio.sleep(0.3)
        assert agents.failed_updates() == []


async def test_nothing_is_taken_back_once_something_was_committed_on_top(home: Home) -> None:
    home.skill("demo", skill_of("demo", SERVER % ""))
    async with open_agents(home.machine) as agents:
        first = home.commit("scene", {"text-summarize": ["demo"]})
        await agents.reconcile(first)
        home.commit("scene", {"text-summarize": ["demo"]})
        await take_back(home.store, agents, TakenBack("scene", first.number, 0, ""), lambda error: None)
        assert home.store.current().number == first.number + 1


async def test_starts_stops_and_restarts_are_events(home: Home) -> None:
    events: list[str] = []

    def told(event: str, ref: str) -> None:
        if ref.startswith("skill:"):
            events.append(event)

    home.skill("demo", skill_of("demo", SERVER % ""))
    async with open_agents(home.machine, told) as agents:
        await agents.reconcile(home.commit("scene", {"text-summarize": ["demo"]}))
        assert events == ["skill.started"]
        pid = next(iter(agents.agent("scene").runners.values())).describe()["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while "skill.restarted" not in events:
                await asyncio.sleep(0.01)
        await agents.stop("scene")
    assert events[:3] == ["skill.started", "skill.execution.error", "skill.restarted"] and events[-1] == "skill.stopped"


async def test_a_skill_answers_by_itself(home: Home) -> None:
    home.skill("demo", skill_of("demo", SERVER % ""))
    generation = home.commit("scene", {"text-summarize": ["demo"]})
    answer = await call_skill_once(home.machine, generation, parse_ref("skill:demo"), "text-summarize", TEXT)
    assert answer.body == {"summary": "ok", "sentences": ["ok"]}
    for ref, capability, code in (
        ("skill:none", "text-summarize", "install.not_installed"),
        ("skill:demo", "other", "scene."),
    ):
        with pytest.raises(OoderError) as caught:
            await call_skill_once(home.machine, generation, parse_ref(ref), capability, TEXT)
        assert caught.value.code.startswith(code)


def test_a_log_is_followed_over_being_moved_aside(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    log.write_bytes(b"before\n")
    follower = Follower(tmp_path)
    assert follower.look() == []
    with log.open("ab") as file:
        file.write(b"one\ntw")
    assert follower.look() == [("demo", "one")]
    with log.open("ab") as file:
        file.write(b"o\n")
    assert follower.look() == [("demo", "two")]
    log.rename(tmp_path / "demo.log.1")
    log.write_bytes(b"three\n")
    (tmp_path / "other.log").write_bytes(b"four\xff\n")
    assert follower.look() == [("demo", "three"), ("other", "four\ufffd")]


async def test_views_that_an_older_version_wrote_are_written_anew_when_the_node_starts(home: Home) -> None:
    home.skill("demo", skill_of("demo", SERVER % ""))
    home.commit("scene", {"text-summarize": ["demo"]})
    view = home.paths.home / "installed" / "scene" / "config.yaml"
    text = view.read_text()
    view.write_text(text.replace("skills:", 'state: ""\nskills:', 1))
    assert not home.store.verify().ok
    said: list[OoderError] = []
    node = asyncio.create_task(host_scenes(home.paths, lambda event, ref: None, said.append))
    async with asyncio.timeout(10):
        while view.read_text() != text:
            await asyncio.sleep(0.01)
    node.cancel()
    await asyncio.wait({node})
    assert home.store.verify().ok and said == []
