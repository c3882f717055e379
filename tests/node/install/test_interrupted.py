"""The real command line, killed and interrupted anywhere: the old or the new state, whole, and the next install works."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.install.store import Store

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "scenarios" / "catalogue"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A home that has looked at the catalogue once."""
    folder = tmp_path_factory.mktemp("cli")
    found = {**os.environ, "OODER_HOME": str(folder / "home"), "HOME": str(folder), "OODER_LANG": "en"}
    done = ooder(found, "scan", str(CATALOGUE)).wait(60)
    assert done == 0
    return found


def ooder(environment: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "node", *arguments],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt_at_random(environment: Mapping[str, str], how: signal.Signals, rounds: int, seed: int) -> set[int]:
    """The exit codes of installs that got `how` at random moments between their first file and their end."""
    chance = random.Random(seed)
    store = Store(Path(environment["OODER_HOME"]))
    codes = set()
    for _ in range(rounds):
        before = store.current()
        if before.items:
            store.uninstall(("scene:meeting-minutes",), time.time())
            store.collect(keep=1)
            before = store.current()
        process = ooder(environment, "install", "scene:meeting-minutes", "--yes", "--json")
        assert process.stdout is not None
        process.stdout.readline()  # the first step began
        time.sleep(chance.uniform(0.0, 0.25))
        process.send_signal(how)
        out, err = process.communicate(timeout=60)
        codes.add(process.returncode)
        assert process.returncode != 1, out + err
        assert "Traceback" not in err, err
        now = store.current()
        assert now == before or (now.number > before.number and len(now.items) == 13), now
        assert store.verify().ok or not store.verify().drifted
        if how is signal.SIGINT and process.returncode == 130:
            said = "after the commit" if now.number > before.number else "unchanged"
            assert said in err or "half-done" in err, err
    done = ooder(environment, "install", "scene:meeting-minutes", "--yes", "--json")
    out, err = done.communicate(timeout=60)
    assert done.returncode == 0, out + err
    check = ooder(environment, "verify", "--json")
    assert json.loads(check.communicate(timeout=60)[0])["ok"]
    return codes


def test_killed_a_few_times(environment: Mapping[str, str]) -> None:
    assert interrupt_at_random(environment, signal.SIGKILL, 2, 1) <= {0, -signal.SIGKILL}


def test_interrupted_a_few_times(environment: Mapping[str, str]) -> None:
    assert interrupt_at_random(environment, signal.SIGINT, 2, 2) <= {0, 130, -signal.SIGINT}


@pytest.mark.exhaustive
@pytest.mark.timeout(300)
def test_killed_many_times(environment: Mapping[str, str]) -> None:
    interrupt_at_random(environment, signal.SIGKILL, 60, 3)


def test_two_installs_at_once(environment: Mapping[str, str]) -> None:
    """Both end well or one is told that the other was first; nothing is lost."""
    pair = [ooder(environment, "install", target, "--yes") for target in ("skill:skill-faq", "skill:skill-runbook")]
    said = [(*one.communicate(timeout=60), one.returncode) for one in pair]
    assert {code for *_, code in said} <= {0, 7}, said
    store = Store(Path(environment["OODER_HOME"]))
    ids = {item.id for item in store.current().skills}
    for (_, err, code), name in zip(said, ("skill-faq", "skill-runbook"), strict=True):
        assert (name in ids) == (code == 0)
        assert code == 0 or "install.base_moved" in err
    assert store.verify().ok


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_changes_nothing(environment: Mapping[str, str], tmp_path: Path) -> None:
    home = tmp_path / "small"
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(home)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        here = {**environment, "OODER_HOME": str(home)}
        (home / "filler").write_bytes(bytes(500_000))
        scan = ooder(here, "scan", str(CATALOGUE))
        scan.communicate(timeout=60)
        install = ooder(here, "install", "scene:meeting-minutes", "--yes")
        _, err = install.communicate(timeout=60)
        assert install.returncode != 0 and "Traceback" not in err, err
        assert not Store(home).current().items
    finally:
        subprocess.run(["umount", str(home)], check=True)
