"""The contract check of an install, through the command line: what the staged bytes promise, and who keeps it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.test_cli import Ooder, catalogue, data, ooder

__all__ = ["catalogue", "ooder"]

CAP = "capabilities/text-summarize/cap.yaml"
SKILL = "skills/skill-text-digest/skill.yaml"
SKILL_ROW = "    - {id: text-summarize, name: 文本摘要, description: 把一段文字压缩成几句话, category: text}\n"


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("    path: /api/v1/text/summarize\n", "", "contract.no_path"),
        ("        type: object\n", "        type: objekt\n", "contract.bad_schema"),
        ("        type: object\n", "        $ref: https://example.org/s.json\n", "contract.remote_ref"),
        (
            "    fallback: {method: firstSentences, params: [text, sentences], returns: summary}\n",
            "",
            "contract.no_fallback",
        ),
        ("  permissions: []\n", "", "contract.no_permissions"),
        ("    strategy: custom\n", "    strategy: hope\n", "contract.bad_strategy"),
    ],
)
def test_a_capability_that_cannot_be_used_is_refused(
    ooder: Ooder, catalogue: Path, old: str, new: str, code: str
) -> None:
    swap(catalogue / CAP, old, new)
    ooder("scan", str(catalogue))
    got, _, err = ooder("install", "scene:meeting-minutes", "--yes")
    assert got != 0 and code in err and "Traceback" not in err, err
    assert data(ooder("installed", "--json"))["generation"] == 0


OWN = "    - id: text-summarize\n      category: text\n      {place}:\n        type: object\n        {required}\n        properties: {{{fields}}}\n"
ASKS = "text: {type: string, minLength: 1, maxLength: 200000}, sentences: {type: integer, minimum: 1, maximum: 20}"


@pytest.mark.parametrize(
    ("place", "required", "fields", "difference"),
    [
        ("input", "required: [text]", ASKS, ""),
        ("input", "required: [text]", ASKS + ", mood: {type: string}", ""),
        ("input", "required: [text, mood]", ASKS + ", mood: {type: string}", "request/mood: required"),
        ("input", "required: [text]", "text: {type: string, maxLength: 200000}", "request/sentences: removed"),
        ("output", "required: [summary]", "summary: {type: string}", "response/sentences"),
        (
            "output",
            "required: [summary, sentences]",
            "summary: {type: integer}, sentences: {type: array, items: {type: string}}",
            "response/summary: retyped",
        ),
    ],
)
def test_a_skill_is_compared_with_the_capability_it_claims(
    ooder: Ooder, catalogue: Path, place: str, required: str, fields: str, difference: str
) -> None:
    swap(catalogue / SKILL, SKILL_ROW, OWN.format(place=place, required=required, fields=fields))
    ooder("scan", str(catalogue))
    got, _, err = ooder("install", "scene:meeting-minutes", "--yes", "--with", "text-summarize=skill-text-digest")
    if not difference:
        assert got == 0, err
        return
    assert got == 7 and "contract.incompatible" in err and difference in err, err
    assert data(ooder("installed", "--json"))["generation"] == 0


def upgrade(old: str, new: str, version: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        swap(folder / CAP, old, new)
        swap(folder / CAP, 'version: "1.0.0"', f'version: "{version}"')

    return change


def test_a_capability_may_not_hide_a_break_behind_a_small_step(ooder: Ooder, catalogue: Path) -> None:
    ooder("scan", str(catalogue))
    assert ooder("install", "scene:meeting-minutes", "--yes")[0] == 0
    upgrade("required: [text]", "required: [text, sentences]", "1.0.1")(catalogue)
    ooder("scan", str(catalogue))
    got, _, err = ooder("update", "--yes")
    assert got == 7 and "contract.version_too_small" in err and "MAJOR" in err, err
    assert data(ooder("installed", "--json"))["generation"] == 1


def test_a_lock_from_elsewhere_is_followed_to_the_letter(ooder: Ooder, catalogue: Path, tmp_path: Path) -> None:
    ooder("scan", str(catalogue))
    assert ooder("install", "scene:meeting-minutes", "--yes")[0] == 0
    lock = tmp_path / "their.lock"
    lock.write_bytes((tmp_path / "home" / "ooder.lock").read_bytes())
    ooder("uninstall", "scene:meeting-minutes")
    code, out, err = ooder("install", "scene:meeting-minutes", "--lock", str(lock), "--yes")
    assert code == 0 and "generation 3" in out, err
    # When it was first seen is this node's own knowledge; everything else is the lock's.
    written = (tmp_path / "home" / "ooder.lock").read_text()
    assert re.sub("first-seen = .*", "", written) == re.sub("first-seen = .*", "", lock.read_text())

    ooder("uninstall", "scene:meeting-minutes")
    ooder("gc")
    text = lock.read_text()
    digest = next(line for line in text.splitlines() if line.startswith("tree = "))
    lock.write_text(text.replace(digest, 'tree = "sha256:' + "0" * 64 + '"', 1))
    asked = ("install", "scene:meeting-minutes", "--lock", str(lock), "--yes")
    code, _, err = ooder(*asked)
    assert code == 6 and "install.needs_digest" in err, "nobody here knows these bytes"
    code, _, err = ooder(*asked, "--digest", "sha256:" + "0" * 64)
    assert code == 8 and "install.wrong_digest" in err
    for broken in (
        "lock-version = 1\nskill = 7\n",
        "lock-version = 9\n",
        "{",
        text.replace("skill:skill", "skill:gone"),
    ):
        lock.write_text(broken)
        code, _, err = ooder("install", "scene:meeting-minutes", "--lock", str(lock), "--yes")
        assert code in (1, 7, 8, 3, 6) and "install." in err and "Traceback" not in err, err
    assert ooder("verify")[0] == 0


@pytest.mark.parametrize(
    ("pattern", "new", "code", "said"),
    [
        (r'trust = ".*"', 'trust = "official"', 0, ""),
        (r"first-seen = .*", "first-seen = 1.0", 0, ""),
        (r"\[\[skill\]\]", "[[skill", 1, "install.bad_record"),
        (
            r'  "skill:skill-transcriber@.*",\n|  \{ capability = "speech-transcribe".*\n',
            "",
            8,
            "install.needs_unplanned",
        ),
        (r'name = "skill-calendar"', 'name = "skill-kalendar"', 1, "install.dangling"),
    ],
)
def test_a_lock_edited_by_hand_gets_its_bytes_and_nothing_else(
    ooder: Ooder, catalogue: Path, tmp_path: Path, pattern: str, new: str, code: int, said: str
) -> None:
    ooder("scan", str(catalogue))
    assert ooder("install", "scene:meeting-minutes", "--yes")[0] == 0
    lock = tmp_path / "edited.lock"
    lock.write_text(re.sub(pattern, new, (tmp_path / "home" / "ooder.lock").read_text()))
    ooder("uninstall", "scene:meeting-minutes")
    got, _, err = ooder("install", "scene:meeting-minutes", "--lock", str(lock), "--yes")
    assert (got, said in err, "Traceback" in err) == (code, True, False), err
    installed = data(ooder("installed", "--json"))["items"]
    assert {one["trust"] for one in installed} == ({"personal", "unverified"} & {one["trust"] for one in installed})
    assert all(one["first_seen"] > 1.0 for one in installed)
