"""The install pipeline's view of scene agents, without a running node."""

from __future__ import annotations

from pathlib import Path

from node.install.installer import Agents
from node.scene.link import NodeAgents
from tests.fakes.scenes import Home, catalogue, skill_of


async def test_an_install_without_a_node_learns_which_scenes_work(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.skill("skill-text-digest", catalogue("skills/skill-text-digest"))
    home.skill("bad", skill_of("bad", "import sys; sys.exit(1)"))
    home.commit("good", {"text-summarize": ["skill-text-digest"]})
    generation = home.commit("poor", {"text-summarize": ["bad"]})
    agents: Agents = NodeAgents(home.paths)
    heard: list[tuple[str, str]] = []
    found = await agents.reconcile(generation, lambda ref, event: heard.append((ref, event)))
    assert found["scene:good"] is None
    fault = found["scene:poor"]
    assert fault is not None and fault.code == "scene.skill_exited"
    assert ("scene:good", "scene.activated") in heard
