"""One skill in every form a person may hand over: the same tree digest, the same plan, and the same thing installed."""

from __future__ import annotations

import asyncio
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node import config as configuration
from node.install.engine import Engine
from node.install.planning import PlanOptions
from node.paths import Paths
from node.service import Service
from protocol.errors import OoderError
from protocol.install.planned import InstallPlan
from tests.fakes.git_repository import MadeRepository

SKILL = "---\nname: tidy-notes\ndescription: Tidies notes.\n---\n# Tidy\n"
FILES = {
    "SKILL.md": SKILL,
    "scripts/tidy.py": "print('tidy')\n",
    "references/说明.md": "整理笔记\n",
    "assets/empty.txt": "",
}
SCENE = """apiVersion: scene.ooder.net/v1
kind: SceneDefinition
metadata: {sceneId: desk, name: Desk, version: "1.0.0"}
spec:
  dependencies: {skills: [{skillId: helper, version: ">=1.0.0", required: true}]}
"""
HELPER = "id: helper\nversion: '1.2.0'\nname: Helper\ndescription: Helps.\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    paths = Paths(tmp_path / "home")
    opened = Service(paths, configuration.load(paths, {("sources", "local_fs", "agent_folders"): False}, {}))
    yield opened
    opened.close()


@pytest.fixture
def engine(service: Service) -> Engine:
    return Engine(service)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tidy-notes"
    for name, text in FILES.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return made


def _zip(folder: Path, name: str) -> str:
    path = folder.parent / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"tidy-notes/{file.relative_to(folder)}")
    return str(path)


def _tar(folder: Path, name: str) -> str:
    path = folder.parent / name
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, ".")
    return str(path)


def _bare(folder: Path, name: str) -> str:
    repository = MadeRepository(folder.parent / "repo.git")
    repository.commit({f"skills/tidy-notes/{path}": text for path, text in FILES.items()} | {"README.md": "x"})
    return f"{repository.url}{name}"


FORMS: dict[str, Callable[[Path], str]] = {
    "folder": str,
    "address of a folder": lambda folder: folder.as_uri(),
    "zip": lambda folder: _zip(folder, "tidy.zip"),
    "skill": lambda folder: _zip(folder, "tidy-notes.skill"),
    "tar.gz": lambda folder: _tar(folder, "tidy.tar.gz"),
    "skill.tar.gz": lambda folder: _tar(folder, "tidy-notes.skill.tar.gz"),
    "tgz": lambda folder: _tar(folder, "tidy.tgz"),
    "git, folder after //": lambda folder: _bare(folder, "//skills/tidy-notes@main"),
    "git, folder after #": lambda folder: _bare(folder, "#skills/tidy-notes"),
    "git, the manifest": lambda folder: _bare(folder, "@main#skills/tidy-notes/SKILL.md"),
    "git, the only one there": lambda folder: _bare(folder, ""),
}


def plan_of(engine: Engine, target: str) -> InstallPlan:
    return engine.plan(target, PlanOptions())


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_one_skill_has_one_digest(form: str, folder: Path, engine: Engine) -> None:
    wanted = await asyncio.to_thread(plan_of, engine, str(folder))
    plan = await asyncio.to_thread(plan_of, engine, FORMS[form](folder))
    (item,) = plan.items
    assert item.digest == wanted.items[0].digest and item.digest.startswith("sha256:")
    outcome = await engine.install(plan, plan.questions, lambda event: None)
    assert [one.digest for one in outcome.generation.items] == [item.digest]
    assert engine.verify().ok


def test_a_single_manifest_is_a_skill_of_one_file(tmp_path: Path, engine: Engine) -> None:
    lone = tmp_path / "downloads" / "SKILL.md"
    lone.parent.mkdir()
    lone.write_text(SKILL, "utf-8")
    (lone.parent / "private.txt").write_text("nobody's business", "utf-8")
    (item,) = engine.plan(str(lone), PlanOptions()).items
    assert (item.id, item.files) == ("tidy-notes", 1)
    assert engine.plan("SKILL.md", PlanOptions(), base=lone.parent).items == (item,)


def test_a_jar_is_kept_whole_and_described_by_the_manifest_at_its_top(tmp_path: Path, engine: Engine) -> None:
    jar = tmp_path / "helper-1.2.0.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n")
        archive.writestr("skill.yaml", HELPER)
        archive.writestr("net/ooder/Helper.class", b"\xca\xfe\xba\xbe")
    (item,) = engine.plan(str(jar), PlanOptions()).items
    assert (str(item.ref), item.files) == ("skill:helper@1.2.0", 1)


def test_a_scene_of_a_repository_brings_the_skills_that_lie_beside_it(tmp_path: Path, engine: Engine) -> None:
    repository = MadeRepository(tmp_path / "team.git")
    repository.commit({"scenes/desk/scene.yaml": SCENE, "skills/helper/skill.yaml": HELPER})
    plan = engine.plan(f"{repository.url}//scenes/desk", PlanOptions())
    assert {str(item.ref) for item in plan.items} == {"scene:desk@1.0.0", "skill:helper@1.2.0"}
    assert all(place.url.startswith("git+file://") for item in plan.items for place in item.locations)


def test_a_commit_and_a_tag_are_followed_to_the_letter(tmp_path: Path, engine: Engine) -> None:
    repository = MadeRepository(tmp_path / "team.git")
    old = repository.commit({"skill.yaml": HELPER})
    repository.git("tag", "v1")
    repository.commit({"skill.yaml": HELPER.replace("1.2.0", "2.0.0")})
    versions = [engine.plan(f"{repository.url}@{ref}", PlanOptions()).items[0].version for ref in (old, "v1", "main")]
    assert versions == ["1.2.0", "1.2.0", "2.0.0"]


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", "install.which_item"),
        ("//skills", "install.which_item"),
        ("//nothing", "install.nothing_there"),
        ("//skills/broken", "manifest."),
        ("@no-such-branch", "git.no_such_ref"),
    ],
)
def test_what_a_repository_does_not_hold_is_said(tmp_path: Path, engine: Engine, ending: str, code: str) -> None:
    repository = MadeRepository(tmp_path / "team.git")
    repository.commit(
        {
            "skills/a/skill.yaml": HELPER.replace("helper", "a"),
            "skills/b/skill.yaml": HELPER.replace("helper", "b"),
            "skills/broken/skill.yaml": "id: [\n",
        }
    )
    with pytest.raises(OoderError) as caught:
        engine.plan(f"{repository.url}{ending}", PlanOptions())
    assert caught.value.code.startswith(code)


def test_without_a_network_only_what_is_on_this_machine_is_opened(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "home")
    flags = {("offline",): True, ("sources", "local_fs", "agent_folders"): False}
    service = Service(paths, configuration.load(paths, flags, {}))
    try:
        for target in ("https://example.invalid/o/r.git", "https://example.invalid/a.zip"):
            with pytest.raises(OoderError) as caught:
                Engine(service).plan(target, PlanOptions())
            assert caught.value.code == "install.needs_network"
    finally:
        service.close()


def test_a_working_tree_of_git_is_a_repository_too(tmp_path: Path, engine: Engine) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "skill.yaml").write_text(HELPER, "utf-8")
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        subprocess.run(["git", *identity, *words], cwd=work, check=True)
    assert engine.plan(f"git+file://{work}", PlanOptions()).items[0].version == "1.2.0"
