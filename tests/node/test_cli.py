"""The command line as a person uses it: on the catalogue, in both languages, with every kind of wrong input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.cli.completing import refs_from
from node.cli.main import COMMANDS, run
from node.cli.screen import clip, width
from node.cli.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
Ooder = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ooder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ooder:
    """`ooder("search", "日报")` -> exit code, stdout, stderr; in a home and with a HOME of its own."""
    monkeypatch.setenv("OODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OODER_LANG", "en")

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        said = capsys.readouterr()
        return int(code), said.out, said.err

    return call


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "scenarios" / "catalogue", tmp_path / "catalogue"))


def data(answer: tuple[int, str, str]) -> Any:
    body = json.loads(answer[1])
    assert body["schema_version"] == 1
    return body


def test_first_run_without_anything_is_useful(ooder: Ooder, tmp_path: Path) -> None:
    skill = tmp_path / ".agents/skills/tidy-notes/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: tidy-notes\ndescription: Tidies notes. 整理笔记\n---\n# Tidy\n", "utf-8")
    code, out, err = ooder("search", "笔记")
    assert code == 0 and "skill:tidy-notes" in out
    assert "Nothing indexed yet" in err


def test_the_main_job(ooder: Ooder, catalogue: Path) -> None:
    code, out, err = ooder("scan", str(catalogue))
    assert code == 0 and out.startswith("7 scenes") and "2 unreadable" in err
    rows = data(ooder("search", "日报", "--json"))["items"]
    assert rows[0]["ref"] == "scene:daily-report" and rows[0]["trust"] == "personal"
    assert {row["ref"] for row in data(ooder("list", "-k", "scene", "--json"))["items"]} >= {"scene:onboarding"}
    code, out, _ = ooder("show", "scene:daily-report")
    assert code == 0 and "skill:skill-msg-wecom" in out and "skill:skill-msg-mail" in out
    code, out, _ = ooder("show", "skill-approval", "--why")
    assert "the release is frozen" in out and "trust.reason.own_files" in out
    code, out, _ = ooder("status", "--problems")
    assert "skill-parking/skill.yaml:5" in out and "relation.unsatisfiable" in out and "relation.optional_cycle" in out


def test_a_second_scan_changes_nothing_and_a_removed_file_is_gone(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    again = data(ooder("scan", "--json"))
    assert (again["changes"], again["written"]) == (0, 0)
    shutil.rmtree(catalogue / "skills" / "skill-calendar")
    assert data(ooder("scan", "--json"))["changes"] > 0
    code, _, err = ooder("show", "skill:skill-calendar")
    assert code in (0, 3), err  # an index may still list it, without files
    events = data(ooder("status", "--events", "0", "--json"))
    assert events["last"] >= len(events["events"]) > 0 and not events["gap"]


def test_pinning_a_name_decides_who_owns_it(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    assert ooder("trust", "list")[1].startswith("No name is pinned")
    code, out, _ = ooder("trust", "pin", "skill:skill-faq", f"local:{os.getuid()}")
    assert code == 0 and "now belongs to" in out
    assert data(ooder("trust", "list", "--json"))["pins"] == {"skill:skill-faq": f"local:{os.getuid()}"}
    assert ooder("trust", "unpin", "skill:skill-faq")[0] == 0
    assert ooder("trust", "unpin", "skill:skill-faq")[0] == 3


def test_offline_answers_from_the_cache_and_says_so(ooder: Ooder, catalogue: Path) -> None:
    code, _, err = ooder("search", "x", "--offline")
    assert code == 0 and "the cache is empty" in err
    ooder("scan", str(catalogue))
    code, out, err = ooder("search", "日报", "--offline")
    assert "scene:daily-report" in out and "Offline" in err
    assert data(ooder("--offline", "--json", "search", "日报"))["offline"] is True


def test_the_index_comes_back_from_the_cache_tree(ooder: Ooder, catalogue: Path, tmp_path: Path) -> None:
    ooder("scan", str(catalogue))
    (tmp_path / "home" / "index.db").write_bytes(b"this is not a database, and long enough to be looked at" * 40)
    shutil.rmtree(catalogue)
    ooder("scan")
    rows = data(ooder("search", "日报", "--json"))["items"]
    assert rows and rows[0]["ref"] == "scene:daily-report"


def test_sources_are_listed_switched_and_removed(ooder: Ooder, catalogue: Path) -> None:
    ooder("sources", "add", str(catalogue))
    assert ooder("sources", "disable", "git_repository")[0] == 0
    lights = {row["name"]: row["light"] for row in data(ooder("sources", "--json"))["sources"]}
    assert lights["git_repository"] == "disabled"
    assert ooder("sources", "test", "git_repository")[0] == 2
    assert ooder("sources", "enable", "git_repository")[0] == 0
    assert ooder("sources", "test", "local_fs")[0] == 0
    assert ooder("sources", "remove", str(catalogue))[0] == 0
    assert ooder("sources", "remove", str(catalogue))[0] == 3


def test_settings_are_shown_with_their_origin_and_checked(ooder: Ooder, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("scope: company\n", "utf-8")
    settings = {row["key"]: row for row in data(ooder("config", "show", "--json"))["settings"]}
    assert settings["scope"] == {"key": "scope", "value": "company", "origin": f"{home}/config.yaml:1"}
    assert settings["scan.deadline"]["origin"] == "default"
    assert ooder("config", "check")[0] == 0
    assert json.loads(ooder("config", "schema")[1])["properties"]["sources"]["properties"]["local_fs"]
    (home / "config.yaml").write_text("scop: company\n", "utf-8")
    code, out, _ = ooder("config", "check")
    assert code == 2 and f"{home}/config.yaml:1: scop" in out and "scope" in out
    code, _, err = ooder("search", "x")
    assert code == 2 and "config.invalid" in err and "ooder config check" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "skill:nope"), 3, "item.unknown"),
        (("show", "nope"), 3, "item.unknown"),
        (("show", "thing:nope"), 2, "ref.malformed"),
        (("show", "skill:../../etc/passwd"), 2, "ref.bad_id"),
        (("scan", "/no/such/folder"), 2, "source.bad_place"),
        (("scan", "ext::sh -c id"), 2, "source.bad_place"),
        (("scan", "https://user:secret@example.invalid/x.git"), 2, "git.bad_url"),
        (("scan", "git://example.invalid/x.git"), 2, "git.scheme_refused"),
        (("search", "x" * 3000), 2, "query.too_long"),
        (("list", "--kind", "thing"), 2, "usage.not_a_choice"),
        (("scn",), 2, "usage.unknown_command"),
        (("search", "--limt", "3"), 2, "usage.unknown_option"),
        (("show",), 2, "usage.missing"),
        (("version", "extra"), 2, "usage.too_many"),
        (("sources", "enable", "nothing"), 2, "source.unknown"),
    ],
)
def test_wrong_input_ends_in_one_clear_error(ooder: Ooder, arguments: tuple[str, ...], code: int, said: str) -> None:
    ooder("scan")
    got, out, err = ooder(*arguments)
    assert (got, said in err, "Traceback" in err, out) == (code, True, False, "")
    assert "secret" not in err
    got, out, _ = ooder("--json", *arguments)
    assert got == code and data((got, out, ""))["error"]["code"] == said


def test_names_that_would_fool_a_terminal_are_shown_escaped(ooder: Ooder, tmp_path: Path) -> None:
    folder = tmp_path / "odd" / "skill-odd"
    folder.mkdir(parents=True)
    text = 'id: skill-odd\nversion: "1.0"\nname: "a\\e[31mred\\u202Edlo\\u0007"\n'
    (folder / "skill.yaml").write_text(text, "utf-8")
    ooder("scan", str(tmp_path / "odd"))
    _, out, _ = ooder("list")
    assert "\x1b" not in out and "\u202e" not in out and "\\u202E" in out.replace("\\u202e", "\\u202E")
    _, out, _ = ooder("list", "--json")
    assert "\u202e" not in out and json.loads(out)["items"][0]["name"].count("\u202e") <= 1


def test_chinese_speakers_are_spoken_to_in_chinese(
    ooder: Ooder, monkeypatch: pytest.MonkeyPatch, catalogue: Path
) -> None:
    monkeypatch.delenv("OODER_LANG")
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert "个场景" in ooder("scan", str(catalogue))[1]
    assert "没有名为" in ooder("show", "skill:nope")[2]


def test_a_mistyped_command_line_is_answered_with_what_may_have_been_meant(
    ooder: Ooder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "scan" in ooder("scn")[2].splitlines()[1]
    assert "--limit" in ooder("search", "--limt", "3")[2]
    monkeypatch.setenv("OODER_LANG", "zh")
    assert "没有命令" in ooder("scn")[2]
    assert "没有选项" in ooder("search", "--limt", "3")[2]
    assert "缺少" in ooder("show")[2]
    assert "只能是" in ooder("list", "--kind", "thing")[2]
    assert ooder("-V")[:2] == ooder("version")[:2] == ooder("--version")[:2]


def test_names_are_completed_from_the_index(ooder: Ooder, catalogue: Path, tmp_path: Path) -> None:
    index = tmp_path / "home" / "index.db"
    assert refs_from(index, "skill:") == [] and not index.exists()
    ooder("scan", str(catalogue))
    assert ("scene:daily-report", "日报") in [(ref, name[:2]) for ref, name in refs_from(index, "scene:dai")]
    assert [ref for ref, _ in refs_from(index, "skill-appr")][:1] == ["skill-approval"]
    environment = {"COMP_WORDS": "ooder show scene:dai", "COMP_CWORD": "2", "_OODER_COMPLETE": "bash_complete"}
    told = subprocess.run(
        [sys.executable, "-m", "node"],
        env={**os.environ, **environment, "OODER_HOME": str(tmp_path / "home")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "scene:daily-report" in told.stdout, told.stderr


def test_what_does_not_fit_together_is_told_in_chinese_too(
    ooder: Ooder, catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ooder("scan", str(catalogue))
    english = data(ooder("status", "--problems", "--json"))["findings"]
    monkeypatch.setenv("OODER_LANG", "zh")
    chinese = data(ooder("status", "--problems", "--json"))["findings"]
    assert [one["code"] for one in chinese] == [one["code"] for one in english]
    assert all(not one["message"].isascii() for one in chinese)


def test_clearing_the_cache_leaves_what_others_put_there(ooder: Ooder, catalogue: Path, tmp_path: Path) -> None:
    cache = tmp_path / "home" / "cache"
    ooder("scan", str(catalogue))
    mine = cache / "skills" / "by-hand" / "skill.yaml"
    mine.parent.mkdir()
    mine.write_text("id: by-hand\nname: By hand\nversion: 1.0.0\n", "utf-8")
    assert len([path for path in cache.rglob("*") if path.is_file()]) > 50
    code, _, err = ooder("cache", "clear", "--yes")
    assert code == 0 and "1 files" in err
    assert [path for path in cache.rglob("*") if path.is_file()] == [mine]
    assert not (tmp_path / "home" / "index.db").exists()
    assert ooder("scan")[0] == 0 and "skill:by-hand" in ooder("list")[1]


def test_a_home_that_cannot_be_written_is_said(ooder: Ooder, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file", "utf-8")
    code, _, err = ooder("scan")
    assert code == 1 and "home.unwritable" in err


def test_every_sentence_exists_twice_with_the_same_parameters() -> None:
    for key, (english, chinese) in SENTENCES.items():
        assert english.count("{") == chinese.count("{"), key


def test_every_command_answers_help(ooder: Ooder) -> None:
    for name in COMMANDS:
        code, out, _ = ooder(name, "--help")
        assert code == 0 and "Usage: ooder" in out


def test_columns_stay_aligned_for_wide_characters() -> None:
    assert width("日报 a") == 6
    assert clip("日报助手", 5) == "日报…"


def test_a_running_node_answers_stops_on_sigterm_and_is_alone(tmp_path: Path, catalogue: Path) -> None:
    environment = {**os.environ, "OODER_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "OODER_LANG": "en"}
    command = [sys.executable, "-m", "node"]
    subprocess.run([*command, "sources", "add", str(catalogue)], env=environment, cwd=ROOT, check=True, timeout=30)
    node = subprocess.Popen([*command, "serve"], env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert node.stderr is not None
        for line in node.stderr:
            if "local_fs: done" in line:
                break
        second = subprocess.run(
            [*command, "serve"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert second.returncode == 7 and "node.already_running" in second.stderr
        seen = subprocess.run(
            [*command, "status", "--json"], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        assert json.loads(seen.stdout)["node_pid"] == node.pid
        node.send_signal(signal.SIGTERM)
        assert node.wait(5) == 0
    finally:
        node.kill()
        node.wait()


def test_a_group_without_a_command_shows_what_is_there(ooder: Ooder) -> None:
    for group in ("queue", "trust", "cache", "config", "sources", "peers", "share"):
        assert ooder(group)[0] == 0 and data(ooder(group, "--json")), group
    code, out, err = ooder("dht")
    assert code == 2 and not out and err.startswith("Usage: ooder dht") and "\\u000a" not in err


def test_an_update_of_nothing_is_an_answer_too(ooder: Ooder) -> None:
    assert data(ooder("update", "--json"))["outdated"] == []


@pytest.mark.parametrize(
    ("redirect", "code", "said"),
    [
        (">/dev/full", 1, "output.unwritable"),
        ("2>/dev/full", 0, ""),
        (">&-", 0, ""),
        ("<&- >/dev/null 2>&-", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 0, ""),
        ("2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_an_answer_nobody_can_take_is_no_defect(tmp_path: Path, redirect: str, code: int, said: str) -> None:
    environ = {"PATH": os.environ["PATH"], "OODER_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    line = f"{sys.executable} -m node sources {redirect}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr
    assert "node.defect" not in done.stderr + done.stdout
