"""Calls through every connector, with the catalogue's real skills and with skills that behave badly."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.scene.agents import call_once, open_agents
from node.scene.connectors.process import free_port
from protocol.errors import OoderError
from protocol.scene.states import State
from tests.fakes.scenes import SERVER, TEXT, Home, alive, catalogue, skill_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def code_of(error: pytest.ExceptionInfo[OoderError]) -> str:
    return error.value.code


@pytest.mark.parametrize("skill", ["skill-text-digest", "skill-text-brief"])
async def test_a_program_of_the_catalogue_answers_and_is_gone_afterwards(home: Home, skill: str) -> None:
    home.skill(skill, catalogue(f"skills/{skill}"))
    generation = home.commit("minutes", {"text-summarize": [skill]})
    answer = await call_once(home.machine, generation, "minutes", "text-summarize", TEXT)
    assert isinstance(answer.body, dict) and len(answer.body["sentences"]) == 2  # type: ignore[arg-type]
    assert answer.how == "process" and answer.skill.startswith(f"skill:{skill}@")
    assert not list((home.paths.run / "views" / "minutes").iterdir())


async def test_a_service_that_runs_already_is_called(home: Home) -> None:
    port = free_port()
    files = catalogue("skills/skill-summary-service")
    files["skill.yaml"] = files["skill.yaml"].replace(b":9471", f":{port}".encode())
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    home.skill("skill-summary-service", files)
    generation = home.commit("minutes", {"text-summarize": ["skill-summary-service", "skill-text-digest"]})
    answer = await call_once(home.machine, generation, "minutes", "text-summarize", TEXT)
    assert answer.skill.startswith("skill:skill-text-digest")  # nobody there yet: the next of the route
    assert answer.passed_over == () or answer.passed_over[0][1] == "scene.skill_unreachable"
    server = home.paths.home.parent / "server.py"
    server.write_bytes(catalogue("skills/skill-text-brief")["server.py"])
    process = await asyncio.create_subprocess_exec("python3", str(server), env={"OODER_PORT": str(port)})
    try:
        async with asyncio.timeout(10):
            while not answer.skill.startswith("skill:skill-summary-service"):
                answer = await call_once(home.machine, generation, "minutes", "text-summarize", TEXT)
        assert answer.how == "http"
    finally:
        process.kill()
        await process.wait()


async def test_a_document_answers_with_its_text(home: Home) -> None:
    home.capability("report-write")
    home.skill("daily-report-writer", catalogue("skills/daily-report-writer"))
    generation = home.commit("daily", {"report-write": ["daily-report-writer"]})
    with pytest.raises(OoderError) as refused:
        await call_once(home.machine, generation, "daily", "report-write", {"nonsense": 1})
    assert code_of(refused) == "scene.contract_request"
    request = {"date": "2026-03-02", "person": "Lin", "author": "Lin", "tasks": [], "items": []}
    try:
        answer = await call_once(home.machine, generation, "daily", "report-write", request)
    except OoderError as error:
        pytest.fail(error.text())
    assert isinstance(answer.body, dict) and "# Daily report" in str(answer.body["instructions"])
    files = answer.body["files"]
    assert isinstance(files, list) and len(files) == 2


async def test_contract_errors_are_told_on_either_side(home: Home) -> None:
    home.skill("liar", skill_of("liar", SERVER % "def answer(request): return {'summary': 7}"))
    generation = home.commit("minutes", {"text-summarize": ["liar"]})
    with pytest.raises(OoderError) as ours:
        await call_once(home.machine, generation, "minutes", "text-summarize", {"text": "", "sentences": 99})
    assert code_of(ours) == "scene.contract_request"
    with pytest.raises(OoderError) as theirs:
        await call_once(home.machine, generation, "minutes", "text-summarize", TEXT)
    assert code_of(theirs) == "scene.contract_response" and theirs.value.fault == "data"


HOSTILE = {
    "ends at once": ("import sys; sys.exit(3)", "scene.skill_exited"),
    "no syntax": ("this is no python", "scene.skill_exited"),
    "garbage": (SERVER % "def answer(request): return b'\\xff\\x00<html>'", "scene.answer_not_json"),
    "no number": (SERVER % "def answer(request): return b'NaN'", "scene.answer_not_json"),
    "deep": (SERVER % "def answer(request): return b'[' * 50000 + b']' * 50000", "scene.answer_not_json"),
    "huge": (SERVER % "def answer(request): return b'[' + b'1,' * 6_000_000 + b'1]'", "scene.answer_too_big"),
    "slow": (SERVER % "def answer(request): time.sleep(60)", "scene.timeout"),
    "ends in a call": (SERVER % "def answer(request): os._exit(9)", "scene.skill_exited"),
    "kills itself in a call": (SERVER % "def answer(request): os.kill(os.getpid(), 9)", "scene.skill_exited"),
    "fails": (
        SERVER % "Handler.do_POST = lambda self: self.say({'code': 4100, 'message': 'no'}, 400)",
        "scene.skill_failed",
    ),
    "redirects": (SERVER % "Handler.do_POST = lambda self: self.say(b'', 302)", "scene.redirected"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_bad_skill_costs_one_error_and_leaves_nothing(home: Home, name: str) -> None:
    server, code = HOSTILE[name]
    home.skill("bad", skill_of("bad", server))
    generation = home.commit("minutes", {"text-summarize": ["bad"]})
    with pytest.raises(OoderError) as error:
        await call_once(home.machine, generation, "minutes", "text-summarize", TEXT, 2.0)
    assert code_of(error) == code, error.value.text()


async def test_nothing_is_started_without_consent(home: Home) -> None:
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    generation = home.commit("minutes", {"text-summarize": ["skill-text-digest"]}, consent=False)
    async with open_agents(home.machine) as agents:
        faults = await agents.reconcile(generation)
        assert faults["minutes"].code == "scene.no_consent"
        assert agents.agent("minutes").state is State.PENDING_ACTIVATION
        assert not (home.paths.run / "views").exists()


async def test_changed_bytes_are_never_run(home: Home) -> None:
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    generation = home.commit("minutes", {"text-summarize": ["skill-text-digest"]})
    tree = home.store.tree(next(one.digest for one in generation.skills))
    (tree / "server.py").chmod(0o600)
    (tree / "server.py").write_bytes(b"import os; os.mkdir('/tmp/never')\n")
    with pytest.raises(OoderError) as error:
        await call_once(home.machine, generation, "minutes", "text-summarize", TEXT)
    assert code_of(error) == "store.drift"


async def test_an_agent_lives_through_commits_that_do_not_concern_it(home: Home) -> None:
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    first = home.commit("minutes", {"text-summarize": ["skill-text-digest"]})
    async with open_agents(home.machine) as agents:
        await agents.reconcile(first)
        runner = next(iter(agents.agent("minutes").runners.values()))
        pid = runner.describe()["pid"]
        assert isinstance(pid, int) and alive(pid)
        second = home.commit("other", {"text-summarize": ["skill-text-digest"]})
        await agents.reconcile(second)
        assert runner.describe()["pid"] == pid
        assert (await agents.call("other", "text-summarize", TEXT)).how == "process"
        await agents.stop("minutes")
        assert not alive(pid)
        with pytest.raises(OoderError) as error:
            await agents.call("minutes", "text-summarize", TEXT)
        assert code_of(error) == "scene.not_active"
    async with open_agents(home.machine) as agents:  # the node starts again
        await agents.reconcile(second)
        assert agents.agent("minutes").state is State.STOPPED
        assert agents.agent("other").state is State.ACTIVE
        assert await agents.start("minutes") is State.ACTIVE
        await agents.suspend("other")
        await agents.reconcile(second)
        assert agents.agent("other").state is State.SUSPENDED
