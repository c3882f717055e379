"""Installing from the command line: plan, consent, one commit, rollback, verify, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]


@pytest.fixture
def scanned(ooder: Ooder, catalogue: Path) -> Path:
    ooder("scan", str(catalogue))
    return catalogue


def test_a_plan_changes_nothing(ooder: Ooder, scanned: Path) -> None:
    code, out, _ = ooder("install", "scene:daily-report", "--plan", "--why")
    assert code == 0 and "skill:skill-msg-wecom" in out and "would run: python3 server.py" in out
    assert data(ooder("installed", "--json"))["items"] == []
    plan = data(ooder("install", "scene:daily-report", "--plan", "--json"))
    assert plan["items"][-1]["ref"].startswith("scene:daily-report@") and plan["questions"]


def test_without_consent_nothing_is_installed(ooder: Ooder, scanned: Path) -> None:
    code, _, err = ooder("install", "scene:daily-report")
    assert code == 6 and "install.not_agreed" in err
    assert data(ooder("installed", "--json"))["generation"] == 0


def test_install_verify_uninstall_rollback(ooder: Ooder, scanned: Path, tmp_path: Path) -> None:
    code, out, err = ooder("install", "scene:daily-report", "--yes")
    assert code == 0 and "generation 1" in out, err
    assert [line[:5] for line in err.splitlines() if line.startswith("✓")] == ["✓ 1/6", "✓ 2/6", "✓ 3/6", "✓ 4/6"] + (
        ["✓ 5/6"] if "✓ 5/6" in err else []
    ) + ["✓ 6/6"]
    installed = tmp_path / "home" / "installed" / "daily-report"
    assert (installed / "config.yaml").is_file() and (installed / "skills" / "skill-msg-wecom" / "skill.yaml").is_file()
    assert ooder("verify")[0] == 0
    rows = data(ooder("list", "--installed", "--kind", "scene", "--json"))["items"]
    assert [row["id"] for row in rows] == ["daily-report"] and "skill-msg-wecom" in ooder("list", "--installed")[1]
    assert ooder("install", "scene:daily-report")[1].strip().endswith("Everything is installed already.")
    code, out, _ = ooder("uninstall", "scene:daily-report")
    assert code == 0 and "scene:daily-report" in out
    assert data(ooder("installed", "--json"))["items"] == []
    assert ooder("rollback", "1")[0] == 0
    assert len(data(ooder("installed", "--json"))["items"]) == 13
    assert [row["number"] for row in data(ooder("history", "--json"))["generations"]] == [1, 2, 3]


def test_one_changed_byte_is_found_and_named(ooder: Ooder, scanned: Path, tmp_path: Path) -> None:
    ooder("install", "skill:skill-text-digest", "--yes")
    file = next((tmp_path / "home" / "store-v1").rglob("server.py"))
    file.chmod(0o600)
    text = file.read_bytes()
    file.write_bytes(text.replace(b"import", b"impart", 1))
    code, out, err = ooder("verify")
    assert code == 8 and "server.py" in out and "ooder verify --repair" in err
    code, out, _ = ooder("verify", "--repair")
    assert code == 0 and "skill:skill-text-digest" in out
    assert next((tmp_path / "home" / "store-v1").rglob("server.py")).read_bytes() == text
    assert data(ooder("verify", "--json"))["ok"]


def test_bytes_that_drifted_and_are_nowhere_any_more_are_told(ooder: Ooder, scanned: Path, tmp_path: Path) -> None:
    ooder("install", "skill:skill-text-digest", "--yes")
    next((tmp_path / "home" / "store-v1").rglob("server.py")).unlink()
    shutil.rmtree(scanned)
    code, out, err = ooder("verify", "--repair")
    assert code == 8 and "server.py" in out and "skill:skill-text-digest" in err
    assert data(ooder("history", "--json"))["current"] == 1


def test_an_older_version_whose_bytes_drifted_is_fetched_again(ooder: Ooder, scanned: Path, tmp_path: Path) -> None:
    ooder("install", "skill:skill-text-digest", "--yes")
    ooder("uninstall", "skill:skill-text-digest")
    next((tmp_path / "home" / "store-v1").rglob("server.py")).write_text("spoiled")
    code, _, err = ooder("install", "skill:skill-text-digest", "--yes")
    assert code == 0, err
    assert data(ooder("verify", "--json"))["ok"]


def test_what_a_folder_holds_and_is_not_installed_is_named(ooder: Ooder, tmp_path: Path) -> None:
    folder = tmp_path / "sly"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: sly\ndescription: Sly.\n---\n# Sly\n", "utf-8")
    (folder / "passwd").symlink_to("/etc/passwd")
    code, _, err = ooder("install", str(folder), "--yes")
    assert code == 0 and "left out: passwd" in err
    assert not list((tmp_path / "home" / "store-v1").rglob("passwd"))


def test_history_says_in_chinese_what_made_a_generation(
    ooder: Ooder, scanned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ooder("install", "skill:skill-text-digest", "--yes")
    ooder("uninstall", "skill:skill-text-digest")
    monkeypatch.setenv("OODER_LANG", "zh")
    assert "回滚 to 1" not in (rolled := ooder("rollback")[1]) and "回滚" in rolled
    out = ooder("history")[1]
    assert "安装 skill:skill-text-digest" in out and "卸载 skill:skill-text-digest" in out
    assert next(row for row in data(ooder("history", "--json"))["generations"])["reason"].startswith("install ")


def test_the_first_install_can_be_taken_back(ooder: Ooder, scanned: Path) -> None:
    assert "Nothing was ever installed" in ooder("history")[2] and "ooder install" in ooder("installed")[2]
    ooder("install", "skill:skill-text-digest", "--yes")
    assert ooder("rollback")[0] == 0
    assert data(ooder("installed", "--json"))["items"] == []
    assert ooder("rollback")[0] == 0  # there and back again
    assert len(data(ooder("installed", "--json"))["items"]) > 0


def test_bytes_that_changed_after_the_scan_are_refused(ooder: Ooder, scanned: Path) -> None:
    server = scanned / "skills" / "skill-text-digest" / "server.py"
    server.write_text(server.read_text("utf-8") + "\n# changed\n", "utf-8")
    code, _, err = ooder("install", "skill:skill-text-digest", "--yes")
    assert code == 8 and "install.wrong_digest" in err
    assert data(ooder("installed", "--json"))["generation"] == 0


def test_offline_installs_what_is_near(ooder: Ooder, scanned: Path) -> None:
    code, out, err = ooder("--offline", "install", "scene:meeting-minutes", "--yes")
    assert code == 0, out + err


def test_a_folder_and_an_archive_install_without_a_scan(ooder: Ooder, tmp_path: Path) -> None:
    folder = tmp_path / "notes" / "tidy-notes"
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text("---\nname: tidy-notes\ndescription: Tidies notes.\n---\n# Tidy\n", "utf-8")
    code, out, err = ooder("install", str(folder), "--yes")
    assert code == 0 and "generation 1" in out, err
    code, out, err = ooder("outdated")
    assert code == 0 and f"{folder}, which no source looks at" in out and f"ooder scan '{folder}'" in out
    assert "install.not_watched" in ooder("update")[2]
    assert "install.not_watched" in ooder("update", "skill:tidy-notes")[2]
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert "installed already" in ooder("install", str(link))[1]
    archive = shutil.make_archive(str(tmp_path / "tidy"), "zip", folder.parent, "tidy-notes")
    code, out, err = ooder("install", archive)
    assert code == 0 and "installed already" in out, err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("install", "scene:nothing"), 3, "plan.unknown_target"),
        (("install", "cap:40"), 2, "plan.cannot_install"),
        (("install", "/no/such/thing.zip"), 3, "install.no_package"),
        (("install", "skill:skill-approval", "--yes"), 6, "plan.frozen"),
        (("install", "skill:skill-expense", "--yes"), 6, "plan.frozen"),
        (("install", "scene:daily-report", "--frozen"), 3, "plan.not_locked"),
        (("install", "scene:daily-report", "--with", "40"), 2, "usage.bad_value"),
        (("uninstall", "skill:skill-faq"), 3, "install.not_installed"),
        (("rollback",), 3, "install.nothing_before"),
        (("rollback", "99"), 3, "install.no_generation"),
    ],
)
def test_what_cannot_be_is_refused(
    ooder: Ooder, scanned: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    got, _, err = ooder(*arguments)
    assert got == code and said in err and "Traceback" not in err
    assert data(ooder("installed", "--json"))["generation"] == 0


def test_json_progress_is_one_event_per_line(ooder: Ooder, scanned: Path) -> None:
    _, out, _ = ooder("install", "scene:daily-report", "--yes", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["event"] == "install.download.started" and lines[-1]["generation"] == 1
    kinds = {event["type"] for event in data(ooder("status", "--events", "0", "-n", "1000", "--json"))["events"]}
    assert {"skill.installed", "scene.installed", "install.download.completed"} <= kinds


def test_what_others_needed_stays_once_it_was_asked_for(ooder: Ooder, scanned: Path) -> None:
    ooder("install", "scene:meeting-minutes", "--yes")
    code, out, err = ooder("install", "skill:skill-text-digest", "--yes")
    assert code == 0 and "generation 2" in out, err
    assert "installed already" in ooder("install", "skill:skill-text-digest")[1]
    ooder("uninstall", "scene:meeting-minutes")
    left = {item["id"] for item in data(ooder("installed", "--json"))["items"]}
    assert "skill-text-digest" in left and "skill-calendar" not in left


def test_what_will_not_answer_is_said_at_once(ooder: Ooder, scanned: Path) -> None:
    _, _, err = ooder("install", "scene:daily-report", "--yes")
    assert "PENDING_ACTIVATION scene:daily-report" in err and "nothing that could be run" in err
    lines = ooder("install", "skill:skill-faq", "--yes", "--json")[1].splitlines()
    assert json.loads(lines[-1])["pending"]["skill:skill-faq"]["code"] == "scene.nothing_runnable"
    assert "PENDING_ACTIVATION" not in ooder("install", "skill:skill-text-brief", "--yes")[2]


def test_where_an_installed_skill_lies_can_be_given_to_other_programs(ooder: Ooder, tmp_path: Path) -> None:
    folder = tmp_path / "tidy"
    folder.mkdir()
    (folder / "SKILL.md").write_text("---\nname: tidy\ndescription: x\n---\n")
    assert ooder("paths", "skill:tidy")[0] == 3
    assert ooder("install", str(folder), "--yes")[0] == 0
    place = Path(ooder("paths", "skill:tidy")[1].strip())
    assert (place / "SKILL.md").read_bytes() == (folder / "SKILL.md").read_bytes()
    assert data(ooder("paths", "skill:tidy", "--json"))["folders"] == [str(place)]
