"""`ooder serve --skill-center` and `ooder publish`, as real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cli.main import run
from tests.node.skill_center.registries import a_skill

QUIET = {
    "OODER_SOURCES__UDP_BROADCAST__ENABLED": "false",
    "OODER_SOURCES__MDNS_DNS_SD__ENABLED": "false",
    "OODER_SOURCES__LOCAL_FS__AGENT_FOLDERS": "false",
    "OODER_API__PORT": "0",
    "OODER_PEER__PORT": "0",
    "OODER_PEER__HOST": "127.0.0.1",
}


def ooder(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node", "--home", str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **QUIET})


@pytest.fixture
def center(tmp_path: Path) -> Iterator[str]:
    """The address of a SkillCenter where every key may publish."""
    command = [
        sys.executable,
        "-m",
        "node",
        "--home",
        str(tmp_path / "center"),
        "serve",
        "--skill-center",
        "--no-browser",
    ]
    env = {**os.environ, **QUIET, "OODER_SKILL_CENTER__ANYONE": "true", "LC_ALL": "C", "OODER_LANG": "en"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"SkillCenter: (\S+)", line):
                yield found[1]
                break
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(10) == 0


@pytest.mark.slow
def test_publish_and_withdraw_from_the_command_line(center: str, tmp_path: Path) -> None:
    me, other = tmp_path / "me", tmp_path / "other"
    folder = a_skill(tmp_path / "s", "daily-report")
    done = ooder(me, "publish", str(folder), "--to", center, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ref"] == "skill:daily-report@1.0.0"
    with urllib.request.urlopen(center + "/api/v1/skills", timeout=10) as answer:
        assert [row["skillId"] for row in json.load(answer)] == ["daily-report"]
    again = ooder(me, "publish", str(a_skill(folder, "daily-report", text="other")), "--to", center)
    assert (again.returncode, "center.version_exists" in again.stderr) == (7, True)
    foreign = ooder(other, "publish", str(a_skill(folder, "daily-report", "1.1.0")), "--to", center)
    assert (foreign.returncode, "center.not_your_name" in foreign.stderr) == (6, True)
    gone = ooder(me, "publish", "skill:daily-report", "--withdraw", "--reason", "late", "--to", center)
    assert gone.returncode == 0, gone.stderr
    with urllib.request.urlopen(center + "/api/v1/skills", timeout=10) as answer:
        assert json.load(answer) == []


def test_what_cannot_be_published_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = a_skill(tmp_path / "s", "daily-report", "1.10")
    for words, code in (
        ((str(folder),), "center.no_registry"),
        ((str(folder), "--to", "http://127.0.0.1:9"), "center.version_is_number"),
        ((str(tmp_path / "nothing"), "--to", "http://127.0.0.1:9"), "install.no_package"),
        (("nothing", "--withdraw", "--to", "http://127.0.0.1:9"), "center.what"),
        (("skill:x", "--withdraw", "--to", "http://127.0.0.1:9"), "http.unreachable"),
        (("skill:x", "--withdraw", "--to", "file:///etc"), "http.bad_url"),
    ):
        assert run(["--home", str(tmp_path / "me"), "publish", *words, "--json"])
        assert json.loads(capsys.readouterr().out)["error"]["code"] == code, words
