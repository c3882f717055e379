"""Every scenario, played for real; skipped where no namespaces can be made. And every description holds, everywhere."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import NotFoundError
from scenarios.java_neighbour import hear
from scenarios.netns import why_not
from scenarios.topology import load, names

ROOT = Path(__file__).resolve().parents[2]

HEAVY = dict.fromkeys(("community-50", "hostile-swarm"), pytest.mark.exhaustive)
"""Dozens of processes, which need 30 to 45 s of processor time; `make prove` plays them."""


@pytest.mark.netns
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "netns")
@pytest.mark.parametrize("name", [pytest.param(name, marks=HEAVY.get(name, ())) for name in names()])
def test_scenario(name: str) -> None:
    command = [sys.executable, "-m", "scenarios", "run", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=480, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    left = Path("/run/netns")
    assert not any(path.name.startswith("ood-") and not alive(path.name) for path in left.iterdir())


def alive(namespace: str) -> bool:
    """Whether the run that made it still goes on."""
    return Path(f"/proc/{namespace.split('-')[1]}").exists()


@pytest.mark.parametrize("name", names())
def test_every_topology_holds_and_has_a_story(name: str) -> None:
    topology = load(name)
    assert topology.about and all(machine.lan in topology.lans for machine in topology.nodes.values())
    assert callable(importlib.import_module(f"scenarios.stories.{name.replace('-', '_')}").play)


def test_an_unknown_scenario_is_said() -> None:
    with pytest.raises(NotFoundError):
        load("../catalogue")


def test_the_java_neighbour_dies_as_the_real_one() -> None:
    assert not hear(b"OODE\x01\x00\x02hi") and not hear(b"OODE\x01\x00\x02hi and our extension")
    for deadly in (b"AGENT_ANNOUNCE:x", b"", b"OODE\x01", b"OODE\x01\xff\xffx", b"OODE\x01\x00\x09hi"):
        assert hear(deadly)
