"""The wheel holds the three packages, the scenarios as data, and nothing else at its top; licences fit."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_top_of_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    (info,) = (top for top in tops if top.endswith(".dist-info"))
    assert info.startswith("ooder_discovery_node-")
    assert tops == {"node", "sources", "protocol", info}


def test_the_wheel_is_whole_and_clean(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for floor in ("node", "sources", "protocol"):
        for path in (ROOT / floor).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names
    for path in (ROOT / "scenarios").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"node/_scenarios/{path.relative_to(ROOT / 'scenarios').as_posix()}" in names
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_licence_script_and_requirements_are_declared(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    declared = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: MIT" in declared
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    assert "ooder = node.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert "Requires-Python: >=3.11" in declared


PERMISSIVE = re.compile(
    r"\b(MIT|MIT-0|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|LGPL|Unlicense|0BSD)\b"
)
REFUSED = re.compile(r"(?<![A-Za-z])A?GPL")


def licence(name: str) -> str:
    """What the distribution declares: the expression, else the old field, else the classifiers."""
    declared = metadata.metadata(name)
    classifiers = [entry for entry in declared.get_all("Classifier") or [] if entry.startswith("License ::")]
    return declared.get("License-Expression") or (declared.get("License") or "").partition("\n")[0] or str(classifiers)


def test_every_dependency_may_be_used_by_an_mit_project() -> None:
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert len(locked) > 20
    for name in locked:
        try:
            text = licence(name)
        except metadata.PackageNotFoundError:
            continue  # only for another platform
        assert PERMISSIVE.search(text), f"{name}: {text}"
        assert not REFUSED.search(text), f"{name}: {text}"


def test_the_source_archive_can_be_built_and_tested(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    wanted = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    assert wanted - names == set(), "name it under tool.hatch.build.targets.sdist in pyproject.toml"
