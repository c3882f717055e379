"""The whole product on input that wants to hurt it: each ends in a clear problem, and the healthy items beside it are indexed."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.cli.main import run
from node.config import load
from node.paths import Paths
from node.service import Service
from protocol.query import Freshness, Query
from tests.fakes.git_repository import MadeRepository

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("OODER_CORPUS") or ROOT.parent / "shared" / "corpus")
GOOD = "id: {id}\nname: {id}\nversion: 1.0.0\ndescription: Healthy\n"
DAY = 86_400.0

Make = Callable[[Path], None]
needs_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")


# --- One bad thing in a folder, between two good ones ---------------------------------------------------------------
def writes(text: str | bytes) -> Make:
    return lambda path: path.write_bytes(text.encode() if isinstance(text, str) else text)  # type: ignore[func-returns-value]


def bomb() -> str:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines) + "\n"


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(2**30)


def escapes(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def loops(path: Path) -> None:
    (path.parent / "around").symlink_to(path.parent)
    path.symlink_to(path.name)


BAD: dict[str, tuple[Make, set[str]]] = {
    "alias bomb": (writes(bomb()), set()),
    "100,000 deep": (writes("a: " + "[" * 100_000), set()),
    "100,000 deep, block": (writes("- " * 50_000 + "x"), set()),
    "a gigabyte of nothing": (sparse, {"folder.too_large"}),
    "binary": (writes(bytes(range(256)) * 64), set()),
    "duplicate keys": (writes("id: a-b\nid: c-d\nname: x\nversion: 1.0.0\n"), {"manifest.duplicate_key"}),
    "a name that traverses": (writes("id: ../../etc/passwd\nname: x\nversion: 1.0.0\n"), set()),
    "a link out of the folder": (escapes, {"folder.link_leaves"}),
    "links in a circle": (loops, set()),
    "nothing": (writes(""), set()),
    "a pipe": (lambda path: os.mkfifo(path), {"folder.special_file"}),
    "half a character": (writes(b"id: a\xff\nname: \xe6\x97\n"), set()),
    "NULs": (writes(b"\0" * 4096), set()),
    "tags that call": (writes('id: !!python/object/apply:os.system ["touch owned"]\n'), set()),
}


@pytest.fixture
def ooder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`ooder("scan", ...)` -> exit code, stdout, stderr."""
    monkeypatch.setenv("OODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OODER_LANG", "en")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        said = capsys.readouterr()
        assert "Traceback" not in said.err and "node.defect" not in said.err, said.err
        return int(code), said.out, said.err

    return call


def healthy(root: Path) -> None:
    for name in ("aaa", "zzz"):
        (root / name).mkdir(parents=True)
        (root / name / "skill.yaml").write_text(GOOD.format(id=f"good-{name}"))


def shown(ooder: Callable[..., Any]) -> set[str]:
    return {row["id"] for row in json.loads(ooder("list", "--json", "--limit", "1000")[1])["items"]}


def problems(ooder: Callable[..., Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ooder("status", "--problems", "--json")[1])["problems"]
    return found


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_its_neighbours_are_indexed(
    ooder: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    make, codes = BAD[name]
    root = tmp_path / "folder"
    healthy(root)
    (root / "bad").mkdir()
    make(root / "bad" / "skill.yaml")
    before = resource.getrusage(resource.RUSAGE_SELF)
    code, _, _ = ooder("scan", str(root))
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert code in (0, 4)
    assert after.ru_utime - before.ru_utime < 5
    assert {"good-aaa", "good-zzz"} <= shown(ooder)
    found = [one for one in problems(ooder) if "bad/" in one["place"]]
    assert found and all(one["message"].isprintable() for one in found)
    assert not codes or codes & {one["code"] for one in found}
    assert not (tmp_path / "owned").exists() and not Path("owned").exists()


def test_an_unreadable_folder_keeps_its_items_as_stale_and_the_rest_fresh(
    ooder: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "folder"
    healthy(root)
    ooder("scan", str(root))
    import node.io.files as files

    real = os.open

    def refusing(path: Any, *rest: Any, **more: Any) -> int:
        if path == "zzz":
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)

    monkeypatch.setattr(files.os, "open", refusing)
    first = {row["id"]: row["seen_at"] for row in json.loads(ooder("list", "--json")[1])["items"]}
    ooder("scan")
    second = {row["id"]: row["seen_at"] for row in json.loads(ooder("list", "--json")[1])["items"]}
    assert second["good-aaa"] > first["good-aaa"] and second["good-zzz"] == first["good-zzz"]
    assert [one["place"] for one in problems(ooder) if one["code"] == "folder.unreadable"] == ["zzz"]


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c id", "--upload-pack=touch owned", "-u", "https://user:secret@host.invalid/a/b",
        "https://host.invalid/a\nb", "file:///etc/../etc", "git@-oProxyCommand=x:a/b",
    ],
)  # fmt: skip
def test_a_hostile_address_is_refused_before_git_hears_of_it(
    ooder: Callable[..., Any], tmp_path: Path, url: str
) -> None:
    code, out, err = ooder("scan", "--", url)
    assert code == 2 and out == "" and "secret" not in err
    assert not Path("owned").exists() and not (tmp_path / "home" / "cache" / "git").exists()


# --- Repositories ---------------------------------------------------------------------------------------------------
def hostile_repository(path: Path) -> MadeRepository:
    """Submodules, links, `.git` tricks, filters, names that traverse, a large blob, and one healthy skill."""
    repository = MadeRepository(path)
    link, good = repository.blob(b"/etc/passwd"), repository.blob(GOOD.format(id="good-git").encode())
    large = repository.blob(b"\0" * 3_000_000)
    skill = repository.tree([("100644", "blob", good, "skill.yaml")])
    odd = repository.tree([("120000", "blob", link, "skill.yaml"), ("100644", "blob", large, "scene.yaml")])
    tricks = repository.tree([("100755", "blob", good, "post-checkout")])
    attributes = repository.blob(b"* filter=evil\n")
    rows = [
        ("100644", "blob", attributes, ".gitattributes"),
        ("100644", "blob", repository.blob(b'[submodule "x"]\n\tpath = x\n\turl = -u./evil\n'), ".gitmodules"),
        ("040000", "tree", tricks, ".GIT"),
        ("040000", "tree", tricks, "git~1"),
        ("040000", "tree", skill, ".."),
        ("040000", "tree", skill, "good"),
        ("040000", "tree", odd, "odd"),
        ("160000", "commit", "1" * 40, "sub"),
    ]
    repository.commit_tree(repository.tree(rows))
    return repository


def test_a_hostile_repository_yields_its_healthy_item(ooder: Callable[..., Any], tmp_path: Path) -> None:
    repository = hostile_repository(tmp_path / "repository")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text(
        f"sources:\n  git_repository:\n    allow: [file]\n    repositories: [{{url: 'file://{repository.path}'}}]\n"
    )
    code, _, _ = ooder("--scope", "company", "scan")
    assert code in (0, 4), problems(ooder)
    told = {(one["code"], one["place"]) for one in problems(ooder)}
    if ("git.hostile_objects", ".") not in told:  # git itself refuses such trees when it is told to check them
        assert "good-git" in shown(ooder)
    assert told and not (tmp_path / "evil").exists()


# --- The home -------------------------------------------------------------------------------------------------------
@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    root = tmp_path / "folder"
    healthy(root)
    paths = Paths(tmp_path / "home")
    paths.ensure()
    paths.config.write_text(f"sources: {{local_fs: {{folders: [{root}], agent_folders: false}}}}\n")
    made = Service(paths, load(paths, environ={}))
    yield made
    made.close()


def test_a_clock_set_back_makes_nothing_fresh_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(service.scan(lambda _: None, ["local_fs"]))
    now = service.now()
    late = now + 400 * DAY
    service.index.apply([], service.rules, late)
    assert {row.freshness for row in service.index.search(Query(), late).rows} == {Freshness.EXPIRED}
    again = Service(service.paths, service.config)
    try:
        assert again.now() >= late, "the clock of a new process starts where the last one had been"
        assert {row.freshness for row in again.search(Query()).rows} == {Freshness.EXPIRED}
    finally:
        again.close()


def test_two_processes_may_scan_one_home_at_once(service: Service, tmp_path: Path) -> None:
    environment = {**os.environ, "OODER_HOME": str(service.paths.home), "HOME": str(tmp_path), "OODER_LANG": "en"}
    command = [sys.executable, "-m", "node", "scan", "--json"]
    both = [
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["counts"]["skills"] == 2
    assert {row.ref.id for row in service.search(Query()).rows} == {"good-aaa", "good-zzz"}


@pytest.mark.netns
@pytest.mark.parametrize("size", ["1m", "2m", "4m"])
def test_a_full_disk_is_said_and_what_was_known_stays(tmp_path: Path, ooder: Callable[..., Any], size: str) -> None:
    home, root = tmp_path / "home", tmp_path / "folder"
    healthy(root)
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(home)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this process may not mount a small disk")
    try:
        assert ooder("scan", str(root))[0] == 0
        for number in range(400):
            folder = root / f"more-{number}"
            folder.mkdir()
            (folder / "skill.yaml").write_text(GOOD.format(id=f"more-{number}") + "notes: " + "x" * 8_000 + "\n")
        code, _, err = ooder("scan")
        assert code == 1 and ("index.full" in err or "cache.full" in err or "home." in err), err
        assert {"good-aaa", "good-zzz"} <= shown(ooder)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


@needs_user
def test_a_home_that_is_read_only_still_answers(ooder: Callable[..., Any], tmp_path: Path) -> None:
    root = tmp_path / "folder"
    healthy(root)
    ooder("scan", str(root))
    home = tmp_path / "home"
    for path in (home, *home.rglob("*")):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        code, out, _ = ooder("search", "good")
        assert code == 0 and "good-aaa" in out
        assert ooder("scan")[0] == 1
    finally:
        for path in (home, *home.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)


def test_a_mistyped_setting_is_named_with_its_line_and_what_was_meant(
    ooder: Callable[..., Any], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("scope: personal\nsources:\n  local_fs:\n    foldres: [/tmp]\n")
    code, out, _ = ooder("config", "check")
    assert code == 2 and "config.yaml:4" in out and "folders" in out
    assert ooder("scan")[0] == 2


# --- Real input -----------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs the corpus of real repositories (OODER_CORPUS)")
def test_real_repositories_as_folders_and_as_git_give_the_same_items(ooder: Callable[..., Any], tmp_path: Path) -> None:
    assert ooder("scan", str(CORPUS))[0] in (0, 4)
    as_folder = shown(ooder)
    told = problems(ooder)
    findings = json.loads(ooder("status", "--problems", "--json", "--limit", "1000")[1])["findings"]
    assert len(as_folder) > 20
    assert all(one["code"] and one["place"] and one["message"] for one in told)
    assert {one["code"] for one in findings} >= {"relation.unsatisfiable"}
    shutil.rmtree(tmp_path / "home")
    entries = []
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        repository = MadeRepository(tmp_path / "made" / folder.name)
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        repository.commit(files)
        entries.append({"url": repository.url})
    (tmp_path / "home").mkdir(mode=0o700)
    text = json.dumps({"sources": {"git_repository": {"allow": ["file"], "repositories": entries}}})
    (tmp_path / "home" / "config.yaml").write_text(text)
    assert ooder("--scope", "company", "scan")[0] in (0, 4)
    assert shown(ooder) == as_folder
