"""The wheel holds the three packages, the scenarios as data, and nothing else at its top."""

from __future__ import annotations

import subprocess
import sys
import zipfile
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
