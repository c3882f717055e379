"""Forges on the command line: set up, scanned, sorted, shown, explained - against a forge of our own in a thread."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.cli.main import run
from tests.fakes.fake_forge import FakeForge
from tests.fakes.forge_documents import MadeRepo

Ooder = Callable[..., tuple[int, str, str]]


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    """Runs until the test ends."""
    made, ready, over = FakeForge(), threading.Event(), threading.Event()

    async def serve() -> None:
        async with made:
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield made
    over.set()
    thread.join(10)


@pytest.fixture
def ooder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ooder:
    """`ooder("scan")` -> exit code, stdout, stderr; the home asks nobody but GitHub."""
    monkeypatch.setenv("OODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OODER_LANG", "en")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("OODER_SOURCES__GITHUB__ENABLED", "true")
    (tmp_path / "home").mkdir(mode=0o700)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return call


def settle(tmp_path: Path, forge: FakeForge, **server: object) -> None:
    """Write the settings: the made-up forge instead of the public one."""
    settings = {
        "scopes": {"community": {"sources": ["github"]}},
        "scope": "community",
        "sources": {"github": {"public": False, "servers": [{"api": forge.api, "topics": [], "rate": 1000, **server}]}},
    }
    (tmp_path / "home" / "config.yaml").write_text(json.dumps(settings))


def repo(name: str, stars: int, number: int, **more: str) -> MadeRepo:
    files = {
        "SKILL.md": f"---\nname: {name}\ndescription: Writes {name}.\n---\n".encode(),
        "README.md": b"# \xe6\x97\xa5\xe6\x8a\xa5\n",
    }
    return MadeRepo(f"acme/{name}", files, stars=stars, repo_id=number)


def test_scanned_sorted_and_shown(ooder: Ooder, tmp_path: Path, forge: FakeForge) -> None:
    for number, (name, stars) in enumerate((("weekly", 12), ("daily", 3400), ("yearly", 120)), start=1):
        forge.add(repo(name, stars, number))
    settle(tmp_path, forge, owners=["acme"])
    code, _, err = ooder("scan")
    assert code == 0, err
    code, out, _ = ooder("list", "--source", "github", "--sort", "stars")
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["skill:daily", "skill:yearly", "skill:weekly"]
    assert "★3.4k" in out
    code, out, _ = ooder("search", "writes", "--sort", "stars", "--json")
    assert [row["signals"]["stars"] for row in json.loads(out)["items"]] == [3400, 120, 12]
    code, out, _ = ooder("show", "skill:daily")
    assert "acme/daily · ★3400 · MIT" in out
    assert "│ # 日报" in out


def test_what_is_odd_is_explained(ooder: Ooder, tmp_path: Path, forge: FakeForge) -> None:
    forge.add(repo("weekly", 1, 1))
    settle(tmp_path, forge, repositories=["acme/weekly", "acme/missing"])
    assert ooder("scan")[0] == 0
    forge.repos["acme/weekly"].owner_id = 666
    assert ooder("scan")[0] == 0
    _, out, _ = ooder("status", "--problems")
    assert "belongs to somebody else now" in out
    assert "acme/missing" in out
    _, out, _ = ooder("sources", "--json")
    light = next(one for one in json.loads(out)["sources"] if one["name"] == "github")
    assert (light["light"], light["code"]) == ("slow", "forge.not_found")


def test_a_spent_allowance_is_shown_on_the_light(ooder: Ooder, tmp_path: Path, forge: FakeForge) -> None:
    forge.allowance = 0
    forge.reset = 4_102_444_800
    settle(tmp_path, forge, repositories=["acme/weekly"])
    assert ooder("scan")[0] == 5  # nobody else was asked
    _, out, _ = ooder("sources")
    assert "gives no more answers for" in out


def test_a_failed_look_does_not_forget_the_last_good_one(ooder: Ooder, tmp_path: Path, forge: FakeForge) -> None:
    forge.add(repo("weekly", 1, 1))
    settle(tmp_path, forge, repositories=["acme/weekly"])
    assert ooder("scan")[0] == 0
    forge.fail("", 403, {"message": "You have exceeded a secondary rate limit."}, Retry_After="90")
    ooder("scan")
    light = next(one for one in json.loads(ooder("sources", "--json")[1])["sources"] if one["name"] == "github")
    assert light["light"] == "offline"
    assert 0 < light["last_success"] < light["last_attempt"]


def test_places_are_added_and_removed(ooder: Ooder, tmp_path: Path) -> None:
    assert ooder("sources", "add", "github:acme/skills")[0] == 0
    assert ooder("sources", "add", "gitee:acme")[0] == 0
    _, out, _ = ooder("config", "show", "--json")
    assert '"acme/skills"' in out
    assert ooder("sources", "remove", "github:acme/skills")[0] == 0
    assert ooder("sources", "remove", "gitee:acme")[0] == 0
    assert ooder("sources", "remove", "gitee:acme")[0] != 0
    assert ooder("sources", "add", "github:../etc")[0] != 0
