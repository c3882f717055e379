"""Programs of skills that do what they should not: nothing of them is left, nothing of ours is shown or changed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from node.scene import launch
from node.scene.agents import SceneAgents, call_once, open_agents
from node.scene.listeners import is_listener_of
from protocol import limits
from protocol.errors import OoderError
from tests.fakes.scenes import SERVER, TEXT, Home, alive, below, catalogue, skill_of

DAEMON = """
def leave():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        os._exit(0)
    os.wait()
leave()
for _ in range(3): subprocess.Popen(["sleep", "600"])
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def running(home: Home, agents: SceneAgents, server: str) -> int:
    """Install a skill with this program, start it; the pid of the program."""
    home.skill("bad", skill_of("bad", server))
    await agents.reconcile(home.commit("scene", {"text-summarize": ["bad"]}))
    return pid_of(agents)


def row_of(agents: SceneAgents) -> dict[str, object]:
    return next(iter(agents.agent("scene").runners.values())).describe()


def pid_of(agents: SceneAgents) -> int:
    pid = row_of(agents)["pid"]
    assert isinstance(pid, int)
    return pid


async def test_children_that_leave_are_gone_after_stop(home: Home) -> None:
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % DAEMON)
        mine = below(os.getpid())
        assert len(mine) >= 6  # guardian, program, three sleeps, the one that left
        await agents.stop("scene")
        assert [pid for pid in mine if alive(pid)] == []


async def test_children_are_gone_when_the_program_ends_by_itself(home: Home) -> None:
    async with open_agents(home.machine) as agents:
        pid = await running(home, agents, SERVER % DAEMON)
        mine = below(os.getpid())
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not any(alive(one) for one in mine))
        await until(lambda: row_of(agents)["state"] == "well" and row_of(agents)["restarts"] == 1)  # and it is back
        assert pid_of(agents) != pid


async def test_a_program_that_ignores_term_is_killed(home: Home) -> None:
    async with open_agents(home.machine) as agents:
        pid = await running(home, agents, SERVER % "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
        await agents.stop("scene")
        assert not alive(pid)


async def test_a_program_gets_the_chance_to_end_in_order(home: Home) -> None:
    code = (
        "signal.signal(signal.SIGTERM, lambda *_: (open(os.environ['OODER_DATA'] + '/bye', 'w').close(), os._exit(0)))"
    )
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % code)
        await agents.stop("scene")
    assert (home.paths.data / "scene" / "bad" / "bye").exists()


async def test_a_program_that_never_answers_is_given_up(home: Home) -> None:
    async with open_agents(home.machine) as agents:
        await running(home, agents, "import sys; sys.exit('no port for me')")
        await until(lambda: row_of(agents)["state"] == "gave_up")
        with pytest.raises(OoderError) as error:
            await agents.call("scene", "text-summarize", TEXT)
        assert error.value.code == "scene.skill_gave_up"
        assert row_of(agents)["restarts"] == home.machine.policy.at_most + 1
    log = (home.paths.logs / "scene" / "bad.log").read_text()
    assert log.count("no port for me") == home.machine.policy.at_most + 1


async def test_a_program_that_hangs_is_started_again(home: Home) -> None:
    code = """
def do_GET(self, old=Handler.do_GET):
    if os.path.exists(os.environ["OODER_DATA"] + "/hang"): time.sleep(60)
    old(self)
Handler.do_GET = do_GET
"""
    async with open_agents(home.machine) as agents:
        pid = await running(home, agents, SERVER % code)
        flag = home.paths.data / "scene" / "bad" / "hang"
        flag.touch()
        await until(lambda: not alive(pid), 30)
        flag.unlink()
        await until(lambda: row_of(agents)["state"] == "well")


async def test_a_flood_fills_two_files_and_no_more(home: Home) -> None:
    flood = "import threading\nthreading.Thread(target=lambda: [print('x' * 1000, flush=True) for _ in iter(int, 1)], daemon=True).start()"
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % flood)
        folder = home.paths.logs / "scene"
        await until(lambda: (folder / "bad.log.1").exists(), 20)
        assert (await agents.call("scene", "text-summarize", TEXT)).body  # it still answers
    assert sorted(path.name for path in folder.iterdir()) == ["bad.log", "bad.log.1"]
    assert all(path.stat().st_size <= limits.SKILL_LOG_BYTES for path in folder.iterdir())
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


CANARIES = {f"{name}_CANARY": f"canary-{number}" for number, name in enumerate(
    ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "OPENAI_API_KEY", "SSH_AUTH_SOCK", "HTTP_PROXY", "DATABASE_URL",
     "OODER_TOKEN", "LD_LIBRARY_PATH", "PYTHONPATH", "NPM_TOKEN"))}  # fmt: skip


async def test_nothing_of_our_environment_or_files_is_shown(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    kept = open(home.paths.home.parent / "open", "w")  # noqa: SIM115 - is to be open while the program starts
    os.set_inheritable(kept.fileno(), True)
    code = """
def answer(request):
    fds = {fd: os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)}
    told = {"env": dict(os.environ), "fds": fds, "cwd": os.getcwd(), "sid": os.getsid(0) in (os.getpid(), 1), "core": __import__("resource").getrlimit(4)}
    return {"summary": json.dumps(told), "sentences": []}
"""
    settings = home.paths.skill_config / "bad"
    settings.mkdir(parents=True)
    (settings / "secrets.yaml").write_text("GREETING: hi\nLD_PRELOAD: /evil.so\nUNDECLARED: x\n")
    (settings / "secrets.yaml").chmod(0o600)
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % code)
        body = (await agents.call("scene", "text-summarize", TEXT)).body
        assert isinstance(body, dict)
        told = json.loads(str(body["summary"]))
    kept.close()
    assert not set(told["env"].values()) & set(CANARIES.values())
    assert told["env"]["GREETING"] == "hi"
    assert not {"LD_PRELOAD", "UNDECLARED"} & told["env"].keys()
    assert str(home.paths.home.parent / "open") not in told["fds"].values()
    assert told["fds"]["0"] == "/dev/null" and told["sid"] and told["core"] == [0, 0]
    assert Path(told["cwd"]).is_relative_to(home.paths.run / "views")


async def test_what_it_changes_in_its_files_never_reaches_the_store(home: Home) -> None:
    code = """
for name in ("server.py", "skill.yaml"):
    try:
        os.chmod(name, 0o600); open(name, "w").write("evil")
    except OSError: pass
try:
    os.chmod(".", 0o700); os.mkdir("left"); os.symlink("/etc", "link")
except OSError: pass
"""
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % code)
        assert home.store.verify().ok
        await agents.stop("scene")
        await agents.start("scene")  # a second life starts from whole files again
        assert (await agents.call("scene", "text-summarize", TEXT)).how == "process"


async def test_settings_open_to_others_are_refused(home: Home) -> None:
    home.skill("bad", skill_of("bad", SERVER % ""))
    settings = home.paths.skill_config / "bad" / "settings.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("GREETING: secret-word\n")
    settings.chmod(0o644)
    with pytest.raises(OoderError) as error:
        await call_once(
            home.machine, home.commit("scene", {"text-summarize": ["bad"]}), "scene", "text-summarize", TEXT
        )
    assert error.value.code == "scene.bad_settings" and "secret-word" not in error.value.text()


async def test_somebody_else_on_its_port_is_not_taken_for_it(home: Home) -> None:
    async with open_agents(home.machine) as agents:
        await running(home, agents, SERVER % "")
        port = row_of(agents)["port"]
        assert isinstance(port, int)
        assert is_listener_of(port, os.getpid())
        other = subprocess.Popen(["sleep", "600"])
        assert not is_listener_of(port, other.pid)
        other.kill()
        other.wait()


NODE = """
import asyncio, sys
from pathlib import Path
from tests.fakes.scenes import Home, SERVER, skill_of
from node.scene.agents import open_agents
async def main():
    home = Home(Path(sys.argv[1]))
    home.skill("bad", skill_of("bad", SERVER % sys.argv[2]))
    generation = home.commit("scene", {"text-summarize": ["bad"]})
    async with open_agents(home.machine) as agents:
        await agents.reconcile(generation)
        print("ready", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_no_orphans_when_the_node_is_killed(tmp_path: Path, number: int) -> None:
    node = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", NODE, str(tmp_path), DAEMON),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(launch.__file__).parents[2],
    )
    assert node.stdout is not None and (await node.stdout.readline()) == b"ready\n"
    mine = below(node.pid)
    assert len(mine) >= 6
    node.send_signal(number)
    await node.wait()
    await until(lambda: not any(alive(pid) for pid in mine))


async def test_a_program_that_is_not_there_is_named(home: Home) -> None:
    home.skill("bad", skill_of("bad", "", command=["no-such-program-here"]))
    generation = home.commit("scene", {"text-summarize": ["bad"]})
    with pytest.raises(OoderError) as error:
        await call_once(home.machine, generation, "scene", "text-summarize", TEXT)
    assert error.value.code == "scene.no_program"


async def test_a_bad_first_choice_costs_only_a_detour(home: Home) -> None:
    home.skill("bad", skill_of("bad", "import sys; sys.exit(1)"))
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    async with open_agents(home.machine) as agents:
        await agents.reconcile(home.commit("scene", {"text-summarize": ["bad", "skill-text-digest"]}))
        answer = await agents.call("scene", "text-summarize", TEXT)
        assert answer.skill.startswith("skill:skill-text-digest")
