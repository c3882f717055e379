"""One folder has one digest, whether it is found on a disk or in a git repository (docs/protocol/digest.md, 1)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

from node.io.clock import SystemClock
from node.io.files import RealFolders
from node.io.git import GitMirrors
from protocol.digest import TreeFile, file_sha256, tree_digest
from protocol.query import Query
from sources import git_repository, local_fs
from sources.ports import Context, GitBounds
from tests.fakes.git_repository import MadeRepository
from tests.fakes.heard import Heard

SKILL = "apiVersion: skill.ooder.net/v1\nkind: Skill\nmetadata: {id: whole, version: '1.0', name: 整体}\n"
AGENT_SKILL = "---\nname: agent-skill\ndescription: d\n---\n# x\n"
SCENE = "apiVersion: ooder.net/v1\nkind: Scene\nmetadata: {id: a-scene, name: A, version: '1.0'}\nspec: {}\n"

FILES: Mapping[str, str | bytes] = {
    "skills/whole/skill.yaml": SKILL,
    "skills/whole/说明.txt": "说明",
    "skills/whole/node_modules/left-pad/index.js": "x",
    "skills/whole/src/__pycache__/a.pyc": b"\0",
    "skills/whole/src/.DS_Store": b"\0",
    "skills/whole/src/main.py": "pass",
    "skills/whole/venv": "a file of this name is no environment",
    "skills/agent-skill/SKILL.md": AGENT_SKILL,
    "scenes/a-scene.yaml": SCENE,
    "scenes/b-scene.yaml": SCENE.replace("a-scene", "b-scene"),
    "node_modules/other/SKILL.md": AGENT_SKILL.replace("agent-skill", "of-a-package"),
}


class _Memory:
    async def origins(self) -> list[tuple[str, str]]:
        return []

    async def readings(self, origins: object) -> list[object]:
        raise AssertionError


class _Ports:
    def __init__(self, home: Path, heard: Heard) -> None:
        self.context = Context(SystemClock(), heard, home, Random(1))
        self.folders, self.memory = RealFolders(), _Memory()

    def git(self, bounds: GitBounds) -> GitMirrors:
        return GitMirrors(self.context.home / "git", bounds)


async def from_folder(root: Path, home: Path) -> dict[str, str]:
    heard = Heard()
    config = local_fs.Config(folders=(root,), agent_folders=False)
    await local_fs.make(config, _Ports(home, heard)).search(Query(), heard)  # type: ignore[arg-type]
    return {sighting.item.id: sighting.digest for sighting in heard.sightings()}


async def from_repository(repository: MadeRepository, home: Path) -> dict[str, str]:
    """The digests of what git delivers."""
    heard = Heard()
    config = git_repository.Config.model_validate({"repositories": [{"url": repository.url}], "allow": ["file"]})
    provider = git_repository.make(config, _Ports(home, heard))
    await provider.search(Query(), heard)
    found = {}
    for sighting in heard.sightings():
        files = [
            TreeFile(one.path, one.executable, len(one.data), file_sha256(one.data))
            for one in await provider.fetch_tree(sighting.location)
        ]
        found[sighting.item.id] = tree_digest(files)
        assert sighting.digest in ("", found[sighting.item.id])
    return found


async def test_a_folder_and_its_copy_in_a_repository_agree(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for path, text in FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
    (root / "skills/whole/.git").write_text("gitdir: elsewhere")
    (root / "skills/whole/link").symlink_to("src")
    os.mkfifo(root / "skills/whole/pipe")
    repository = MadeRepository(tmp_path / "repository")
    repository.commit(dict(FILES))
    here = await from_folder(root, tmp_path / "home")
    there = await from_repository(repository, tmp_path / "home")
    assert here == there
    assert set(here) == {"whole", "agent-skill", "a-scene", "b-scene"}
    assert here["a-scene"] == tree_digest([TreeFile("a-scene.yaml", False, len(SCENE), file_sha256(SCENE.encode()))])


async def test_names_that_no_tree_can_hold_leave_no_digest(tmp_path: Path) -> None:
    root = tmp_path / "root" / "skills" / "whole"
    root.mkdir(parents=True)
    (root / "skill.yaml").write_text(SKILL)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_text("x")
    assert await from_folder(tmp_path / "root", tmp_path / "home") == {"whole": ""}
    repository = MadeRepository(tmp_path / "repository")
    blob, odd = repository.blob(SKILL.encode()), repository.blob(b"x")
    inner = repository.tree([("100644", "blob", blob, "skill.yaml"), ("100644", "blob", odd, "a\\b")])
    repository.commit_tree(repository.tree([("040000", "tree", inner, "whole")]))
    heard = Heard()
    config = git_repository.Config.model_validate({"repositories": [{"url": repository.url}], "allow": ["file"]})
    await git_repository.make(config, _Ports(tmp_path / "home", heard)).search(Query(), heard)
    assert [sighting.digest for sighting in heard.sightings()] == [""]
