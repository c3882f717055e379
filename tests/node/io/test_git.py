"""The git port against real git: what a good repository gives, and what hostile ones must not be able to do."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import git  # noqa: F401 - GitPython runs `git version` when it is first imported: before a canary watches the surroundings
import pytest

from node.io.git import GitMirrors
from node.io.git_process import GitProcess
from protocol.errors import DataError, IntegrityError, NotFoundError, OoderError, StorageError, UnavailableError
from protocol.git_rules import SCHEMES, RepoUrl, Tip, mirror_name, parse_url
from sources.ports import GitBounds
from tests.fakes.git_daemon import git_daemon
from tests.fakes.git_repository import MadeRepository

SKILL = "id: a\nversion: 1.0.0\n"


@pytest.fixture
def mirrors(tmp_path: Path) -> GitMirrors:
    return GitMirrors(tmp_path / "home", GitBounds(tip_s=10, transfer_s=20))


@pytest.fixture
def repository(tmp_path: Path) -> MadeRepository:
    return MadeRepository(tmp_path / "repo")


def url_of(repository: MadeRepository) -> RepoUrl:
    return parse_url(repository.url, SCHEMES)


async def tip_of(mirrors: GitMirrors, url: RepoUrl, ref: str = "") -> Tip:
    tip = await mirrors.tip(url, ref)
    assert tip is not None
    return tip


@pytest.mark.parametrize("filters", [True, False])
async def test_a_first_look_takes_five_commands_and_the_second_one(tmp_path: Path, filters: bool) -> None:
    repository = MadeRepository(tmp_path / "repo", filters=filters, branch="trunk")
    commit = repository.commit({"skills/a/skill.yaml": SKILL, "skills/a/big.bin": b"\0" * 10_000, "README.md": "x"})
    mirrors, url = GitMirrors(tmp_path / "home"), url_of(repository)

    tip = await tip_of(mirrors, url)
    assert tip == Tip(commit, "refs/heads/trunk")
    tree = await mirrors.tree(url, tip)
    assert set(tree.files) == {"skills/a/skill.yaml", "skills/a/big.bin", "README.md"}
    assert set(tree.folders) == {"skills", "skills/a"}
    oid = tree.files["skills/a/skill.yaml"].oid
    assert await mirrors.blobs(url, commit, [oid], 100) == {oid: SKILL.encode()}
    assert mirrors.process.started == 5

    before = mirrors.process.started
    assert await mirrors.tip(url, "") == tip
    assert mirrors.process.started == before + 1


async def test_a_home_inside_a_checkout_does_not_read_that_checkout(tmp_path: Path) -> None:
    around = tmp_path / "around"
    subprocess.run(["git", "init", "-q", str(around)], check=True)
    subprocess.run(["git", "-C", str(around), "remote", "add", "origin", f"file://{tmp_path}/elsewhere"], check=True)
    wanted = MadeRepository(tmp_path / "wanted")
    commit = wanted.commit({"skill-a/skill.yaml": "id: skill-a"})
    mirrors = GitMirrors(tmp_path / "around" / "home" / "cache" / "git")
    tip = await mirrors.tip(parse_url(wanted.url, SCHEMES), "")
    assert tip is not None and tip.commit == commit


async def test_what_changed_is_fetched_and_nothing_else(mirrors: GitMirrors, repository: MadeRepository) -> None:
    url = url_of(repository)
    repository.commit({"a/skill.yaml": "id: a", "b/skill.yaml": "id: b"})
    tree = await mirrors.tree(url, await tip_of(mirrors, url))
    await mirrors.blobs(url, tree.commit, [file.oid for file in tree.files.values()], 100)
    old = tree.commit
    repository.commit({"a/skill.yaml": "id: a", "moved/skill.yaml": "id: b", "c/skill.yaml": "id: c"})
    tree = await mirrors.tree(url, await tip_of(mirrors, url))
    before = mirrors.process.started
    moved = tree.files["moved/skill.yaml"].oid
    assert await mirrors.blobs(url, tree.commit, [moved], 100) == {moved: b"id: b"}
    assert mirrors.process.started == before + 1, "a moved file costs no connection"
    new = tree.files["c/skill.yaml"].oid
    assert await mirrors.blobs(url, tree.commit, [new, moved], 100) == {new: b"id: c", moved: b"id: b"}
    assert await mirrors.rewritten(url, old, tree.commit) is False


async def test_a_rewritten_history_is_noticed(mirrors: GitMirrors, repository: MadeRepository) -> None:
    url = url_of(repository)
    old = repository.commit({"a": "1"})
    for number in range(40):
        last = repository.commit({"a": str(number)})
    assert await mirrors.rewritten(url, old, last) is False, "also beyond the first look"
    new = repository.commit({"a": "other"}, rewrite=True)
    assert await mirrors.rewritten(url, old, new) is True


async def test_refs_and_empty_repositories(mirrors: GitMirrors, repository: MadeRepository) -> None:
    url = url_of(repository)
    assert await mirrors.tip(url, "") is None
    commit = repository.commit({"a": "1"})
    repository.git("tag", "-a", "v1", "-m", "one", commit)
    repository.git("update-ref", "refs/odd/refs/heads/v2", commit)
    assert await mirrors.tip(url, "v1") == Tip(commit, "refs/tags/v1")
    assert await mirrors.tip(url, "main") == Tip(commit, "refs/heads/main")
    with pytest.raises(NotFoundError):
        await mirrors.tip(url, "v2")


async def test_the_tip_is_described_by_gitpython(mirrors: GitMirrors, repository: MadeRepository) -> None:
    url = url_of(repository)
    commit = repository.commit({"a": "1"})
    note = await mirrors.describe(url, commit)
    assert (note.author, note.summary, note.time) == ("Ada", "A change", 1_700_000_000)


@pytest.mark.parametrize("damage", ["pack", "ref", "empty", "config", "file"])
async def test_a_broken_mirror_is_made_anew(
    mirrors: GitMirrors, repository: MadeRepository, tmp_path: Path, damage: str
) -> None:
    url = url_of(repository)
    repository.commit({"a/skill.yaml": SKILL})
    tip = await tip_of(mirrors, url)
    oid = (await mirrors.tree(url, tip)).files["a/skill.yaml"].oid
    mirror = tmp_path / "home" / mirror_name(url)
    if damage == "pack":
        for pack in mirror.glob("objects/pack/*"):
            pack.chmod(0o600)
            pack.write_bytes(pack.read_bytes()[:30])
    elif damage == "ref":
        (mirror / f"refs/ooder/{tip.commit}").write_text("nonsense")
        repository.commit({"a/skill.yaml": SKILL, "b": "x"})
        tip = await tip_of(mirrors, url)
    elif damage == "config":
        (mirror / "config").write_text("[core\n")
    else:
        subprocess.run(["rm", "-rf", mirror], check=True)
        mirror.write_text("x") if damage == "file" else mirror.mkdir()
    assert "a/skill.yaml" in (await mirrors.tree(url, tip)).files
    assert await mirrors.blobs(url, tip.commit, [oid], 100) == {oid: SKILL.encode()}
    assert [path.name for path in (tmp_path / "home").iterdir() if ".new-" in path.name] == []


async def test_two_looks_at_once_do_not_disturb_each_other(tmp_path: Path, repository: MadeRepository) -> None:
    url = url_of(repository)
    repository.commit({"a/skill.yaml": SKILL, "b/skill.yaml": "id: b"})
    first, second = GitMirrors(tmp_path / "home"), GitMirrors(tmp_path / "home")
    tip = await tip_of(first, url)
    one, two = await asyncio.gather(first.tree(url, tip), second.tree(url, tip))
    assert one == two
    oids = [file.oid for file in one.files.values()]
    assert (
        len(
            set(
                map(
                    len,
                    await asyncio.gather(
                        first.blobs(url, tip.commit, oids, 99), second.blobs(url, tip.commit, oids, 99)
                    ),
                )
            )
        )
        == 1
    )


async def test_over_the_network_only_what_is_wanted_travels(tmp_path: Path, mirrors: GitMirrors) -> None:
    repository = MadeRepository(tmp_path / "served" / "repo")
    repository.commit({"a/skill.yaml": SKILL, "a/big.bin": os.urandom(2_000_000)})
    with git_daemon(tmp_path / "served") as address:
        url = parse_url(f"{address}/repo", SCHEMES)
        tree = await mirrors.tree(url, await tip_of(mirrors, url))
        oid = tree.files["a/skill.yaml"].oid
        assert await mirrors.blobs(url, tree.commit, [oid], 100) == {oid: SKILL.encode()}
    held = sum(path.stat().st_size for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert held < 50_000
    assert await mirrors.tree(url, Tip(tree.commit, "")) == tree, "what is here is here, also without the server"


# --- Hosts that do not answer ---------------------------------------------------------------------------------------
async def test_a_dead_host_is_unreachable_at_once(mirrors: GitMirrors) -> None:
    for text in ("git://127.0.0.1:1/x", "https://127.0.0.1:1/x", "file:///nowhere/repo"):
        with pytest.raises(UnavailableError) as caught:
            await mirrors.tip(parse_url(text, SCHEMES), "")
        assert caught.value.code == "git.unreachable"
        assert caught.value.params["reason"] != "git gave no reason"


@pytest.mark.parametrize("scheme", ["git", "https"])
async def test_a_silent_host_costs_its_own_time_and_leaves_no_process(tmp_path: Path, scheme: str) -> None:
    mirrors = GitMirrors(tmp_path / "home", GitBounds(tip_s=0.3))
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(5), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    start = time.monotonic()
    with pytest.raises(UnavailableError) as caught:
        await mirrors.tip(parse_url(f"{scheme}://127.0.0.1:{port}/x", SCHEMES), "")
    assert caught.value.code == "git.timeout"
    assert time.monotonic() - start < 2
    for _ in range(100):
        if not (left := _processes_mentioning(f"127.0.0.1:{port}")):
            break
        await asyncio.sleep(0.01)
    server.close()
    assert left == [], "helpers of git end with it"


async def test_a_mirror_in_use_elsewhere_is_waited_for(tmp_path: Path, repository: MadeRepository) -> None:
    repository.commit({"a": "1"})
    mirrors, url = GitMirrors(tmp_path / "home", GitBounds(transfer_s=0.2)), url_of(repository)
    tip = await tip_of(mirrors, url)
    with (tmp_path / "home" / mirror_name(url)).with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError) as caught:
            await mirrors.tree(url, tip)
    assert caught.value.code == "git.busy"
    assert "a" in (await GitMirrors(tmp_path / "home").tree(url, tip)).files


def _processes_mentioning(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


# --- Hostile surroundings and repositories --------------------------------------------------------------------------
@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A program that leaves a mark when anything runs it, offered to git in every way a user's surroundings could."""
    mark = tmp_path / "canary-ran"
    program = tmp_path / "canary.sh"
    program.write_text(f"#!/bin/sh\necho ran >> {mark}\n")
    program.chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\tfsmonitor = {program}\n\tsshCommand = {program}\n\thooksPath = {tmp_path}\n")
    for name in (
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
        "SSH_ASKPASS",
        "GIT_EXTERNAL_DIFF",
        "GIT_PROXY_COMMAND",
        "GIT_EDITOR",
    ):
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.fsmonitor={program}'")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TRACE", str(mark))
    yield program
    assert not mark.exists(), "something of the user's surroundings or the repository was run"


async def test_hostile_content_is_only_ever_listed(
    canary: Path, mirrors: GitMirrors, repository: MadeRepository, tmp_path: Path
) -> None:
    blob = repository.blob(SKILL.encode())
    script = repository.blob(f"#!/bin/sh\n{canary}\n".encode())
    target = repository.blob(b"/etc/passwd")
    attributes = repository.blob(b"* filter=lfs diff=x merge=x\n")
    modules = repository.blob(b'[submodule "x"]\n\tpath = sub\n\turl = https://127.0.0.1:1/x\n')
    hooks = repository.tree([("100755", "blob", script, "post-checkout"), ("100755", "blob", script, "pre-commit")])
    tree = repository.tree(
        [
            ("100644", "blob", blob, "skill.yaml"),
            ("120000", "blob", target, "link"),
            ("160000", "commit", "1" * 40, "sub"),
            ("100644", "blob", attributes, ".gitattributes"),
            ("100644", "blob", modules, ".gitmodules"),
            ("040000", "tree", hooks, "hooks"),
        ]
    )
    repository.commit_tree(tree)
    for name in ("post-upload-pack", "post-update", "reference-transaction"):
        hook = repository.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{canary}\n")
        hook.chmod(0o755)
    before = _snapshot(tmp_path)
    url = url_of(repository)
    found = await mirrors.tree(url, await tip_of(mirrors, url))
    assert set(found.files) == {
        "skill.yaml",
        ".gitattributes",
        ".gitmodules",
        "hooks/post-checkout",
        "hooks/pre-commit",
    }
    assert dict(found.refused) == {"link": "git.link_ignored", "sub": "git.submodule_ignored"}
    blobs = await mirrors.blobs(url, found.commit, [file.oid for file in found.files.values()], 1_000)
    assert len(blobs) == 4
    await mirrors.describe(url, found.commit)
    home = tmp_path / "home"
    after = {path: mark for path, mark in _snapshot(tmp_path).items() if home not in path.parents and path != home}
    assert after == before
    assert list((home / "empty-home").iterdir()) == []
    assert not [path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & stat.S_IXUSR]


def _snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1", ".g\u200cit", "a/b"])
async def test_names_that_escape_are_refused(
    canary: Path, mirrors: GitMirrors, repository: MadeRepository, name: str
) -> None:
    blob = repository.blob(SKILL.encode())
    inner = repository.tree([("100644", "blob", blob, "skill.yaml")])
    repository.commit_tree(repository.tree([("040000", "tree", inner, name), ("100644", "blob", blob, "skill.yaml")]))
    url = url_of(repository)
    with pytest.raises(IntegrityError) as caught:
        await mirrors.tree(url, await tip_of(mirrors, url))
    assert caught.value.code == "git.hostile_objects"


async def test_a_repository_that_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    repository = MadeRepository(tmp_path / "repo", filters=False)
    repository.commit({"noise": os.urandom(3_000_000)})
    mirrors = GitMirrors(tmp_path / "home", GitBounds(pack_bytes=1_000_000))
    url = url_of(repository)
    with pytest.raises(DataError) as caught:
        await mirrors.tree(url, await tip_of(mirrors, url))
    assert caught.value.code == "git.too_large"
    assert sorted(path.name for path in (tmp_path / "home").iterdir() if path.is_dir()) == ["empty-home"]


async def test_a_mirror_over_its_quota_is_refused(tmp_path: Path) -> None:
    repository = MadeRepository(tmp_path / "repo", filters=False)
    repository.commit({"noise": os.urandom(300_000)})
    mirrors = GitMirrors(tmp_path / "home", GitBounds(mirror_bytes=100_000))
    url = url_of(repository)
    with pytest.raises(DataError) as caught:
        await mirrors.tree(url, await tip_of(mirrors, url))
    assert caught.value.code == "git.too_large"


async def test_large_files_are_measured_not_read(mirrors: GitMirrors, repository: MadeRepository) -> None:
    repository.commit({"skill.yaml": b"a" * 5_000_000, "small": "x"})
    url = url_of(repository)
    tree = await mirrors.tree(url, await tip_of(mirrors, url))
    big, small = tree.files["skill.yaml"].oid, tree.files["small"].oid
    assert await mirrors.blobs(url, tree.commit, [big, small, "1" * 40][:2], 1_000) == {big: 5_000_000, small: b"x"}


@pytest.mark.slow
async def test_a_hundred_megabytes_and_fifty_thousand_files(tmp_path: Path) -> None:
    repository = MadeRepository(tmp_path / "repo")
    huge = repository.blob(b"\0" * 100_000_000)
    oid = repository.blob(b"x")
    folder = repository.tree([("100644", "blob", oid, f"f{number:05}") for number in range(49_000)])
    repository.commit_tree(
        repository.tree([("040000", "tree", folder, "many"), ("100644", "blob", huge, "skill.yaml")])
    )
    mirrors = GitMirrors(tmp_path / "home")
    url = url_of(repository)
    tree = await mirrors.tree(url, await tip_of(mirrors, url))
    assert len(tree.files) == 49_001
    assert await mirrors.blobs(url, tree.commit, [huge], 262_144) == {huge: 100_000_000}
    more = repository.tree([("040000", "tree", folder, "many"), ("040000", "tree", folder, "again")])
    repository.commit_tree(more)
    with pytest.raises(DataError) as caught:
        await mirrors.tree(url, await tip_of(mirrors, url))
    assert caught.value.code == "git.too_many_files"


async def test_a_tree_bomb_ends_within_bounds(mirrors: GitMirrors, repository: MadeRepository) -> None:
    tree = repository.tree([("100644", "blob", repository.blob(b"x"), f"f{n}") for n in range(10)])
    for _ in range(9):
        tree = repository.tree([("040000", "tree", tree, f"d{n}") for n in range(10)])
    repository.commit_tree(tree)
    url = url_of(repository)
    with pytest.raises(OoderError) as caught:
        await mirrors.tree(url, await tip_of(mirrors, url))
    assert caught.value.code == "git.too_many_files"


async def test_a_home_that_cannot_be_written_is_a_storage_error(tmp_path: Path, repository: MadeRepository) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError) as caught:
        await GitMirrors(tmp_path / "home").tip(url_of(repository), "")
    assert caught.value.code == "git.storage"


async def test_nothing_of_the_user_reaches_git(tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/nowhere.so")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    process = GitProcess(tmp_path, GitBounds())
    https = process.environment(parse_url("https://h/a"))
    assert https == {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "GIT_CEILING_DIRECTORIES": str(tmp_path.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": "https",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    assert "SSH_AUTH_SOCK" not in https
    assert str(canary) not in " ".join(https.values())
    assert "LD_PRELOAD" not in https
    assert process.environment(None)["GIT_ALLOW_PROTOCOL"] == "none"
    assert process.environment(parse_url("ssh://h/a", SCHEMES))["SSH_AUTH_SOCK"] == "/agent"


async def test_a_second_guard_stands_behind_the_grammar(tmp_path: Path, canary: Path) -> None:
    """Even if a hostile address got past the grammar, git itself must refuse to run it."""
    mirrors = GitMirrors(tmp_path / "home")
    for path in (f"ext::sh -c {canary}", f"--upload-pack={canary}", f"-u{canary}"):
        with pytest.raises(OoderError):
            await mirrors.tip(_Unchecked("https", "h", path), "")


class _Unchecked(RepoUrl):
    def __str__(self) -> str:
        return self.path
