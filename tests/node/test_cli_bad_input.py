"""Bad input to an install and to what it installed, from the command line: refused with a code, old state intact, never a traceback."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from node.cli.language import Speaker
from node.cli.progress import finished_line
from node.supervisor import Finished, Light, SourceState
from protocol.errors import UnavailableError
from tests.fakes.scenes import SERVER, skill_of
from tests.node.test_cli import ROOT, Ooder, data, ooder

__all__ = ["ooder"]

SCENE = "apiVersion: scene.ooder.net/v1\nkind: SceneDefinition\nmetadata: {{sceneId: desk, version: 1.0.0}}\nspec: {{{spec}}}\n"


def generation(ooder: Ooder) -> int:
    return int(data(ooder("installed", "--json"))["generation"])


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("dependencies: {skills: [{skillId: ghost, required: true}]}", "plan.missing_dependency"),
        ("requiredCapabilities: [nobody-has-it]", "plan.unprovided_capability"),
        ("dependencies: {skills: [{skillId: helper, version: '>=9', required: true}]}", "plan.unsatisfiable"),
        ("dependencies: {skills: [{skillId: helper, version: '>>nonsense', required: true}]}", "plan.unsatisfiable"),
    ],
)
def test_what_is_needed_and_not_there_is_named(ooder: Ooder, tmp_path: Path, spec: str, code: str) -> None:
    for path, text in {
        "scenes/desk/scene.yaml": SCENE.format(spec=spec),
        "skills/helper/skill.yaml": "id: helper\nversion: '1.0.0'\nname: Helper\ndescription: x\n",
    }.items():
        file = tmp_path / "catalogue" / path
        file.parent.mkdir(parents=True)
        file.write_text(text)
    ooder("scan", str(tmp_path / "catalogue"))
    got, _, err = ooder("install", "scene:desk", "--yes")
    assert got != 0 and code in err and "Traceback" not in err, err
    assert err.strip().splitlines()[-1].startswith("  ") and generation(ooder) == 0


# --- Packages ---------------------------------------------------------------------------------------------------------
def _zip(*rows: tuple[str, bytes, int]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in (("SKILL.md", b"---\nname: a\ndescription: a\n---\n", 0o100644), *rows):
            info = zipfile.ZipInfo(name)
            info.external_attr, info.create_system = mode << 16, 3
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _tar(kind: bytes, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, link
        archive.addfile(info)
    return out.getvalue()


PACKAGES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "truncated": ("a.zip", lambda: _zip()[:-30], "unpack."),
    "no archive": ("a.skill", lambda: b"hello", "unpack.unknown_form"),
    "symlink": ("a.zip", lambda: _zip(("x", b"/etc/passwd", stat.S_IFLNK | 0o777)), "unpack.link"),
    "setuid": ("a.zip", lambda: _zip(("x", b"x", stat.S_IFREG | 0o4755)), "unpack.setuid"),
    "traversal": ("a.zip", lambda: _zip(("../x", b"x", 0o100644)), "unpack.traversal"),
    "absolute": ("a.zip", lambda: _zip(("/etc/x", b"x", 0o100644)), "unpack.absolute"),
    "case collision": ("a.zip", lambda: _zip(("X", b"x", 0o100644), ("x", b"x", 0o100644)), "unpack."),
    "bomb": ("a.zip", lambda: _zip(("x", bytes(15 << 20), 0o100644)), "unpack.ratio"),
    "device": ("a.tar.gz", lambda: _tar(tarfile.CHRTYPE), "unpack."),
    "hard link": ("a.tar.gz", lambda: _tar(tarfile.LNKTYPE, "/etc/passwd"), "unpack.link"),
    "no manifest": ("a.zip", lambda: zipped({"notes.txt": b"x"}), "install.no_manifest"),
}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("what", PACKAGES)
def test_a_package_that_no_disk_should_see_is_refused(ooder: Ooder, tmp_path: Path, what: str) -> None:
    name, make, code = PACKAGES[what]
    (tmp_path / name).write_bytes(make())
    got, _, err = ooder("install", str(tmp_path / name), "--yes")
    assert got != 0 and code in err and "Traceback" not in err, err
    assert generation(ooder) == 0


# --- Programs ---------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "code"),
    [
        ("import sys; print('no luck'); sys.exit(3)", "scene.skill_exited"),
        ("import time; time.sleep(60)", "scene.timeout"),
        (SERVER % "def answer(request): return b'<garbage>'", "scene.answer_not_json"),
        (SERVER % "def answer(request): return {'summary': 7}", "scene.contract_response"),
        (SERVER % "def answer(request): return b'x' * (64 << 20)", "scene."),
        (SERVER % "def answer(request): time.sleep(60)", "scene.timeout"),
    ],
    ids=["exits", "hangs", "garbage", "wrong shape", "floods", "answers never"],
)
def test_a_program_that_does_not_do_its_work_is_named(ooder: Ooder, tmp_path: Path, server: str, code: str) -> None:
    folder = tmp_path / "catalogue"
    shutil.copytree(ROOT / "scenarios/catalogue/capabilities/text-summarize", folder / "capabilities/text-summarize")
    (folder / "skills/bad").mkdir(parents=True)
    for name, content in skill_of("bad", server).items():
        (folder / "skills/bad" / name).write_bytes(content)
    (folder / "scenes/desk").mkdir(parents=True)
    (folder / "scenes/desk/scene.yaml").write_text(SCENE.format(spec="requiredCapabilities: [text-summarize]"))
    ooder("scan", str(folder))
    assert ooder("install", "scene:desk", "--yes")[0] == 0
    asked = (
        "call",
        "scene:desk",
        "cap:text-summarize",
        "-d",
        '{"text": "One. Two.", "sentences": 1}',
        "--timeout",
        "4",
    )
    got, _, err = ooder(*asked)
    assert got != 0 and code in err and "Traceback" not in err, err
    assert "ooder logs ?" not in err
    assert ooder("verify")[0] == 0


# --- Disks ------------------------------------------------------------------------------------------------------------
DISK = """
mount -t tmpfs -o size=120m tmpfs "$1" && mkdir "$1/home" || exit 77
run() { "$PYTHON" -m node "$@" >/dev/null 2>"$OUT"; echo "$? $(grep -o 'error [a-z_]*\\.[a-z_]*' "$OUT" | head -1)"; }
run scan "$CATALOGUE"
head -c 130000000 /dev/zero > "$1/fill" 2>/dev/null; truncate -s -65536 "$1/fill"
run install scene:meeting-minutes --yes
rm "$1/fill"; mount -o remount,ro "$1"
run install scene:meeting-minutes --yes
run list --installed
mount -o remount,rw "$1"
run install scene:meeting-minutes --yes
mount -o remount,ro "$1"
run uninstall scene:meeting-minutes
run rollback
run verify
"""


@pytest.mark.slow
def test_a_full_and_a_read_only_disk_leave_the_old_state(tmp_path: Path) -> None:
    """For real: a small disk of our own, in a namespace of our own."""
    (tmp_path / "disk").mkdir()
    environment = {
        **os.environ,
        "OODER_HOME": str(tmp_path / "disk/home"),
        "HOME": str(tmp_path),
        "OODER_LANG": "en",
        "OUT": str(tmp_path / "err"),
        "PYTHON": sys.executable,
        "CATALOGUE": str(ROOT / "scenarios/catalogue"),
        "OODER_SOURCES__UDP_BROADCAST__ENABLED": "false",
        "OODER_SOURCES__MDNS_DNS_SD__ENABLED": "false",
    }
    words = ["unshare", "-rm", "sh", "-c", DISK, "sh", str(tmp_path / "disk")]
    try:
        done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("no unshare on this machine")
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no namespace with a disk of its own here: {done.stderr.strip()}")
    scan, full, read_only, listed, again, uninstall, rollback, verify = done.stdout.splitlines()
    assert scan.startswith("0") and full.startswith("1 error ") and read_only.startswith("1 error "), done.stdout
    assert listed.startswith("0") and again.startswith("0"), done.stdout
    assert uninstall.startswith("1 error ") and rollback.startswith(("1 error ", "3 error ")) and verify.startswith("0")


def test_a_home_that_cannot_be_written_is_named_not_a_defect(ooder: Ooder, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.d").symlink_to("/proc/nobody/may/write")
    code, _, err = ooder("scan", str(tmp_path))
    assert code == 1 and "home.unwritable" in err
    (home / ".doctor").mkdir()
    code, out, _ = ooder("doctor")
    assert code == 1 and "cannot be written" in out and "OODER_HOME=" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("install", "a" * 5_000), 2, "ref.malformed"),
        (("install", "./" + "a" * 5_000), 3, "install.no_package"),
        (("publish", "a" * 5_000, "--to", "http://127.0.0.1:9"), 3, "install.no_package"),
        (("list", "--offset", "9" * 20), 2, "--offset"),
        (("--home", "a" * 5_000, "list"), 1, "home.unwritable"),
    ],
)
def test_what_is_too_long_or_too_large_is_no_defect(
    ooder: Ooder, arguments: tuple[str, ...], code: int, said: str
) -> None:
    got, _, err = ooder(*arguments)
    assert (got, "node.defect" in err) == (code, False) and said in err, err


def test_the_words_of_a_wrong_setting_need_no_python(ooder: Ooder, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.yaml").write_text("trust: {official: 5}\nscan: {every: often}\nscopes: 3\n")
    out = ooder("config", "check")[1]
    assert "a list is expected" in out and "a number is expected" in out and "keys with values" in out
    assert "tuple" not in out and "dictionary" not in out


def test_a_clock_that_was_ahead_is_told_with_the_way_out(ooder: Ooder, tmp_path: Path) -> None:
    ooder("scan", str(tmp_path))
    assert "clock" in ooder("doctor")[1] and "behind" not in ooder("doctor")[1]
    with sqlite3.connect(tmp_path / "home" / "index.db") as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'last_wall'", (time.time() + 3_600,))
    db.close()
    assert "60 min behind" in ooder("doctor")[1]
    ooder("cache", "clear", "--yes")
    assert "behind" not in ooder("doctor")[1]


def test_a_source_that_works_half_says_why_where_it_is_shown() -> None:
    error = UnavailableError("lan.port_taken", port=48888)
    state = SourceState("udp_broadcast", Light.SLOW, code=error.code, params=error.params)
    for language in ("en", "zh"):
        assert finished_line(Finished("udp_broadcast", state), Speaker(language)).endswith(error.text(language))


def test_links_in_a_circle_are_no_defect(ooder: Ooder, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    code, _, err = ooder("install", str(tmp_path / "loop"))
    assert code == 3 and "install.no_package" in err
