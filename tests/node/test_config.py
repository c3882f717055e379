"""Settings: layers, origins, typos with lines and near names, and the drop-in of the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from node import config, registry
from node.paths import Paths, find_home
from protocol.errors import OoderError, UsageError
from protocol.query import Scope


class FolderConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    folders: tuple[str, ...] = ()
    agent_folders: bool = True


@pytest.fixture(autouse=True)
def one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> registry.SourceSpec:
        if name != "local_fs":
            raise UsageError("source.unknown", name=name, known="local_fs")
        return registry.SourceSpec(name, FolderConfig, None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "load", load)
    monkeypatch.setattr(registry, "BUILT_IN", ("local_fs",))


def home(tmp_path: Path, text: str = "", **drop_ins: str) -> Paths:
    paths = Paths(tmp_path / "home")
    paths.config_dir.mkdir(parents=True)
    if text:
        paths.config.write_text(text, "utf-8")
    for name, content in drop_ins.items():
        (paths.config_dir / f"{name}.yaml").write_text(content, "utf-8")
    return paths


def section(loaded: config.Config) -> Any:
    return loaded.sources["local_fs"]


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    loaded = config.load(Paths(tmp_path / "none"), environ={})
    assert loaded.settings.scope is Scope.PERSONAL and not loaded.problems
    assert section(loaded).agent_folders is True
    assert not (tmp_path / "none").exists(), "reading settings writes nothing"


def test_later_layers_win_and_every_value_knows_its_origin(tmp_path: Path) -> None:
    paths = home(
        tmp_path,
        "scope: company\nsources:\n  local_fs:\n    folders: [/a]\n",
        own="sources: {local_fs: {folders: [/b, /a], agent_folders: off}}\nscan: {deadline: 9}\n",
    )
    loaded = config.load(paths, {("offline",): True}, {"OODER_SCAN__DEADLINE": "7", "OODER_HOME": "/x"})
    assert section(loaded) == FolderConfig(folders=("/a", "/b"), agent_folders=False)
    assert loaded.settings.scope is Scope.COMPANY and loaded.settings.offline and loaded.settings.scan.deadline == 7
    assert loaded.origins[("scope",)] == f"{paths.config}:1"
    assert loaded.origins[("scan", "deadline")] == "env OODER_SCAN__DEADLINE"
    assert loaded.origins[("sources", "local_fs", "folders")] == f"{paths.config}:4, {paths.config_dir}/own.yaml:1"


def test_a_typo_is_named_with_line_and_near_names_and_costs_nothing_else(tmp_path: Path) -> None:
    paths = home(tmp_path, "scop: company\nscan:\n  deadlin: 4\n  every: 60\nsources:\n  local_fs:\n    folder: [/a]\n")
    loaded = config.load(paths, environ={})
    found = {problem.key: problem for problem in config.check(loaded)}
    assert found["scop"].origin == f"{paths.config}:1" and found["scop"].near[0] in {"scope", "scopes"}
    assert found["scan.deadlin"].near == ("deadline",) and found["scan.deadlin"].origin.endswith(":3")
    assert found["sources.local_fs.folder"].near[0] == "folders"
    assert loaded.settings.scope is Scope.PERSONAL
    with pytest.raises(UsageError) as caught:
        _ = loaded.sources
    assert caught.value.code == "config.invalid" and "folders" in str(caught.value)


def test_an_unknown_source_and_a_wrong_switch_are_problems(tmp_path: Path) -> None:
    loaded = config.load(home(tmp_path, "sources:\n  local_sf: {}\n  local_fs: {enabled: maybe}\n"), environ={})
    keys = {problem.key for problem in config.check(loaded)}
    assert keys == {"sources.local_sf", "sources.local_fs.enabled"}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: [1\nb: 2\n", "config.syntax", 2),
        ("scope: x\nscope: y\n", "config.syntax", 2),
        ("- a\n", "config.syntax", 1),
        ("[" * 3000, "config.syntax", 0),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, text: str, code: str, line: int) -> None:
    with pytest.raises(OoderError) as caught:
        config.load(home(tmp_path, text), environ={})
    assert caught.value.code == code and caught.value.params["line"] == line


def test_a_binary_or_huge_file_is_refused(tmp_path: Path) -> None:
    paths = home(tmp_path, "x")
    for data in (b"\xff\xfe\x00", b"a: " + b"b" * 300_000):
        paths.config.write_bytes(data)
        with pytest.raises(UsageError, match="cannot read"):
            config.load(paths, environ={})


def test_the_command_line_writes_only_its_own_file(tmp_path: Path) -> None:
    paths = home(tmp_path, "# mine\nscope: company\n")
    config.write_own(paths, {"sources": {"local_fs": {"folders": ["/数据"]}}})
    assert paths.config.read_text("utf-8") == "# mine\nscope: company\n"
    assert config.read_own(paths)["sources"]["local_fs"]["folders"] == ["/数据"]
    assert section(config.load(paths, environ={})).folders == ("/数据",)


def test_home_comes_from_the_environment() -> None:
    assert find_home({"OODER_HOME": "/x/y"}).home == Path("/x/y")
    assert find_home({}).home.name == ".ooder"


def test_a_source_about_which_nothing_is_said_is_imported_when_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, imported = registry.load, list[str]()
    monkeypatch.setattr(registry, "load", lambda name: imported.append(name) or real(name))
    loaded = config.load(home(tmp_path, "scope: personal\n"), environ={})
    assert list(loaded.sources) == ["local_fs"] and not config.check(loaded) and not imported
    assert section(loaded) is section(loaded) and imported == ["local_fs"]
    said = config.load(home(tmp_path / "b", "sources: {local_fs: {folders: 7}}\n"), environ={})
    with pytest.raises(UsageError):
        assert said.sources
